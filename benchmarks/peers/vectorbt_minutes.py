"""Crossing averages of `reference.moving_average_cross` on one ticker in vectorbt, without costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt
from vectorbt.generic import dispatch as generic

from benchmarks.fills import as_fills
from benchmarks.market import CLOSE, OPEN, load_bars
from benchmarks.reference import MINUTE_CASH_WON, ORDER_WON


def prepare(folder: Path, options: dict) -> Callable[[], Callable[[], np.ndarray]]:
    """Load the bars and return the run.

    `options["engine"]`: "numba", or "auto" for Rust where vectorbt has it. `options["style"]`: "documented"
    (Series and `vbt.MA`, as on the front page of vectorbt) or "tuned" (compiled functions on arrays, order
    records sized to the need). `options["windows"]`: bars of the two averages.
    """
    vbt.settings["engine"] = options.get("engine", "numba")
    bars = load_bars(folder)
    minutes = pd.date_range("2015-01-02 09:01", periods=bars.shape[1], freq="min")
    opens, close = (pd.Series(np.array(bars[field, :, 0], np.float64), index=minutes) for field in (OPEN, CLOSE))
    signals = {"documented": _documented_signals, "tuned": _tuned_signals}[options.get("style", "documented")]
    windows = options["windows"]
    room = {"max_orders": len(close) // 5, "max_logs": 0} if options.get("style") == "tuned" else {}

    def run() -> Callable[[], np.ndarray]:
        entries, exits = signals(close, *windows)
        portfolio = vbt.Portfolio.from_signals(
            close,
            entries,
            exits,
            price=opens,
            size=np.floor(ORDER_WON / close.shift(1)),
            init_cash=float(MINUTE_CASH_WON),
            **room,
        )
        if options.get("tables"):
            _ = portfolio.value(), portfolio.trades.records
        records = portfolio.order_records
        return lambda: as_fills(records["idx"], records["col"], np.where(records["side"] == 0, 1, -1), records["size"])

    return run


def _documented_signals(close: pd.Series, fast_bars: int, slow_bars: int) -> tuple[pd.Series, pd.Series]:
    """A signal of the close acts at the next open: `fshift` moves it by one row."""
    fast, slow = vbt.MA.run(close, fast_bars), vbt.MA.run(close, slow_bars)
    entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
    return entries.vbt.signals.fshift(1), exits.vbt.signals.fshift(1)


def _tuned_signals(close: pd.Series, fast_bars: int, slow_bars: int) -> tuple[np.ndarray, np.ndarray]:
    """The same signals by array comparisons; a comparison with an unknown mean (NaN) is false."""
    price = close.to_numpy()[:, None]
    fast, slow = (generic.rolling_mean(price, window)[:, 0] for window in (fast_bars, slow_bars))
    entries, exits = np.zeros(len(price), np.bool_), np.zeros(len(price), np.bool_)
    entries[2:] = (fast > slow)[1:-1] & (fast <= slow)[:-2]
    exits[2:] = (fast < slow)[1:-1] & (fast >= slow)[:-2]
    return entries, exits
