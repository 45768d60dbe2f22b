"""What both views of a reflection show, in Korean and English: the week, what failed, the rules and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.clock import session_of
from engine.ledger.reflections import RuleProposal
from engine.reflection.entry_features import FEATURES
from engine.reflection.m1_aggregate import FeatureRate, PerformanceReport, TradeView
from engine.reflection.reflection import Reflection
from engine.reports import format as show
from engine.reports.language import Lang, Text
from engine.research.texts import DECISIONS, sentence, step_title
from engine.research.verdict import Step

MOST_RATES = 8
MOST_DIFFERENCES = 12
TONES = {"promote": "good", "shadow": "wait", "reject": "bad", "refused": "bad"}
REFUSED = Text("심사 전 거절", "refused before the gate")
GATE_OFF = Text("심사하지 않고 받아들였습니다(시연).", "Accepted without a gate, for demonstration.")
ALL_PASSED = Text("반대하는 단계가 없었습니다.", "No step stood against it.")
TITLE = Text("주간 성찰", "Weekly reflection")
STATUSES = {
    "updated": Text("프롬프트를 갱신했습니다.", "The prompt was updated."),
    "unchanged": Text(
        "승격된 규칙이 없어 프롬프트는 그대로입니다.", "No rule was promoted; the prompt stays as it is."
    ),
    "dry run": Text("시험 실행: 아무것도 쓰지 않았습니다.", "Dry run: nothing was written."),
    "failed": Text("끝내지 못했습니다. 프롬프트는 그대로입니다.", "It did not finish; the prompt stays as it is."),
}
_WHATS = {
    "buy shares": Text("매수 주수", "shares bought"),
    "buy won": Text("매수 금액", "won bought"),
    "sell shares": Text("매도 주수", "shares sold"),
    "sell won": Text("매도 금액", "won sold"),
    "realised": Text("실현손익(비용 전)", "realised before costs"),
    "costs": Text("비용", "costs"),
}
_MEANINGS = {feature.name: feature.meaning for feature in FEATURES}


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """A closed trade as text."""

    trade_id: str
    ticker: str
    days: str
    pnl: str
    ratio: str
    rules: str
    why: str
    features: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRow:
    """A proposed rule as text."""

    rule_id: str
    kind: str
    text: str
    condition: str
    decision: str
    reason: str
    tone: str


def period(report: PerformanceReport) -> str:
    """The window as two days."""
    return f"{session_of(report.window.first)} … {session_of(report.known_at)}"


def cards(report: PerformanceReport, lang: Lang) -> list[dict[str, str]]:
    """The figures of the window."""
    low_high = report.win_interval
    interval = f"{show.percent(low_high[0], 0)} – {show.percent(low_high[1], 0)}" if low_high else show.DASH
    korean = lang == "ko"
    return [
        {
            "name": "닫힌 거래" if korean else "Closed trades",
            "value": f"{report.trades:,}",
            "tone": "",
            "more": f"{'매수' if korean else 'purchases'} {report.bought:,}",
        },
        {
            "name": "손익(비용 뒤)" if korean else "Profit after costs",
            "value": show.won(report.pnl, lang, signed=True),
            "tone": "up" if report.pnl > 0 else "down" if report.pnl < 0 else "",
            "more": f"{'비용' if korean else 'costs'} {show.won(report.costs, lang)}",
        },
        {
            "name": "승률" if korean else "Win rate",
            "value": show.percent(report.win_rate, 0),
            "tone": "",
            "more": f"95% {interval}",
        },
        {
            "name": "평균 보유" if korean else "Mean holding",
            "value": show.DASH if report.held_days is None else f"{report.held_days:.1f}{'일' if korean else ' days'}",
            "tone": "",
            "more": f"{'보유 중' if korean else 'still open'} {len(report.open):,}",
        },
    ]


def trade_rows(views: Sequence[TradeView], lang: Lang) -> list[TradeRow]:
    """Best or worst trades."""
    return [
        TradeRow(
            trade_id=str(view.trade.trade_id),
            ticker=view.trade.ticker,
            days=f"{view.trade.held_days:.0f}",
            pnl=show.won(view.trade.pnl, lang, signed=True),
            ratio=show.percent(view.trade.return_ratio, 1, signed=True),
            rules=", ".join(view.trade.entry_rules),
            why=view.trade.why,
            features=", ".join(meaning(name, lang) for name, met in view.features.items() if met),
            tone="better" if view.trade.pnl > 0 else "worse",
        )
        for view in views
    ]


def rate_rows(rates: Sequence[FeatureRate], lang: Lang) -> list[tuple[str, str, str, str, str]]:
    """Feature, share of all, share of losers with its interval, lift, won lost; by lift."""
    return [
        (
            meaning(rate.name, lang),
            f"{show.percent(rate.share, 0)} ({rate.trades_with}/{rate.trades})",
            f"{show.percent(rate.share_of_losers, 0)} {_interval(rate.losers_interval)}",
            show.number(rate.lift),
            show.won(-rate.lost, lang),
        )
        for rate in rates
        if rate.lift is not None and rate.losers_with
    ][:MOST_RATES]


def pattern_rows(reflection: Reflection, lang: Lang) -> list[tuple[str, str, str, str, str]]:
    """Priority, pattern, frequency, won lost, trades."""
    return [
        (
            f"{pattern.priority}/10",
            pattern.pattern,
            f"{pattern.frequency} ({show.percent(pattern.share, 0)})",
            show.won(-pattern.lost, lang),
            ", ".join(map(str, pattern.trade_ids[:8])) + (" …" if len(pattern.trade_ids) > 8 else ""),
        )
        for pattern in reflection.thought.analysis.patterns
    ]


def rule_rows(report: PerformanceReport, lang: Lang) -> list[tuple[str, str, str, str, str]]:
    """Rule, role, trades, wins, profit; the costliest first."""
    roles = {"entry": Text("진입", "entry"), "exit": Text("청산", "exit")}
    return [
        (
            rule.rule_id,
            roles[rule.role](lang),
            f"{rule.trades:,}",
            f"{rule.wins:,}",
            show.won(rule.pnl, lang, signed=True),
        )
        for rule in report.rules
    ]


def proposal_rows(proposals: Sequence[RuleProposal], lang: Lang) -> list[ProposalRow]:
    """Every proposal with its verdict."""
    kinds = {"add": Text("추가", "add"), "remove": Text("제거", "remove")}
    return [
        ProposalRow(
            rule_id=proposal.rule_id or show.DASH,
            kind=kinds[proposal.kind](lang),
            text=str(proposal.rule.get("text") or proposal.rule.get("reason") or ""),
            condition=str(proposal.rule.get("condition", "")),
            decision=decision(proposal, lang),
            reason=reason(proposal, lang),
            tone=TONES[proposal.decision],
        )
        for proposal in proposals
    ]


def decision(proposal: RuleProposal, lang: Lang) -> str:
    """What became of it, in a word or two."""
    found = DECISIONS.get(proposal.decision)  # type: ignore[call-overload]
    return REFUSED(lang) if found is None else str(found.in_language(lang))


def reason(proposal: RuleProposal, lang: Lang) -> str:
    """Why, in a sentence."""
    if proposal.reason == "all_passed":
        steps = proposal.verdict.get("steps", ())
        return GATE_OFF(lang) if any(step["name"] == "off" for step in steps) else ALL_PASSED(lang)
    for told in proposal.verdict.get("steps", ()):
        if f"{told['name']}.{told['reason']}" == proposal.reason:
            step = Step(name=told["name"], outcome=told["outcome"], reason=told["reason"], figures=told["figures"])
            return f"{step_title(step, lang)}: {sentence(step, lang, wait=False)}"
    return proposal.reason


def meaning(feature: str, lang: Lang) -> str:
    """A feature in words."""
    found = _MEANINGS.get(feature)
    return feature if found is None else found(lang)


def closing(reflection: Reflection, lang: Lang) -> list[str]:
    """What was written, and what went wrong."""
    lines = [STATUSES[reflection.status](lang)]
    if reflection.repaired is not None:
        lines.append(f"{Text('앞선 실행에서 남은 것', 'Left by an earlier run')(lang)}: {reflection.repaired.text}")
    if reflection.failure:
        lines.append(reflection.failure)
    if reflection.updated is not None:
        updated = reflection.updated
        lines.append(f"{Text('버전', 'Version')(lang)}: {updated.version.version}")
        lines.append(f"{Text('백업 파일', 'Backup')(lang)}: {updated.backup}")
        lines += updated.warnings
    report = reflection.report
    if report.unmatched:
        lines.append(
            Text(
                "산 것보다 많이 판 종목(분할을 모르거나 다른 곳에서 온 주식): ",
                "Sold more than was known to be bought (a split nobody told of, or shares from elsewhere): ",
            )(lang)
            + ", ".join(report.unmatched)
        )
    if report.booked_difference:
        told = show.won(report.booked_difference, lang, signed=True)
        lines.append(f"{Text('장부와의 차이', 'Difference from the books')(lang)}: {told}")
    return [*lines, *broker_lines(report, lang)]


def broker_lines(report: PerformanceReport, lang: Lang) -> list[str]:
    """What the broker's books say otherwise; nothing where no broker was asked."""
    if report.broker is None:
        return []
    if not report.broker:
        return [Text("증권사의 체결 내역과 같습니다.", "The broker's executions say the same.")(lang)]
    lines = [
        Text(
            "증권사의 체결 내역과 다른 것(직접 낸 주문이 있으면 여기에 나옵니다):",
            "The broker's executions differ (orders made by hand show here):",
        )(lang)
    ]
    for each in report.broker[:MOST_DIFFERENCES]:
        where = f"{each.day} {each.ticker} " if each.day is not None else ""
        lines.append(
            f"  {where}{_WHATS[each.what](lang)}: {Text('장부', 'ours')(lang)} {each.ours:,.0f}, "
            f"{Text('증권사', 'the broker')(lang)} {each.broker:,.0f}"
        )
    if (more := len(report.broker) - MOST_DIFFERENCES) > 0:
        lines.append(Text("  … 그 밖에 {count:,}건", "  … and {count:,} more")(lang).format(count=more))
    return lines


