"""The caps on what models may cost: checked before each call, against everything that was spent or may have been.

A call counts with its cost once that is known. Until then, and for ever if the answer was lost, it counts with the most
that it could cost: a crash never makes room.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.clock import in_seoul
from engine.ledger.canonical import stamp
from engine.model.config import Caps
from engine.model.failure import BudgetExhausted

# Statuses of llm_calls. What is open counts with what was reserved.
RESERVED, ANSWERED, FAILED, UNKNOWN, REPLAYED = "reserved", "answered", "failed", "unknown", "replayed"
OPEN = (RESERVED, UNKNOWN)

WON = f"CASE WHEN status IN ('{RESERVED}', '{UNKNOWN}') THEN reserved_won ELSE coalesce(cost_won, 0) END"
TOKENS = (
    f"CASE WHEN status IN ('{RESERVED}', '{UNKNOWN}') THEN reserved_tokens "
    f"WHEN status = '{REPLAYED}' THEN 0 ELSE coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0) END"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What counts against the caps of one window."""

    won: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    name: str
    condition: str
    value: str
    won: int | None
    tokens: int | None


def day_start(now: datetime) -> datetime:
    """Midnight in Seoul."""
    return in_seoul(now).replace(hour=0, minute=0, second=0, microsecond=0)


def week_start(now: datetime) -> datetime:
    """Midnight of Monday in Seoul."""
    start = day_start(now)
    return start - timedelta(days=start.weekday())


def spent_in_run(connection: sqlite3.Connection, run: str) -> Spent:
    """What a run has cost, or may have."""
    return _spent(connection, "run = ?", run)


def refuse_over_caps(
    connection: sqlite3.Connection, caps: Caps, *, run: str, now: datetime, most_won: int, most_tokens: int
) -> None:
    """Raise unless a call that may cost so much fits under every cap; call inside the transaction that reserves it.

    Raises:
        BudgetExhausted: which cap, what is spent, what the call could cost, what to do.
    """
    for window in _windows(caps, run, now):
        spent = _spent(connection, window.condition, window.value)
        for cap, used, more, unit in (
            (window.won, spent.won, most_won, "won"),
            (window.tokens, spent.tokens, most_tokens, "tokens"),
        ):
            if cap is not None and used + more > cap:
                raise BudgetExhausted(
                    f"The model is not asked: this call could cost {more:,} {unit}, and {used:,} of the "
                    f"{cap:,} {unit} for this {window.name} are spent or reserved. Raise caps.{window.name}_"
                    f"{unit} in the section `model`, or look at `geoul model cost`."
                )


def _windows(caps: Caps, run: str, now: datetime) -> Iterator[_Window]:
    yield _Window(name="run", condition="run = ?", value=run, won=caps.run_won, tokens=caps.run_tokens)
    day, week = stamp(day_start(now)), stamp(week_start(now))
    yield _Window(name="day", condition="time >= ?", value=day, won=caps.day_won, tokens=caps.day_tokens)
    yield _Window(name="week", condition="time >= ?", value=week, won=caps.week_won, tokens=caps.week_tokens)


def _spent(connection: sqlite3.Connection, condition: str, value: str) -> Spent:
    won, tokens = connection.execute(
        f"SELECT coalesce(sum({WON}), 0), coalesce(sum({TOKENS}), 0) FROM llm_calls WHERE {condition}", (value,)
    ).fetchone()
    return Spent(won=won, tokens=tokens)
