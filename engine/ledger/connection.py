"""Opening the SQLite file of a ledger, and transactions that are all or nothing."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from engine.errors import DataError, GeoulError
from engine.ledger.migrations import MIGRATIONS, migrate, version_of

_MODE_ATTEMPTS, _MODE_PAUSE_SECONDS = 50, 0.02
BUSY_MS = 10_000  # a batch of 30,000 rows by another process takes under a second
_LOOK = "Check that its folder can be written, that the disk has space, and that no other program holds the file."


class LedgerError(GeoulError):
    """The ledger could not be written (disk full, file locked or damaged). Nothing was recorded: send no
    order."""


def connect(path: Path, now: datetime, *, read_only: bool = False) -> sqlite3.Connection:
    """The connection to an up-to-date ledger; makes the file (mode 0600) unless `read_only`.

    A writer brings an older ledger up to date, and keeps it as it was beside it (`ledger-version-6.db`). A reader
    changes nothing, so it reads an up-to-date copy of it.

    Raises:
        DataError: the file is missing or empty (`read_only`), is no ledger, is damaged or comes from a newer Geoul.
        LedgerError: the folder or file cannot be written.
    """
    if read_only and not path.exists():
        raise DataError(f"There is no ledger at {path}. Check the path, or run a backtest with a ledger first.")
    if path.is_dir():
        raise DataError(
            f"{path} is a folder, and a ledger is one file. Give the path of a file, such as {path / 'ledger.db'}."
        )
    try:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
        try:
            if read_only:
                return _prepare_to_read(connection, now)
            _prepare_to_write(connection, now)
        except BaseException:
            connection.close()
            raise
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # SQLite's own words may quote the damage
        if isinstance(error, sqlite3.OperationalError):
            raise LedgerError(f"The ledger {path} cannot be opened: {error}. {_LOOK}") from error
        raise DataError(
            f"The ledger {path} is damaged or no SQLite file: {error}. Restore it from a backup."
        ) from error
    except OSError as error:
        raise LedgerError(f"The ledger {path} cannot be opened: {error.strerror}. {_LOOK}") from error
    return connection


def _prepare_to_read(connection: sqlite3.Connection, now: datetime) -> sqlite3.Connection:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    version = version_of(connection)
    if version == 0:
        raise DataError("The ledger is empty. Nothing has been written into it yet.")
    if version < len(MIGRATIONS):
        connection = _up_to_date_copy(connection, now)
    connection.execute("PRAGMA query_only = ON")
    return connection


def is_copy(connection: sqlite3.Connection) -> bool:
    """Whether a reader was given an up-to-date copy of an older ledger instead of its file."""
    return not connection.execute("PRAGMA database_list").fetchone()[2]


def _up_to_date_copy(older: sqlite3.Connection, now: datetime) -> sqlite3.Connection:
    """A copy of an older ledger that has had the steps it lacks; a temporary file that SQLite removes with its end."""
    copy = sqlite3.connect("", isolation_level=None)
    try:
        older.backup(copy)
        migrate(copy, now)
    except BaseException:
        copy.close()
        raise
    older.close()
    return copy


def _prepare_to_write(connection: sqlite3.Connection, now: datetime) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    version_of(connection)  # refuse foreign files before the journal mode changes them
    _write_ahead(connection)
    # FULL: a commit is on the disk when it returns. An intent must survive the power failure
    # that the order it announces may survive.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    if 0 < version_of(connection) < len(MIGRATIONS):
        _keep_as_it_is(connection)
    migrate(connection, now)


def _keep_as_it_is(older: sqlite3.Connection) -> None:
    """A copy of an older ledger beside it: the way back for whoever wants the older Geoul again."""
    path = Path(older.execute("PRAGMA database_list").fetchone()[2])
    handle, part = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            older.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # else a log would stay beside a file that nobody has open
            version = version_of(copy)
        if version < len(MIGRATIONS):  # another program was not quicker
            os.replace(part, path.with_name(f"{path.stem}-version-{version}{path.suffix}"))
    finally:
        Path(part).unlink(missing_ok=True)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL. Where several processes make it at once, SQLite does not wait for this by itself."""
    for attempts in range(_MODE_ATTEMPTS, 0, -1):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if attempts == 1:
                raise
        time.sleep(_MODE_PAUSE_SECONDS)


@contextmanager
def all_or_nothing(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end, or roll back everything on any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    """A part of a transaction: on any exception only this part is rolled back."""
    connection.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk may have ended it already
            connection.execute("ROLLBACK TO part")
            connection.execute("RELEASE part")
        raise
    connection.execute("RELEASE part")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """`all_or_nothing` of a ledger; sqlite errors become `LedgerError`."""
    try:
        with all_or_nothing(connection):
            yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        raise LedgerError(
            f"The ledger could not be written: {error}. Nothing was recorded, so nothing may be sent. "
            f"Free disk space, or check that no other program holds the file."
        ) from error
