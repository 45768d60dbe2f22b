"""Decisions: what each cycle of the operating graph saw, planned, checked and did; failed plans too."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.clock import require_aware
from engine.errors import BadInput
from engine.ledger.canonical import canonical_json, digest, stamp, unstamp
from engine.ledger.journal import DECISION_RECORDED
from engine.ledger.ledger import Ledger
from engine.ledger.rows import ACCOUNT, node_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision cycle.

    Args:
        decision_id: unique within its run.
        time: of the cycle, aware.
        planner: "rules" or the name of a model.
        nodes: output of each node that ran, by name: "diagnosis", "analysis", "execution", "report", …;
            dataclasses and mappings alike, NaN is unknown.
        plan: the plan as it was proposed; None when the planner failed.
        justification: why, in the words of the planner.
        rule_ids: the rules that made the plan.
        risk_checks: one outcome per planned action: the action, whether it passed, was resized or dropped,
            why.
        order_ids: the orders that were sent for it.
        failure: why there is no plan, "" otherwise.
        data_hash: hash of the market data it saw.
        prompt_hash: hash of the prompt that was in force.
    """

    decision_id: str
    time: datetime
    planner: str
    nodes: Mapping[str, Any] = field(default_factory=dict)
    plan: Any = None
    justification: str = ""
    rule_ids: tuple[str, ...] = ()
    risk_checks: Sequence[Any] = ()
    order_ids: tuple[str, ...] = ()
    failure: str = ""
    data_hash: str = ""
    prompt_hash: str = ""

    def __post_init__(self) -> None:
        require_aware(self.time, f"Decision {self.decision_id}")
        if self.plan is None and not self.failure:
            raise BadInput(
                f"Decision {self.decision_id} has neither a plan nor a failure. An empty plan is [] or {{}}."
            )

    @property
    def status(self) -> str:
        """ "planned" or "failed"."""
        return "failed" if self.failure else "planned"


DECISION_COLUMNS = (
    "run_id, decision_id, time, planner, status, failure, justification_text, rule_ids, nodes, plan, "
    "risk_checks, order_ids, data_hash, prompt_hash, recorded_at"
)


def decision_row(decision: Decision, run_id: int, recorded_at: str) -> tuple[Any, ...]:
    """The row of the table `decisions`."""
    return (
        run_id,
        decision.decision_id,
        stamp(decision.time),
        decision.planner,
        decision.status,
        decision.failure,
        decision.justification,
        canonical_json(decision.rule_ids),
        canonical_json(decision.nodes),
        None if decision.plan is None else canonical_json(decision.plan),
        canonical_json(decision.risk_checks),
        canonical_json(decision.order_ids),
        decision.data_hash,
        decision.prompt_hash,
        recorded_at,
    )


def row_digest(row: Sequence[Any]) -> str:
    """Hash of a row as the file holds it."""
    return digest(canonical_json(list(row)))


def record_decision(ledger: Ledger, decision: Decision) -> None:
    """Write a decision of the account; a second one with the same id raises `BadInput`.

    Trades that its orders have made already get its justification, analysis and diagnosis.
    """
    row = decision_row(decision, ACCOUNT, stamp(ledger.clock.now()))
    with ledger.writing() as connection:
        if stored_decision(connection, ACCOUNT, decision.decision_id) is not None:
            raise BadInput(f"Decision {decision.decision_id} is recorded already. Each cycle needs an id of its own.")
        connection.execute(f"INSERT INTO decisions ({DECISION_COLUMNS}) VALUES (?{', ?' * 14})", row)
        ledger.note(DECISION_RECORDED, {"decision_id": decision.decision_id, "hash": row_digest(row)}, decision.time)
        connection.execute(
            "UPDATE trades SET justification_text = ?, market_snapshot = coalesce(?, market_snapshot), "
            "portfolio_before = coalesce(?, portfolio_before), updated_at = ? WHERE trade_id IN "
            "(SELECT trade_id FROM orders WHERE run_id = ? AND decision_id = ?)",
            (
                decision.justification,
                node_json(dict(decision.nodes), "analysis"),
                node_json(dict(decision.nodes), "diagnosis"),
                stamp(ledger.clock.now()),
                ACCOUNT,
                decision.decision_id,
            ),
        )


def stored_decision(connection: sqlite3.Connection, run_id: int, decision_id: str) -> tuple[Any, ...] | None:
    """The row of one decision, None if there is none."""
    row: tuple[Any, ...] | None = connection.execute(
        f"SELECT {DECISION_COLUMNS} FROM decisions WHERE run_id = ? AND decision_id = ?",
        (run_id, decision_id),
    ).fetchone()
    return row


def decisions_between(ledger: Ledger, start: datetime, end: datetime, *, run_id: int = ACCOUNT) -> list[Decision]:
    """Decisions with `start <= time < end`, in order of time; nodes and plans as plain values."""
    rows = ledger.connection.execute(
        f"SELECT {DECISION_COLUMNS} FROM decisions WHERE run_id = ? AND time >= ? AND time < ? "
        "ORDER BY time, decision_id",
        (run_id, stamp(start), stamp(end)),
    )
    return [_decision(row) for row in rows]


def _decision(row: Sequence[Any]) -> Decision:
    return Decision(
        decision_id=row[1],
        time=unstamp(row[2]),
        planner=row[3],
        failure=row[5],
        justification=row[6],
        rule_ids=tuple(json.loads(row[7])),
        nodes=json.loads(row[8]),
        plan=None if row[9] is None else json.loads(row[9]),
        risk_checks=json.loads(row[10]),
        order_ids=tuple(json.loads(row[11])),
        data_hash=row[12],
        prompt_hash=row[13],
    )
