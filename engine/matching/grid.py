"""Tick grid, price limits and tradability of one instrument on one bar, read from the market arrays."""

from __future__ import annotations

from engine.kernel_cache import inline, inner
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import limit_prices
from engine.krx.tick_size import round_down, round_up, tick_of
from engine.matching.arrays import (
    CONFIG_RAW,
    FIRST_DAY,
    INSTRUMENT_CLASS,
    INSTRUMENT_LAST,
    INSTRUMENT_MULTIPLE,
    LAST_OF_SESSION,
    LIQUIDATION,
    TRADED,
    UNTRADABLE,
    VENUE_FIELDS,
    VENUE_LIMIT_PCT,
    VENUE_ROUND_BASE,
    VENUE_TICKS,
    VENUE_UNIT,
)

ETF, ETN = int(InstrumentClass.ETF), int(InstrumentClass.ETN)


@inline
def today(market, row):
    """Row of the dated rules for the session of bar `row`."""
    return market.session[row]


@inline
def next_day(market, row):
    """Row of the dated rules for the bar after `row`, which an order sent after its close will meet."""
    return market.session[row] + (1 if market.moment[row] & LAST_OF_SESSION else 0)


@inner
def tick_at(market, day, col, price):
    """Tick size in price units; 1 where the data is adjusted or the exchange's table of that date is unknown."""
    table = market.venue[day, VENUE_FIELDS * market.instruments[col, INSTRUMENT_CLASS] + VENUE_TICKS]
    if market.config[CONFIG_RAW] == 0 or table < 0:
        return 1
    return tick_of(price, market.tick_bounds[table], market.tick_sizes[table])


@inner
def grid_down(market, day, col, price):
    """The highest price on the grid that is not above `price`."""
    table = market.venue[day, VENUE_FIELDS * market.instruments[col, INSTRUMENT_CLASS] + VENUE_TICKS]
    if market.config[CONFIG_RAW] == 0 or table < 0:
        return price
    return round_down(price, market.tick_bounds[table], market.tick_sizes[table])


@inner
def grid_up(market, day, col, price):
    """The lowest price on the grid that is not below `price`."""
    table = market.venue[day, VENUE_FIELDS * market.instruments[col, INSTRUMENT_CLASS] + VENUE_TICKS]
    if market.config[CONFIG_RAW] == 0 or table < 0:
        return price
    return round_up(price, market.tick_bounds[table], market.tick_sizes[table])


@inner
def limits_for(market, day, col, base):
    """Lower and upper limit price around `base` by that day's rules; (0, 0) where there is none or it is unknown."""
    kind = market.instruments[col, INSTRUMENT_CLASS]
    percent = market.venue[day, VENUE_FIELDS * kind + VENUE_LIMIT_PCT]
    table = market.venue[day, VENUE_FIELDS * kind + VENUE_TICKS]
    if market.config[CONFIG_RAW] == 0 or percent == 0 or table < 0 or base <= 0:
        return 0, 0
    return limit_prices(base, percent, leverage(market, col), market.tick_bounds[table], market.tick_sizes[table])


@inner
def leverage(market, col):
    """Factor of the limit amount: the multiple of a fund or note, 1 for everything else."""
    kind = market.instruments[col, INSTRUMENT_CLASS]
    if kind not in (ETF, ETN):
        return 1
    return max(abs(market.instruments[col, INSTRUMENT_MULTIPLE]), 1)


@inner
def reserve_price(market, row, col):
    """What a share of a market order reserves: the upper limit of the session of the bar that follows `row`.

    Without limits (adjusted prices, unknown tables) the percentage alone is applied, 30 % where it is unknown too.
    """
    day, kind = next_day(market, row), market.instruments[col, INSTRUMENT_CLASS]
    base = market.close[row, col]
    if (market.moment[row] & LAST_OF_SESSION) == 0 and market.base[row, col] > 0:
        base = market.base[row, col]  # inside a session its own base price holds until the end
    elif market.venue[day, VENUE_FIELDS * kind + VENUE_ROUND_BASE] == 1:
        base = grid_up(market, day, col, base)
    upper = limits_for(market, day, col, base)[1]
    if upper > 0:
        return upper
    percent = market.venue[day, VENUE_FIELDS * kind + VENUE_LIMIT_PCT]
    if percent == 0:
        percent = 30
    return base + base * percent * leverage(market, col) // 100


@inner
def locked_side(market, row, col):
    """+1 where nobody sells (one price all bar, at the upper limit), −1 where nobody buys (lower limit), else 0."""
    price = market.open[row, col]
    if price != market.high[row, col] or price != market.low[row, col] or price != market.close[row, col]:
        return 0
    if market.state[row, col] & (FIRST_DAY | LIQUIDATION):
        return 0
    lower, upper = limits_for(market, today(market, row), col, market.base[row, col])
    if upper == 0:
        return 0
    if price >= upper:
        return 1
    if price <= lower:
        return -1
    return 0


@inner
def trades_on(market, row, col):
    """Whether orders can meet trades in this bar at all."""
    state = market.state[row, col]
    return (state & TRADED) != 0 and (state & UNTRADABLE) == 0 and market.volume[row, col] > 0


@inline
def mark_price(market, row, col):
    """Close of the bar, or the last close of an instrument whose rows have ended."""
    last = market.instruments[col, INSTRUMENT_LAST]
    return market.close[min(row, last), col]


@inner
def whole_units(market, day, col, quantity):
    """The quantity rounded down to the exchange's trading unit of that date."""
    unit = market.venue[day, VENUE_FIELDS * market.instruments[col, INSTRUMENT_CLASS] + VENUE_UNIT]
    return quantity if unit <= 1 else quantity // unit * unit
