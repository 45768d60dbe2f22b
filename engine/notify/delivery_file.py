"""The file `deliveries.db`: its tables, its rows, and how it is opened."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.errors import DataError
from engine.ledger.alerts import Urgency
from engine.ledger.canonical import unstamp
from engine.ledger.connection import LedgerError, all_or_nothing

_VERSION = 1
_MAKING = threading.Lock()  # threads that find no file at once would lock each other out while it becomes WAL

_TABLES = """
CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    taken INTEGER NOT NULL,             -- number of the last alert that was taken over
    failures INTEGER NOT NULL,          -- in a row
    failing_since TEXT,
    others_told INTEGER NOT NULL,       -- of this failure, 0 or 1
    next_at TEXT                        -- no attempt before this
) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries (
    delivery_id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    first_alert INTEGER NOT NULL,       -- 0: not from the ledger
    last_alert INTEGER NOT NULL,
    count INTEGER NOT NULL,             -- alerts in this message
    about TEXT NOT NULL,                -- code and key parameters: alerts that are alike have the same
    urgency TEXT NOT NULL,
    code TEXT NOT NULL,
    time TEXT NOT NULL,                 -- of the first alert
    last_time TEXT NOT NULL,
    text TEXT NOT NULL,                 -- this and the next: of the last alert
    parameters TEXT NOT NULL,
    due_at TEXT NOT NULL,
    window_ends TEXT NOT NULL,          -- until then alerts like this one are only counted
    status TEXT NOT NULL,               -- waiting, delivered, refused, given up, too old
    attempts INTEGER NOT NULL,
    told TEXT NOT NULL,                 -- what went wrong last
    done_at TEXT
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries(channel, status, due_at);
CREATE INDEX deliveries_alike ON deliveries(channel, about, delivery_id);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message of one channel, as far as it has got; the fields are those of the table."""

    delivery_id: int
    channel: str
    first_alert: int
    last_alert: int
    count: int
    urgency: Urgency
    code: str
    time: datetime
    last_time: datetime
    text: str
    parameters: Mapping[str, Any]
    due_at: datetime
    status: str
    attempts: int
    told: str
    done_at: datetime | None


COLUMNS = (
    "delivery_id, channel, first_alert, last_alert, count, urgency, code, time, last_time, text, parameters, due_at, "
    "status, attempts, told, done_at"
)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the file, which is made (mode 0600) if it is not there.

    Raises:
        DataError: it is damaged, or from a newer Geoul.
        LedgerError: it cannot be written.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
            _prepare(connection, path)
            yield connection
    except sqlite3.OperationalError as error:
        raise LedgerError(f"{path} cannot be written: {error}. Free disk space, or check its rights.") from error
    except sqlite3.DatabaseError as error:
        raise DataError(
            f"{path} is damaged: {error}. Move it away; alerts of the last days are then sent again."
        ) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise DataError(f"{path} was written by a newer Geoul. Update with pip install --upgrade geoul.")
    connection.execute("PRAGMA synchronous = FULL")  # what was delivered stays so after a power failure
    if version == _VERSION:
        return
    with _MAKING:
        connection.execute("PRAGMA journal_mode = WAL")
        with all_or_nothing(connection):
            if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                for statement in filter(str.strip, _TABLES.split(";\n")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")


def delivery_of(row: Sequence[Any]) -> Delivery:
    """A row of `COLUMNS`."""
    return Delivery(
        delivery_id=row[0],
        channel=row[1],
        first_alert=row[2],
        last_alert=row[3],
        count=row[4],
        urgency=Urgency(row[5]),
        code=row[6],
        time=unstamp(row[7]),
        last_time=unstamp(row[8]),
        text=row[9],
        parameters=json.loads(row[10]),
        due_at=unstamp(row[11]),
        status=row[12],
        attempts=row[13],
        told=row[14],
        done_at=unstamp(row[15]) if row[15] else None,
    )
