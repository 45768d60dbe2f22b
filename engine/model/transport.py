"""The one way to a model: recorded answers, the provider, or an error; each answer is stored before it is used.

live     ask the provider; the answer is in the ledger before it is returned
record   answer from the cassette, ask only what is not there
replay   answer from the cassette, never touch the network; what is not there is an error
refresh  ask the provider and replace what is recorded

A decision that asks again what it has asked before, say after a crash between the answer and the order, gets the stored
answer in every mode.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal
from weakref import WeakValueDictionary

from engine.clock import Clock, session_of
from engine.errors import BadInput, BrokenInvariant
from engine.ledger.canonical import digest
from engine.model.answer import Content, RawAnswer, UnreadableAnswer, read_answer, reply_of
from engine.model.calls import CallLog
from engine.model.cassette import Cassette
from engine.model.client import AttemptFailed, Sends
from engine.model.config import Caps
from engine.model.failure import ModelUnavailable, ReplayMiss
from engine.model.prices import Prices, Tariff
from engine.model.reply import ModelReply
from engine.model.request import ModelRequest
from engine.model.tokens import most_input_tokens

Mode = Literal["live", "record", "replay", "refresh"]
_NOTED_AT_ONCE = 500  # replayed answers; a transaction for each would cost more than the replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a question is asked.

    Args:
        attempts: most of them.
        timeout_seconds: for one.
        total_seconds: for all of them and the waits between.
        first_wait_seconds: before the second attempt; doubled each time, unless the provider says how long.
        longest_wait_seconds: never longer, unless the provider says so.
    """

    attempts: int = 4
    timeout_seconds: float = 120.0
    total_seconds: float = 300.0
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 30.0


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a transport has done.

    Args:
        asked: answers of the provider.
        replayed: answers that were stored before.
        misses: questions that a replay had no answer to.
        cost_won: what was spent on answers now.
        recorded_won: what the replayed answers cost when they were recorded.
    """

    asked: int = 0
    replayed: int = 0
    misses: int = 0
    cost_won: int = 0
    recorded_won: int = 0


class Transport:
    """Answers requests in one of the modes; `engine.model.opening.open_transport` makes one from a configuration.

    Args:
        mode: see above.
        clock: of the person who pays; not that of a simulated market.
        cassette: recorded answers; every mode but live needs one.
        calls: the rows of the ledger; every mode but replay needs them.
        client: of the provider; every mode but replay needs one.
        prices: what calls cost; every mode but replay needs them.
        caps: most that may be spent.
        patience: attempts and waits.
        monotonic: seconds for deadlines.
        sleep: waits so many seconds.

    Raises:
        BadInput: the mode lacks what it needs.
    """

    def __init__(
        self,
        mode: Mode,
        clock: Clock,
        *,
        cassette: Cassette | None = None,
        calls: CallLog | None = None,
        client: Sends | None = None,
        prices: Prices | None = None,
        caps: Caps | None = None,
        patience: Patience | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if mode != "live" and cassette is None:
            raise BadInput(f"The mode {mode} needs a cassette. Name its file.")
        if mode != "replay" and (calls is None or client is None or prices is None):
            raise BadInput(f"The mode {mode} needs a client, prices and a ledger: what is spent must be written down.")
        self.mode, self.cassette, self.calls, self.tally = mode, cassette, calls, Tally()
        # A replay gets no client at all: it could not reach the network if it wanted to.
        self._client = client if mode != "replay" else None
        self._clock, self._prices, self._caps = clock, prices, caps or Caps()
        self._patience, self._monotonic, self._sleep = patience or Patience(), monotonic, sleep
        self._noted: list[tuple[ModelRequest, str, ModelReply]] = []
        self._lock = threading.Lock()
        # A lock lives as long as somebody asks its question.
        self._asking: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        """The answer, stored together with `decision_id` before this returns.

        Raises:
            ReplayMiss: mode replay, and the cassette does not hold it.
            BudgetExhausted: it could cost more than a cap leaves.
            UnknownPrice: nobody knows what it would cost.
            ModelUnavailable: no answer came, in all attempts.
            ModelRefusedRequest: the provider wants none of it.
            LedgerError: what happens could not be written down. Nothing may be done with an answer.
        """
        key = request.key
        with self._lock:
            turn = self._asking.setdefault(key, threading.Lock())
        with turn:  # two threads with one question ask once
            stored = self._stored(request, key, decision_id)
            return stored if stored is not None else self._ask_provider(request, key, decision_id)

    def flush(self) -> None:
        """Write what was replayed into the ledger."""
        with self._lock:
            noted, self._noted = self._noted, []
        if noted and self.calls is not None:
            self.calls.note_replays(noted)

    def close(self) -> None:
        """Write what is left and close what was handed in: cassette and client."""
        try:
            self.flush()
        finally:
            if self._client is not None:
                self._client.close()
            if self.cassette is not None:
                self.cassette.close()

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Stored answers -----------------------------------------------------------------------------------------

    def _stored(self, request: ModelRequest, key: str, decision_id: str) -> ModelReply | None:
        if self.mode in ("record", "replay") and self.cassette is not None:
            reply = self.cassette.get(key)
            if reply is not None:
                self._note(request, decision_id, reply, self.cassette.recorded_cost(key))
                return reply
        if self.mode == "replay":
            self.tally.misses += 1
            raise ReplayMiss(self._missing(request, key, decision_id), key)
        return self._answered_before(request, key, decision_id)

    def _answered_before(self, request: ModelRequest, key: str, decision_id: str) -> ModelReply | None:
        """The answer of this very decision, if it was stored and the program ended before it could be used."""
        if self.calls is None or not decision_id:
            return None
        # A refresh is meant to ask anew what earlier runs have asked.
        run = self.calls.run if self.mode == "refresh" else None
        found = self.calls.find(key, decision_id, run=run)
        if found is None:
            return None
        self._record(request, found.raw, found.cost_won)
        self.tally.replayed += 1
        self.tally.recorded_won += found.cost_won
        return reply_of(found.raw, key, found.cost_won, replayed=True)

    def _note(self, request: ModelRequest, decision_id: str, reply: ModelReply, recorded_won: int) -> None:
        with self._lock:
            self.tally.replayed += 1
            self.tally.recorded_won += recorded_won
            self._noted.append((request, decision_id, reply))
            full = len(self._noted) >= _NOTED_AT_ONCE
        if full:
            self.flush()

    def _missing(self, request: ModelRequest, key: str, decision_id: str) -> str:
        assert self.cassette is not None  # replay has one
        what = f"{request.purpose or 'a question'}{f' of decision {decision_id}' if decision_id else ''}"
        return (
            f"{self.cassette.path} has no answer to {what} (request {key[:12]}, {request.provider} {request.model}), "
            f"and a replay never asks. Something that decides the answer has changed: undo that, or record it.\n"
            f"{self.cassette.nearest(request)}"
        )

    # The provider -------------------------------------------------------------------------------------------

    def _ask_provider(self, request: ModelRequest, key: str, decision_id: str) -> ModelReply:
        assert self._prices is not None and self.calls is not None  # every mode that asks has them
        tariff = self._prices.tariff(request.provider, request.model, session_of(self._clock.now()))
        deadline = self._monotonic() + self._patience.total_seconds
        for attempt in range(1, self._patience.attempts + 1):
            most_won = tariff.most_won(request)
            call_id = self.calls.reserve(
                request,
                key,
                decision_id,
                mode=self.mode,
                most_won=most_won,
                most_tokens=most_input_tokens(request) + request.max_output_tokens,
                caps=self._caps,
            )
            try:
                raw, content = self._attempt(request, deadline)
            except AttemptFailed as failed:
                self.calls.fail(call_id, str(failed), maybe_charged=failed.maybe_charged)
                self._wait_or_give_up(failed, key, attempt, deadline)
                continue
            return self._keep(request, key, call_id, raw, content, tariff, most_won)
        raise BrokenInvariant("The last attempt neither returned nor raised.")

    def _attempt(self, request: ModelRequest, deadline: float) -> tuple[RawAnswer, Content]:
        assert self._client is not None
        left = deadline - self._monotonic()
        raw = self._client.send(request, max(0.001, min(self._patience.timeout_seconds, left)))
        try:
            return raw, read_answer(raw.api, raw.body)
        except UnreadableAnswer as error:
            failure = ModelUnavailable(
                f"{request.model} of {request.provider} answered with something that is no answer of its endpoint "
                f"({error}). Check base_url and api."
            )
            raise AttemptFailed(failure, again=True, maybe_charged=True) from None

    def _keep(
        self,
        request: ModelRequest,
        key: str,
        call_id: int,
        raw: RawAnswer,
        content: Content,
        tariff: Tariff,
        most_won: int,
    ) -> ModelReply:
        """Store the answer, then hand it out."""
        assert self.calls is not None
        # A server that does not count tokens is charged with the most it could cost.
        cost = tariff.won(content.usage) if content.usage is not None else most_won
        self.calls.settle(call_id, raw, content.usage, cost)
        self._record(request, raw, cost)
        with self._lock:
            self.tally.asked += 1
            self.tally.cost_won += cost
        return reply_of(raw, key, cost, replayed=False)

    def _record(self, request: ModelRequest, raw: RawAnswer, cost_won: int) -> None:
        if self.cassette is None or self.mode == "live":
            return
        self.cassette.put(request, raw, cost_won=cost_won, if_there="replace" if self.mode == "refresh" else "keep")

    def _wait_or_give_up(self, failed: AttemptFailed, key: str, attempt: int, deadline: float) -> None:
        if not failed.again or attempt == self._patience.attempts:
            raise failed.failure from None
        wait = failed.wait_seconds
        if wait is None:
            longest = min(
                self._patience.longest_wait_seconds, self._patience.first_wait_seconds * 2.0 ** min(attempt - 1, 60)
            )
            # Spread by the question, so that programs that lost one server do not come back together.
            wait = longest * (0.5 + int(digest(key, str(attempt))[:8], 16) / 2**33)
        left = deadline - self._monotonic()
        if wait >= left:
            raise ModelUnavailable(
                f"{failed.failure} The next attempt would be in {wait:,.0f} s, and the question may take "
                f"{max(0.0, left):,.0f} s more. Ask later, or raise total_seconds in the section `model`."
            ) from None
        self._sleep(wait)
