"""Orders, fills and trades as rows of their tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from engine.fill import Fill
from engine.ledger.canonical import canonical_json, stamp, unstamp
from engine.order import ACTIVE, Order, OrderKind, OrderRequest, OrderStatus, RefusalReason, Side

ACCOUNT = 0  # the run that is the account itself

_ORDER_COLUMNS = (
    "order_id, decision_id, intended_at, ticker, side, kind, quantity, price, filled, filled_amount, status, "
    "reason, message, order_number, rule_ids, done_at"
)


def save_order(connection: sqlite3.Connection, order: Order) -> None:
    """Write the present state of an order of the account; its trade stays linked."""
    connection.execute(
        f"INSERT INTO orders (run_id, {_ORDER_COLUMNS}) VALUES ({ACCOUNT}{', ?' * 16}) "
        "ON CONFLICT (run_id, order_id) DO UPDATE SET kind = excluded.kind, quantity = excluded.quantity, "
        "price = excluded.price, filled = excluded.filled, filled_amount = excluded.filled_amount, "
        "status = excluded.status, reason = excluded.reason, message = excluded.message, "
        "order_number = excluded.order_number, done_at = excluded.done_at",
        (
            order.id,
            order.request.decision_id,
            stamp(order.intended_at),
            order.request.ticker,
            order.request.side.value,
            order.request.kind.value,
            order.request.quantity,
            order.request.price,
            order.filled,
            order.filled_amount,
            order.status.value,
            order.reason.value if order.reason else "",
            order.message,
            order.order_number,
            canonical_json(order.request.rule_ids),
            stamp(order.done_at) if order.done_at else None,
        ),
    )


def find_order(connection: sqlite3.Connection, order_id: str) -> Order | None:
    """An order of the account, active or finished."""
    row = connection.execute(
        f"SELECT {_ORDER_COLUMNS} FROM orders WHERE run_id = {ACCOUNT} AND order_id = ?", (order_id,)
    ).fetchone()
    return _order(row) if row else None


def orders_of_account(
    connection: sqlite3.Connection,
    *,
    active_only: bool = False,
    intended_on: date | None = None,
    decision_id: str | None = None,
) -> dict[str, Order]:
    """All orders of the account by id, or those that can still change, of a day in Seoul, or of a decision."""
    query = f"SELECT {_ORDER_COLUMNS} FROM orders WHERE run_id = {ACCOUNT}"
    values: list[str] = []
    if active_only:
        values = [status.value for status in ACTIVE]
        query += f" AND status IN ({', '.join('?' * len(values))})"
    if intended_on is not None:
        values += [f"{intended_on.isoformat()}T", f"{intended_on.isoformat()}U"]
        query += " AND intended_at >= ? AND intended_at < ?"
    if decision_id is not None:
        values.append(decision_id)
        query += " AND decision_id = ?"
    return {row[0]: _order(row) for row in connection.execute(query, values)}


def _order(row: Sequence[Any]) -> Order:
    request = OrderRequest(
        ticker=row[3],
        side=Side(row[4]),
        kind=OrderKind(row[5]),
        quantity=row[6],
        price=row[7],
        rule_ids=tuple(json.loads(row[14])),
        decision_id=row[1],
    )
    return Order(
        id=row[0],
        request=request,
        intended_at=unstamp(row[2]),
        status=OrderStatus(row[10]),
        order_number=row[13],
        filled=row[8],
        filled_amount=row[9],
        reason=RefusalReason(row[11]) if row[11] else None,
        message=row[12],
        done_at=unstamp(row[15]) if row[15] else None,
    )


_FILL_COLUMNS = "fill_key, order_id, time, point, ticker, side, quantity, price, amount, fee, stt, rural"


def fill_row(fill: Fill) -> tuple[Any, ...]:
    """The columns of a fill without `realised`, in the order of the table."""
    return (
        fill.key,
        fill.order_id,
        stamp(fill.time),
        fill.point,
        fill.ticker,
        fill.side.value,
        fill.quantity,
        fill.price,
        fill.amount,
        fill.fee,
        fill.stt,
        fill.rural,
    )


def save_fill(connection: sqlite3.Connection, fill: Fill, realised: int) -> None:
    """Write a fill of the account."""
    connection.execute(
        f"INSERT INTO fills (run_id, {_FILL_COLUMNS}, realised) VALUES ({ACCOUNT}{', ?' * 13})",
        (*fill_row(fill), realised),
    )


def find_fill(connection: sqlite3.Connection, key: str) -> tuple[Any, ...] | None:
    """The row of a fill as `fill_row` makes it, or None."""
    row: tuple[Any, ...] | None = connection.execute(
        f"SELECT {_FILL_COLUMNS} FROM fills WHERE run_id = {ACCOUNT} AND fill_key = ?", (key,)
    ).fetchone()
    return row


def save_trade(
    connection: sqlite3.Connection, order: Order, first_fill: datetime, portfolio_before: str, now: datetime
) -> None:
    """Write or update the trade of an order that has fills: one row per executed order.

    Args:
        connection: inside a transaction, after `save_order`.
        order: its present state.
        first_fill: time of the first fill; used when the row is new.
        portfolio_before: JSON; used when the row is new and no decision tells more.
        now: by the clock of the run.
    """
    trade_id = connection.execute(
        f"SELECT trade_id FROM orders WHERE run_id = {ACCOUNT} AND order_id = ?", (order.id,)
    ).fetchone()[0]
    average = order.filled_amount / order.filled
    if trade_id is not None:
        connection.execute(
            "UPDATE trades SET quantity = ?, price = ?, order_number = ?, execution_status = ?, "
            "updated_at = ? WHERE trade_id = ?",
            (order.filled, average, order.order_number, order.status.value, stamp(now), trade_id),
        )
        return
    justification, snapshot, portfolio = reasons_of(connection, order)
    cursor = connection.execute(
        "INSERT INTO trades (timestamp, ticker, action, quantity, price, justification_text, "
        "market_snapshot, portfolio_before, order_number, execution_status, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stamp(first_fill),
            order.request.ticker,
            order.request.side.value.upper(),
            order.filled,
            average,
            justification,
            snapshot,
            portfolio or portfolio_before,
            order.order_number,
            order.status.value,
            stamp(now),
            stamp(now),
        ),
    )
    connection.execute(
        f"UPDATE orders SET trade_id = ? WHERE run_id = {ACCOUNT} AND order_id = ?",
        (cursor.lastrowid, order.id),
    )


def reasons_of(connection: sqlite3.Connection, order: Order) -> tuple[str, str | None, str | None]:
    """Justification, market snapshot and portfolio of the decision behind an order; None if not recorded.

    An order outside the graph, such as a stop, is justified by the texts of its rules.
    """
    row = connection.execute(
        "SELECT justification_text, nodes FROM decisions WHERE run_id = ? AND decision_id = ?",
        (ACCOUNT, order.request.decision_id),
    ).fetchone()
    if row:
        nodes = json.loads(row[1])
        return row[0], node_json(nodes, "analysis"), node_json(nodes, "diagnosis")
    texts = []
    for rule_id in order.request.rule_ids:
        found = connection.execute(
            "SELECT text FROM rules WHERE rule_id = ? ORDER BY recorded_at DESC LIMIT 1", (rule_id,)
        ).fetchone()
        texts.append(f"{rule_id}: {found[0]}" if found else rule_id)
    return "\n".join(texts), None, None


def node_json(nodes: dict[str, Any], name: str) -> str | None:
    """The output of one node as text, None when the node did not run."""
    return canonical_json(nodes[name]) if nodes.get(name) is not None else None
