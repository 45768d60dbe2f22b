"""What a replay says about the market: the data up to the present bar, and nothing later."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.broker import IndexQuote, Quote
from engine.clock import KST
from engine.data.panel import SPLIT
from engine.errors import BadInput
from engine.exchange import EPOCH
from engine.matching import arrays as at
from engine.rules.interval import bars_per_year
from engine.simulation import Simulation

INDEX_WINDOW = 20  # sessions


class ReplayMarket:
    """The market of a simulation at its present bar.

    Args:
        simulation: says which bar that is.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation, self._panel = simulation, simulation.exchange.panel
        self.column = {ticker: place for place, ticker in enumerate(self._panel.tickers)}
        # Plain arrays: reading one value through a mapped file's own class costs three times as much.
        self._bars, self._state, self._base = simulation.exchange.arrays[:3]
        self._session_ends = np.flatnonzero(simulation.exchange.ends_session)
        self._closed_at = np.asarray(self._panel.closed_at_ns)
        self._last_row = np.asarray(self._panel.last_row)
        self._shares = None if self._panel.shares is None else np.asarray(self._panel.shares)
        # Of the bar that was asked for last: a decision looks at many names of one bar.
        self._timed: tuple[int, datetime.datetime] | None = None
        self._grown: tuple[int, NDArray[np.int64]] | None = None

    def now(self) -> datetime.datetime:
        """The close of the last bar."""
        return self.time(max(self._simulation.row, 0))

    def time(self, row: int) -> datetime.datetime:
        """The close of a bar."""
        if self._timed is None or self._timed[0] != row:
            self._timed = row, datetime.datetime.fromtimestamp(int(self._closed_at[row]) / 1_000_000_000, KST)
        return self._timed[1]

    def quotes(self, tickers: Sequence[str]) -> Sequence[Quote]:
        """Last prices of listed names."""
        return self._quotes([self.column[ticker] for ticker in tickers if ticker in self.column])

    def rankings(self, kind: str, count: int = 10) -> Sequence[Quote]:
        """Names that traded today, by "volume_growth" against the session before or by "decline"."""
        if self._simulation.row == 0:
            return []
        row = self._simulation.row
        traded = (self._state[row] & at.TRADED != 0) & (self._state[row - 1] & at.PRESENT != 0)
        if kind == "volume_growth":
            now, before = self._bars[at.VOLUME, row], self._volume_before(row)
        else:  # against the base price, which a split or a distribution has moved
            now, before = self._bars[at.CLOSE, row], self._base[row]
        usable = np.flatnonzero(traded & (before > 0))
        change = (now[usable] - before[usable]) / before[usable]
        order = _lowest(-change if kind == "volume_growth" else change, count)
        return self._quotes(usable[order])

    def index(self, code: str) -> IndexQuote:
        """Level, change, 20-day mean and volatility, and the breadth of the data's own names."""
        advancers, decliners, unchanged = self._breadth()
        level, change, mean, volatility = self._index_figures(code)
        return IndexQuote(
            code=code,
            time=self.now(),
            level=level,
            change_rate=change,
            mean_20=mean,
            volatility_20=volatility,
            advancers=advancers,
            decliners=decliners,
            unchanged=unchanged,
        )

    def history(self, ticker: str, interval: str, start: datetime.date, end: datetime.date) -> pl.DataFrame:
        """Bars of one ticker in won, up to the present one; nothing later can be read."""
        if interval != self._panel.interval:
            raise BadInput(f"The data has bars of {self._panel.interval}, not of {interval}. Ask for those.")
        first, last = np.searchsorted(self._panel.session, [(start - EPOCH).days, (end - EPOCH).days + 1])
        rows = slice(int(first), min(int(last), self._simulation.row + 1))
        bars = self._panel.bars[:, rows, self.column[ticker]]
        stamps = pl.Series(self._panel.closed_at_ns[rows]).cast(pl.Datetime("ns", "Asia/Seoul"))
        names = ("open", "high", "low", "close", "volume")
        scale = self._simulation.exchange.scale
        in_won = bars if scale == 1 else [*(bars[: at.VOLUME] / scale), bars[at.VOLUME]]
        return pl.DataFrame({"time": stamps, **dict(zip(names, in_won, strict=True))})

    def _quotes(self, cols: Sequence[int] | NDArray[np.int64]) -> list[Quote]:
        """Last prices; of a name whose rows have ended the last one it had. One before its first bar is left out."""
        if not len(cols):
            return []
        now, scale = self._simulation.row, self._simulation.exchange.scale
        cols = np.asarray(cols)
        rows = np.minimum(now, self._last_row[cols])
        before = np.maximum(rows - 1, 0)
        bars, has_shares = self._bars, self._shares is not None
        columns = (
            (self._state[rows, cols] & at.PRESENT != 0),
            (self._state[before, cols] & at.PRESENT != 0) & (rows > 0),
            bars[at.CLOSE, rows, cols],
            bars[at.VOLUME, rows, cols],
            self._base[rows, cols],
            bars[at.CLOSE, before, cols],
            self._shares[rows, cols] if self._shares is not None else rows,
        )
        found = []
        values = zip(cols.tolist(), rows.tolist(), *(column.tolist() for column in columns), strict=True)
        for col, row, present, had, close, volume, base, close_before, shares in values:
            if not present:
                continue
            previous = base if base > 0 else (close_before if had else 0)
            found.append(
                Quote(
                    ticker=self._panel.tickers[col],
                    time=self.time(row),
                    price=close / scale,
                    previous_close=previous / scale if previous > 0 else None,
                    volume=volume,
                    previous_volume=int(self._volume_before(row)[col]) if had else None,
                    market_cap=close * shares // scale if has_shares and shares >= 0 else None,
                )
            )
        return found

    def _volume_before(self, row: int) -> NDArray[np.int64]:
        """Volumes of the bar before, in the shares of this one: a split multiplies them."""
        if self._grown is None or self._grown[0] != row:
            self._grown = row, self._grown_by(row)
        return self._grown[1]

    def _grown_by(self, row: int) -> NDArray[np.int64]:
        actions = self._panel.actions
        before: NDArray[np.int64] = self._bars[at.VOLUME, row - 1]
        first, last = np.searchsorted(actions.row, [row, row + 1])
        if first == last:
            return before
        before = before.copy()
        for place in range(first, last):
            if actions.kind[place] == SPLIT:
                col = actions.col[place]
                before[col] = before[col] * actions.numerator[place] // actions.denominator[place]
        return before

    def _index_figures(self, code: str) -> tuple[float | None, float | None, float | None, float | None]:
        """Level, change, 20-day mean, volatility: from the closes of sessions and the level now."""
        series, row = self._panel.indices.get(code), self._simulation.row
        if series is None:
            return None, None, None, None
        place = int(np.searchsorted(self._session_ends, row))  # ends of the sessions before this one
        ends = self._session_ends[max(place - INDEX_WINDOW, 0) : place]
        levels = np.append(series[3, ends], series[3, row])
        change = mean = volatility = None
        if len(levels) > 1:
            changes = np.diff(levels) / levels[:-1]
            change = _known(changes[-1])
        if len(levels) >= INDEX_WINDOW and self._panel.interval != "1w":
            mean = _known(levels[-INDEX_WINDOW:].mean())
        if len(levels) > INDEX_WINDOW and self._panel.interval != "1w":
            volatility = _known(changes.std(ddof=1) * bars_per_year("1d") ** 0.5)
        return _known(levels[-1]), change, mean, volatility

    def _breadth(self) -> tuple[int | None, int | None, int | None]:
        """Names that traded: above, below and at their base price."""
        row = self._simulation.row
        if row == 0:
            return None, None, None
        traded = (self._state[row] & at.TRADED != 0) & (self._base[row] > 0)
        change = self._bars[at.CLOSE, row, traded] - self._base[row, traded]
        return int((change > 0).sum()), int((change < 0).sum()), int((change == 0).sum())


def _lowest(values: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Places of the lowest values in order, the first of equals first: a stable sort of those that can matter."""
    if len(values) <= count:
        return np.argsort(values, kind="stable")
    near = np.flatnonzero(values <= np.partition(values, count - 1)[count - 1])
    return near[np.argsort(values[near], kind="stable")[:count]]


def _known(value: float) -> float | None:
    """None for a value that the data does not have."""
    return float(value) if np.isfinite(value) else None
