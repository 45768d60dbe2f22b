"""Alerts, which are also the outbox: one that is not delivered yet survives a crash."""

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
    attempts: int = 0


def record_alert(
    ledger: Ledger, urgency: Urgency, code: str, text: str, parameters: Mapping[str, Any] | None = None
) -> int:
    """Put an alert into the outbox and return its number."""
    with ledger.writing() as connection:
        cursor = connection.execute(
            "INSERT INTO alerts (time, urgency, code, text, parameters) VALUES (?, ?, ?, ?, ?)",
            (stamp(ledger.clock.now()), urgency.value, code, text, canonical_json(parameters or {})),
        )
        return int(cursor.lastrowid or 0)


def undelivered_alerts(ledger: Ledger) -> list[Alert]:
    """What is still to be sent, oldest first."""
    rows = ledger.connection.execute(f"SELECT {_COLUMNS} FROM alerts WHERE delivered_at IS NULL ORDER BY alert_id")
    return [_alert(row) for row in rows]


def alerts_after(connection: sqlite3.Connection, alert_id: int, most: int) -> list[Alert]:
    """Alerts that were written after the one of that number, oldest first; for readers in other threads."""
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


_COLUMNS = "alert_id, time, urgency, code, text, parameters, attempts"


def _alert(row: Sequence[Any]) -> Alert:
    return Alert(
        alert_id=row[0],
        time=unstamp(row[1]),
        urgency=Urgency(row[2]),
        code=row[3],
        text=row[4],
        parameters=json.loads(row[5]),
        attempts=row[6],
    )


def mark_attempt(ledger: Ledger, alert_id: int, *, delivered: bool) -> None:
    """Count an attempt to deliver, and close the alert when it arrived."""
    with ledger.writing() as connection:
        connection.execute(
            "UPDATE alerts SET attempts = attempts + 1, delivered_at = ? WHERE alert_id = ?",
            (stamp(ledger.clock.now()) if delivered else None, alert_id),
        )
