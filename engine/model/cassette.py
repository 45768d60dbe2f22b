"""Recorded answers in one SQLite file: by the key of the request, mergeable, without secrets.

A cassette that is complete is a file that can be copied, committed and replayed anywhere; nothing else is needed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from engine.errors import DataError
from engine.ledger.canonical import stamp, unstamp
from engine.model.answer import Api, RawAnswer, body_of, read_answer, reply_of
from engine.model.nearest import difference, most_alike, readable
from engine.model.reply import ModelReply
from engine.model.request import ModelRequest
from engine.model.scrub import Scrubber

APPLICATION_ID = 0x47454F43  # "GEOC"
VERSION = 1
_COMPARED = 2_000  # recordings, the newest, that a miss is compared with
_COLUMNS = (
    "key, request, api, response, model, finish_reason, request_id, input_tokens, cached_tokens, output_tokens, "
    "cost_won, latency_ms, purpose, recorded_at"
)
_TABLE = """
    key TEXT NOT NULL,
    request TEXT NOT NULL,              -- canonical JSON of all that decides the answer
    api TEXT NOT NULL,                  -- chat or responses: how to read the next
    response TEXT NOT NULL,             -- body as it was received
    model TEXT NOT NULL,                -- that answered
    finish_reason TEXT NOT NULL,
    request_id TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_won INTEGER NOT NULL,          -- when it was recorded
    latency_ms INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    recorded_at TEXT NOT NULL
"""
_SETTINGS = ("provider", "model", "temperature", "top_p", "seed", "max_output_tokens", "effort")
_SCHEMA = f"""
CREATE TABLE answers ({_TABLE}, PRIMARY KEY (key)) STRICT;
-- What `refresh` replaced, so that an answer that once decided a trade can still be read.
CREATE TABLE former ({_TABLE}, replaced_at TEXT NOT NULL) STRICT;
CREATE INDEX former_by_key ON former(key);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
"""


class CassetteConflict(DataError):
    """Two cassettes, or a cassette and a new answer, say different things to the same question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CassetteInfo:
    """What a cassette holds.

    Args:
        answers: how many.
        former: answers that later ones replaced.
        by_model: answers by provider's name of the model.
        by_purpose: answers by purpose.
        input_tokens: of all answers, like the next two.
        output_tokens: of all answers.
        cost_won: when they were recorded.
        first: when the oldest was recorded; None when empty, like the next.
        last: when the newest was.
    """

    answers: int
    former: int
    by_model: dict[str, int]
    by_purpose: dict[str, int]
    input_tokens: int
    output_tokens: int
    cost_won: int
    first: datetime | None
    last: datetime | None


