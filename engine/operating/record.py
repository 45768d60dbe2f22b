"""Node 6, record and report: the cycle in words, then into the ledger; cycles without a plan too."""

from __future__ import annotations

from collections.abc import Iterable

from engine.ledger.decisions import Decision
from engine.operating.desk import Desk
from engine.operating.report import write_report
from engine.operating.state import Check, Cycle, Verdict


def record(cycle: Cycle, desk: Desk) -> None:
    """Write the report and hand the finished cycle over."""
    cycle.finished_at = desk.clock.now()
    cycle.report = write_report(cycle, desk.lang)
    cycle.signals = {}  # served their purpose; a run keeps many cycles
    desk.record(cycle)


def decision_of(cycle: Cycle, planner: str, prompt_hash: str = "") -> Decision:
    """A finished cycle as the ledger keeps it.

    Args:
        cycle: after its last node.
        planner: "rules" or the name of a model.
        prompt_hash: of the decision prompt in force.
    """
    protective = [check for check in cycle.checks if check.protective]
    sentences = [check.action.justification for check in protective if check.verdict is not Verdict.DROPPED]
    if cycle.plan is not None:
        sentences.append(cycle.plan.justification)
    rule_ids = [name for check in protective for name in check.action.rule_ids]
    rule_ids += cycle.plan.rule_ids if cycle.plan is not None else ()
    return Decision(
        decision_id=cycle.decision_id,
        time=cycle.time,
        planner=planner,
        nodes=cycle.nodes,
        plan=cycle.plan,
        justification="\n".join(sentences),
        rule_ids=tuple(dict.fromkeys(rule_ids)),
        risk_checks=[_outcome(check) for check in cycle.checks],
        order_ids=cycle.order_ids,
        failure=cycle.failure,
        data_hash=cycle.data_hash,
        prompt_hash=prompt_hash,
    )


def model_costs(cycles: Iterable[Cycle]) -> dict[str, int]:
    """What the model cost in all cycles together, failed ones too; empty where none was asked."""
    traces = [cycle.trace for cycle in cycles if cycle.trace is not None and cycle.trace.keys]
    if not traces:
        return {}
    return {
        "spent_won": sum(trace.cost_won for trace in traces),
        "calls": sum(len(trace.keys) for trace in traces),
        "input_tokens": sum(trace.input_tokens for trace in traces),
        "output_tokens": sum(trace.output_tokens for trace in traces),
    }


def _outcome(check: Check) -> dict[str, object]:
    action = check.action
    return {
        "ticker": action.ticker,
        "side": action.side,
        "asked": action.quantity,
        "allowed": check.quantity,
        "verdict": check.verdict,
        "reason": check.reason,
        "text": check.text,
        "protective": check.protective,
    }
