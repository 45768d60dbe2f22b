"""What regular work has been done, in a small file of its own (`schedule.db`) beside the ledger.

A job is begun on disk before it starts and finished on disk after it ends, each for one scheduled moment. What was
begun and not finished when a process died is run again for the same moment, so nothing is skipped; work that has left
its result is recognised by the job itself, so nothing is doubled.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from engine.errors import DataError
from engine.ledger.canonical import stamp, unstamp

FILE = "schedule.db"
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    name TEXT PRIMARY KEY, moment TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, again TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT
"""


class State(Enum):
    """How the last scheduled moment of a job stands."""

    SEEN = "seen"  # the schedule began here: moments before it are nobody's
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"  # given up
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a job stands; every moment up to `moment` has been decided.

    Args:
        name: of the job.
        moment: the last one that came up.
        state: what became of it.
        attempts: how often it was started.
        again: BEGUN: not to be started before.
        note: in words.
    """

    name: str
    moment: datetime
    state: State
    attempts: int
    again: datetime
    note: str = ""


class ScheduleStore:
    """The file of one account; read once, written through.

    Args:
        folder: of the account.

    Raises:
        DataError: it is damaged or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        with self._open() as connection:
            rows = connection.execute("SELECT name, moment, state, attempts, again, note FROM jobs").fetchall()
        self._known = {row[0]: _standing(row) for row in rows}

    def standing(self, name: str) -> Standing | None:
        """Where a job stands; None if it has never been seen."""
        return self._known.get(name)

    def keep(self, standing: Standing) -> None:
        """Write where a job stands; on disk when this returns.

        Raises:
            DataError: the file cannot be written; what was known stands.
        """
        row = (standing.name, stamp(standing.moment), standing.state.value, standing.attempts, stamp(standing.again))
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?)", (*row, standing.note))
        self._known[standing.name] = standing

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self._path, timeout=5.0)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_TABLE)
                with connection:
                    yield connection
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"The schedule {self._path} cannot be used: {error}. Free disk space; if the file is damaged, remove "
                f"it: regular work then begins anew with its next moment."
            ) from error


def _standing(row: tuple[str, str, str, int, str, str]) -> Standing:
    name, moment, state, attempts, again, note = row
    return Standing(
        name=name,
        moment=unstamp(moment),
        state=State(state),
        attempts=attempts,
        again=unstamp(again),
        note=note,
    )
