"""A recorded day, replayed and served: `python -m benchmarks.recorded_trades`.

20 names with 20,000 trades each, written by the recorder itself, behind a year of daily bars. Printed are the memory
and the time of the panel, of a replay in process, and of a world that is served to one account: empty-handed, and with
an order of each name that rests in the book all day; then what one question of a client costs in the evening.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import SecretStr

from benchmarks.report import machine
from brokers.kis.order_kinds import ORDER_KINDS
from brokers.kis.realtime import Trade
from brokers.kis.realtime_fields import TRADE
from brokers.kis.recording import Recorder
from brokers.kis_server.candles import minutes_of, trades_of
from brokers.kis_server.order_book import ServedOrder
from brokers.kis_server.setup import AccountSetup
from brokers.kis_server.world import World
from brokers.replay import replay
from engine.clock import SimulatedClock
from engine.config import BacktestConfig
from engine.data.panel import CLOSE, Panel, load_panel
from engine.data.sample import make_sample
from engine.data.tick_panel import load_recording
from engine.krx.sessions import next_session, session_close, session_open
from engine.order import Side
from engine.strategy import Strategy, View

Result = TypeVar("Result")
_NAMES, _TRADES = 20, 20_000


def main() -> None:
    """Print the figures."""
    print(machine())
    with tempfile.TemporaryDirectory() as place:
        recording, daily = _recorded(Path(place))
        size = sum(path.stat().st_size for path in recording.rglob("*.parquet"))
        before = _megabytes()
        panel, seconds = _timed(lambda: load_recording(recording, daily))
        cells = sum(
            array.nbytes
            for array in (panel.bars, panel.state, panel.base, panel.value, panel.shares)
            if array is not None
        )
        rows = panel.rows - (panel.trades_from or 0)
        print(f"{rows:,} trades of {panel.columns} names: {size / 1e6:.0f} MB on disk, panel {cells / 1e6:.0f} MB")
        print(f"read and put together in {seconds:.1f} s; peak memory {before:,} MB before, {_megabytes():,} MB after")
        _, seconds = _timed(lambda: replay(Resting(), panel, BacktestConfig(), panel.session_date(panel.rows - 1)))
        print(
            f"in process, {panel.columns} orders resting all day: {seconds:.1f} s, {seconds / rows * 1e6:.0f} us/trade"
        )
        for orders in (0, panel.columns):
            world = World(panel, BacktestConfig())
            _, seconds = _timed(lambda world=world, orders=orders: _day(world, orders))  # type: ignore[misc]
            print(f"served, {orders} orders: {seconds:.1f} s of CPU a day, {seconds / rows * 1e6:.0f} us/trade")
        for what in (trades_of, minutes_of):
            _, seconds = _timed(lambda what=what: what(world, 0, world.session))  # type: ignore[misc]
            print(f"{what.__name__} of one name in the evening: {seconds * 1e3:.0f} ms")
    print(f"peak memory {_megabytes():,} MB")


class Resting(Strategy):
    """One order a name, far below the market, from the evening before."""

    def on_bar(self, view: View) -> None:
        """Sends them after the first trade."""
        if not view.pending(view.tickers[0]):
            for ticker in view.tickers:
                view.buy(ticker, quantity=1, limit=view.close(ticker) * 0.8)


def _recorded(place: Path) -> tuple[Path, Path]:
    make_sample(place / "daily", tickers=2 * _NAMES, years=1, seed=1)
    daily = load_panel(place / "daily")
    alive = np.flatnonzero(daily.last_row == daily.rows - 1)[:_NAMES]
    day, draw = next_session(daily.session_date(daily.rows - 1)), np.random.default_rng(1)
    opens = session_open(day)
    seconds = np.sort(draw.integers(0, (session_close(day) - opens).seconds, _NAMES * _TRADES))
    cols = draw.permutation(np.repeat(np.arange(_NAMES), _TRADES))
    total = np.zeros(_NAMES, np.int64)
    base, names = daily.bars[CLOSE, -1, alive], [daily.tickers[col] for col in alive]
    with Recorder(place / "recording", SimulatedClock(datetime.combine(day, opens.timetz()))) as recorder:
        for second, col, shares, step in zip(
            seconds.tolist(),
            cols.tolist(),
            draw.integers(1, 80, len(cols)).tolist(),
            draw.integers(-9, 10, len(cols)).tolist(),
            strict=True,
        ):
            total[col] += shares
            now, price = opens + timedelta(seconds=second), max(int(base[col]) + step, 1)
            volume = int(total[col])
            trade = Trade(TRADE, names[col], now, now, price, shares, volume, volume * price, None, int(base[col]))
            recorder.take([trade])
    return place / "recording", place / "daily"


def _day(world: World, orders: int) -> None:
    nothing = SecretStr("")
    account = world.open_account(AccountSetup(environment="live", number="1" * 8, app_key=nothing, app_secret=nothing))
    world.run_step()
    panel: Panel = world.market.panel
    for col in range(orders):
        limits = world.market.limits(col)
        placed = account.place(
            ServedOrder(
                number=world.next_number(),
                session=world.now().date(),
                sent_at=world.now(),
                ticker=panel.tickers[col],
                col=col,
                side=Side.BUY,
                kind=ORDER_KINDS["00"],
                quantity=1,
                price=1 if limits is None else limits.lower,
            )
        )
        assert placed is None, placed
    while world.next_step is not None:
        world.run_step()


def _timed(what: Callable[[], Result]) -> tuple[Result, float]:
    started = time.process_time()
    result = what()
    return result, time.process_time() - started


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