class Cassette:
    """An open cassette; for any number of threads.

    Args:
        path: the file; it is made, for its owner alone, unless `read_only`.
        read_only: nothing is ever written, and the folder need not be writable.
        scrub: masks secrets before anything is written.

    Raises:
        DataError: the file is missing (`read_only`), is no cassette, or comes from a newer Geoul.
    """

    def __init__(self, path: Path, *, read_only: bool = False, scrub: Scrubber | None = None) -> None:
        self.path, self._scrub, self._lock = path, scrub or Scrubber(), threading.Lock()
        self._read_only = read_only
        if read_only and not path.is_file():
            raise DataError(f"There is no cassette at {path}. Check the path, or record one with --model record.")
        try:
            self._file = _open_read_only(path) if read_only else _open_writable(path)
        except sqlite3.DatabaseError as error:
            raise DataError(f"The cassette {path} cannot be opened: {error}.") from error

    def get(self, key: str) -> ModelReply | None:
        """The recorded answer to a request, None if there is none; it cost nothing now and took no time."""
        raw = self.raw(key)
        return None if raw is None else reply_of(raw, key, 0, replayed=True)

    def raw(self, key: str) -> RawAnswer | None:
        """The recorded answer as it came."""
        with self._lock:
            row = self._file.execute(
                "SELECT api, response, request_id, recorded_at, latency_ms FROM answers WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else _raw(row)

    def recorded_cost(self, key: str) -> int:
        """Won that the recorded answer cost when it was asked; 0 if there is none."""
        with self._lock:
            row = self._file.execute("SELECT cost_won FROM answers WHERE key = ?", (key,)).fetchone()
        return row[0] if row else 0

    def put(
        self,
        request: ModelRequest,
        answer: RawAnswer | ModelReply,
        *,
        cost_won: int = 0,
        if_there: Literal["keep", "replace", "refuse"] = "refuse",
    ) -> None:
        """Record an answer. The same answer twice is recorded once.

        Args:
            request: the question.
            answer: as it came, or a reply that no provider gave (a scripted one).
            cost_won: what it cost.
            if_there: what to do when another answer is recorded: keep that, replace it and keep it as a former one, or
                refuse.

        Raises:
            CassetteConflict: another answer is recorded, and `if_there` is "refuse".
            DataError: the file cannot be written.
        """
        if isinstance(answer, ModelReply):
            cost_won = cost_won or answer.cost_won
            answer = RawAnswer(
                api="chat",
                body=body_of(answer),
                request_id=answer.request_id,
                asked_at=answer.asked_at,
                latency_ms=answer.latency_ms,
            )
        row = self._row(request, answer, cost_won)
        with self._writing() as file:
            old = file.execute("SELECT response, recorded_at FROM answers WHERE key = ?", (row[0],)).fetchone()
            if old is not None:
                if old[0] == row[3] or if_there == "keep":
                    return
                if if_there == "refuse":
                    raise CassetteConflict(
                        f"{self.path} holds another answer to the request {row[0][:12]}, recorded at {old[1]}. "
                        f"Ask in the mode refresh to replace it."
                    )
                file.execute(f"INSERT INTO former SELECT {_COLUMNS}, ? FROM answers WHERE key = ?", (row[-1], row[0]))
                file.execute("DELETE FROM answers WHERE key = ?", (row[0],))
            file.execute(f"INSERT INTO answers ({_COLUMNS}) VALUES ({', '.join('?' * len(row))})", row)

    def merge(self, *others: Path) -> int:
        """Take over the answers of other cassettes, all or none; returns how many were new.

        Raises:
            CassetteConflict: two of them answer one question differently; the message names both.
        """
        new, came_from = 0, dict[str, Path]()
        with self._writing() as file:
            for other in others:
                with Cassette(other, read_only=True) as source:
                    rows = source._rows()
                for row in rows:
                    mine = file.execute("SELECT response, recorded_at FROM answers WHERE key = ?", row[:1]).fetchone()
                    if mine is None:
                        file.execute(f"INSERT INTO answers ({_COLUMNS}) VALUES ({', '.join('?' * len(row))})", row)
                        came_from[row[0]] = other
                        new += 1
                    elif mine[0] != row[3]:
                        raise CassetteConflict(
                            f"{came_from.get(row[0], self.path)} (recorded at {mine[1]}) and {other} (recorded at "
                            f"{row[-1]}) answer the request {row[0][:12]} differently; nothing was merged. Keep one "
                            f"of them, or record the question anew in the mode refresh."
                        )
        return new

    def nearest(self, request: ModelRequest) -> str:
        """For the message of a miss: the recorded request that is most like this one, and how they differ."""
        wanted = readable(self._scrub(request.to_json()))
        with self._lock:
            rows = self._file.execute(
                "SELECT key, request FROM answers ORDER BY recorded_at DESC, key LIMIT ?", (_COMPARED,)
            )
            found = most_alike(wanted, ((key, readable(text)) for key, text in rows))
        if found is None:
            return f"{self.path} is empty."
        held = len(self)
        among = f"its {held:,}" if held <= _COMPARED else f"the newest {_COMPARED:,} of its {held:,}"
        return f"The nearest of {among} recordings is {found[0][:12]}:\n{difference(found[1], wanted)}"

    def info(self) -> CassetteInfo:
        """What it holds."""
        with self._lock:
            totals = self._file.execute(
                "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), "
                "coalesce(sum(cost_won), 0), min(recorded_at), max(recorded_at) FROM answers"
            ).fetchone()
            (former,) = self._file.execute("SELECT count(*) FROM former").fetchone()
            groups = [
                dict(self._file.execute(f"SELECT {name}, count(*) FROM answers GROUP BY {name} ORDER BY {name}"))
                for name in ("model", "purpose")
            ]
        return CassetteInfo(
            answers=totals[0],
            former=former,
            by_model=groups[0],
            by_purpose=groups[1],
            input_tokens=totals[1],
            output_tokens=totals[2],
            cost_won=totals[3],
            first=unstamp(totals[4]) if totals[4] else None,
            last=unstamp(totals[5]) if totals[5] else None,
        )

    def settings_of(self, purpose: str) -> list[dict[str, Any]]:
        """Provider, model and settings of the recorded requests of a purpose, each once."""
        columns = ", ".join(f"json_extract(request, '$.{name}')" for name in _SETTINGS)
        with self._lock:
            rows = self._file.execute(
                f"SELECT DISTINCT {columns} FROM answers WHERE purpose = ?", (purpose,)
            ).fetchall()
        return [dict(zip(_SETTINGS, row, strict=True)) for row in rows]

    def former(self, key: str) -> list[RawAnswer]:
        """Answers to a request that later ones replaced, oldest first."""
        with self._lock:
            rows = self._file.execute(
                "SELECT api, response, request_id, recorded_at, latency_ms FROM former WHERE key = ? ORDER BY rowid",
                (key,),
            ).fetchall()
        return [_raw(row) for row in rows]

    def close(self) -> None:
        """Close the file; everything is in the one file afterwards."""
        with self._lock:
            if not self._read_only:
                # Without its write-ahead log a finished cassette can be read where nothing can be written, and readers
                # leave no files beside it. While another program has it open, that one does this.
                with suppress(sqlite3.DatabaseError):
                    self._file.execute("PRAGMA journal_mode = DELETE")
            self._file.close()

    def __len__(self) -> int:
        with self._lock:
            count: int = self._file.execute("SELECT count(*) FROM answers").fetchone()[0]
        return count

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.raw(key) is not None

    def __enter__(self) -> Cassette:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _row(self, request: ModelRequest, answer: RawAnswer, cost_won: int) -> tuple[Any, ...]:
        body = self._scrub(answer.body)
        content = read_answer(answer.api, body)
        return (
            request.key,
            self._scrub(request.to_json()),
            answer.api,
            body,
            content.model or request.model,
            content.finish_reason,
            answer.request_id,
            content.usage.input_tokens if content.usage else 0,
            content.usage.cached_tokens if content.usage else 0,
            content.usage.output_tokens if content.usage else 0,
            cost_won,
            answer.latency_ms,
            request.purpose,
            stamp(answer.asked_at),
        )

    def _rows(self) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._file.execute(f"SELECT {_COLUMNS} FROM answers ORDER BY key").fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._file.execute("BEGIN IMMEDIATE")
                try:
                    yield self._file
                    self._file.execute("COMMIT")
                except BaseException:
                    if self._file.in_transaction:
                        self._file.execute("ROLLBACK")
                    raise
            except sqlite3.DatabaseError as error:
                raise DataError(f"The cassette {self.path} cannot be written: {error}.") from error


def _raw(row: tuple[Api, str, str, str, int]) -> RawAnswer:
    return RawAnswer(api=row[0], body=row[1], request_id=row[2], asked_at=unstamp(row[3]), latency_ms=row[4])


def _open_writable(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    file = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    try:
        _check(file, path, empty_is_fine=True)
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")  # an answer that was paid for is on the disk
        file.execute("BEGIN IMMEDIATE")  # of several that open a new file, one makes the tables
        if not file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _SCHEMA.split(";"):
                file.execute(statement)
        file.execute("COMMIT")
    except BaseException:
        file.close()
        raise
    return file


def _open_read_only(path: Path) -> sqlite3.Connection:
    """Without writing: a file of an installed package may lie in a folder that nobody may write to."""
    address = path.resolve().as_uri()
    file = sqlite3.connect(f"{address}?mode=ro", uri=True, isolation_level=None, timeout=10, check_same_thread=False)
    try:
        _check(file, path, empty_is_fine=False)
    except sqlite3.OperationalError:
        # A finished cassette has no write-ahead log; SQLite cannot make one here and need not.
        file.close()
        file = sqlite3.connect(f"{address}?immutable=1", uri=True, isolation_level=None, check_same_thread=False)
        try:
            _check(file, path, empty_is_fine=False)
        except BaseException:
            file.close()
            raise
    except BaseException:
        file.close()
        raise
    return file


def _check(file: sqlite3.Connection, path: Path, *, empty_is_fine: bool) -> None:
    tables = file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = file.execute("PRAGMA application_id").fetchone()[0]
    version = file.execute("PRAGMA user_version").fetchone()[0]
    if not tables and empty_is_fine:
        return
    if application != APPLICATION_ID:
        raise DataError(f"{path} is no cassette of Geoul. Choose another path.")
    if version > VERSION:
        raise DataError(f"{path} was written by a newer Geoul. Update with pip install --upgrade geoul.")
