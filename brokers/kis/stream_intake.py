"""What the stream brings, handed to whom it concerns, in the order of arrival.

notices                     book our orders
states of the market        events, and market news
trades, books, indices      market news; trades also show which part of a gap is filled
reports                     gaps are filled from REST, and where notices may be missing the list of orders is asked
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from brokers.kis.desk import Desk
from brokers.kis.gap_filling import GapFilled, GapFiller
from brokers.kis.notice import Notice
from brokers.kis.realtime import Book, IndexTick, MarketState, Record, Trade
from brokers.kis.stream_queue import Item
from brokers.kis.stream_reports import Report
from brokers.kis.watched_names import WatchedNames
from brokers.kis.websocket import RealtimeSocket
from engine.events import Event, MarketStatus

MarketNews: TypeAlias = Trade | Book | IndexTick | MarketState | Report | GapFilled


class StreamIntake:
    """Takes the items of one account's stream. For one thread.

    Args:
        stream: its WebSocket; None = nothing ever comes.
        desk: of the account; it takes the notices.
        gaps: fill what was missed.
        watched: say whose gaps are worth filling.
        on_market: is told the market news; None = nobody is, and no gap is filled.
    """

    def __init__(
        self,
        stream: RealtimeSocket | None,
        desk: Desk,
        gaps: GapFiller,
        watched: WatchedNames,
        on_market: Callable[[MarketNews], None] | None,
    ) -> None:
        self._stream, self._desk, self._gaps, self._watched = stream, desk, gaps, watched
        self._followed, self._books = desk.followed, desk.books
        self.on_market = on_market
        self._kept: deque[Item] = deque()  # came while a call waited, and change the books
        self.events: deque[Event] = deque()  # that nobody has been told yet
        self.records_taken = 0  # notices included

    def take_all(self, timeout_seconds: float) -> None:
        """Take what waits; wait at most so long for the first item."""
        if self._stream is None:
            return
        while self._kept:
            self._take(self._kept.popleft())
            timeout_seconds = 0.0
        for item in self._stream.queue.take_all(timeout_seconds):
            self._take(item)

    def take_while_waiting(self) -> None:
        """Take what waits while a call is on its way: what the stream says of orders and states is kept until then."""
        if self._stream is None:
            return
        for item in self._stream.queue.take_all(0.0):
            if isinstance(item, Notice | MarketState):
                self._kept.append(item)
            else:
                self._take(item)

    def take_filled_gaps(self) -> None:
        """Tell what REST has said about missed trades since the last call."""
        for filled in self._gaps.take():
            self._tell(filled)

    def _take(self, item: Item) -> None:
        self.records_taken += isinstance(item, Record)
        if isinstance(item, Notice):
            self._followed.take(item)
            return
        if isinstance(item, MarketState):
            if item.phase is not None:
                self.events.extend(self._followed.events())
                self.events.append(MarketStatus(time=item.received_at, phase=item.phase, ticker=item.ticker))
        elif isinstance(item, Trade):
            self._gaps.saw(item)
        elif not isinstance(item, Book | IndexTick):
            self._hear(item)
        self._tell(item)

    def _hear(self, report: Report) -> None:
        if self.on_market is not None:
            self._gaps.hear(self._watched.worth_filling(report))
        if self._desk.channel.hear(report):
            for order in self._books.open_orders():
                self._followed.settle_later(order)

    def _tell(self, news: MarketNews) -> None:
        if self.on_market is not None:
            self.on_market(news)
