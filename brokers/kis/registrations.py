"""What is registered at KIS in this session, what was asked and not answered, and what was missed meanwhile.

State without input or output: the socket's thread asks for the `next_request`, sends it, and hands every answer to
`answer`. Other threads only change what is wanted. Times of the market come from the clock, waiting times from a
monotonic count of seconds, so that a stepped clock does not make answers late.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from brokers.kis.ack_codes import Reaction, explain_ack
from brokers.kis.frames import SUBSCRIBE, UNSUBSCRIBE, Acknowledgement, NoticeCipher
from brokers.kis.stream_reports import DivisionChange, Gap, GapReason, Report, SubscriptionRefused
from brokers.kis.subscriptions import Division, Subscription, SubscriptionPlan

_ATTEMPTS = 3
_CIPHERS_KEPT = 2  # whether KIS gives one key a session or one a subscription is not documented


class SessionLost(Exception):
    """This session cannot go on; `renew_key` asks for a new approval key. Stays inside the stream's own code."""

    def __init__(self, why: str, renew_key: bool = False) -> None:
        self.renew_key = renew_key
        super().__init__(why)


class Request(NamedTuple):
    """What to ask of KIS next."""

    tr_type: str
    subscription: Subscription


@dataclass(slots=True)
class _Pending:
    tr_type: str
    sent: float
    attempts: int = 1
    refusal: Acknowledgement | None = None


