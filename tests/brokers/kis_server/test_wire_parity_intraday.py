"""250 intraday sessions of sixteen names: what the server streams makes the bars, in process and over the wire.

Over the wire the adapter hears the trades, builds minute bars of them, decides at their closes and on its fills. Then a
replay broker is fed the bars that were built from that very stream, and the same writer decides again. Orders, fills,
cash and holdings are equal to the won, and the bars are those of the data.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from brokers.kis.realtime import Trade
from engine.clock import from_nanoseconds
from engine.data.bar_builder import BarBuilder, MinuteBar
from engine.data.panel import Panel
from engine.events import Event, Slice
from engine.fill import Fill
from tests.builders_panel import HALT, Bar
from tests.parity.account import WireAccount
from tests.parity.daily import open_replay
from tests.parity.intraday_writer import CONFIG, IntradayWriter
from tests.parity.market import BARS, bar_ends, classes_of, intraday_market, intraday_panel, kinds
from tests.parity.record import (
    Day,
    ReplayBook,
    assert_ledger_is_the_account,
    assert_same,
    cash_of,
    kinds_of_fills,
    positions_of,
)

SESSIONS, NAMES, SEED = 250, 16, 5


class WireSide:
    """The adapter's day: it is woken by every step of the world, and sees trades, notices and answers only."""

    def __init__(self, account: WireAccount, panel: Panel) -> None:
        self.account, self.broker = account, account.broker
        self.builder, self.bars = BarBuilder("1m"), list[MinuteBar]()
        self.days: list[Day] = []
        self._panel_ends = [from_nanoseconds(int(stamp)) for stamp in panel.closed_at_ns]
        names = classes_of(panel)
        self.writer = IntradayWriter(
            self.broker, account.clock, names, SEED, CONFIG.cash_won, lambda reference, number: None
        )
        first = account.session
        for ticker in names:  # the session before the first one that trades, as anybody reads it
            for row in self.broker.history(ticker, "1m", first, first).iter_rows(named=True):
                prices = (row["open"], row["high"], row["low"], row["close"])
                self.bars.append(MinuteBar(ticker, row["time"], *prices, row["volume"], 0))
        self.closes = {quote.ticker: int(quote.price) for quote in self.broker.quotes(sorted(names))}
        account.watch(sorted(names))

    def run(self) -> None:
        """Every session to the end of the data."""
        while self.account.has_more:
            self.account.advance(until="morning")
            day = Day(self.account.session)
            if not self.days:
                self.writer.bar_closed(BARS - 1, self.closes, Day(day.session))
            ends, number = bar_ends(day.session), 0
            while number < BARS:
                events = self.account.advance(steps=1)
                self._build()
                now = self.account.clock.now()
                if now < ends[-1]:
                    self._answer(events, day)
                if now == ends[number]:
                    self._close_bar(now)
                    if number < BARS - 1:
                        self.writer.bar_closed(number, self.closes, day)
                    number += 1
            self._finish(day)

    def _build(self) -> None:
        for record in self.account.market:
            if isinstance(record, Trade):
                self.builder.add(record.ticker, record.time, record.price, record.volume)
        self.account.market.clear()

    def _close_bar(self, now: datetime) -> None:
        finished = self.builder.finish(now)
        self.bars += finished
        self.closes |= {bar.ticker: bar.close for bar in finished}

    def _answer(self, events: Sequence[Event], day: Day) -> None:
        for event in events:
            if isinstance(event, Fill):
                self.writer.filled(event, day)

    def _finish(self, day: Day) -> None:
        self.account.finish(day)
        day.cash = cash_of(self.broker.account())
        day.positions = positions_of(self.broker.positions())
        assert_ledger_is_the_account(self.account.ledger, day)
        self.writer.session_over()
        self.days.append(day)


def replayed(panel: Panel) -> list[Day]:
    broker = open_replay(panel, CONFIG)
    book, days = ReplayBook(broker), list[Day]()
    writer = IntradayWriter(broker, broker, classes_of(panel), SEED, CONFIG.cash_won, book.note)
    names = list(panel.tickers)
    day = Day(panel.session_date(0))
    for event in broker.events():
        row = event.row if isinstance(event, Slice) else broker.simulation.row + 1
        number, last = row % BARS, row % BARS == BARS - 1
        if isinstance(event, Fill):
            if not (last and event.point == "close"):
                writer.filled(event, day)
        elif isinstance(event, Slice):
            closes = {quote.ticker: int(quote.price) for quote in broker.quotes(names)}
            if last:
                if row >= BARS:
                    day.session = panel.session_date(row)
                    book.finish(day, [day.session])
                    days.append(day)
                writer.session_over()
                day = Day(panel.session_date(min(row + 1, panel.rows - 1)))
                if row == BARS - 1:
                    writer.bar_closed(number, closes, Day(day.session))
            elif row >= BARS:
                writer.bar_closed(number, closes, day)
    return days


def panel_of(bars: Sequence[MinuteBar], like: Panel) -> Panel:
    """The panel of bars that were built; where a name has none, nothing traded."""
    row = {from_nanoseconds(int(stamp)): place for place, stamp in enumerate(like.closed_at_ns)}
    cells: dict[str, list[Bar]] = {ticker: [HALT] * like.rows for ticker in like.tickers}
    for bar in bars:
        cells[bar.ticker][row[bar.closed_at]] = bar[2:7]
    return intraday_panel(cells)


def test_250_intraday_sessions_of_16_names_agree_to_the_won(tmp_path: Path) -> None:
    panel = intraday_market(NAMES, SESSIONS + 1, SEED)
    with contextlib.ExitStack() as stack:
        wire = WireSide(WireAccount(stack, tmp_path, panel, CONFIG, "live", kinds(NAMES)), panel)
        wire.run()
    heard = panel_of(wire.bars, panel)
    differing = np.argwhere((heard.bars != panel.bars).any(axis=0) | (heard.state != panel.state)).tolist()
    assert not differing, [(at, heard.bars[:, *at], panel.bars[:, *at]) for at in differing[:3]]
    assert wire.builder.late == 0
    assert_same(wire.days, replayed(heard))
    assert len(wire.days) == SESSIONS
    answers = Counter(answer for day in wire.days for _, answer in day.answers)
    assert answers["accepted"] > 1_500 and answers["not_enough_cash"] > 0
    ends = Counter(order[0] for day in wire.days for order in day.orders.values())
    assert set(ends) == {"filled", "expired", "cancelled"}
    assert kinds_of_fills(wire.days) >= {"buy", "sell", "partly", "in parts", "without transaction tax"}
