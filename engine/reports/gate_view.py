"""What both views of a gated candidate show: the verdict in words, its steps, windows and trials."""

from __future__ import annotations

from dataclasses import dataclass

from engine.reports.language import Lang, Text
from engine.research.gate_report import GateReport
from engine.research.texts import DECISIONS, next_sentence, sentence, step_title
from engine.research.verdict import Decision, Outcome, Step

SIGNS: dict[Outcome, str] = {"pass": "✓", "warn": "!", "fail": "✗", "unknown": "?"}
TONES: dict[Decision, str] = {"promote": "good", "shadow": "wait", "reject": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step for people: its sign, what it is called, what it says; `reached` is False where nothing was measured."""

    name: str
    outcome: Outcome
    sign: str
    title: str
    sentence: str
    reached: bool
    deciding: bool


def step_rows(report: GateReport, lang: Lang) -> list[StepRow]:
    """All steps in their order; how long to wait is told in a shadow only, where waiting is what to do."""
    wait = report.verdict.decision == "shadow"
    return [
        StepRow(
            name=step.name,
            outcome=step.outcome,
            sign=SIGNS[step.outcome] if _reached(step) else "·",
            title=step_title(step, lang),
            sentence=sentence(step, lang, wait=wait),
            reached=_reached(step),
            deciding=step is report.verdict.deciding,
        )
        for step in report.verdict.steps
    ]


def headline(report: GateReport, lang: Lang) -> tuple[str, str, str]:
    """The decision, why, and what to do next: one sentence each."""
    deciding = report.verdict.deciding
    if deciding is None:
        why = PROMOTED(lang)
    else:
        # Of how long to wait the page speaks once, for all steps together.
        why = f"{step_title(deciding, lang)}: {sentence(deciding, lang, wait=False)}"
    return DECISIONS[report.verdict.decision].in_language(lang), why, next_sentence(report.verdict, lang)


def waiting(report: GateReport, lang: Lang) -> str:
    """How long until the evidence could be enough, over all steps; "" where time is not what is missing."""
    weeks = report.weeks_needed
    if report.verdict.decision != "shadow" or not weeks:
        return ""
    return WAITING(lang).format(weeks=f"{weeks:,}")


def facts(report: GateReport, lang: Lang) -> list[tuple[str, str]]:
    """Label and value of what a reader needs to place the verdict."""
    rows = [
        (CHANGES(lang), ", ".join(report.changes) or "–"),
        (DATASET(lang), report.dataset),
        (TRAINING(lang), " … ".join(report.training)),
        (PURGE(lang), SESSIONS(lang).format(count=report.purge_sessions)),
        (UNTOUCHED(lang), untouched_fact(report, lang)),
    ]
    counted = report.step("deflated_sharpe")
    if counted is not None and "raw_trials" in counted.figures:
        figures = counted.figures
        told = TRIALS(lang).format(
            raw=figures["raw_trials"], effective=figures["trials"], threshold=figures["cluster_threshold"]
        )
        rows.append((TRIED(lang), told))
    training = report.step("training")
    if training is not None:
        figures = training.figures
        how = MATCHED(lang).format(scale=figures["scale"]) if figures["risk_adjusted"] else PLAIN(lang)
        rows.append((JUDGED(lang), how))
    rows.append((COUNTED(lang), (YES if report.counted else NO)(lang)))
    return rows


def untouched_fact(report: GateReport, lang: Lang) -> str:
    """The untouched window and its looks."""
    place = " … ".join(report.untouched) if report.untouched else NOT_SEEN(lang)
    looks = report.looks
    told = LOOKS(lang).format(used=looks["looks_used"], allowed=looks["looks_per_window"])
    rolled = f" · {ROLLED(lang).format(number=looks['window_number'])}" if looks["window_number"] > 1 else ""
    step = report.step("untouched")
    again = f" · {AGAIN(lang)}" if step is not None and step.figures.get("repeated") else ""
    return f"{place} · {told}{rolled}{again}"


def _reached(step: Step) -> bool:
    return step.reason not in ("not_reached", "not_checked", "not_looked")


PROMOTED = Text("모든 단계를 통과했습니다.", "Every step passed.")
WAITING = Text(
    "근거가 부족합니다: 지금처럼 간다면 약 {weeks}주가 더 필요합니다.",
    "Insufficient evidence: needs about {weeks} more weeks if it goes on like this.",
)
CHANGES = Text("바뀐 규칙", "Changed rules")
DATASET = Text("데이터", "Data")
TRAINING = Text("학습 구간", "Training")
PURGE = Text("사이에 비운 기간", "Left out between")
SESSIONS = Text("{count}거래일", "{count} sessions")
UNTOUCHED = Text("검증 구간", "Untouched window")
NOT_SEEN = Text("보지 않음", "not looked at")
LOOKS = Text("후보 {used}/{allowed}개가 봄", "{used} of {allowed} looks used")
ROLLED = Text("{number}번째 구간으로 넘어감", "rolled forward: window {number}")
AGAIN = Text("처음 본 결과를 다시 읽음", "outcome of the first look, read again")
TRIED = Text("지금까지의 시험", "Trials so far")
TRIALS = Text(
    "{raw:,}번, 유효 {effective:,}번(상관 {threshold:g} 이상은 하나)",
    "{raw:,}, effective {effective:,} (correlated by {threshold:g} or more count as one)",
)
JUDGED = Text("판단한 값", "Judged by")
PLAIN = Text("하루 수익률의 차이(후보 − 기준)", "difference of the daily returns, candidate less base")
MATCHED = Text(
    "기준과 같은 변동성으로 맞춘 하루 수익률의 차이(후보 × {scale:.2f} − 기준): 위험만 줄이는 변경이므로",
    "difference at the base's volatility (candidate × {scale:.2f} less base), as the change reduces risk only",
)
COUNTED = Text("이번 후보를 시험으로 셈", "Counted as a trial")
YES = Text("예", "yes")
NO = Text("아니요(실행하지 않음)", "no (it was not run)")
