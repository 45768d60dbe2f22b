"""History up to this instant: bars of days, weeks and minutes of one instrument; the present bar as far as it went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from brokers.kis_server.prints import shares_of_points
from brokers.kis_server.world import World
from engine.clock import from_nanoseconds
from engine.data.interval import interval_minutes
from engine.data.panel import CLOSE, HIGH, LOW, OPEN, SPLIT, VOLUME, State
from engine.krx.dated import days_since_epoch

_SECOND_NS = 1_000_000_000


class Candle(NamedTuple):
    """One bar: won, shares. `base` is the base price (기준가격) of a day; 0 = not known, or the bar is longer."""

    day: date
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int
    base: int = 0


class Trade(NamedTuple):
    """One print of the path, and the totals of the day after it."""

    row: int
    time: datetime
    price: int
    quantity: int
    volume: int
    value: int


def daily_candles(world: World, col: int, first: date, last: date, most: int, *, adjusted: bool) -> list[Candle]:
    """Bars of days of the data from `first` to `last`, newest first, at most `most`.

    Args:
        world: the market.
        col: the instrument.
        first, last: days of the data.
        most: newest bars to keep.
        adjusted: restate prices and volumes before a split that has happened by now.
    """
    candles: list[Candle] = []
    for candle, row in _sessions_back(world, col, last):
        if candle.day < first or len(candles) == most:
            break
        candles.append(_adjusted(world, col, row, candle) if adjusted else candle)
    return candles


def longer_candles(
    world: World, col: int, first: date, last: date, most: int, period: str, *, adjusted: bool
) -> list[Candle]:
    """Bars of days (D), weeks (W), months (M) or years (Y), newest first; a bar bears the day of its first session."""
    if period == "D":
        return daily_candles(world, col, first, last, most, adjusted=adjusted)
    days = daily_candles(world, col, first, last, 366 * most, adjusted=adjusted)
    return [_together(list(group)) for _, group in groupby(days, _PERIOD[period])][:most]


_PERIOD: dict[str, Callable[[Candle], tuple[int, ...]]] = {
    "W": lambda candle: candle.day.isocalendar()[:2],
    "M": lambda candle: (candle.day.year, candle.day.month),
    "Y": lambda candle: (candle.day.year,),
}


def _together(newest_first: list[Candle]) -> Candle:
    traded = [candle for candle in newest_first if candle.volume] or newest_first
    return Candle(
        newest_first[-1].day,
        traded[-1].open,
        max(candle.high for candle in traded),
        min(candle.low for candle in traded),
        newest_first[0].close,
        sum(candle.volume for candle in newest_first),
        sum(candle.value for candle in newest_first),
    )


def _sessions_back(world: World, col: int, last: date) -> Iterator[tuple[Candle, int]]:
    """Bars of the sessions up to `last` and to now, newest first, with the last row of each."""
    market, path = world.market, world.path
    panel = market.panel
    number = path.number_of(market.row)
    if path.sessions[number] <= last and market.is_listed(col) and (market.has_opened(col) or market.point == 3):
        close = int(market.last[col])
        opened = market.has_opened(col)
        prices = (int(market.open[col]), int(market.high[col]), int(market.low[col])) if opened else (close,) * 3
        totals = int(market.volume[col]), int(market.value[col])
        yield Candle(market.day, *prices, close, *totals, int(market.base[col])), market.row
    wanted = int(
        np.searchsorted([days_since_epoch(day) for day in path.sessions], days_since_epoch(last), side="right")
    )
    for place in range(min(number, wanted) - 1, -1, -1):
        rows = path.rows(place)
        block = slice(rows[0], rows[-1] + 1)
        if not market.state[rows[-1], col] & State.PRESENT:
            if rows[-1] < panel.first_row[col]:
                return
            continue
        bars = market.bars[:, block, col]
        traded = np.flatnonzero(market.state[block, col] & State.TRADED)
        part = bars[:, traded] if len(traded) else bars
        known = None if panel.value is None else panel.value[block, col]
        value = int(known[known > 0].sum()) if known is not None and (known >= 0).any() else _printed_value(bars)
        yield (
            Candle(
                path.sessions[place],
                int(part[OPEN, 0]),
                int(part[HIGH].max()),
                int(part[LOW].min()),
                int(bars[CLOSE, -1]),
                int(bars[VOLUME].sum()),
                value,
                int(panel.base[rows[0], col]),
            ),
            rows[-1],
        )


def _printed_value(bars: NDArray[np.int64]) -> int:
    """Won that the four prints of each bar add up to, where the data has no value."""
    path = bars[[OPEN, LOW, HIGH, CLOSE]]
    return int((shares_of_points(path, bars[VOLUME]) * path).sum())


def _adjusted(world: World, col: int, row: int, candle: Candle) -> Candle:
    """The bar in the shares of today. Rounded to the nearest won, as brokers' charts do."""
    actions = world.market.panel.actions
    shares = prices = 1
    for place in np.flatnonzero((actions.col == col) & (actions.kind == SPLIT)):
        if row < actions.row[place] <= world.market.row:
            shares *= int(actions.numerator[place])
            prices *= int(actions.denominator[place])
    if shares == prices:
        return candle

    def restated(price: int) -> int:
        return (2 * price * prices + shares) // (2 * shares)

    return candle._replace(
        open=restated(candle.open),
        high=restated(candle.high),
        low=restated(candle.low),
        close=restated(candle.close),
        base=restated(candle.base),
        volume=candle.volume * shares // prices,
    )


