"""Prices as clients see them now: the bars of the data, point by point, and nothing between the points.

A bar is printed in four trades at the four prices of its path, which share its volume (see `prints`); a recorded trade
is printed as what it was. The data has no order book, so the book shows the prices of the grid around the last one, and
no shares at any of them. A value that the data cannot give is absent, never estimated.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brokers.kis_server.prints import POINTS, shares_of_points
from engine.data.panel import CLOSE, HIGH, LOW, OPEN, SPLIT, VOLUME, Panel, State
from engine.errors import DataError
from engine.exchange import Exchange
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.price_limit import PriceRange, limits_of
from engine.krx.tick_size import NO_BOUND, grid_at, round_down, round_up, tick_size

LEVELS = 10
Integers = NDArray[np.int64]


class Print(NamedTuple):
    """What one point of the path did to all instruments: int64[N] each; `volume` is 0 where nothing traded."""

    price: Integers
    volume: Integers
    value: Integers


class Market:
    """The state of all instruments at this instant.

    Attributes:
        listings: first and last day on the exchange, None where unknown or not ended.
        last, open, high, low: won; open, high and low are 0 before the first trade of the session.
        volume, value: shares and won of the session so far.
        base: base price (기준가격) of the session, won; 0 = unknown.
        previous_close, previous_volume: of the session before.
        row: the bar that is being printed, or the last one.
        point: its last point that has been printed, −1 = none yet.
    """

    def __init__(self, exchange: Exchange) -> None:
        panel = exchange.panel
        if panel.manifest.price_scale != 1 or panel.manifest.adjusted:
            raise DataError(
                f"The server trades in won, but {panel.manifest.name} holds adjusted prices. Import the raw prices "
                "(without --adjusted) and serve that dataset."
            )
        if panel.interval == "1w":
            raise DataError("The server needs daily or minute bars or recorded trades, not weeks.")
        self.panel: Panel = panel
        self.exchange = exchange
        self.column = {ticker: place for place, ticker in enumerate(panel.tickers)}
        columns = ("name", "market", "product", "multiple", "sector", "listed", "delisted")
        known = panel.instruments.select(columns).rows()  # once: a data frame is slow at single values
        self.names = [row[0] or ticker for row, ticker in zip(known, panel.tickers, strict=True)]
        self.kinds = [instrument_class(row[1] or "KOSPI", row[2] or "STOCK") for row in known]
        self.boards = [row[1] or "KOSPI" for row in known]
        self.multiples = [row[3] or 1 for row in known]
        self.sectors = [row[4] or "" for row in known]
        self.listings: list[tuple[date | None, date | None]] = [(row[5], row[6]) for row in known]
        # Plain arrays: reading one value through a mapped file's own class costs three times as much.
        self.bars, self.state, self._base = exchange.arrays[:3]
        names = panel.columns
        self.last, self.open, self.high, self.low = (np.zeros(names, np.int64) for _ in range(4))
        self.volume, self.value, self.base = (np.zeros(names, np.int64) for _ in range(3))
        self.previous_close, self.previous_volume = (np.zeros(names, np.int64) for _ in range(2))
        self.row, self.point = 0, -1
        self._trades_today = np.zeros(names, np.bool_)
        self._low_first = exchange.config.path == "low_first"

    def begin_session(self, row: int) -> None:
        """A new session whose first bar is `row`: nothing has traded yet."""
        self.previous_close, self.previous_volume = self.last, self.volume
        base = self._base[row]
        self.base = np.where(base > 0, base, self._restated(row, self.previous_close))
        self.last = np.where(self.base > 0, self.base, self.previous_close)
        zero = np.zeros(self.panel.columns, np.int64)
        self.open, self.high, self.low, self.volume, self.value = (zero.copy() for _ in range(5))
        self.row, self.point = row, -1
        end = int(np.searchsorted(self.panel.session, self.panel.session[row], side="right"))
        self._trades_today = (self.state[row:end] & State.TRADED).any(axis=0)

    def print_point(self, row: int, point: int) -> Print:
        """Show one point of a bar. Returns what traded there."""
        self.row, self.point = row, point
        traded = (self.state[row] & State.TRADED) != 0
        price = self.path_price(row, point)
        volume = self.bars[VOLUME, row]
        if not self.panel.is_trade(row):
            path = [self.path_price(row, part) for part in range(POINTS)]
            volume = np.where(traded, shares_of_points(path, volume)[point], 0)
        value = volume * price
        if self.panel.value is not None and not self.panel.is_trade(row):
            known = self.panel.value[row]
            whole = np.where(known > 0, known, 0)
            share = whole * (point + 1) // POINTS - whole * point // POINTS
            value = np.where(traded & (known >= 0), share, value)
        self.last = np.where(traded, price, self.last)
        self.open = np.where(traded & (self.open == 0), price, self.open)
        self.high = np.where(traded, np.maximum(self.high, price), self.high)
        self.low = np.where(traded, np.where(self.low == 0, price, np.minimum(self.low, price)), self.low)
        self.volume = self.volume + volume
        self.value = self.value + value
        return Print(price, volume, value)

    def points_of(self, row: int) -> range:
        """The points of a row's path: four of a bar, one of a trade."""
        return range(1 if self.panel.is_trade(row) else POINTS)

    def path_price(self, row: int, point: int) -> Integers:
        """int64[N]: the prices of a bar at a point of its path."""
        if point in (0, 3):
            return self.bars[OPEN if point == 0 else CLOSE, row]
        return self.bars[LOW if (point == 1) == self._low_first else HIGH, row]

    def has_opened(self, col: int) -> bool:
        """Whether it has traded in this session."""
        return bool(self.open[col])

    def is_listed(self, col: int) -> bool:
        """Whether it is listed in the present session."""
        return self.has(col, State.PRESENT)

    def is_halted(self, col: int) -> bool:
        """Whether the session has opened without it and nothing of it will trade today, as the exchange announces.

        A name without a trade in its first minutes is not suspended.
        """
        return self.point >= 0 and not self._trades_today[col]

    def has(self, col: int, state: State) -> bool:
        """Whether a bit of its state is set."""
        return bool(int(self.state[self.row, col]) & state.value)  # plain integers: an enum costs ten times as much

    @property
    def day(self) -> date:
        """Session of the data."""
        return self.panel.session_date(self.row)

    def tick(self, col: int, price: int) -> int:
        """Tick at a price, won."""
        return tick_size(price, self.day, self.kinds[col])

    def limits(self, col: int) -> PriceRange | None:
        """Lowest and highest price of an order today; None where there is no limit or it is not known."""
        unlimited = self.has(col, State.LIQUIDATION) or self.has(col, State.FIRST_DAY)
        if unlimited or self.base[col] <= 0 or self.kinds[col] is InstrumentClass.ELW:
            return None
        return limits_of(int(self.base[col]), self.day, self.kinds[col], self.multiples[col])

    def ladder(self, col: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ten prices above and ten below the last one, nearest first, 0 beyond the limits: the grid, not orders."""
        price = int(self.last[col])
        if price <= 0 or not self.is_listed(col):
            return (0,) * LEVELS, (0,) * LEVELS
        bounds, sizes = grid_at(self.day, self.kinds[col])
        limits = self.limits(col) or PriceRange(1, NO_BOUND)
        asks, bids = [], []
        ask = bid = price
        for _ in range(LEVELS):
            ask = int(round_up(ask + 1, bounds, sizes))
            bid = int(round_down(bid - 1, bounds, sizes)) if bid > 1 else 0
            asks.append(ask if ask <= limits.upper else 0)
            bids.append(bid if bid >= limits.lower else 0)
        return tuple(asks), tuple(bids)

    def shares(self, col: int) -> int | None:
        """Listed shares, None if the data does not say."""
        known = None if self.panel.shares is None else int(self.panel.shares[self.row, col])
        return known if known is not None and known > 0 else None

    def index_now(self, code: str) -> tuple[float, float, float, float, float | None] | None:
        """Level, open, high, low so far, close of the session before; None where the data has no such index."""
        series: Any = self.panel.indices.get(code)
        if series is None:
            return None
        starts = self.row
        while starts > 0 and self.panel.session[starts - 1] == self.panel.session[self.row]:
            starts -= 1
        before = float(series[CLOSE, starts - 1]) if starts > 0 else None
        before = before if before is not None and np.isfinite(before) else None
        seen = [series[part, row] for row in range(starts, self.row) for part in (OPEN, HIGH, LOW, CLOSE)]
        order = (OPEN, LOW, HIGH, CLOSE) if self._low_first else (OPEN, HIGH, LOW, CLOSE)
        seen += [series[part, self.row] for part in order[: self.point + 1]]
        known = [float(value) for value in seen if np.isfinite(value)]
        if not known:
            return None if before is None else (before, 0.0, 0.0, 0.0, before)
        return known[-1], known[0], max(known), min(known), before

    def _restated(self, row: int, closes: Integers) -> Integers:
        """Closes of the session before in the shares of this one."""
        actions = self.panel.actions
        first, last = np.searchsorted(actions.row, [row, row + 1])
        if first == last:
            return closes
        restated = closes.copy()
        for place in range(first, last):
            if actions.kind[place] == SPLIT:
                col = actions.col[place]
                restated[col] = restated[col] * actions.denominator[place] // actions.numerator[place]
        return restated
