"""The weekly report: what the reflection of a Sunday found, and what the week earned. From the ledger, only read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.clock import session_of
from engine.errors import DataError
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import Ledger
from engine.ledger.reflections import ReflectionRecord, RuleProposal, reflections
from engine.notify.account_days import AccountDays, account_days
from engine.notify.equity_picture import sparkline
from engine.notify.outbox import WEEK_REPORT
from engine.notify.pages import Line, Page, Section, cut, tone_of
from engine.reports.format import DASH, count, percent, won
from engine.reports.language import Lang, Text

_MOST_WORDS, _MOST_LINES = 300, 10

TITLE = Text("주간 성찰 보고서 · {first} … {last}", "Weekly reflection · {first} … {last}")
HEADLINE = Text(
    "이번 주 {week} · 닫힌 거래 {trades}건 · 승률 {rate} · 손익 {pnl}",
    "This week {week} · {trades} closed trades · win rate {rate} · profit {pnl}",
)
FIGURES = Text("성과", "Figures")
RATE = Text(
    "승률 {rate} (95% {low} – {high}), 이긴 거래 {wins}건", "Win rate {rate} (95% {low} – {high}), {wins} winners"
)
COSTS = Text(
    "비용 {costs} · 평균 보유 {days}일 · 매수 {bought}건",
    "Costs {costs} · mean holding {days} days · {bought} purchases",
)
SINCE = Text("시작부터 {growth} · 고점 대비 {drawdown}", "Since the start {growth} · below the peak {drawdown}")
BEST = Text("수익이 큰 거래", "Best trades")
WORST = Text("손실이 큰 거래", "Worst trades")
TRADE = Text("{ticker} {pnl} · {days}일 · {rules}", "{ticker} {pnl} · {days} days · {rules}")
PATTERNS = Text("실패 패턴", "Failure patterns")
PATTERN = Text(
    "[{priority}/10] {pattern} · {frequency}건 · 손실 {lost}",
    "[{priority}/10] {pattern} · {frequency} trades · lost {lost}",
)
PROPOSALS = Text("규칙 제안 {count}건", "{count} proposed rules")
DECISIONS = {
    "promote": Text("승격", "promoted"),
    "shadow": Text("관찰", "watched"),
    "reject": Text("기각", "rejected"),
    "refused": Text("심사 전 거절", "refused before the gate"),
}
KINDS = {"add": Text("추가", "add"), "remove": Text("제거", "remove")}
RESULT = Text("결과", "Result")
STATUSES = {
    "updated": Text(
        "의사결정 프롬프트를 갱신했습니다. 이제 새 규칙으로 거래합니다.",
        "The decision prompt was updated; trading follows the new rules.",
    ),
    "unchanged": Text(
        "승격된 규칙이 없어 프롬프트는 그대로입니다.", "No rule was promoted; the prompt stays as it is."
    ),
    "dry run": Text("시험 실행: 아무것도 바꾸지 않았습니다.", "Dry run: nothing was changed."),
    "failed": Text("성찰을 끝내지 못했습니다: {why}", "The reflection did not finish: {why}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekFacts:
    """What a week's report tells.

    Args:
        record: of the reflection.
        days: the account up to the last closed session before it; None before there is one.
    """

    record: ReflectionRecord
    days: AccountDays | None


def announce_week(ledger: Ledger, reflection_id: int, text: str) -> int:
    """Put the alert into the ledger that becomes the weekly report; called by whoever ran the reflection.

    Args:
        ledger: open for writing.
        reflection_id: of the record, see `engine.ledger.reflections.record_reflection`.
        text: one line, for channels and views that make no report.
    """
    return record_alert(ledger, Urgency.INFO, WEEK_REPORT, text, {"reflection_id": reflection_id})


def announce_week_of(ledger: Ledger, moment: datetime, lang: Lang) -> int | None:
    """Announce the reflection of a moment, once however often this is called.

    Returns:
        the number of the alert; None if that week has been announced, or nobody reflected then.
    """
    found = [each for each in reflections(ledger) if each.time == moment]
    if not found:
        return None
    number = found[-1].reflection_id
    known = ledger.connection.execute("SELECT parameters FROM alerts WHERE code = ?", (WEEK_REPORT,))
    if any(json.loads(parameters).get("reflection_id") == number for (parameters,) in known):
        return None
    page = week_page(week_facts(ledger, number), lang)
    return announce_week(ledger, number, f"{page.title}: {page.headline}")


def week_facts(ledger: Ledger, reflection_id: int | None = None) -> WeekFacts:
    """Gather a week's facts; by default of the last reflection of the account.

    Raises:
        DataError: there is no such reflection.
    """
    known = reflections(ledger)
    found = [each for each in known if reflection_id in (None, each.reflection_id)]
    if not found:
        which = "no reflection" if reflection_id is None else f"no reflection {reflection_id}"
        raise DataError(f"The ledger holds {which} of the account. Run geoul reflect first.")
    record = found[-1]
    try:
        days = account_days(ledger)
    except DataError:
        return WeekFacts(record=record, days=None)
    before = [point.session for point in days.points if point.time <= record.time]
    return WeekFacts(record=record, days=account_days(ledger, before[-1]) if before else None)


def week_page(facts: WeekFacts, lang: Lang) -> Page:
    """The report of a week."""
    record, figures = facts.record, facts.record.figures
    week = None
    if facts.days is not None:
        first = session_of(record.first)
        start = next((i for i, point in enumerate(facts.days.points) if point.session >= first), None)
        base = 1.0 if not start else facts.days.growth[start - 1]
        week = facts.days.growth[-1] / base - 1 if start is not None else 0.0
    return Page(
        title=TITLE(lang).format(
            first=session_of(record.first), last=session_of(record.last - timedelta(microseconds=1))
        ),
        headline=HEADLINE(lang).format(
            week=percent(week, signed=True),
            trades=count(figures.get("trades")),
            rate=percent(figures.get("win_rate"), 0),
            pnl=won(figures.get("pnl"), lang, signed=True),
        ),
        tone=tone_of(figures.get("pnl")),
        sparkline=sparkline(facts.days.growth) if facts.days is not None else "",
        sections=tuple(_sections(facts, lang)),
    )


def _sections(facts: WeekFacts, lang: Lang) -> Iterator[Section]:
    record = facts.record
    yield Section(title=FIGURES(lang), lines=tuple(_figures(facts, lang)))
    for title, name in ((BEST, "best"), (WORST, "worst")):
        lines = [_trade(view["trade"], lang) for view in record.figures.get(name, ())]
        if lines:
            yield Section(title=title(lang), lines=tuple(lines[:_MOST_LINES]))
    patterns: Sequence[Mapping[str, Any]] = record.analysis.get("patterns", ())
    if patterns:
        lines = [
            Line(
                text=PATTERN(lang).format(
                    priority=pattern["priority"],
                    pattern=cut(str(pattern["pattern"]), _MOST_WORDS),
                    frequency=count(pattern["frequency"]),
                    lost=won(-pattern["lost"], lang),
                )
            )
            for pattern in patterns
        ]
        yield Section(title=PATTERNS(lang), lines=tuple(lines[:_MOST_LINES]))
    yield Section(
        title=PROPOSALS(lang).format(count=count(len(record.proposals))),
        lines=tuple(_proposal(each, lang) for each in record.proposals[:_MOST_LINES]),
    )
    told = STATUSES[record.status](lang).format(why=cut(record.failure, _MOST_WORDS))
    yield Section(title=RESULT(lang), lines=(Line(text=told, tone="down" if record.failure else ""),))


def _figures(facts: WeekFacts, lang: Lang) -> Iterator[Line]:
    figures = facts.record.figures
    low_high = figures.get("win_interval")
    if low_high:
        yield Line(
            text=RATE(lang).format(
                rate=percent(figures["win_rate"], 0),
                low=percent(low_high[0], 0),
                high=percent(low_high[1], 0),
                wins=count(figures["wins"]),
            )
        )
    held = figures.get("held_days")
    yield Line(
        text=COSTS(lang).format(
            costs=won(figures.get("costs"), lang),
            days=DASH if held is None else f"{held:.1f}",
            bought=count(figures.get("bought")),
        )
    )
    if facts.days is not None:
        growth, drawdown = facts.days.growth[-1] - 1, facts.days.drawdown
        yield Line(text=SINCE(lang).format(growth=percent(growth, signed=True), drawdown=percent(drawdown)))


def _trade(trade: Mapping[str, Any], lang: Lang) -> Line:
    held = datetime.fromisoformat(trade["exited_at"]) - datetime.fromisoformat(trade["entered_at"])
    return Line(
        text=TRADE(lang).format(
            ticker=trade["ticker"],
            pnl=won(trade["pnl"], lang, signed=True),
            days=held.days,
            rules=", ".join(trade["entry_rules"]) or DASH,
        ),
        below=cut(str(trade["why"]).replace("\n", " / "), _MOST_WORDS),
        tone=tone_of(trade["pnl"]),
    )


def _proposal(proposal: RuleProposal, lang: Lang) -> Line:
    words = str(proposal.rule.get("text") or proposal.rule.get("reason") or "")
    below = [str(proposal.rule.get("condition", "")), "" if proposal.decision == "promote" else proposal.reason]
    return Line(
        text=f"[{DECISIONS[proposal.decision](lang)}] {KINDS[proposal.kind](lang)} {proposal.rule_id}: "
        f"{cut(words, _MOST_WORDS)}",
        below="\n".join(filter(None, below)),
    )
