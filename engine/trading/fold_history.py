"""What a fold reads: events in the order of the ledger, and folded accounts from which it may go on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from engine.events import (
    CashMoved,
    Event,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderIntended,
    OrderNotSent,
    OrderRefused,
)
from engine.fill import Fill
from engine.ledger.journal import Head
from engine.reports.language import Text
from engine.trading.checkpoint import Checkpoint

OVER = (OrderCancelled, OrderExpired, OrderRefused, OrderNotSent)
BOOKED = (OrderIntended, Fill, OrderAmended, CashMoved, *OVER)  # what moves the account; other events only inform


class History(ABC):
    """The events of an account, numbered as in its journal."""

    head: Head  # the last one that was read

    @abstractmethod
    def deposit(self) -> tuple[int, CashMoved] | None:
        """The first movement of cash, with its number; None before there is one."""

    @abstractmethod
    def numbered(self, after: Head) -> Iterator[tuple[int, Event]]:
        """The events after one that move the account, with their numbers.

        Raises:
            BrokenInvariant: the journal was changed outside Geoul.
        """

    @abstractmethod
    def head_at(self, number: int) -> Head:
        """Number and hash of one row."""

    @abstractmethod
    def checkpoints(self, before: int, since: int) -> Iterable[Checkpoint]:
        """Kept accounts at closes before bar `before`, the latest first.

        Those in which no rules had decided are of use up to bar `since` only, the others after it.
        """

    @abstractmethod
    def check(self, *heads: Head) -> None:
        """Nothing, where the journal has these rows.

        Raises:
            Unfit: it has others.
        """

    @abstractmethod
    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep an account that has been folded from this history."""

    @abstractmethod
    def set_aside(self, checkpoint: Checkpoint, reason: Text) -> None:
        """Be told that a kept account could not be used."""


class ListedHistory(History):
    """Events in a list, as they are; nothing is kept."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self.head = Head(len(events))

    def deposit(self) -> tuple[int, CashMoved] | None:
        """See `History`."""
        moves = ((number, event) for number, event in enumerate(self._events, 1) if isinstance(event, CashMoved))
        return next(moves, None)

    def numbered(self, after: Head) -> Iterator[tuple[int, Event]]:
        """See `History`."""
        for number, event in enumerate(self._events[after.sequence :], after.sequence + 1):
            if isinstance(event, BOOKED):
                yield number, event

    def head_at(self, number: int) -> Head:
        """See `History`."""
        return Head(number)

    def checkpoints(self, before: int, since: int) -> Iterable[Checkpoint]:
        """See `History`."""
        return ()

    def check(self, *heads: Head) -> None:
        """See `History`."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """See `History`."""

    def set_aside(self, checkpoint: Checkpoint, reason: Text) -> None:
        """See `History`."""