def notice(reflection: Reflection, version: str, backup: str, lang: Lang = "ko") -> str:
    """The message to the account's owner when the prompt has changed."""
    added = [found for found in reflection.thought.gated.promoted if found.kind == "add"]
    removed = [found for found in reflection.thought.gated.promoted if found.kind == "remove"]
    korean = lang == "ko"
    lines = [
        "규칙 갱신 보고" if korean else "The rules have changed",
        f"{'시각' if korean else 'time'}: {reflection.report.known_at:%Y-%m-%d %H:%M}",
        f"{'버전' if korean else 'version'}: {version}",
        f"{'추가' if korean else 'added'}: {len(added)} · {'제거' if korean else 'removed'}: {len(removed)}",
    ]
    for found in added:
        lines.append(f"- [{found.rule['category']}] {found.rule['text']}")
        lines.append(f"  {'조건' if korean else 'condition'}: {found.rule['condition']}")
        lines.append(f"  {'우선순위' if korean else 'priority'}: {found.rule['priority']}/10")
    lines += [f"- {'제거' if korean else 'removed'}: {found.rule_id}" for found in removed]
    lines.append(f"{'백업 파일' if korean else 'backup'}: {backup}")
    return "\n".join(lines)


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"[{show.percent(interval[0], 0)}, {show.percent(interval[1], 0)}]"
