"""Crossing averages of `reference.moving_average_cross` on one ticker in backtrader, with commission."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import backtrader as bt
import numpy as np
import pandas as pd

from benchmarks.fills import as_fills
from benchmarks.market import load_bars
from benchmarks.reference import MINUTE_CASH_WON, ORDER_WON

FEE_RATE = 0.000140527


class Cross(bt.Strategy):
    """Ten lines as in the manual; its `CrossOver` indicator is not used because it treats ties otherwise."""

    def __init__(self) -> None:
        self.fast = bt.indicators.SMA(self.data.close, period=10)
        self.slow = bt.indicators.SMA(self.data.close, period=30)
        self.fills: list[tuple[int, int, int, float]] = []

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed:
            side = 1 if order.isbuy() else -1
            self.fills.append((len(self) - 1, 0, side, abs(order.executed.size)))

    def next(self) -> None:
        fast, slow = self.fast, self.slow
        if not self.position:
            if fast[0] > slow[0] and fast[-1] <= slow[-1]:
                self.buy(size=ORDER_WON // self.data.close[0])
        elif fast[0] < slow[0] and fast[-1] >= slow[-1]:
            self.close()


def prepare(folder: Path, options: dict) -> Callable[[], np.ndarray]:
    """Load the first `options["rows"]` bars (all without it) and return the run.

    Its default settings are used: indicators run vectorised before the loop (`runonce`), bars are loaded
    beforehand.
    """
    bars = load_bars(folder)[:, : options.get("rows"), 0]
    frame = pd.DataFrame(
        np.array(bars).T.astype(np.float64),
        columns=["open", "high", "low", "close", "volume"],
        index=pd.date_range("2015-01-02 09:01", periods=bars.shape[1], freq="min"),
    )

    def run() -> np.ndarray:
        cerebro = bt.Cerebro(stdstats=False)
        cerebro.adddata(bt.feeds.PandasData(dataname=frame, openinterest=None))
        cerebro.addstrategy(Cross)
        cerebro.broker.setcash(float(MINUTE_CASH_WON))
        cerebro.broker.setcommission(commission=FEE_RATE)
        (strategy,) = cerebro.run()
        return as_fills(*np.array(strategy.fills, np.float64).reshape(-1, 4).T)

    return run
