"""One order from plan to fill, as the ledger has it: the decision, its risk check, and every entry of the journal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.errors import BadInput
from engine.ledger.canonical import unstamp
from engine.ledger.decisions import DECISION_COLUMNS, stored_decision
from engine.ledger.rows import ACCOUNT, find_order
from engine.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One entry of the journal about the order; `values` as it was written."""

    sequence: int
    time: datetime
    recorded_at: datetime
    kind: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All of one order.

    Args:
        order: as it stands.
        decision: row of the decision behind it, by column, JSON parsed; None where none is recorded.
        planned: the actions of its plan for this name and side.
        checks: what the risk check said about them.
        steps: journal entries, oldest first.
    """

    order: Order
    decision: Mapping[str, Any] | None
    planned: Sequence[Mapping[str, Any]]
    checks: Sequence[Mapping[str, Any]]
    steps: Sequence[Step]


def trace_order(connection: sqlite3.Connection, name: str) -> Trace:
    """Everything about an order of the account.

    Args:
        connection: of a ledger.
        name: the order's id, or the venue's number of it.

    Raises:
        BadInput: there is no such order, or several bear that number.
    """
    order = find_order(connection, name)
    if order is None:
        rows = connection.execute(
            "SELECT order_id FROM orders WHERE run_id = ? AND order_number = ? ORDER BY intended_at", (ACCOUNT, name)
        ).fetchall()
        if len(rows) != 1:
            found = ", ".join(str(row[0]) for row in rows)
            told = f"is the number of several orders: {found}" if rows else "is no order of this ledger"
            raise BadInput(f"{name} {told}. Give the id of one; geoul ledger show orders lists them.")
        order = find_order(connection, str(rows[0][0]))
    if order is None:
        raise BadInput(f"{name} is no order of this ledger. geoul ledger show orders lists them.")
    decision = _decision(connection, order.request.decision_id)
    planned: list[Mapping[str, Any]] = []
    checks: list[Mapping[str, Any]] = []
    if decision is not None:
        plan = decision["plan"]
        actions = plan.get("actions", ()) if isinstance(plan, Mapping) else plan or ()
        planned = [each for each in actions if _is_about(each, order)]
        checks = [each for each in decision["risk_checks"] if _is_about(each, order)]
    return Trace(order=order, decision=decision, planned=planned, checks=checks, steps=_steps(connection, order))


def _decision(connection: sqlite3.Connection, decision_id: str) -> Mapping[str, Any] | None:
    """The decision; an order of a guarded level names it after a colon."""
    row = stored_decision(connection, ACCOUNT, decision_id)
    if row is None:
        row = stored_decision(connection, ACCOUNT, decision_id.partition(":")[2])
    if row is None:
        return None
    values = dict(zip(DECISION_COLUMNS.split(", "), row, strict=True))
    for name in ("plan", "risk_checks", "rule_ids"):
        values[name] = json.loads(values[name]) if values[name] else None
    return values


def _is_about(entry: Mapping[str, Any], order: Order) -> bool:
    action = entry.get("action", entry)
    if not isinstance(action, Mapping):
        action = entry
    return action.get("ticker") == order.request.ticker and action.get("side") == order.request.side.value


def _steps(connection: sqlite3.Connection, order: Order) -> list[Step]:
    rows = connection.execute(
        "SELECT sequence, time, recorded_at, kind, payload FROM events "
        "WHERE json_extract(payload, '$.order_id') = ? ORDER BY sequence",
        (order.id,),
    )
    return [
        Step(sequence=row[0], time=unstamp(row[1]), recorded_at=unstamp(row[2]), kind=row[3], values=json.loads(row[4]))
        for row in rows
    ]
