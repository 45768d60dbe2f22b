"""A recorded stream, served and traded on: the fills of the wire are those of a replay of the same trades, to the won.

A served market of minute bars is recorded by the command `geoul data record`. The recording is served again; the
adapter hears its trades and trades on them, on the very seconds of the recording. Then a replay broker is fed the same
trades, and the same writer decides again. It acts between trades, on prices, holdings and open orders.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from brokers.kis.realtime import Trade
from brokers.kis.recording import read_recording
from engine.data.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, Panel, State, load_panel
from engine.data.recorded_bars import write_recorded_bars
from engine.data.segments import days_of
from engine.data.tick_panel import load_recording
from engine.events import Slice
from tests.builders_recording import write_daily
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys
from tests.parity.account import WireAccount
from tests.parity.daily import open_replay
from tests.parity.intraday_writer import CONFIG, IntradayWriter
from tests.parity.market import BARS, classes_of, intraday_market, kinds, names
from tests.parity.record import (
    Day,
    ReplayBook,
    assert_same,
    cash_of,
    kinds_of_fills,
    positions_of,
)

ROOT = Path(__file__).parents[3]
SESSIONS, NAMES, SEED = 4, 8, 11
EACH = 9  # trades between two decisions
NUMBERS = (0, 1, 0, 2)  # what `IntradayWriter.bar_closed` does at them: enter, change what works, enter, leave


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Panel]:
    """A recording of all sessions but the first, the daily bars of the first, and the market that was recorded."""
    folder = tmp_path_factory.mktemp("recorded")
    panel = intraday_market(NAMES, SESSIONS + 1, SEED)
    with make_server(panel) as server, Client(server, "live") as client:
        client.advance(until="morning")
        path = write_server_keys(folder, server, client)
        with recording(folder / "recording", path, panel.tickers) as process:
            heard = server.server.stream._heard
            wait_for(lambda: sum(len(sockets) for sockets in heard.values()) > 2 * NAMES, process)
            while server.server.world.next_step is not None:
                client.advance(steps=1)
            shares = int(panel.bars[VOLUME, BARS:].sum())
            wait_for(lambda: shares_recorded(folder / "recording") == shares, process)
    bars = {ticker: [day_of(np.asarray(panel.bars[:, :BARS, col]))] for col, ticker in enumerate(panel.tickers)}
    daily = write_daily(folder / "daily", bars, before=panel.session_date(BARS), boards=dict(names(NAMES)))
    return folder / "recording", daily, panel


def day_of(bars: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> tuple[int, int, int, int, int]:
    return (
        int(bars[OPEN, 0]),
        int(bars[HIGH].max()),
        int(bars[LOW].min()),
        int(bars[CLOSE, -1]),
        int(bars[VOLUME].sum()),
    )


@contextlib.contextmanager
def recording(folder: Path, keys: Path, tickers: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    line = [sys.executable, "-m", "engine.cli.main", "data", "record", str(folder), "--ticker", ",".join(tickers)]
    line += ["--flush", "0.05", "--env", "live", "--kis-config", str(keys), "--clock", "world", "--lang", "en"]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(line, env=surroundings, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output


def wait_for(condition, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, "the recorder did not get there"
        time.sleep(0.05)


def shares_recorded(folder: Path) -> int:
    return sum(int(read_recording(folder, day)["volume"].sum()) for day in days_of(folder))


class WireSide:
    """The adapter's days on the served recording."""

    def __init__(self, account: WireAccount, panel: Panel) -> None:
        self.account, self.broker, self._panel = account, account.broker, panel
        self.days: list[Day] = []
        self.heard: list[Trade] = []
        classes = classes_of(panel)
        self.writer = IntradayWriter(
            self.broker, account.clock, classes, SEED, CONFIG.cash_won, lambda reference, number: None
        )
        self.closes = {quote.ticker: int(quote.price) for quote in self.broker.quotes(sorted(classes))}
        account.watch(sorted(classes))

    def run(self) -> None:
        while self.account.has_more:
            self.account.advance(until="morning")
            day = Day(self.account.session)
            if not self.days:
                self.writer.bar_closed(0, self.closes, Day(day.session))
            rows = rows_of(self._panel, day.session)
            while self.account.printed < rows[-1]:
                row = self.account.printed
                self.account.advance(steps=1)
                self._hear()
                number = self.account.printed - rows[0]
                if row < self.account.printed < rows[-1] and number % EACH == EACH - 1:
                    self.writer.bar_closed(NUMBERS[number // EACH % len(NUMBERS)], self.closes, day)
            self._finish(day)

    def _hear(self) -> None:
        self.heard += [record for record in self.account.market if isinstance(record, Trade)]
        self.account.market.clear()
        self.closes |= {trade.ticker: trade.price for trade in self.heard[-1:]}

    def _finish(self, day: Day) -> None:
        self.account.finish(day)
        day.cash = cash_of(self.broker.account())
        day.positions = positions_of(self.broker.positions())
        ledger = self.account.ledger
        assert ledger.totals.cash == day.cash[2] and not ledger.open_orders() and not ledger.unresolved_orders()
        # Not their cost: where one trade both buys and sells a name, a fill that came back from KIS's list may be
        # booked after the other.
        held = {ticker: position.quantity for ticker, position in ledger.positions.items()}
        assert held == {ticker: quantity for ticker, quantity, _ in day.positions}
        self.writer.session_over()
        self.days.append(day)


def rows_of(panel: Panel, session: date) -> range:
    rows = np.flatnonzero([panel.session_date(row) == session for row in range(panel.rows)])
    return range(int(rows[0]), int(rows[-1]) + 1)


def replayed(panel: Panel) -> list[Day]:
    broker = open_replay(panel, CONFIG)
    book, days = ReplayBook(broker), list[Day]()
    writer = IntradayWriter(broker, broker, classes_of(panel), SEED, CONFIG.cash_won, book.note)
    tickers, first = list(panel.tickers), panel.trades_from or 0
    day, rows = Day(panel.session_date(first)), range(0)
    for event in broker.events():
        if not isinstance(event, Slice):
            continue
        row = event.row
        if row >= first and row not in rows:
            rows = rows_of(panel, panel.session_date(row))
        if row >= first - 1:
            closes = {quote.ticker: int(quote.price) for quote in broker.quotes(tickers)}
            if row == first - 1:
                writer.bar_closed(0, closes, Day(day.session))
            elif row == rows[-1]:
                book.finish(day, [day.session])
                days.append(day)
                writer.session_over()
                day = Day(panel.session_date(min(row + 1, panel.rows - 1)))
            elif (row - rows[0]) % EACH == EACH - 1:
                writer.bar_closed(NUMBERS[(row - rows[0]) // EACH % len(NUMBERS)], closes, day)
    return days


def test_a_recording_that_is_served_has_its_trades_and_fills_as_in_process(
    tmp_path: Path, recorded: tuple[Path, Path, Panel]
) -> None:
    folder, daily, _ = recorded
    panel = load_recording(folder, daily)
    with contextlib.ExitStack() as stack:
        wire = WireSide(WireAccount(stack, tmp_path, panel, CONFIG, "live", kinds(NAMES)), panel)
        wire.run()
    told = [tuple(getattr(trade, name) for name in COMPARED) for trade in wire.heard]
    assert told == [row for day in days_of(folder) for row in read_recording(folder, day).select(COMPARED).rows()]
    assert len(told) == panel.rows - (panel.trades_from or 0)
    in_process = replayed(panel)
    for day in (*wire.days, *in_process):
        day.fills.sort()  # a fill that KIS's list had to confirm is booked behind others of the same day
    assert_same(wire.days, in_process)
    assert len(wire.days) == SESSIONS
    answers = [answer for day in wire.days for _, answer in day.answers]
    assert answers.count("accepted") > 40
    assert kinds_of_fills(wire.days) >= {"buy", "sell", "partly", "in parts"}


def test_minute_bars_of_the_recording_are_those_of_the_market_that_was_recorded(
    tmp_path: Path, recorded: tuple[Path, Path, Panel]
) -> None:
    folder, daily, market = recorded
    write_recorded_bars(folder, daily, tmp_path / "minutes")
    assert traded_bars(load_panel(tmp_path / "minutes"), 0) == traded_bars(market, BARS)


def traded_bars(panel: Panel, first: int) -> dict[tuple[int, str], list[int]]:
    """(end, ticker) -> prices, shares and base price of the bars with a trade."""
    rows, cols = np.nonzero(np.asarray(panel.state[first:]) & np.uint8(State.TRADED))
    return {
        (int(panel.closed_at_ns[first + row]), panel.tickers[col]): [
            *panel.bars[:, first + row, col].tolist(),
            int(panel.base[first + row, col]),
        ]
        for row, col in zip(rows.tolist(), cols.tolist(), strict=True)
    }


COMPARED = ["ticker", "time", "price", "volume", "cumulative_volume", "cumulative_value", "previous_close"]
COMPARED += ["open", "high", "low"]
