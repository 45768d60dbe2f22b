"""Geoul in event mode: a strategy in Python, one `on_bar` a bar, on the full exchange (costs, T+2, funding)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.bench_rules import fills_of
from benchmarks.panels import minute_panel
from benchmarks.reference import MINUTE_CASH_WON, ORDER_WON
from brokers.replay import replay
from engine.config import BacktestConfig
from engine.strategy import Strategy, View


class Cross(Strategy):
    """The rules of `reference.moving_average_cross`, compared in Python like the peers do."""

    features: ClassVar[dict[str, str]] = {"fast": "mean(close, 10)", "slow": "mean(close, 30)"}

    def on_start(self, view: View) -> None:
        self.was_below = self.was_above = False

    def on_bar(self, view: View) -> None:
        fast, slow = view["fast"], view["slow"]
        if not view.holding():
            if fast > slow and self.was_below:
                view.buy(quantity=int(ORDER_WON // view.close()))
        elif fast < slow and self.was_above:
            view.sell()
        self.was_below, self.was_above = fast <= slow, fast >= slow


def prepare(folder: Path, options: dict) -> Callable[[], Callable[[], np.ndarray]]:
    """Load the first `options["rows"]` bars and return the run."""
    panel = minute_panel(folder, options["rows"])
    config = BacktestConfig(cash_won=MINUTE_CASH_WON)

    def run() -> Callable[[], np.ndarray]:
        result = replay(Cross(), panel, config)
        _ = result.fills
        return lambda: fills_of(result, panel)

    return run
