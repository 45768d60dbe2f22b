"""The rows of every call in the ledger: reserved before the question leaves, settled before the answer is used.

Each method opens the file, does one transaction and closes it, so calls may come from any thread and any number of
processes. A call takes seconds; opening takes a millisecond.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.clock import Clock
from engine.errors import BadInput
from engine.ledger.canonical import canonical_json, stamp, unstamp
from engine.ledger.connection import connect, transaction
from engine.ledger.ledger import name_the_account
from engine.ledger.rows import ACCOUNT
from engine.model.answer import RawAnswer
from engine.model.budget import (
    ANSWERED,
    FAILED,
    OPEN,
    REPLAYED,
    RESERVED,
    UNKNOWN,
    Spent,
    refuse_over_caps,
    spent_in_run,
)
from engine.model.config import Caps
from engine.model.reply import ModelReply, Usage
from engine.model.request import ModelRequest
from engine.model.scrub import Scrubber


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An answer that is in the ledger."""

    raw: RawAnswer
    cost_won: int


class CallLog:
    """What was asked of models, answered and spent, in the table `llm_calls`.

    Args:
        path: the ledger; it is made if it is not there.
        clock: of the person who pays, not of a simulated market: days and weeks of the caps are its days.
        run: name of the run for the cap per run; a program that starts again with the same name goes on with the
            same cap. None = a name of its own.
        scrub: masks secrets in what is written.
    """

    def __init__(self, path: Path, clock: Clock, *, run: str | None = None, scrub: Scrubber | None = None) -> None:
        self.path, self._clock, self._scrub = path, clock, scrub or Scrubber()
        with self._connection() as connection:
            name_the_account(connection, clock.now())
            (last,) = connection.execute("SELECT coalesce(max(call_id), 0) FROM llm_calls").fetchone()
        self.run = run or f"{stamp(clock.now())} {last}"

    def find(self, key: str, decision_id: str, *, run: str | None = None) -> Stored | None:
        """The answer that a decision already got to a question, by whichever process; of one run if asked for."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT response, cost_won FROM llm_calls WHERE key_hash = ? AND decision_id = ? AND status = ? "
                "AND (? IS NULL OR run = ?) ORDER BY call_id DESC LIMIT 1",
                (key, decision_id, ANSWERED, run, run),
            ).fetchone()
        return None if row is None else Stored(raw=_raw(row[0]), cost_won=row[1])

    def reserve(
        self,
        request: ModelRequest,
        key: str,
        decision_id: str,
        *,
        mode: str,
        most_won: int,
        most_tokens: int,
        caps: Caps,
    ) -> int:
        """Put aside the most that a call can cost, before it is made; returns its number.

        Raises:
            BudgetExhausted: it does not fit under a cap. Nothing is written.
            LedgerError: the ledger cannot be written. The call must not be made.
        """
        now = self._clock.now()
        with self._connection() as connection, transaction(connection):
            refuse_over_caps(connection, caps, run=self.run, now=now, most_won=most_won, most_tokens=most_tokens)
            cursor = connection.execute(
                "INSERT INTO llm_calls (run_id, decision_id, time, model, mode, key_hash, request, status, run, "
                "provider, purpose, reserved_won, reserved_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    ACCOUNT,
                    decision_id,
                    stamp(now),
                    request.model,
                    mode,
                    key,
                    self._scrub(request.to_json()),
                    RESERVED,
                    self.run,
                    request.provider,
                    request.purpose,
                    most_won,
                    most_tokens,
                ),
            )
            return int(cursor.lastrowid or 0)

    def settle(self, call_id: int, raw: RawAnswer, usage: Usage | None, cost_won: int) -> None:
        """Write down the answer as it came and what it cost. When this returns, it survives a power failure."""
        response = canonical_json(
            {
                "api": raw.api,
                "body": raw.body,
                "request_id": raw.request_id,
                "asked_at": raw.asked_at,
                "latency_ms": raw.latency_ms,
            }
        )
        counted = usage or Usage()
        with self._connection() as connection, transaction(connection):
            connection.execute(
                "UPDATE llm_calls SET status = ?, response = ?, prompt_tokens = ?, cached_tokens = ?, "
                "completion_tokens = ?, cost_won = ?, latency_ms = ?, settled_at = ? WHERE call_id = ?",
                (
                    ANSWERED,
                    response,
                    counted.input_tokens,
                    counted.cached_tokens,
                    counted.output_tokens,
                    cost_won,
                    raw.latency_ms,
                    stamp(self._clock.now()),
                    call_id,
                ),
            )

    def fail(self, call_id: int, failure: str, *, maybe_charged: bool) -> None:
        """Write down that no usable answer came; what may have been charged goes on counting in full."""
        with self._connection() as connection, transaction(connection):
            connection.execute(
                "UPDATE llm_calls SET status = ?, failure = ?, cost_won = ?, settled_at = ? WHERE call_id = ?",
                (
                    UNKNOWN if maybe_charged else FAILED,
                    self._scrub(failure),
                    None if maybe_charged else 0,
                    stamp(self._clock.now()),
                    call_id,
                ),
            )

    def resolve(self, call_id: int, cost_won: int) -> None:
        """Say what a call of unknown cost did cost, as the provider's bill shows.

        Raises:
            BadInput: there is no such call, or its cost is known.
        """
        with self._connection() as connection, transaction(connection):
            row = connection.execute("SELECT status FROM llm_calls WHERE call_id = ?", (call_id,)).fetchone()
            if row is None or row[0] not in OPEN:
                raise BadInput(
                    f"Call {call_id} is {'not in the ledger' if row is None else row[0]}; only calls that are "
                    f"reserved or unknown can be resolved. `geoul model cost` lists them."
                )
            connection.execute(
                "UPDATE llm_calls SET status = ?, cost_won = ?, settled_at = ? WHERE call_id = ?",
                (FAILED, cost_won, stamp(self._clock.now()), call_id),
            )

    def note_replays(self, replies: Iterable[tuple[ModelRequest, str, ModelReply]]) -> None:
        """Write down answers that came from a cassette, many at once; the cassette holds their words.

        Args:
            replies: request, id of the decision, reply.
        """
        now = stamp(self._clock.now())
        rows = [
            (
                ACCOUNT,
                decision_id,
                now,
                request.model,
                "replay",
                reply.key,
                REPLAYED,
                self.run,
                request.provider,
                request.purpose,
                reply.usage.input_tokens,
                reply.usage.cached_tokens,
                reply.usage.output_tokens,
                now,
            )
            for request, decision_id, reply in replies
        ]
        with self._connection() as connection, transaction(connection):
            connection.executemany(
                "INSERT INTO llm_calls (run_id, decision_id, time, model, mode, key_hash, status, run, provider, "
                "purpose, prompt_tokens, cached_tokens, completion_tokens, settled_at, request, cost_won, latency_ms) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '{}', 0, 0)",
                rows,
            )

    def belongs_to(self, run_id: int) -> None:
        """Say which run of the ledger the calls of this run were made for, once that has its number."""
        with self._connection() as connection, transaction(connection):
            connection.execute("UPDATE llm_calls SET run_id = ? WHERE run = ?", (run_id, self.run))

    def spent(self) -> Spent:
        """What this run has cost, or may have."""
        with self._connection() as connection:
            return spent_in_run(connection, self.run)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self.path, self._clock.now())) as connection:
            yield connection


def _raw(response: str) -> RawAnswer:
    told = json.loads(response)
    return RawAnswer(
        api=told["api"],
        body=told["body"],
        request_id=told["request_id"],
        asked_at=unstamp(told["asked_at"]),
        latency_ms=told["latency_ms"],
    )