def trades_of(world: World, col: int, number: int) -> list[Trade]:
    """The prints of one session up to now, oldest first."""
    market, path = world.market, world.path
    current = path.number_of(market.row)
    if number > current:
        return []
    if market.panel.is_trade(path.rows(number)[0]):
        return _recorded_trades(world, col, path.rows(number), number == current)
    trades: list[Trade] = []
    volume = value = 0
    low_first = world.config.path == "low_first"
    order = [OPEN, LOW, HIGH, CLOSE] if low_first else [OPEN, HIGH, LOW, CLOSE]
    rows = path.rows(number)
    prices = market.bars[order, rows[0] : rows[-1] + 1, col]
    shares = shares_of_points(prices, market.bars[VOLUME, rows[0] : rows[-1] + 1, col])
    for step in path.steps(number):
        point = step.point
        if point is None or not market.state[step.row, col] & State.TRADED:
            continue
        if number == current and (step.row, point) > (market.row, market.point):
            break
        price, quantity = int(prices[point, step.row - rows[0]]), int(shares[point, step.row - rows[0]])
        known = -1 if market.panel.value is None else int(market.panel.value[step.row, col])
        amount = known * (point + 1) // 4 - known * point // 4 if known >= 0 else quantity * price
        volume, value = volume + quantity, value + amount
        if quantity:
            trades.append(Trade(step.row, step.time, price, quantity, volume, value))
    return trades


def _recorded_trades(world: World, col: int, rows: range, is_current: bool) -> list[Trade]:
    """The trades of one recorded session up to now; their times are whole seconds, as they were recorded."""
    market = world.market
    end = market.row + (market.point >= 0) if is_current else rows[-1] + 1
    block = slice(rows[0], max(end, rows[0]))
    mine = rows[0] + np.flatnonzero(market.state[block, col] & State.TRADED)
    prices, quantities = market.bars[CLOSE, mine, col], market.bars[VOLUME, mine, col]
    seconds = np.asarray(market.panel.closed_at_ns)[mine] // _SECOND_NS * _SECOND_NS
    totals = np.cumsum(quantities), np.cumsum(prices * quantities)
    columns = (mine, seconds, prices, quantities, *totals)
    return [
        Trade(row, from_nanoseconds(second), *numbers)
        for row, second, *numbers in zip(*(column.tolist() for column in columns), strict=True)
    ]


class Minute(NamedTuple):
    """One minute, labelled with its beginning."""

    begins: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int


def minutes_of(world: World, col: int, number: int) -> list[Minute]:
    """The bars of one session up to now, newest first: of minutes, or the prints of a daily bar at their minutes."""
    panel = world.market.panel
    bars = panel.trades_from is None  # recorded trades are put into minutes by their own times
    length = timedelta(minutes=interval_minutes(panel.interval) if bars else 0)

    def begins(trade: Trade) -> datetime:
        if not length:
            return trade.time.replace(second=0)
        return from_nanoseconds(int(panel.closed_at_ns[trade.row])) - length

    minutes = []
    for start, group in groupby(trades_of(world, col, number), begins):
        prints = list(group)
        prices = [trade.price for trade in prints]
        bar = (prices[0], max(prices), min(prices), prices[-1])
        minutes.append(Minute(start, *bar, sum(trade.quantity for trade in prints), prints[-1].value))
    return minutes[::-1]
