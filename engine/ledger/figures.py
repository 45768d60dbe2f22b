"""Single figures of an account that are asked for again and again: cheap whatever the length of the journal."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from engine.events import CashMoved, CashReason
from engine.ledger.canonical import stamp, unstamp
from engine.ledger.codec import kind_of
from engine.ledger.rows import ACCOUNT

_PAID = frozenset({CashReason.DEPOSIT.value, CashReason.WITHDRAWAL.value})


def losing_streak(connection: sqlite3.Connection) -> int:
    """Sells in a row, up to the last one, whose fills so far lost money after the costs of the sell."""
    rows = connection.execute(
        "SELECT (SELECT sum(f.realised - f.fee - f.stt - f.rural) FROM orders o JOIN fills f "
        "ON f.run_id = o.run_id AND f.order_id = o.order_id WHERE o.trade_id = t.trade_id AND o.run_id = ?) "
        "FROM trades t WHERE t.action = 'SELL' ORDER BY t.trade_id DESC",
        (ACCOUNT,),
    )
    streak = 0
    for (earned,) in rows:  # stops reading at the first gain
        if earned is None:
            continue  # of a backtest in the same file
        if earned >= 0:
            break
        streak += 1
    return streak


def paid_since(connection: sqlite3.Connection, time: datetime) -> int:
    """Won paid in less won paid out after a moment."""
    rows = connection.execute(
        "SELECT payload FROM events WHERE kind = ? AND time > ?", (kind_of(CashMoved), stamp(time))
    )
    moved = (json.loads(payload) for (payload,) in rows)
    return sum(int(values["amount"]) for values in moved if values["reason"] in _PAID)


def last_decision_id(connection: sqlite3.Connection) -> str:
    """The latest decision of the account, "" before the first."""
    row = connection.execute(
        "SELECT decision_id FROM decisions WHERE run_id = ? ORDER BY time DESC LIMIT 1", (ACCOUNT,)
    ).fetchone()
    return str(row[0]) if row else ""


def last_written_at(connection: sqlite3.Connection) -> datetime | None:
    """When the last entry of the journal was written, None before the first."""
    row = connection.execute("SELECT recorded_at FROM events ORDER BY sequence DESC LIMIT 1").fetchone()
    return unstamp(row[0]) if row else None