class Registrations:
    """The registrations of one socket over all its sessions.

    Args:
        plan: what is wanted and how many places there are.
        answer_seconds: how long KIS may take to answer before the request is repeated.
    """

    def __init__(self, plan: SubscriptionPlan, answer_seconds: float) -> None:
        self._plan, self._granted_places = plan, plan.places
        self._answer_seconds = answer_seconds
        self._lock = threading.RLock()
        self._registered: set[Subscription] = set()
        self._pending: dict[Subscription, _Pending] = {}
        self._refused: set[Subscription] = set()
        self._unreadable: set[Subscription] = set()  # registered, but the answer brought no key
        self._gaps: dict[Subscription, tuple[datetime, GapReason]] = {}
        self._healed: dict[Subscription, tuple[datetime, GapReason]] = {}
        self._healed_until: datetime | None = None
        self._healed_at = 0.0
        self._ciphers: dict[str, tuple[NoticeCipher, ...]] = {}
        self._division: Division | None = None

    def want(self, subscriptions: Iterable[Subscription], priority: int = 5) -> None:
        """Ask for these, also for those that KIS refused before. From any thread."""
        asked = tuple(subscriptions)
        with self._lock:
            self._plan.want(asked, priority)
            self._refused.difference_update(asked)

    def drop(self, subscriptions: Iterable[Subscription]) -> None:
        """Want them no longer. From any thread."""
        asked = tuple(subscriptions)
        with self._lock:
            self._plan.drop(asked)
            for subscription in asked:
                self._gaps.pop(subscription, None)

    @property
    def registered(self) -> frozenset[Subscription]:
        """What KIS has confirmed in this session."""
        with self._lock:
            return frozenset(self._registered)

    @property
    def wanted(self) -> frozenset[Subscription]:
        """What was asked for and not refused."""
        with self._lock:
            return self._plan.wanted - self._refused

    def has_settled(self, now: datetime) -> bool:
        """Whether exactly those are registered that should be at this instant, and nothing is being asked."""
        with self._lock:
            return not self._pending and self._registered == self._plan.holders(now) - self._refused

    @property
    def wanted_notices(self) -> tuple[Subscription, ...]:
        """Those of the account's own orders."""
        return tuple(name for name in self.wanted if name.is_notice)

    def ciphers(self, tr_id: str) -> tuple[NoticeCipher, ...]:
        """The keys to read a message with, the newest first; empty before the answer."""
        return self._ciphers.get(tr_id, ())

    def begin(self) -> None:
        """A new session: KIS knows nothing of the one before."""
        with self._lock:
            self._registered.clear()
            self._pending.clear()
            self._unreadable.clear()
            self._ciphers.clear()
            self._plan.limit(self._granted_places)

    def lose(self, last_received_at: datetime) -> None:
        """The session is over: from the last frame on, everything that was registered is missing."""
        with self._lock:
            for subscription in self._registered & self._plan.wanted:
                self._gaps.setdefault(subscription, (last_received_at, GapReason.DISCONNECTED))
            # What had been registered anew but not reported yet is missing from its first loss on.
            for subscription, (since, reason) in self._healed.items():
                if subscription in self._plan.wanted:
                    self._gaps[subscription] = (since, reason)
            self._healed.clear()
            self._registered.clear()
            self._pending.clear()

    def next_request(self, now: datetime, elapsed: float) -> Request | None:
        """What to send now, None if there is nothing. Places are freed before they are taken again.

        Raises:
            SessionLost: KIS leaves requests without an answer.
        """
        with self._lock:
            for subscription, pending in self._pending.items():
                if elapsed - pending.sent >= self._answer_seconds and pending.refusal is None:
                    if pending.attempts >= _ATTEMPTS:
                        raise SessionLost(f"no answer to {_ATTEMPTS} requests for {subscription.tr_id}")
                    return self._send(subscription, pending.tr_type, elapsed, pending.attempts + 1)
                if elapsed - pending.sent >= self._answer_seconds:
                    return self._send(subscription, pending.tr_type, elapsed, pending.attempts + 1)
            holders = self._plan.holders(now) - self._refused
            for subscription in sorted((self._registered - holders) | self._unreadable):
                if subscription not in self._pending:
                    return self._send(subscription, UNSUBSCRIBE, elapsed)
            taken = len(self._registered | self._pending.keys())
            if taken < self._plan.places:
                missing = holders - self._registered - self._pending.keys()
                for subscription in sorted(missing, key=lambda name: (not name.is_notice, name)):
                    return self._send(subscription, SUBSCRIBE, elapsed)
            return None

    def answer(self, answer: Acknowledgement, now: datetime, elapsed: float) -> list[Report]:
        """Take an answer of KIS into account.

        Raises:
            SessionLost: the answer ends the session.
        """
        meaning = explain_ack(answer.message_code, answer.return_code)
        if meaning.reaction in (Reaction.NEW_KEY, Reaction.CONNECT_LATER):
            raise SessionLost(f"{answer.message_code} {answer.message}", renew_key=meaning.reaction is Reaction.NEW_KEY)
        with self._lock:
            subscription = self._meant(answer)
            if subscription is None:
                return []
            pending = self._pending.get(subscription)
            if meaning.reaction is Reaction.REGISTERED:
                self._register(subscription, answer, now, elapsed)
            elif meaning.reaction is Reaction.REMOVED:
                self._remove(subscription, now)
            elif meaning.reaction is Reaction.FEWER:
                if not self._registered:  # places that a session before this one still holds
                    raise SessionLost(f"{answer.message_code} {answer.message}, with nothing registered")
                self._plan.limit(len(self._registered))
                self._pending.pop(subscription, None)
            elif meaning.reaction is Reaction.GIVE_UP or pending is None or pending.attempts >= _ATTEMPTS:
                return self._refuse(subscription, answer, now)
            else:
                pending.refusal = answer  # sent again when the time for an answer is over
            return []

    def reports(self, now: datetime, elapsed: float) -> list[Report]:
        """Gaps that are closed, and a change in who holds a place."""
        with self._lock:
            found: list[Report] = []
            division = self._plan.division()
            if division != self._division:
                worth_saying = not division.is_complete or (
                    self._division is not None and not self._division.is_complete
                )
                self._division = division
                if worth_saying:
                    found.append(DivisionChange(division=division, at=now))
            if not self._healed:
                return found
            due = self._plan.holders(now) - self._registered - self._refused
            waiting = not due.isdisjoint(self._gaps)  # one report for all that come back together
            if not waiting or elapsed - self._healed_at >= self._answer_seconds:
                found += self._closed_gaps()
            return found

    @property
    def has_more_to_send(self) -> bool:
        """Whether registrations differ from what is wanted, so that the next request should not wait long."""
        with self._lock:
            return bool(self._pending) or len(self._registered) < min(
                len(self._plan.wanted - self._refused), self._plan.places
            )

    def _send(self, subscription: Subscription, tr_type: str, elapsed: float, attempts: int = 1) -> Request:
        self._pending[subscription] = _Pending(tr_type, elapsed, attempts)
        return Request(tr_type, subscription)

    def _meant(self, answer: Acknowledgement) -> Subscription | None:
        """Which request an answer belongs to; errors may come without ticker or message: the oldest one then."""
        named = Subscription(answer.tr_id, answer.tr_key)
        if named in self._pending or named in self._registered:
            return named
        same = [name for name in self._pending if name.tr_id == answer.tr_id]
        if named.is_notice:  # KIS may write the HTS id in another case
            return next(iter(same), None)
        if answer.tr_key not in ("", "(null)"):
            return None  # a late answer to what is no longer asked
        return next(iter(same or self._pending), None)

    def _register(self, subscription: Subscription, answer: Acknowledgement, now: datetime, elapsed: float) -> None:
        pending = self._pending.pop(subscription, None)
        if answer.cipher is not None:
            older = [cipher for cipher in self.ciphers(subscription.tr_id) if cipher != answer.cipher]
            self._ciphers[subscription.tr_id] = (answer.cipher, *older)[:_CIPHERS_KEPT]
        if pending is not None and pending.tr_type == UNSUBSCRIBE:
            return  # the answer to an earlier request; the removal will be asked again
        self._registered.add(subscription)
        if subscription.is_notice and not self.ciphers(subscription.tr_id):
            self._unreadable.add(subscription)  # "already registered" brings no key: end it and begin anew
            return
        if subscription in self._gaps:
            self._healed[subscription] = self._gaps.pop(subscription)
            self._healed_until, self._healed_at = now, elapsed

    def _remove(self, subscription: Subscription, now: datetime) -> None:
        self._pending.pop(subscription, None)
        self._unreadable.discard(subscription)
        if subscription in self._registered:
            self._registered.discard(subscription)
            if subscription in self._plan.wanted:
                self._gaps.setdefault(subscription, (now, GapReason.TURN))

    def _refuse(self, subscription: Subscription, answer: Acknowledgement, now: datetime) -> list[Report]:
        self._pending.pop(subscription, None)
        self._registered.discard(subscription)
        self._unreadable.discard(subscription)
        self._refused.add(subscription)
        return [
            SubscriptionRefused(
                subscription=subscription, code=answer.message_code, message=answer.message[:80], at=now
            )
        ]

    def _closed_gaps(self) -> list[Report]:
        assert self._healed_until is not None
        gaps: list[Report] = []
        for reason in GapReason:
            group = {name: since for name, (since, why) in self._healed.items() if why is reason}
            if group:
                gaps.append(
                    Gap(
                        reason=reason,
                        subscriptions=tuple(sorted(group)),
                        since=min(group.values()),
                        until=self._healed_until,
                    )
                )
        self._healed.clear()
        return gaps
