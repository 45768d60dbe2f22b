"""Node 6, record and report: the cycle in words, then into the ledger; cycles without a plan too."""

from __future__ import annotations

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
