"""The bounded queue between the socket's thread and the program: the socket never waits for it.

When it is full, the oldest market data goes: a program that fell behind needs the present price, not one that is
minutes old. Notices of the account, states of the market and reports are never dropped and keep their place in time.
What was dropped is counted per subscription and handed out as a gap, just before the first record that survived.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from brokers.kis.realtime import Book, IndexTick, Record, Trade
from brokers.kis.stream_reports import BadFrame, Gap, GapReason, Report
from brokers.kis.subscriptions import Subscription
from engine.errors import BadInput

Item: TypeAlias = Record | Report


class StreamQueue:
    """First in, first out, for one writer and any number of readers.

    Args:
        capacity: items of market data that may wait.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        if capacity < 1:
            raise BadInput(f"A queue for {capacity} items: it needs room for at least 1.")
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._kept: deque[Item] = deque()  # never dropped, and older than everything in _items
        self._lost: dict[Subscription, tuple[int, datetime, datetime]] = {}
        self._dropped = 0
        self._waiting = 0
        self._closed = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition(threading.Lock())

    def __len__(self) -> int:
        return len(self._items) + len(self._kept) + bool(self._lost)

    @property
    def dropped(self) -> int:
        """Items dropped since the start."""
        return self._dropped

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def put(self, items: Iterable[Item]) -> None:
        """Append items; after `close` they go nowhere. Never waits for a reader."""
        with self._changed:
            if self._closed:
                return
            self._items.extend(items)
            while len(self._items) > self._capacity:
                self._shorten()
            if self._waiting:
                self._changed.notify_all()

    def take(self, timeout_seconds: float | None = None) -> Item | None:
        """The oldest item; None if none came in time, or none ever will.

        Raises:
            BaseException: what stopped the writer, once all items are out.
        """
        taken = self.take_all(timeout_seconds, limit=1)
        return taken[0] if taken else None

    def take_all(self, timeout_seconds: float | None = None, limit: int | None = None) -> list[Item]:
        """All items that wait, at most `limit`; waits for the first one. Empty and raising as for `take`."""
        with self._changed:
            if not self and not self._closed:
                self._waiting += 1
                try:
                    self._changed.wait_for(lambda: bool(self) or self._closed, timeout_seconds)
                finally:
                    self._waiting -= 1
            if not self and self._failure is not None:
                raise self._failure
            taken: list[Item] = []
            while self and (limit is None or len(taken) < limit):
                taken.append(self._pop())
            return taken

    def close(self, failure: BaseException | None = None) -> None:
        """End the stream; readers get what is left, and then `failure` if there is one."""
        with self._changed:
            self._closed = True
            self._failure = self._failure or failure
            self._changed.notify_all()

    def _pop(self) -> Item:
        if self._kept:
            return self._kept.popleft()
        if self._lost:
            return self._gap()
        return self._items.popleft()

    def _gap(self) -> Gap:
        lost, self._lost = self._lost, {}
        return Gap(
            reason=GapReason.QUEUE_FULL,
            subscriptions=tuple(lost),
            since=min(since for _, since, _ in lost.values()),
            until=max(until for _, _, until in lost.values()),
            lost=sum(count for count, _, _ in lost.values()),
        )

    def _shorten(self) -> None:
        oldest = self._items.popleft()
        if isinstance(oldest, Trade | Book):
            name = Subscription(oldest.tr_id, oldest.ticker)
        elif isinstance(oldest, IndexTick):
            name = Subscription(oldest.tr_id, oldest.code)
        elif isinstance(oldest, BadFrame):
            self._dropped += 1
            return
        else:
            self._kept.append(oldest)
            return
        count, since, _ = self._lost.get(name, (0, oldest.received_at, oldest.received_at))
        self._lost[name] = (count + 1, since, oldest.received_at)
        self._dropped += 1
