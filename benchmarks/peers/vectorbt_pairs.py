"""Every pair of average lengths on one ticker in vectorbt, without costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt

from benchmarks.fills import as_fills
from benchmarks.market import CLOSE, OPEN, load_bars
from benchmarks.reference import MINUTE_CASH_WON, ORDER_WON


def prepare(folder: Path, options: dict) -> Callable[[], Callable[[], np.ndarray]]:
    """Load the bars and return the run.

    `options["windows"]`: (shortest, how many, step) of the lengths. `options["style"]`: "documented" (as in vectorbt's
    own example of many windows; its crossing misses one that starts from a tie after values above) or "tuned"
    (crossings by array comparisons, which also are our rule, and order records sized to the need).
    `options["engine"]` as in `vectorbt_minutes`.
    """
    vbt.settings["engine"] = options.get("engine", "numba")
    bars = load_bars(folder)[:, : options["rows"]]
    minutes = pd.date_range("2015-01-02 09:01", periods=bars.shape[1], freq="min")
    opens, close = (pd.Series(np.array(bars[field, :, 0], np.float64), index=minutes) for field in (OPEN, CLOSE))
    first, count, step = options["windows"]
    windows = np.arange(first, first + count * step, step)
    size = np.floor(ORDER_WON / close.shift(1))
    tuned = options.get("style") == "tuned"
    signals = _tuned_signals if tuned else _documented_signals
    pairs = count * (count - 1) // 2
    room = {"max_orders": len(close) * pairs // 50, "max_logs": 0} if tuned else {}

    def run() -> Callable[[], np.ndarray]:
        fast, slow = vbt.MA.run_combs(close, windows, r=2, short_names=["fast", "slow"])
        entries, exits = signals(fast, slow)
        portfolio = vbt.Portfolio.from_signals(
            close, entries, exits, price=opens, size=size, init_cash=float(MINUTE_CASH_WON), **room
        )
        _ = portfolio.total_return()
        records = portfolio.order_records
        return lambda: as_fills(records["idx"], records["col"], np.where(records["side"] == 0, 1, -1), records["size"])

    return run


def _documented_signals(fast: vbt.MA, slow: vbt.MA) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A signal of the close acts at the next open: `fshift` moves it by one row."""
    entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
    return entries.vbt.signals.fshift(1), exits.vbt.signals.fshift(1)


def _tuned_signals(fast: vbt.MA, slow: vbt.MA) -> tuple[np.ndarray, np.ndarray]:
    """The same by array comparisons; one with an unknown mean (NaN) is false."""
    left, right = fast.ma.to_numpy(), slow.ma.to_numpy()
    entries, exits = np.zeros(left.shape, np.bool_), np.zeros(left.shape, np.bool_)
    entries[2:] = (left > right)[1:-1] & (left <= right)[:-2]
    exits[2:] = (left < right)[1:-1] & (left >= right)[:-2]
    return entries, exits
