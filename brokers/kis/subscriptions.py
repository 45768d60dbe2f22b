"""Which real-time messages are wanted, and which of them hold one of the places that KIS grants.

One session takes 41 registrations. With more than that the most important ones stay, and those at the edge take
turns; the rest waits, and `division` says who is who. Pure state: it sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from brokers.kis.realtime_fields import NOTICES
from engine.errors import BadInput

PLACES = 41  # per session, notices included; Source: OPSP0008 and the API workbook of 2026-09-11
HIGHEST, LOWEST = 10, 1


class Subscription(NamedTuple):
    """One registration: a message, and the ticker, index or HTS id for which it is wanted."""

    tr_id: str
    tr_key: str

    def __repr__(self) -> str:
        return f"Subscription({self.tr_id}, {self.label})"

    @property
    def is_notice(self) -> bool:
        """Whether it brings the account's own orders; its key is then the HTS id."""
        return self.tr_id in NOTICES

    @property
    def label(self) -> str:
        """The key for people and logs, without the HTS id."""
        return "***" if self.is_notice else self.tr_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Who holds a place.

    Args:
        steady: registered all the time.
        turning: share the remaining places in turn.
        waiting: less important than those that turn: no place at all.
        places: how many there are for all.
    """

    steady: frozenset[Subscription]
    turning: tuple[Subscription, ...]
    waiting: frozenset[Subscription]
    places: int

    @property
    def turning_places(self) -> int:
        """Places that are shared."""
        return self.places - len(self.steady)

    @property
    def is_complete(self) -> bool:
        """Whether everything that is wanted has a place of its own."""
        return not self.turning and not self.waiting


class SubscriptionPlan:
    """What is wanted with which priority, and whose turn it is.

    Args:
        places: registrations that the session takes.
        turn: how long a turning subscription keeps its place.
    """

    def __init__(self, places: int = PLACES, turn: timedelta = timedelta(seconds=60)) -> None:
        if places < 1 or turn <= timedelta(0):
            raise BadInput(f"{places} places in turns of {turn}: both must be positive.")
        self._places, self._turn = places, turn
        self._priority: dict[Subscription, int] = {}
        self._first = 0  # place in the circle of those that turn
        self._turned_at: datetime | None = None

    @property
    def places(self) -> int:
        """Registrations that the session takes."""
        return self._places

    @property
    def wanted(self) -> frozenset[Subscription]:
        """Everything that was asked for."""
        return frozenset(self._priority)

    def want(self, subscriptions: Iterable[Subscription], priority: int = 5) -> None:
        """Ask for them; a second time changes the priority.

        Args:
            subscriptions: what is wanted.
            priority: 10 is the most important. Notices always go first, whatever is given.
        """
        if not LOWEST <= priority <= HIGHEST:
            raise BadInput(f"Priority {priority}: give a number from {LOWEST} to {HIGHEST}, {HIGHEST} goes first.")
        for subscription in subscriptions:
            if not subscription.tr_key:
                raise BadInput(f"A subscription to {subscription.tr_id} needs a ticker, an index code or the HTS id.")
            self._priority[subscription] = HIGHEST + 1 if subscription.is_notice else priority

    def drop(self, subscriptions: Iterable[Subscription]) -> None:
        """Stop wanting them."""
        for subscription in subscriptions:
            self._priority.pop(subscription, None)

    def limit(self, places: int) -> None:
        """KIS takes fewer than was thought."""
        self._places = max(1, places)

    def division(self) -> Division:
        """Who stays, who turns and who waits. Within one priority the order is that of the request."""
        groups: dict[int, list[Subscription]] = {}
        for subscription, priority in self._priority.items():
            groups.setdefault(priority, []).append(subscription)
        steady: list[Subscription] = []
        turning: list[Subscription] = []
        waiting: list[Subscription] = []
        for priority in sorted(groups, reverse=True):
            group, free = groups[priority], self._places - len(steady)
            if turning or free <= 0:
                waiting += group
            elif len(group) <= free:
                steady += group
            else:
                turning = group
        return Division(
            steady=frozenset(steady), turning=tuple(turning), waiting=frozenset(waiting), places=self._places
        )

    def holders(self, now: datetime) -> frozenset[Subscription]:
        """Who should be registered at this instant; the turn moves on when its time is over."""
        division = self.division()
        turning, shared = division.turning, division.turning_places
        if not turning:
            self._turned_at = None
            return division.steady
        if self._turned_at is None:
            self._turned_at = now
        elif now - self._turned_at >= self._turn:
            self._turned_at = now
            self._first += shared
        start = self._first % len(turning)
        circle = turning[start:] + turning[:start]
        return division.steady | frozenset(circle[:shared])
