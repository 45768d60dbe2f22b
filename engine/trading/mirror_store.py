"""Mirrored sessions of an account, and what shadow rules would have earned on them, in a file beside the ledger.

The ledger says what happened; this file says what a replay makes of it, and can be made again at any time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from engine.errors import DataError
from engine.trading.mirrored_day import Cause, DayMirror

FILE = "mirror.db"
_TABLES = """
CREATE TABLE IF NOT EXISTS days (
    session TEXT PRIMARY KEY, explained INTEGER NOT NULL, decision TEXT NOT NULL, slippage INTEGER NOT NULL,
    orders TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS returns (
    session TEXT NOT NULL, rules TEXT NOT NULL, daily_return REAL NOT NULL, PRIMARY KEY (session, rules)
) STRICT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirroredDay:
    """One stored session: whether all differences are explained, and the won lost to worse prices."""

    session: date
    is_explained: bool
    decision: Cause
    slippage: int


class MirrorStore:
    """The file of one account.

    Args:
        folder: of the account.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def keep(self, days: Sequence[DayMirror]) -> None:
        """Write sessions; a session that was there is replaced."""
        with self._open() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO days VALUES (?, ?, ?, ?, ?)",
                [
                    (day.session.isoformat(), day.is_explained, day.decision.value, day.slippage, _orders_json(day))
                    for day in days
                ],
            )

    def keep_returns(self, rules: str, returns: Mapping[date, float]) -> None:
        """Write what rules (by the hash of their prompt) earned in replay: simple return by session."""
        with self._open() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO returns VALUES (?, ?, ?)",
                [(session.isoformat(), rules, value) for session, value in returns.items()],
            )

    def days(self) -> list[MirroredDay]:
        """All sessions, in order."""
        with self._open() as connection:
            rows = connection.execute("SELECT session, explained, decision, slippage FROM days ORDER BY session")
            return [
                MirroredDay(
                    session=date.fromisoformat(row[0]),
                    is_explained=bool(row[1]),
                    decision=Cause(row[2]),
                    slippage=row[3],
                )
                for row in rows
            ]

    def returns(self, rules: str) -> dict[date, float]:
        """What rules earned, by session."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT session, daily_return FROM returns WHERE rules = ? ORDER BY session", (rules,)
            )
            return {date.fromisoformat(session): value for session, value in rows}

    def unbroken(self) -> int:
        """Sessions at the end without an unexplained difference."""
        count = 0
        for day in reversed(self.days()):
            if not day.is_explained:
                break
            count += 1
        return count

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=10)
            try:
                with connection:
                    connection.executescript(_TABLES)
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise DataError(
                f"{self._path} cannot be used ({error}). Remove it: geoul mirror makes it again from the ledger."
            ) from None


def _orders_json(day: DayMirror) -> str:
    orders = [
        {
            "ticker": each.ticker,
            "side": each.side.value,
            "rules": list(each.rules),
            "asked": [each.asked, each.asked_in_replay],
            "filled": [each.filled, each.filled_in_replay],
            "amount": [each.amount, each.amount_in_replay],
            "costs": [each.costs, each.costs_in_replay],
            "slippage": each.slippage,
            "cause": each.cause.value,
        }
        for each in day.orders
    ]
    return json.dumps(orders, ensure_ascii=False)
