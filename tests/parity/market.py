"""Markets for the wire-parity suites: prices that wander, thin volumes, suspensions, days locked at a limit."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta

import numpy as np

from engine.clock import to_nanoseconds
from engine.data.panel import Panel
from engine.krx.dated import days_since_epoch
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.price_limit import limits_of
from engine.krx.sessions import session_close, session_days, session_open
from engine.krx.tick_size import grid_below
from tests.builders_panel import DAY_ONE, EPOCH, HALT, Bar, make_panel

BARS = 4  # of an intraday session
_BOARDS = (("KOSPI", "STOCK"), ("KOSDAQ", "STOCK"), ("KOSPI", "ETF"))


def names(count: int) -> dict[str, tuple[str, str]]:
    """Tickers with their market and product: stocks of both markets, and every fifth one an ETF."""
    return {f"{100 + place:06d}": _BOARDS[2 if place % 5 == 4 else place % 2] for place in range(count)}


def kinds(count: int) -> dict[str, InstrumentClass]:
    """The same as instrument classes, as ticks and taxes want them."""
    return {ticker: instrument_class(*board) for ticker, board in names(count).items()}


def classes_of(panel: Panel) -> dict[str, InstrumentClass]:
    """The classes of a panel's names."""
    boards = panel.instruments.select("ticker", "market", "product").iter_rows()
    return {ticker: instrument_class(market, product) for ticker, market, product in boards}


def session_dates(count: int) -> list[date]:
    """The sessions of the markets below."""
    days = session_days()
    begin = int(np.searchsorted(days, days_since_epoch(DAY_ONE)))
    return [date.fromordinal(EPOCH.toordinal() + int(day)) for day in days[begin : begin + count]]


def daily_market(count: int, sessions: int, seed: int) -> Panel:
    """One bar a session."""
    draw = np.random.default_rng(seed)
    days = session_dates(sessions)
    bars: dict[str, list[Bar]] = {}
    for ticker, kind in kinds(count).items():
        close, rows = int(draw.integers(2_500, 90_000)), []
        volume = int(draw.choice([1_500, 8_000, 60_000]))
        close = grid_below(close, days[0], kind)
        suspended = 0
        for day in days:
            suspended = suspended - 1 if suspended else int(draw.integers(1, 4)) if draw.random() < 0.01 else 0
            if suspended and rows:
                rows.append(HALT)
                continue
            bar = _bar(draw, close, day, kind, volume)
            rows.append(bar)
            close = bar[3]
        bars[ticker] = rows
    return _panel(bars, 1)


def intraday_market(count: int, sessions: int, seed: int) -> Panel:
    """A few bars a session (`bar_ends`); in some nothing trades, in some a share or two, the last has one price."""
    draw = np.random.default_rng(seed)
    days = session_dates(sessions)
    bars: dict[str, list[Bar]] = {}
    for ticker, kind in kinds(count).items():
        close, rows = grid_below(int(draw.integers(2_500, 90_000)), days[0], kind), []
        for day in days:
            for number in range(BARS):
                if rows and draw.random() < 0.06:
                    rows.append(HALT)
                    continue
                prices = [_near(draw, close, 0.006, day, kind) for _ in range(4)]
                volume = int(draw.integers(40, 4_000))
                if number == BARS - 1:
                    prices = prices[:1] * 4
                elif draw.random() < 0.08:  # as many prices as shares: no bar has more trades than that
                    volume = int(draw.integers(1, 4))
                    prices = {1: prices[:1] * 4, 2: prices[:1] + [prices[1]] * 3}.get(volume, prices)
                    if volume == 3:
                        prices[2] = max(prices[0], prices[3])
                rows.append((prices[0], max(prices), min(prices), prices[3], volume))
                close = prices[3]
        bars[ticker] = rows
    return _panel(bars, BARS)


def bar_ends(day: date) -> list[datetime]:
    """When the bars of an intraday session end: two at its opening, two at its close, which is not always 15:30."""
    opens, closes, minute = session_open(day), session_close(day), timedelta(minutes=1)
    return [opens + minute, opens + 2 * minute, closes - 10 * minute, closes]


def intraday_panel(bars: dict[str, list[Bar]]) -> Panel:
    """A panel of such bars."""
    return _panel(bars, BARS)


def _panel(bars: dict[str, list[Bar]], bars_a_session: int) -> Panel:
    boards = names(len(bars))
    panel = make_panel(
        bars,
        market={ticker: market for ticker, (market, _) in boards.items()},
        product={ticker: product for ticker, (_, product) in boards.items()},
        bars_a_session=bars_a_session,
    )
    if bars_a_session == 1:
        return panel
    days = [panel.session_date(row) for row in range(0, panel.rows, bars_a_session)]
    ends = [to_nanoseconds(end) for day in days for end in bar_ends(day)]
    return dataclasses.replace(panel, closed_at_ns=np.array(ends, np.int64))


def _bar(
    draw: np.random.Generator, close: int, day: date, kind: InstrumentClass, volume: int
) -> tuple[int, int, int, int, int]:
    limits = limits_of(close, day, kind, 1)
    assert limits is not None
    luck = draw.random()
    if luck < 0.004:  # locked: one price all day, at a limit
        price = limits.upper if luck < 0.002 else limits.lower
        return price, price, price, price, volume
    prices = [min(max(_near(draw, close, 0.018, day, kind), limits.lower), limits.upper) for _ in range(4)]
    return prices[0], max(prices), min(prices), prices[3], int(draw.integers(volume // 10, volume))


def _near(draw: np.random.Generator, price: int, spread: float, day: date, kind: InstrumentClass) -> int:
    return max(grid_below(int(price * (1 + draw.normal(0, spread))), day, kind), 100)
