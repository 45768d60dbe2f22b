"""Strategies that look into the future, one trick each, and some that only seem to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from engine.data.panel import Panel
from engine.strategy import Strategy, View

Signal = Callable[[Panel, int], bool]


class Switch(Strategy):
    """In where a signal says so, else out; one instrument or the first of several."""

    def __init__(self, signal: Signal, panel: Panel | None = None) -> None:
        self.signal, self.panel, self.row = signal, panel, -1

    def on_bar(self, view: View) -> None:
        self.row = view._row
        ticker = view.tickers[0]
        panel: Any = view._panel if self.panel is None else self.panel
        if self.signal(panel, min(self.row, panel.rows - 1)):
            if not view.holding(ticker) and view.is_listed(ticker):
                view.buy(ticker, weight=0.5)
        elif view.holding(ticker):
            view.sell(ticker)


def rises(field: int, bars: int = 1) -> Signal:
    """Whether a field of the first instrument is higher `bars` later; out where the data end."""

    def signal(panel: Panel, row: int) -> bool:
        series = panel.bars[field, :, 0]
        return row + bars < len(series) and bool(series[row + bars] > series[row])

    return signal


def table_rises(name: str) -> Signal:
    """The same for value, shares or the base price."""

    def signal(panel: Panel, row: int) -> bool:
        series = getattr(panel, name)[:, 0]
        return row + 1 < len(series) and bool(series[row + 1] > series[row])

    return signal


def rises_within(panel: Panel, row: int) -> bool:
    """Whether the next bar closes above its own open: two values of the future and none of the past."""
    return row + 1 < panel.rows and bool(panel.bars[3, row + 1, 0] > panel.bars[0, row + 1, 0])


def rises_against_base(panel: Panel, row: int) -> bool:
    """The sign of tomorrow's change as the exchange counts it."""
    return row + 1 < panel.rows and bool(panel.bars[3, row + 1, 0] > panel.base[row + 1, 0])


def index_rises(panel: Panel, row: int) -> bool:
    series = panel.indices["KOSPI"][3]
    return row + 1 < len(series) and bool(series[row + 1] > series[row])


def above_mean_of_all_history(panel: Panel, row: int) -> bool:
    """The classic: normalised with a mean that knows how it went on."""
    series = panel.bars[3, :, 0]
    return bool(series[row] > series[series > 0].mean())


def never_flagged_within(bits: int, bars: int) -> Signal:
    def signal(panel: Panel, row: int) -> bool:
        return not (panel.state[row + 1 : row + 1 + bars, 0] & bits).any() and row + 1 < panel.rows

    return signal


def trades_tomorrow(panel: Panel, row: int) -> bool:
    return row + 1 < panel.rows and bool(panel.bars[4, row + 1, 0] > 0)


def survives(panel: Panel, row: int) -> bool:
    return bool(panel.last_row[0] == panel.rows - 1) and row % 7 < 4


def no_action_ahead(panel: Panel, row: int) -> bool:
    ahead = (panel.actions.row > row) & (panel.actions.col == 0)
    return bool(ahead.sum() % 2)


def dividends_ahead(panel: Panel, row: int) -> bool:
    ahead = (panel.dividends.row > row) & (panel.dividends.col == 0)
    return bool(ahead.sum() % 2)


class FeatureOfTomorrow(Strategy):
    """Reads the next row of the block in which its own feature is computed."""

    features: ClassVar = {"change": "returns(1)"}

    def on_bar(self, view: View) -> None:
        values = view._values["change"]
        tomorrow = values[view._offset + 1] if view._offset + 1 < len(values) else 0.0
        if tomorrow > 0 and not view.holding():
            view.buy(weight=0.5)
        elif tomorrow <= 0:
            view.sell()


class Dice(Strategy):
    """Random without a seed."""

    def __init__(self) -> None:
        self.dice = np.random.default_rng()

    def on_bar(self, view: View) -> None:
        if self.dice.random() < 0.3:
            view.buy(weight=0.1)
        elif self.dice.random() < 0.3:
            view.sell()


class Remembering(Strategy):
    """Keeps what it has seen in the class, so that a second run goes on where the first one ended."""

    seen: ClassVar[list[float]] = []

    def on_bar(self, view: View) -> None:
        self.seen.append(view.close())
        if len(self.seen) % 40 == 5:
            view.buy(weight=0.5)
        elif len(self.seen) % 40 == 25:
            view.sell()


class OwnAverage(Strategy):
    """An exponential mean of its own, which begins with the first close it sees."""

    def __init__(self) -> None:
        self.mean = 0.0

    def on_bar(self, view: View) -> None:
        close = view.close()
        self.mean = close if self.mean == 0 else self.mean + (close - self.mean) / 40
        if close > self.mean and not view.holding():
            view.buy(weight=0.5)
        elif close < self.mean:
            view.sell()


class CountsNames(Strategy):
    """Divides its money by the number of all names of the data, those of later years included."""

    def on_bar(self, view: View) -> None:
        ticker = view.tickers[0]
        if view.is_listed(ticker) and not view.holding(ticker):
            view.buy(ticker, weight=1 / len(view.tickers))


class FailsOnAJump(Strategy):
    """Raises when a price moves further than it ever did, which says nothing of the bars before."""

    def __init__(self) -> None:
        self.last = 0.0

    def on_bar(self, view: View) -> None:
        close = view.close()
        if self.last and not 0.8 < close / self.last < 1.25:
            raise ValueError("a jump beyond all measure")
        self.last = close
        if view._row % 20 == 3:
            view.buy(weight=0.2)
        elif view._row % 20 == 13:
            view.sell()


class FailsOnALaterJump(FailsOnAJump):
    """Raises at once where such a jump is still to come: the failure itself tells the future."""

    def on_bar(self, view: View) -> None:
        closes = view._panel.bars[3, :, 0]
        if (np.abs(np.diff(closes) / closes[:-1]) > 0.2).any():
            raise ValueError("a jump still to come")
        super().on_bar(view)
