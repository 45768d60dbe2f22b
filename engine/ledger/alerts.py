"""Alerts: what a person should know. In the ledger they survive a crash; who was told is noted elsewhere.

Delivery is the business of `engine.notify`, whose state has a file of its own: the ledger has one writer, and an answer
of a slow channel must not wait for it. The columns `attempts` and `delivered_at` of the table are not used any more.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from engine.ledger.canonical import canonical_json, stamp, unstamp
from engine.ledger.ledger import Ledger


class Urgency(Enum):
    """How soon a person must look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something a person should know; `code` is stable, `text` is for reading."""

    alert_id: int = 0
    time: datetime
    urgency: Urgency
    code: str
    text: str
    parameters: Mapping[str, Any]


def record_alert(
    ledger: Ledger, urgency: Urgency, code: str, text: str, parameters: Mapping[str, Any] | None = None
) -> int:
    """Write an alert down and return its number."""
    with ledger.writing() as connection:
        cursor = connection.execute(
            "INSERT INTO alerts (time, urgency, code, text, parameters) VALUES (?, ?, ?, ?, ?)",
            (stamp(ledger.clock.now()), urgency.value, code, text, canonical_json(parameters or {})),
        )
        return int(cursor.lastrowid or 0)


def was_told(ledger: Ledger, code: str, text: str, since: datetime | None = None) -> bool:
    """Whether the same words of the same code stand in the ledger already, since an instant or at all.

    For what goes on being so: whoever starts anew finds it again, and a person knows it.
    """
    found = ledger.connection.execute(
        "SELECT 1 FROM alerts WHERE code = ? AND text = ? AND time >= ? LIMIT 1",
        (code, text, "" if since is None else stamp(since)),
    )
    return found.fetchone() is not None


def record_alert_once(
    ledger: Ledger, urgency: Urgency, code: str, text: str, parameters: Mapping[str, Any] | None = None
) -> None:
    """Write an alert down, unless one of this code was told of the same things before."""
    with ledger.writing() as connection:
        told = connection.execute(
            "SELECT 1 FROM alerts WHERE code = ? AND parameters = ?", (code, canonical_json(parameters or {}))
        ).fetchone()
        if told is None:
            record_alert(ledger, urgency, code, text, parameters)


def all_alerts(ledger: Ledger) -> list[Alert]:
    """Every alert, oldest first."""
    return alerts_after(ledger.connection, 0, -1)


def alerts_after(connection: sqlite3.Connection, alert_id: int, most: int) -> list[Alert]:
    """Alerts after the one of that number, oldest first, at most so many (−1 = all); for readers in other threads."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM alerts WHERE alert_id > ? ORDER BY alert_id LIMIT ?", (alert_id, most)
    )
    return [_alert(row) for row in rows]


def last_alert_id(connection: sqlite3.Connection) -> int:
    """The number of the newest alert, 0 before the first."""
    return int(connection.execute("SELECT coalesce(max(alert_id), 0) FROM alerts").fetchone()[0])


def alerts_between(connection: sqlite3.Connection, start: datetime, end: datetime) -> list[Alert]:
    """Alerts with `start <= time < end`, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM alerts WHERE time >= ? AND time < ? ORDER BY alert_id", (stamp(start), stamp(end))
    )
    return [_alert(row) for row in rows]


_COLUMNS = "alert_id, time, urgency, code, text, parameters"


def _alert(row: Sequence[Any]) -> Alert:
    return Alert(
        alert_id=row[0],
        time=unstamp(row[1]),
        urgency=Urgency(row[2]),
        code=row[3],
        text=row[4],
        parameters=json.loads(row[5]),
    )
