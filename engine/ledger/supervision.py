"""What people and limits have decided about an account: halts, resumes, levels of autonomy, answers to plans.

Each is a row of the journal that says everything itself, so the chain of hashes proves who allowed what, when and why.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from engine.ledger.canonical import unstamp
from engine.ledger.journal import SUPERVISION_RECORDED
from engine.ledger.ledger import Ledger


class What(Enum):
    """Kinds of decision."""

    HALT = "halt"
    RESUME = "resume"
    LEVEL = "level"
    PLAN = "plan"  # one that waits for an answer, or is shown only
    APPROVE = "approve"
    REJECT = "reject"
    CASH = "cash"  # money that came or went without a trade, told by a person
    TRADE = "trade"  # made by hand, told by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """One decision about the account.

    Args:
        time: when it came into force.
        what: its kind.
        who: a person's login, or what of Geoul decided.
        reason: in words.
        request: number of the request that asked for it, 0 = nobody did.
        values: what belongs to its kind.
    """

    time: datetime
    what: What
    who: str
    reason: str = ""
    request: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)


def record_supervision(ledger: Ledger, entry: Supervision) -> None:
    """Chain a decision into the journal; on disk when this returns."""
    payload = {
        "what": entry.what,
        "who": entry.who,
        "reason": entry.reason,
        "request": entry.request,
        "values": entry.values,
    }
    with ledger.writing():
        ledger.note(SUPERVISION_RECORDED, payload, entry.time)


def supervisions(connection: sqlite3.Connection) -> list[Supervision]:
    """All of them, in the order of the journal."""
    rows = connection.execute(
        "SELECT time, payload FROM events WHERE kind = ? ORDER BY sequence", (SUPERVISION_RECORDED,)
    )
    return [_entry(time, json.loads(payload)) for time, payload in rows]


def _entry(time: str, values: dict[str, Any]) -> Supervision:
    return Supervision(
        time=unstamp(time),
        what=What(values["what"]),
        who=values["who"],
        reason=values["reason"],
        request=values["request"],
        values=values["values"],
    )
