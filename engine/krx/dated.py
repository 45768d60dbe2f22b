"""Facts that change by date: the value of a day, its source, and a refusal outside the verified range.

An exchange rule holds from one trade date until the next amendment. A table never guesses: before its first
row, and after the last day for which amendments were collected, it raises `UnknownDate`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import UnknownDate

Value = TypeVar("Value")
Confidence = Literal["high", "medium", "low"]

EPOCH = date(1970, 1, 1)

# Amendments were collected up to 2026-11-23; those already announced then (and the holidays of 2027) are in
# the tables. A later day asks for a new look at the exchange's notices, not for the old rule.
COLLECTED_ON = date(2026, 11, 23)
VERIFIED_UNTIL = date(2027, 12, 31)


@dataclass(frozen=True, slots=True)
class DatedRow(Generic[Value]):
    """One value and the first trade date on which it applies.

    Attributes:
        from_date: first trade date, inclusive.
        value: the rule; it applies until the `from_date` of the next row.
        source: short names of the documents, spelled out in `engine.krx.tables`.
        confidence: high = rule text, or press of the time and data agree; medium = one of them; low =
            contradictory or recalled.
        note: what a reader must know, for example that the date is a placeholder.
    """

    from_date: date
    value: Value
    source: str
    confidence: Confidence = "high"
    note: str = ""


def row(from_date: str, value: Value, source: str, confidence: Confidence = "high", note: str = "") -> DatedRow[Value]:
    """A `DatedRow` from an ISO date, to keep the tables readable."""
    return DatedRow(date.fromisoformat(from_date), value, source, confidence, note)


class DatedTable(Generic[Value]):
    """Rows in date order, asked by day.

    Args:
        name: what the table says, in words for an error message.
        rows: at least one, with strictly increasing dates.
        verified_until: last day for which the table may be asked.

    Example:
        >>> unit = DatedTable("example", (row("2000-01-03", 10, "KP_ENF"), row("2014-06-02", 1, "KP_ENF")))
        >>> unit.at(date(2014, 6, 1)), unit.at(date(2014, 6, 2))
        (10, 1)
    """

    def __init__(self, name: str, rows: tuple[DatedRow[Value], ...], verified_until: date = VERIFIED_UNTIL) -> None:
        dates = [entry.from_date for entry in rows]
        if not rows or dates != sorted(set(dates)) or dates[-1] > verified_until:
            raise ValueError(f"{name}: rows must be non-empty, in strictly increasing date order and in range")
        self.name, self.rows, self.verified_until = name, rows, verified_until
        self._dates = dates

    @property
    def verified_from(self) -> date:
        """First day for which the table may be asked."""
        return self._dates[0]

    def row_at(self, day: date) -> DatedRow[Value]:
        """The row that applies on `day`.

        Raises:
            UnknownDate: `day` lies outside the verified range.
        """
        if not self.verified_from <= day <= self.verified_until:
            raise UnknownDate(
                f"{self.name}: the rule of {day} is not known. The table is verified from "
                f"{self.verified_from} to {self.verified_until}. Choose dates inside that range, or add a row "
                "with its source to engine/krx/tables."
            )
        return self.rows[bisect_right(self._dates, day) - 1]

    def at(self, day: date) -> Value:
        """The value on `day`; raises `UnknownDate` outside the verified range."""
        return self.row_at(day).value

    def row_numbers(self, session_days: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row number for each day, -1 outside the verified range; days count from 1970-01-01."""
        starts = np.array([days_since_epoch(start) for start in self._dates], dtype=np.int64)
        numbers = np.searchsorted(starts, session_days, side="right") - 1
        return np.where(session_days > days_since_epoch(self.verified_until), -1, numbers).astype(np.int64)


def days_since_epoch(day: date) -> int:
    """Days since 1970-01-01, the form in which arrays hold a date."""
    return (day - EPOCH).days


def distinct_days(days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different days in increasing order, and for each given day its position among them.

    What `numpy.unique` gives, but without sorting millions of rows: days span a few ten thousand numbers at most.
    """
    days = np.asarray(days, dtype=np.int64)
    if not days.size:
        return days, days
    first = int(days.min())
    seen = np.zeros(int(days.max()) - first + 1, dtype=np.bool_)
    seen[days - first] = True
    position = np.cumsum(seen, dtype=np.int64) - 1
    return np.flatnonzero(seen).astype(np.int64) + first, position[days - first]


def date_of(days: int) -> date:
    """The date that lies `days` after 1970-01-01."""
    return EPOCH + timedelta(days=int(days))
