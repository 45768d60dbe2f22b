"""What models have cost, from the ledger: by day, by week, by purpose, and what is still open."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engine.ledger.canonical import unstamp
from engine.model.budget import OPEN, TOKENS, WON


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """One line of the account.

    Args:
        start: first day of the day or week.
        purpose: what the calls were for.
        model: that was asked.
        calls: questions that were sent; replayed answers are not among them.
        answered: of these.
        tokens: in and out, or reserved where the count is unknown.
        won: spent, or reserved where the cost is unknown.
        open_won: the reserved part of `won`.
    """

    start: date
    purpose: str
    model: str
    calls: int
    answered: int
    tokens: int
    won: int
    open_won: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call whose cost is not known; it counts with what was reserved until it is resolved."""

    call_id: int
    time: datetime
    model: str
    purpose: str
    status: str
    failure: str
    reserved_won: int


def spending(connection: sqlite3.Connection, *, weekly: bool = False) -> list[Spending]:
    """What was spent, by day or by week (from Monday), purpose and model; oldest first."""
    rows = connection.execute(
        f"SELECT substr(time, 1, 10), purpose, model, count(*), sum(status = 'answered'), sum({TOKENS}), sum({WON}), "
        f"sum(CASE WHEN status IN (?, ?) THEN reserved_won ELSE 0 END) FROM llm_calls WHERE status <> 'replayed' "
        f"GROUP BY 1, 2, 3",
        OPEN,
    )
    found: dict[tuple[date, str, str], list[int]] = {}
    for day_text, purpose, model, *numbers in rows:
        day = date.fromisoformat(day_text)
        start = day - timedelta(days=day.weekday()) if weekly else day
        line = found.setdefault((start, purpose, model), [0] * len(numbers))
        line[:] = [had + more for had, more in zip(line, numbers, strict=True)]
    return [
        Spending(
            start=start,
            purpose=purpose,
            model=model,
            calls=numbers[0],
            answered=numbers[1],
            tokens=numbers[2],
            won=numbers[3],
            open_won=numbers[4],
        )
        for (start, purpose, model), numbers in sorted(found.items())
    ]


def open_calls(connection: sqlite3.Connection) -> list[OpenCall]:
    """Calls of unknown cost, oldest first."""
    rows = connection.execute(
        "SELECT call_id, time, model, purpose, status, failure, reserved_won FROM llm_calls "
        "WHERE status IN (?, ?) ORDER BY call_id",
        OPEN,
    )
    return [
        OpenCall(
            call_id=row[0],
            time=unstamp(row[1]),
            model=row[2],
            purpose=row[3],
            status=row[4],
            failure=row[5],
            reserved_won=row[6],
        )
        for row in rows
    ]
