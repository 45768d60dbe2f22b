"""The names an account watches, and how the stream learns of them.

subscribe   these names too, with their trades and order books
listen      these names and no others, by rank: `attention` says who goes first where KIS grants too few registrations
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from brokers.kis.attention import Attention
from brokers.kis.config import KisConfig
from brokers.kis.realtime_fields import STREAMS
from brokers.kis.stream_reports import Report
from brokers.kis.subscriptions import Subscription
from brokers.kis.websocket import RealtimeSocket


class WatchedNames:
    """What one account watches.

    Args:
        stream: registers; None = names are only remembered.
        config: exchange and environment decide which registrations there are.
        order_books: register the order books of subscribed names too.
    """

    def __init__(self, stream: RealtimeSocket | None, config: KisConfig, *, order_books: bool) -> None:
        self._stream, self._order_books = stream, order_books
        self._exchange, self._world = config.options.exchange, config.world
        self._names: dict[str, None] = {}
        self._attention = Attention({}, ())

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def subscribe(self, tickers: Sequence[str]) -> None:
        """Watch these names beside the others."""
        self._names.update(dict.fromkeys(tickers))
        if self._stream is not None:
            trades, books = STREAMS[self._exchange]
            for tr_id in (trades, books) if self._order_books else (trades,):
                self._stream.subscribe([Subscription(tr_id, ticker) for ticker in tickers])

    def listen(self, names: Mapping[str, int], indices: Sequence[str]) -> None:
        """Hear these names, each with its rank, and these indices, and no others of an earlier call."""
        self._names = dict.fromkeys(names)
        before, self._attention = self._attention, Attention(names, indices)
        if self._stream is None:
            return
        had = before.registrations(self._exchange, self._world)
        wants = self._attention.registrations(self._exchange, self._world)
        self._stream.unsubscribe([name for name in had if name not in wants])
        for name, priority in wants.items():
            if had.get(name) != priority:  # what KIS has refused is not asked for again and again
                self._stream.subscribe([name], priority)

    def worth_filling(self, report: Report) -> Report:
        """A report without the names whose missed trades nobody needs; see `Attention.worth_filling`."""
        return self._attention.worth_filling(report)
