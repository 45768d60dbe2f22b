"""How much of each name has usually been traded by this time of day, learned from the account's own sessions.

What is kept is the volume of the day so far at the times at which it was seen, so a gap in the feed costs a sighting
and makes nothing wrong. Times are five-minute slots since the open, which late openings move along.
"""

from __future__ import annotations

import os
import sqlite3
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median_low

from engine.errors import DataError
from engine.krx.sessions import session_open

FILE = "volumes.db"
SLOT = timedelta(minutes=5)
SESSIONS, LEAST_SESSIONS = 20, 5
_TABLE = """
CREATE TABLE IF NOT EXISTS volumes (
    session TEXT NOT NULL, ticker TEXT NOT NULL, slot INTEGER NOT NULL, shares INTEGER NOT NULL,
    PRIMARY KEY (session, ticker, slot)
) STRICT, WITHOUT ROWID
"""


class VolumeProfile:
    """The file of one account.

    Args:
        folder: of the account.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._session: date | None = None
        self._opens: datetime | None = None
        self._past: dict[str, list[tuple[list[int], list[int]]]] = {}
        self._today: dict[str, dict[int, int]] = {}

    def begin(self, session: date) -> None:
        """Read the sessions before this one; what was seen of another session and not kept is forgotten.

        Raises:
            DataError: the file is damaged or cannot be written.
        """
        self._past.clear()
        self._today.clear()
        self._session, self._opens = session, session_open(session)
        seen: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
        with self._open() as connection:
            rows = connection.execute(
                "SELECT session, ticker, slot, shares FROM volumes WHERE session < ? AND session IN "
                "(SELECT DISTINCT session FROM volumes WHERE session < ? ORDER BY session DESC LIMIT ?) "
                "ORDER BY session, ticker, slot",
                (session.isoformat(), session.isoformat(), SESSIONS),
            )
            for day, ticker, slot, shares in rows:
                slots, volumes = seen.setdefault((day, ticker), ([], []))
                slots.append(slot)
                volumes.append(shares)
        for (_, ticker), sights in seen.items():
            self._past.setdefault(ticker, []).append(sights)

    def see(self, ticker: str, time: datetime, shares: int) -> int:
        """Note the volume of the day so far; returns the slot."""
        if self._opens is None:
            return 0
        slot = (time - self._opens) // SLOT
        seen = self._today.setdefault(ticker, {})
        if shares > seen.get(slot, -1):
            seen[slot] = shares
        return slot

    def usual(self, ticker: str, slot: int) -> int | None:
        """Shares that have usually been traded by the end of a slot; None while it is not known.

        A session without a sighting in the slot counts with its next one, which is more: no false surge.
        """
        found: list[int] = []
        for slots, volumes in self._past.get(ticker, ()):
            place = bisect_left(slots, slot)
            if place < len(slots):
                found.append(volumes[place])
        return median_low(found) if len(found) >= LEAST_SESSIONS else None

    def keep(self) -> None:
        """Write what was seen today, and forget what is older than is ever looked at.

        Raises:
            DataError: the file cannot be written.
        """
        if self._session is None or not self._today:
            return
        day = self._session.isoformat()
        rows = [(day, ticker, slot, shares) for ticker, seen in self._today.items() for slot, shares in seen.items()]
        with self._open() as connection:
            connection.executemany("INSERT OR REPLACE INTO volumes VALUES (?, ?, ?, ?)", rows)
            connection.execute(
                "DELETE FROM volumes WHERE session NOT IN "
                "(SELECT DISTINCT session FROM volumes ORDER BY session DESC LIMIT ?)",
                (SESSIONS + 1,),
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self._path, timeout=5.0)) as connection:
                connection.execute(_TABLE)
                with connection:
                    yield connection
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"The volumes {self._path} cannot be used: {error}. Free disk space; if the file is damaged, remove "
                f"it: what is usual is then learned anew."
            ) from error
