"""What all views of a learning run show: the run with and without learning, each rule's birth, verdict and earnings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.ledger.canonical import plain
from engine.ledger.reflections import RuleProposal
from engine.metrics.summary import Metrics, summarize
from engine.reflection.gating import own_decision
from engine.reflection.learning import LearningRun, final_equity
from engine.reflection.reflection_view import TONES, decision, reason
from engine.reflection.scripted_writer import DEMO_MODEL, MODEL
from engine.reports import format as show
from engine.reports.language import Lang, Text

SCHEMA = 1
TITLE = Text("매주 배우는 백테스트", "A backtest that learns every week")
GATE_OFF = Text(
    "심사를 껐습니다(--gate off): 컴파일되는 규칙을 모두 받아들인 시연이며, 이 결과는 어떤 규칙의 증거도 아닙니다.",
    "The gate is off (--gate off): a demonstration that accepts every rule that compiles. It is evidence for no rule.",
)
GATE_OVERRULED = Text(
    "심사는 판정만 하고 막지 않았습니다(--gate advice): 무엇이라 판정하든 컴파일되는 규칙을 모두 받아들인 시연이며, "
    "이 결과는 어떤 규칙의 증거도 아닙니다.",
    "The gate was asked and not obeyed (--gate advice): a demonstration that accepts every rule that compiles, "
    "whatever the verdict. It is evidence for no rule.",
)
SCRIPTED_ANSWERS = Text(
    "녹음된 답은 언어 모델이 아니라 정해진 절차(scripted-demo)가 쓴 것입니다. 모델의 답과 같은 길로 녹음하고 "
    "재생하지만 어떤 모델도 이렇게 말한 적이 없습니다.",
    "Scripted answers, no model: a fixed procedure (scripted-demo) wrote what is replayed. It takes the way that a "
    "model's answers take, but no model ever said it.",
)
LET_IN = Text("시연으로 적용", "let in for the demo")
PLAIN_MODEL = Text(
    "모델이 실제 종목과 날짜를 보았습니다. 모델이 이미 아는 기간의 결과는 증거가 아닙니다.",
    "The model saw real names and dates. Results of a period it has read about are no evidence.",
)
HINDSIGHT = Text(
    "번 돈은 그 변경만 빼고 같은 계좌를 다시 돌린 차이입니다. 괄호는 들어오지 못한 변경이 벌었을 돈으로, 사후의 값이며 "
    "심사가 옳았는지의 증거가 아닙니다. 규칙은 같은 돈을 나누어 쓰므로 합계가 전체 차이와 다를 수 있습니다.",
    "Earned: the same account run again without that change alone. In brackets what a change that never came in would "
    "have earned: hindsight, and no evidence about the gate. Rules share the same money, so the sum can differ from "
    "the whole difference.",
)
_FIGURES = (
    ("total_return", Text("수익률", "Return"), "percent"),
    ("annual_return", Text("연 수익률", "Return a year"), "percent"),
    ("sharpe", Text("샤프", "Sharpe"), "number"),
    ("max_drawdown", Text("최대 낙폭", "Deepest fall"), "percent"),
    ("trades", Text("닫힌 거래", "Closed trades"), "count"),
    ("win_rate", Text("승률", "Win rate"), "percent"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FateRow:
    """One change as text."""

    time: str
    rule_id: str
    kind: str
    text: str
    condition: str
    decision: str
    reason: str
    in_force: str
    earned: str
    tone: str
    earned_tone: str


def fate_rows(run: LearningRun, lang: Lang) -> list[FateRow]:
    """Every change that reached the gate, in order."""
    kinds = {"add": Text("추가", "add"), "remove": Text("제거", "remove")}
    rows = []
    for fate in run.fates:
        earned = show.won(fate.earned_won, lang, signed=True)
        rows.append(
            FateRow(
                time=f"{fate.time:%Y-%m-%d}",
                rule_id=fate.proposal.rule_id,
                kind=kinds[fate.proposal.kind](lang),
                text=str(fate.proposal.rule.get("text") or fate.proposal.rule.get("reason") or ""),
                condition=str(fate.proposal.rule.get("condition", "")),
                decision=_verdict(fate.proposal, lang),
                reason=reason(fate.proposal, lang),
                in_force="" if fate.in_force_from is None else fate.in_force_from.isoformat(),
                earned=earned if fate.promoted else f"({earned})",
                tone=TONES[own_decision(fate.proposal)],
                earned_tone="" if not fate.earned_won else "better" if fate.earned_won > 0 else "worse",
            )
        )
    return rows


def headline(run: LearningRun, lang: Lang) -> str:
    """What learning did, in a sentence."""
    earned = show.won(run.earned_won, lang, signed=True)
    weeks, fates, births = len(run.weeks), len(run.fates), len(run.births)
    return Text(
        f"{weeks}주 동안 규칙 변경 {fates}건을 심사해 {births}건을 받아들였습니다. "
        f"배우지 않은 같은 계좌와의 차이는 {earned}입니다.",
        f"In {weeks} weeks {fates} changes were judged and {births} came into force; against the same account without "
        f"learning the difference is {earned}.",
    )(lang)


def warnings(run: LearningRun, lang: Lang) -> list[str]:
    """Why to trust it less."""
    found = [SCRIPTED_ANSWERS(lang)] if run.writer == DEMO_MODEL else []
    found += [GATE_OVERRULED(lang)] if run.overruled else [] if run.gated else [GATE_OFF(lang)]
    if run.writer not in (MODEL, DEMO_MODEL) and not run.masked:
        found.append(PLAIN_MODEL(lang))
    found += sorted({f"{week.time:%Y-%m-%d}: {week.thought.failure}" for week in run.weeks if week.thought.failure})
    return found


def figure_rows(run: LearningRun, lang: Lang) -> list[tuple[str, str, str]]:
    """Figure, with learning, without."""
    both = summarize(run.result), summarize(run.baseline)
    equity = [show.won(final_equity(one), lang) for one in (run.result, run.baseline)]
    rows = [(Text("최종 자산", "Final equity")(lang), equity[0], equity[1])]
    for name, label, kind in _FIGURES:
        rows.append((label(lang), _figure(both[0], name, kind), _figure(both[1], name, kind)))
    return rows


def week_rows(run: LearningRun, lang: Lang) -> list[tuple[str, str, str, str, str]]:
    """Sunday, trades closed in the week, profit, patterns, what came of it; weeks without trades and rules left out."""
    rows = []
    for week in run.weeks:
        report, gated = week.thought.report, week.thought.gated
        if not report.trades and not gated.proposals and not week.thought.failure:
            continue
        told = ", ".join(f"{found.rule_id} ({_verdict(found, lang)})" for found in gated.proposals)
        rows.append(
            (
                f"{week.time:%Y-%m-%d}",
                f"{report.trades:,}",
                show.won(report.pnl, lang, signed=True),
                f"{len(week.thought.analysis.patterns)}",
                told or week.thought.failure or show.DASH,
            )
        )
    return rows


def learning_json(run: LearningRun) -> dict[str, Any]:
    """Everything but series and tables, as plain values; equal runs give equal bytes."""
    return {
        "schema": SCHEMA,
        "writer": run.writer,
        "gated": run.gated,
        "masked": run.masked,
        "overruled": run.overruled,
        "earned_won": run.earned_won,
        "final_equity_won": final_equity(run.result),
        "baseline_equity_won": final_equity(run.baseline),
        "result_hash": run.result.result_hash,
        "baseline_hash": run.baseline.result_hash,
        "fates": [
            {
                "time": plain(fate.time),
                "in_force_from": plain(fate.in_force_from),
                "earned_won": fate.earned_won,
                "promoted": fate.promoted,
                "proposal": plain(fate.proposal),
            }
            for fate in run.fates
        ],
        "weeks": [
            {
                "time": plain(week.time),
                "trades": week.thought.report.trades,
                "pnl_won": week.thought.report.pnl,
                "studied": week.thought.report.studied,
                "losers": len(week.thought.report.losers),
                "patterns": plain(week.thought.analysis.patterns),
                "proposals": [[found.rule_id, found.decision, found.reason] for found in week.thought.gated.proposals],
                "failure": week.thought.failure,
            }
            for week in run.weeks
        ],
        "prompt": run.text,
    }


def _verdict(proposal: RuleProposal, lang: Lang) -> str:
    """The gate's own verdict; where it was not obeyed, that too."""
    own = own_decision(proposal)
    if own == proposal.decision:
        return decision(proposal, lang)
    return f"{decision(replace(proposal, decision=own), lang)} ({LET_IN(lang)})"


def _figure(metrics: Metrics, name: str, kind: str) -> str:
    value: float | None = getattr(metrics, name)
    if value is not None and kind == "count":
        return f"{value:,.0f}"
    return show.percent(value, 1) if kind == "percent" else show.number(value)
