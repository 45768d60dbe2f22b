"""Tick grid, price limits and tradability of one instrument on one bar, read from the market arrays."""

from __future__ import annotations

from engine.kernel_cache import inline, inner
from engine.krx.arrays import FIRST_DAY_ISSUE, FIRST_DAY_ORDINARY, FIRST_DAY_UNKNOWN
from engine.krx.price_limit import issue_limits, limit_prices, opening_range
from engine.krx.tick_size import round_down, round_up, tick_of
from engine.matching.arrays import (
    CONFIG_RAW,
    CONFIG_SCALE,
    FIRST_DAY,
    FIRST_OF_SESSION,
    INSTRUMENT_CLASS,
    INSTRUMENT_LAST,
    INSTRUMENT_MULTIPLE,
    LAST_OF_SESSION,
    LIQUIDATION,
    POINTS,
    TRADED,
    UNTRADABLE,
    VENUE_FIELDS,
    VENUE_FIRST_DAY,
    VENUE_FIRST_HIGH,
    VENUE_FIRST_LOW,
    VENUE_LIMIT_PCT,
    VENUE_MULTIPLE,
    VENUE_ROUND_BASE,
    VENUE_SINGLE_FROM,
    VENUE_TICKS,
    VENUE_UNIT,
)


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
    factor = leverage(market, day, col)
    return limit_prices(base, percent, factor, market.tick_bounds[table], market.tick_sizes[table])


@inner
def leverage(market, day, col):
    """Factor of the limit amount: the multiple of a fund or note from the day on which that rule starts, else 1."""
    if market.venue[day, VENUE_FIELDS * market.instruments[col, INSTRUMENT_CLASS] + VENUE_MULTIPLE] == 0:
        return 1
    return max(abs(market.instruments[col, INSTRUMENT_MULTIPLE]), 1)


@inner
def limits_at(market, row, col, point):
    """Lower and upper limit price at a point of a bar's path; (0, 0) where there is none or it is unknown."""
    state = market.state[row, col]
    if state & LIQUIDATION:
        return 0, 0
    if state & FIRST_DAY:
        return first_day_limits(market, row, col, point)
    return limits_for(market, today(market, row), col, market.base[row, col])


@inner
def first_day_limits(market, row, col, point):
    """The limits of a first listing day, by the rule of its date; (0, 0) where its base price does not tell them.

    A base price that equals the opening price may be the issue price or the opening price itself: data of the years in
    which the opening price became the base say the latter, and so do relistings later. It is not taken for the issue
    price. Nothing here is later than this bar's opening price.
    """
    day, kind, base = today(market, row), market.instruments[col, INSTRUMENT_CLASS], market.base[row, col]
    rule = market.venue[day, VENUE_FIELDS * kind + VENUE_FIRST_DAY]
    table = market.venue[day, VENUE_FIELDS * kind + VENUE_TICKS]
    if rule == FIRST_DAY_ORDINARY:
        return limits_for(market, day, col, base)
    opening = opening_row(market, row, col)
    if rule == FIRST_DAY_UNKNOWN or opening < 0 or table < 0 or market.config[CONFIG_RAW] == 0:
        return 0, 0
    price = market.open[opening, col]
    if rule != FIRST_DAY_ISSUE and (row > opening or point > 0):
        return limits_for(market, day, col, price)
    if base <= 0 or base == price:
        return 0, 0
    bounds, sizes = market.tick_bounds[table], market.tick_sizes[table]
    low = market.venue[day, VENUE_FIELDS * kind + VENUE_FIRST_LOW]
    high = market.venue[day, VENUE_FIELDS * kind + VENUE_FIRST_HIGH]
    if rule == FIRST_DAY_ISSUE:
        return issue_limits(base, low, high, bounds, sizes)
    return opening_range(base, low, high, bounds, sizes)


@inner
def opening_row(market, row, col):
    """The bar of this session, up to `row`, in which the first trade made the opening price; −1 = none yet."""
    first = row
    while (market.moment[first] & FIRST_OF_SESSION) == 0:
        first -= 1
    for place in range(first, row + 1):
        if market.state[place, col] & TRADED:
            return place
    return -1


@inner
def reserve_price(market, row, col):
    """What a share of a market order reserves: the upper limit of the session of the bar that follows `row`.

    Without limits (adjusted prices, unknown tables) the percentage alone is applied, 30 % where it is unknown too.
    """
    day, kind = next_day(market, row), market.instruments[col, INSTRUMENT_CLASS]
    base = market.close[row, col]
    if (market.moment[row] & LAST_OF_SESSION) == 0:  # inside a session its own limits hold until the end
        upper = limits_at(market, row, col, POINTS - 1)[1]
        if upper > 0:
            return upper
        if market.base[row, col] > 0 and (market.state[row, col] & FIRST_DAY) == 0:
            base = market.base[row, col]
    elif market.venue[day, VENUE_FIELDS * kind + VENUE_ROUND_BASE] == 1:
        base = grid_up(market, day, col, base)
    upper = limits_for(market, day, col, base)[1]
    if upper > 0:
        return upper
    percent = market.venue[day, VENUE_FIELDS * kind + VENUE_LIMIT_PCT]
    if percent == 0:
        percent = 30
    return base + base * percent * leverage(market, day, col) // 100


@inner
def locked_side(market, row, col):
    """+1 where nobody sells (one price all bar, at the upper limit), −1 where nobody buys (lower limit), else 0."""
    price = market.open[row, col]
    if price != market.high[row, col] or price != market.low[row, col] or price != market.close[row, col]:
        return 0
    lower, upper = limits_at(market, row, col, 0)
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
def whole_units(market, row, col, quantity):
    """The quantity rounded down to the trading unit of the session that follows the close of `row`.

    Dear issues trade in single shares, by the close before that session. Adjusted prices do not tell which were dear,
    and their shares are not those of the day: there the unit is one share.
    """
    day, kind = next_day(market, row), market.instruments[col, INSTRUMENT_CLASS]
    unit = market.venue[day, VENUE_FIELDS * kind + VENUE_UNIT]
    if unit <= 1 or market.config[CONFIG_RAW] == 0:
        return quantity
    single = market.venue[day, VENUE_FIELDS * kind + VENUE_SINGLE_FROM] * market.config[CONFIG_SCALE]
    if 0 < single <= close_before_session(market, row, col):
        return quantity
    return quantity // unit * unit


@inner
def close_before_session(market, row, col):
    """Close before the session of the bar that follows `row`; inside a session its base price stands for it."""
    if (market.moment[row] & LAST_OF_SESSION) == 0 and market.base[row, col] > 0:
        return market.base[row, col]
    return market.close[row, col]
