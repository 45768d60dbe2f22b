"""Crossing averages of `reference.moving_average_cross` on one ticker in backtesting.py, with commission."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from backtesting import Backtest, Strategy

from benchmarks.fills import as_fills
from benchmarks.market import load_bars
from benchmarks.reference import MINUTE_CASH_WON, ORDER_WON

FEE_RATE = 0.000140527


def mean(values: np.ndarray, bars: int) -> pd.Series:
    return pd.Series(values).rolling(bars).mean()


class Cross(Strategy):
    """Ten lines as in the manual; `lib.crossover` is not used: it misses a cross that starts from a tie."""

    def init(self) -> None:
        self.fast = self.I(mean, self.data.Close, 10)
        self.slow = self.I(mean, self.data.Close, 30)

    def next(self) -> None:
        fast, slow = self.fast, self.slow
        if not self.position:
            if fast[-1] > slow[-1] and fast[-2] <= slow[-2]:
                self.buy(size=ORDER_WON // self.data.Close[-1])
        elif fast[-1] < slow[-1] and fast[-2] >= slow[-2]:
            self.position.close()


def prepare(folder: Path, options: dict) -> Callable[[], np.ndarray]:
    """Load the first `options["rows"]` bars (all without it) and return the run."""
    bars = load_bars(folder)[:, : options.get("rows"), 0]
    frame = pd.DataFrame(
        np.array(bars).T.astype(np.float64),
        columns=["Open", "High", "Low", "Close", "Volume"],
        index=pd.date_range("2015-01-02 09:01", periods=bars.shape[1], freq="min"),
    )

    def run() -> np.ndarray:
        backtest = Backtest(frame, Cross, cash=MINUTE_CASH_WON, commission=FEE_RATE)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Some trades remain open")
            strategy = backtest.run()["_strategy"]
        entries = [(trade.entry_bar, 0, 1, trade.size) for trade in (*strategy.closed_trades, *strategy.trades)]
        exits = [(trade.exit_bar, 0, -1, trade.size) for trade in strategy.closed_trades]
        return as_fills(*np.array(entries + exits, np.float64).reshape(-1, 4).T)

    return run
