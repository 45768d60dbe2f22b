"""Alerts, which are also the outbox: one that is not delivered yet survives a crash."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    rows = ledger.connection.execute(
        "SELECT alert_id, time, urgency, code, text, parameters, attempts FROM alerts "
        "WHERE delivered_at IS NULL ORDER BY alert_id"
    )
    return [
        Alert(
            alert_id=row[0],
            time=unstamp(row[1]),
            urgency=Urgency(row[2]),
            code=row[3],
            text=row[4],
            parameters=json.loads(row[5]),
            attempts=row[6],
        )
        for row in rows
    ]


def mark_attempt(ledger: Ledger, alert_id: int, *, delivered: bool) -> None:
    """Count an attempt to deliver, and close the alert when it arrived."""
    with ledger.writing() as connection:
        connection.execute(
            "UPDATE alerts SET attempts = attempts + 1, delivered_at = ? WHERE alert_id = ?",
            (stamp(ledger.clock.now()) if delivered else None, alert_id),
        )
