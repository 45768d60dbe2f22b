"""Folded accounts that are kept beside the journal: the newest few, and some older ones for news that come late.

Only a cache. What stands in it and whether it may be used is known to `engine.trading.checkpoint`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.ledger.ledger import Ledger

NEWEST = 3  # a mirror of the day begins at the close before it, and a late event may lie in the last day
SPACING, SPACED = 20, 2  # bars between older ones, and how many of them are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    """One of them as it stands in the file.

    Args:
        number: of the row, 0 before it has one.
        row: bar at whose close it stands.
        decides: whether rules had decided before it.
        header: JSON.
        content: compressed arrays.
        digest: of all this, as `seal` makes it.
    """

    number: int = 0
    row: int
    decides: bool
    header: str
    content: bytes
    digest: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is what was written."""
        return self.digest == seal(self).digest


def seal(checkpoint: StoredCheckpoint) -> StoredCheckpoint:
    """The same with the digest of what it says."""
    told = f"{checkpoint.row}\x1f{int(checkpoint.decides)}\x1f{checkpoint.header}\x1f".encode()
    return replace(checkpoint, digest=hashlib.sha256(told + checkpoint.content).hexdigest())


def store_checkpoint(ledger: Ledger, checkpoint: StoredCheckpoint) -> int:
    """Write one in the place of others at the same close or a later one, and drop those that are not needed any more.

    Returns its number.

    Raises:
        LedgerError: the disk refused; the others are as before.
    """
    values = checkpoint.row, checkpoint.decides, checkpoint.header, checkpoint.content, checkpoint.digest
    with ledger.writing() as connection:
        connection.execute(
            "DELETE FROM account_checkpoints WHERE decides = ? AND row >= ?", (checkpoint.decides, checkpoint.row)
        )
        number = connection.execute(
            "INSERT INTO account_checkpoints (row, decides, header, content, digest) VALUES (?, ?, ?, ?, ?) "
            "RETURNING checkpoint_id",
            values,
        ).fetchone()[0]
        _prune(connection, checkpoint.decides)
    return int(number)


def stored_rows(connection: sqlite3.Connection) -> list[tuple[int, int, bool]]:
    """Number, bar and whether rules had decided, the latest bar first; at one bar the one in which they had."""
    found = connection.execute(
        "SELECT checkpoint_id, row, decides FROM account_checkpoints ORDER BY row DESC, decides DESC"
    )
    return [(number, row, bool(decides)) for number, row, decides in found]


def stored_checkpoint(connection: sqlite3.Connection, number: int) -> StoredCheckpoint:
    """One of them."""
    row = connection.execute(
        "SELECT checkpoint_id, row, decides, header, content, digest FROM account_checkpoints WHERE checkpoint_id = ?",
        (number,),
    ).fetchone()
    return StoredCheckpoint(
        number=row[0], row=row[1], decides=bool(row[2]), header=row[3], content=row[4], digest=row[5]
    )


def _prune(connection: sqlite3.Connection, decides: bool) -> None:
    rows = [
        row
        for (row,) in connection.execute(
            "SELECT row FROM account_checkpoints WHERE decides = ? ORDER BY row DESC", (decides,)
        )
    ]
    kept = {*rows[:NEWEST], *_spaced(rows[NEWEST:])}
    for row in rows:
        if row not in kept:
            connection.execute("DELETE FROM account_checkpoints WHERE decides = ? AND row = ?", (decides, row))


def _spaced(rows: list[int]) -> Iterator[int]:
    """Of descending bars the oldest of each stretch of `SPACING`, the newest stretches."""
    oldest: dict[int, int] = {}
    for row in rows:
        oldest[row // SPACING] = row
    yield from list(oldest.values())[:SPACED]
