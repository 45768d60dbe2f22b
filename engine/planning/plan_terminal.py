"""One cycle for a person who looks before anything is sent: what is wanted, what the check says, what it cost."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text as Words

from engine.ledger.canonical import canonical_json
from engine.operating.report import account_lines, how
from engine.operating.state import Check, Cycle, ModelTrace, Verdict, label
from engine.order import Side
from engine.reports import format as show
from engine.reports.language import Lang, Text

TITLE = Text("{time} 계획 · 주문은 내지 않았습니다", "Plan of {time} · nothing was sent")
BY = Text("계획: {planner}", "Planned by {planner}")
RULES = Text("규칙", "the rules")
NOTHING = Text("할 일이 없습니다", "Nothing to do")
FAILED = Text("계획 없음({code}): {failure}", "No plan ({code}): {failure}")
HEADS = (
    Text("종목", "Instrument"),
    Text("주문", "Order"),
    Text("요청", "Asked"),
    Text("허용", "Allowed"),
    Text("위험 점검", "Risk check"),
    Text("이유", "Why"),
)
SIDES = {Side.BUY: Text("매수", "buy"), Side.SELL: Text("매도", "sell")}
VERDICTS = {
    Verdict.PASSED: Text("통과", "passed"),
    Verdict.RESIZED: Text("조정", "resized"),
    Verdict.DROPPED: Text("제외", "dropped"),
}
PROTECTIVE = Text("보호 매도", "protective")
JUSTIFICATION = Text("근거", "Why")
RISK = Text("위험 평가", "Risk assessment")
OUTCOME = Text("예상 결과", "Expected outcome")
COST = Text(
    "모델 {model}: {won}, 토큰 {asked} + {answered}, {seconds}초{repaired}{replayed}",
    "Model {model}: {won}, tokens {asked} + {answered}, {seconds} s{repaired}{replayed}",
)
REPAIRED = Text(", 한 번 고침", ", repaired once")
REPLAYED = Text(", 녹음된 답", ", a recorded answer")
CUT = Text("질문에서 뺀 항목: {cut}", "Left out of the question: {cut}")
NO_MODEL = Text(
    "모델에 물으려면 geoul.yaml의 model 항목과 키를 설정하십시오(geoul model check)",
    "To ask a model, configure the section model of geoul.yaml and a key (geoul model check)",
)


def print_plan(console: Console, cycle: Cycle, lang: Lang, *, asked: bool) -> None:
    """Print a cycle of a dry run; `asked` tells whether a model planned."""
    console.print(Words(TITLE(lang).format(time=f"{cycle.time:%Y-%m-%d %H:%M}"), style="bold"))
    if cycle.diagnosis is not None:
        for line in account_lines(cycle.diagnosis, lang):
            console.print(Words(line))
    console.print()
    planner = cycle.plan.planner if asked and cycle.plan is not None else (RULES(lang) if not asked else "")
    if planner:
        console.print(Words(BY(lang).format(planner=planner), style="bold"))
    if cycle.failure:
        code = cycle.failure_code or "failed"
        console.print(Words(FAILED(lang).format(code=code, failure=cycle.failure), style="bold red"))
    if cycle.checks:
        console.print(_checks(cycle.checks, lang))
    elif not cycle.failure:
        console.print(Words(NOTHING(lang)))
    for words in _words(cycle, lang, asked=asked):
        console.print(words)


def plan_document(cycle: Cycle) -> str:
    """The same for machines, as JSON."""
    return canonical_json(
        {
            "schema": 1,
            "decision_id": cycle.decision_id,
            "time": cycle.time,
            "account": cycle.diagnosis,
            "plan": cycle.plan,
            "failure": cycle.failure,
            "failure_code": cycle.failure_code,
            "checks": cycle.checks,
            "model": cycle.trace,
        }
    )


def _checks(checks: tuple[Check, ...], lang: Lang) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for place, head in enumerate(HEADS):
        table.add_column(head(lang), justify="right" if place in (2, 3) else "left", overflow="fold")
    for check in checks:
        action = check.action
        verdict = VERDICTS[check.verdict](lang)
        said = check.text or verdict
        if check.protective:
            said = f"{PROTECTIVE(lang)}, {said}"
        table.add_row(
            Words(label(action.name, action.ticker)),
            f"{SIDES[action.side](lang)} {how(action, lang)}",
            show.count(action.quantity),
            show.count(check.quantity),
            Words(said, style="" if check.verdict is Verdict.PASSED else "yellow"),
            Words(action.justification),
        )
    return table


def _words(cycle: Cycle, lang: Lang, *, asked: bool) -> Iterator[Words]:
    plan, trace = cycle.plan, cycle.trace
    if asked and plan is not None:
        for title, said in (
            (JUSTIFICATION, plan.justification.split("\n")[0]),
            (RISK, plan.risk_assessment),
            (OUTCOME, plan.expected_outcome),
        ):
            if said:
                yield Words(f"{title(lang)}: {said}")
    if trace is not None:
        yield Words("")
        yield Words(cost_line(trace, lang), style="dim")
        if trace.cut:
            cut = ", ".join(f"{name} {show.count(count)}" for name, count in trace.cut.items())
            yield Words(CUT(lang).format(cut=cut), style="dim")
    elif not asked:
        yield Words(NO_MODEL(lang), style="dim")


def cost_line(trace: ModelTrace, lang: Lang) -> str:
    """What asking the model cost, in one line."""
    return COST(lang).format(
        model=trace.model,
        won=show.won(trace.cost_won, lang),
        asked=show.count(trace.input_tokens),
        answered=show.count(trace.output_tokens),
        seconds=f"{trace.latency_ms / 1_000:.1f}",
        repaired=REPAIRED(lang) if trace.errors else "",
        replayed=REPLAYED(lang) if trace.replayed else "",
    )
