"""The append-only journal: rows chained by hash, so that an edited or missing row shows.

The chain proves that nothing inside was changed. That nothing was cut off at the end is proved by the other
tables, which
change in the same transaction (see `engine.ledger.verify`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.errors import BrokenInvariant
from engine.events import Event
from engine.ledger.canonical import digest, stamp, unstamp
from engine.ledger.codec import EVENT_KINDS, decode

GENESIS = "0" * 64
Row = tuple[int, str, str, str, str, str]
_LAST = 2**63 - 1  # no row has a higher number

# Rows that announce records in other tables; they move neither orders nor cash.
RUN_RECORDED = "run_recorded"
DECISION_RECORDED = "decision_recorded"
TRIAL_RECORDED = "trial_recorded"
LOOK_RECORDED = "look_recorded"
SUPERVISION_RECORDED = "supervision_recorded"  # holds all it says itself, see engine.ledger.supervision
NOTES = frozenset({RUN_RECORDED, DECISION_RECORDED, TRIAL_RECORDED, LOOK_RECORDED, SUPERVISION_RECORDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the journal."""

    sequence: int
    time: str
    recorded_at: str
    kind: str
    payload: str
    hash: str

    @property
    def values(self) -> dict[str, Any]:
        """The payload, parsed."""
        parsed: dict[str, Any] = json.loads(self.payload)
        return parsed

    @property
    def event(self) -> Event | None:
        """The event of this row; None for a note about other tables."""
        return None if self.kind in NOTES else decode(self.kind, unstamp(self.time), self.values)


@dataclass(frozen=True, slots=True)
class Head:
    """Where the journal ends: the number and hash of its last row."""

    sequence: int = 0
    hash: str = GENESIS


def append(
    connection: sqlite3.Connection, head: Head, *, time: str, recorded_at: datetime, kind: str, payload: str
) -> Head:
    """Add one row inside the caller's transaction and return the new end."""
    if kind not in EVENT_KINDS and kind not in NOTES:
        raise BrokenInvariant(f'"{kind}" is no kind of journal row.')
    sequence, recorded = head.sequence + 1, stamp(recorded_at)
    chained = digest(head.hash, str(sequence), time, recorded, kind, payload)
    connection.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", (sequence, time, recorded, kind, payload, chained)
    )
    return Head(sequence, chained)


def head_of(connection: sqlite3.Connection) -> Head:
    """Where the journal in the file ends now."""
    row = connection.execute("SELECT sequence, hash FROM events ORDER BY sequence DESC LIMIT 1").fetchone()
    return Head(*row) if row else Head()


def entry_at(connection: sqlite3.Connection, sequence: int) -> Head:
    """Number and hash of one row; `Head()` for 0."""
    if sequence == 0:
        return Head()
    row = connection.execute("SELECT sequence, hash FROM events WHERE sequence = ?", (sequence,)).fetchone()
    if row is None:
        raise BrokenInvariant(f"The journal has no row {sequence}, though a checkpoint names it.")
    return Head(*row)


def entries(connection: sqlite3.Connection, after: Head = Head()) -> Iterator[Entry]:
    """The rows after `after`, each checked against the chain; a break raises `BrokenInvariant`."""
    for sequence, time, recorded_at, kind, payload, chained in checked_rows(connection, after):
        yield Entry(sequence=sequence, time=time, recorded_at=recorded_at, kind=kind, payload=payload, hash=chained)


def event_of(row: Row) -> Event:
    """The event of a plain row; no note."""
    return decode(row[3], unstamp(row[1]), json.loads(row[4]))


def checked_rows(connection: sqlite3.Connection, after: Head = Head(), until: int | None = None) -> Iterator[Row]:
    """The same as plain rows (sequence, time, recorded_at, kind, payload, hash), up to row `until`; for long journals.

    Raises:
        BrokenInvariant: a row does not follow from the one before it.
    """
    number, previous = after.sequence, after.hash
    cursor = connection.execute(
        "SELECT sequence, time, recorded_at, kind, payload, hash FROM events "
        "WHERE sequence > ? AND sequence <= ? ORDER BY sequence",
        (number, _LAST if until is None else until),
    )
    for row in cursor:
        sequence, time, recorded_at, kind, payload, chained = row
        if sequence != number + 1 or chained != digest(previous, str(sequence), time, recorded_at, kind, payload):
            raise BrokenInvariant(
                f"The journal is broken at row {sequence}: it does not follow from row {number}. "
                f"A row was changed or removed outside Geoul. Restore the ledger from a backup and reconcile."
            )
        number, previous = sequence, chained
        yield row
