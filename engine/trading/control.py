"""What other processes ask of the trader, and what it answered: `control.db` in the account's folder.

    asked = ControlFile(folder).ask("halt", who, {"reason": "…"}, now)      any process
    for request in control.news(): ... control.answer(request, done, text, now)      the trader

The ledger has one writer, the trader; whoever else wants something writes a row here and waits for its answer. A row is
on disk before its number is known, and has an answer only after its effect is in the ledger, so neither a crash of the
trader nor its absence loses one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.errors import DataError
from engine.ledger.canonical import canonical_json, stamp, unstamp

FILE = "control.db"
_VERSION = 1
_BUSY_SECONDS = 5.0
_ATTEMPTS, _PAUSE_SECONDS = 5, 0.05
SILENT = "silent"  # the command of `geoul watch`: the trader showed no sign of life
_TABLES = """
CREATE TABLE requests (
    request_id INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    who TEXT NOT NULL,
    command TEXT NOT NULL,
    parameters TEXT NOT NULL,
    answered_at TEXT,
    done INTEGER,
    answer TEXT
) STRICT;
CREATE INDEX requests_open ON requests(request_id) WHERE answered_at IS NULL;
"""
_COLUMNS = "request_id, time, who, command, parameters, answered_at, done, answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One row.

    Args:
        request_id: its number.
        time: when it was asked.
        who: a person's login.
        command: halt, resume, level, approve, reject, cash, trade or silent.
        parameters: of the command.
        is_answered: the trader has answered.
        done: it did what was asked; False = it refused, and `answer` says why.
        answer: in words.
    """

    request_id: int
    time: datetime
    who: str
    command: str
    parameters: Mapping[str, Any]
    is_answered: bool = False
    done: bool = False
    answer: str = ""


class ControlFile:
    """The file of one account. Every call opens it anew, but for the trader's, which stays open (`listen`).

    Args:
        folder: of the account.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._ear: sqlite3.Connection | None = None
        self._heard, self._inode = -1, 0

    # Any process --------------------------------------------------------------------------------------------

    def ask(self, command: str, who: str, parameters: Mapping[str, Any], now: datetime) -> int:
        """Write a request; it survives a power failure when this returns.

        Raises:
            DataError: the file cannot be written.
        """
        with self._open() as connection:
            cursor = connection.execute(
                "INSERT INTO requests (time, who, command, parameters) VALUES (?, ?, ?, ?)",
                (stamp(now), who, command, canonical_json(parameters)),
            )
            return int(cursor.lastrowid or 0)

    def request(self, request_id: int) -> Request:
        """A request, with its answer once there is one."""
        with self._open() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM requests WHERE request_id = ?", (request_id,)).fetchone()
        if row is None:
            raise DataError(f"{self.path} has no request {request_id}. Was the file replaced?")
        return _request(row)

    def unanswered(self) -> list[Request]:
        """Requests that the trader has not answered yet, oldest first."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            return _unanswered(connection)

    # The trader ---------------------------------------------------------------------------------------------

    def listen(self) -> sqlite3.Connection:
        """Open the file for `news`, making it if need be.

        Raises:
            DataError: it is damaged, cannot be written, or comes from a newer Geoul.
        """
        with self._told():
            if self._ear is not None and self._inode != self._inode_now():  # moved away, or restored from a backup
                self.close()
            if self._ear is None:
                self._ear, self._heard = self._connect(), -1
                self._inode = self._inode_now()
            return self._ear

    def _inode_now(self) -> int:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return 0

    def news(self) -> list[Request]:
        """Unanswered requests, if another process has written since the last call; a look costs microseconds."""
        ear = self.listen()
        with self._told():
            (version,) = ear.execute("PRAGMA data_version").fetchone()
            if version == self._heard:
                return []
            found = _unanswered(ear)
            self._heard = version
            return found

    def answer(self, request: Request, *, done: bool, text: str, now: datetime) -> None:
        """Answer a request, after its effect is in the ledger."""
        ear = self.listen()
        with self._told():
            ear.execute(
                "UPDATE requests SET answered_at = ?, done = ?, answer = ? WHERE request_id = ?",
                (stamp(now), int(done), text, request.request_id),
            )

    def close(self) -> None:
        """Listen no more."""
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    # The file -----------------------------------------------------------------------------------------------

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._told(), closing(self._connect()) as connection:
            yield connection

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        attempts = _ATTEMPTS
        while True:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=_BUSY_SECONDS)
            try:
                self._prepare(connection)
                return connection
            except BaseException as error:
                connection.close()
                attempts -= 1
                # Where two processes make the file, SQLite does not wait for the other one's change of the mode.
                if attempts == 0 or not isinstance(error, sqlite3.OperationalError):
                    raise
            time.sleep(_PAUSE_SECONDS)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise DataError(f"{self.path} was written by a newer Geoul. Update with pip install --upgrade geoul.")
        connection.execute("PRAGMA synchronous = FULL")
        if version == _VERSION:
            return
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:  # nobody was faster
            for statement in filter(str.strip, _TABLES.split(";\n")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"{self.path} cannot be used ({error}). Free disk space and check its rights; if it is damaged, move "
                f"it away: only requests without an answer are lost with it."
            ) from error


def refuse_unanswered(path: Path, text: str, now: datetime) -> int:
    """Answer everything in a file that nobody has answered with a refusal, but for alarms; returns how many.

    For a file that comes back out of a backup: what was asked then is not meant now.
    """
    with closing(sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)) as connection:
        done = connection.execute(
            "UPDATE requests SET answered_at = ?, done = 0, answer = ? WHERE answered_at IS NULL AND command <> ?",
            (stamp(now), text, SILENT),
        )
        return done.rowcount


def _unanswered(connection: sqlite3.Connection) -> list[Request]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM requests WHERE answered_at IS NULL ORDER BY request_id")
    return [_request(row) for row in rows]


def _request(row: tuple[Any, ...]) -> Request:
    return Request(
        request_id=row[0],
        time=unstamp(row[1]),
        who=row[2],
        command=row[3],
        parameters=json.loads(row[4]),
        is_answered=row[5] is not None,
        done=bool(row[6]),
        answer=row[7] or "",
    )
