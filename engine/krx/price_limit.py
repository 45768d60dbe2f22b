"""Daily price limits (상한가, 하한가) in exact integers. Kernels take band arrays, the other functions a day.

Source: KOSPI Business Regulation §20, Enforcement Rules §31; the same in KOSDAQ and KONEX. All 2,077 closes
at a limit in cross sections of 2021 to 2026 follow from it.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from engine.errors import DataError
from engine.kernel_cache import njit
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tables.price_limits import (
    FIRST_DAY,
    LIMIT_PERCENT,
    LIQUIDATION_WITHOUT_LIMIT,
    MULTIPLE_APPLIES,
    FirstDayRule,
    IssueBased,
)
from engine.krx.tick_size import NO_BOUND, Int64, grid_at, round_down, round_up, tick_of


class PriceRange(NamedTuple):
    """Lowest and highest price of an order, both allowed, in won."""

    lower: int
    upper: int


@njit
def limit_prices(base: int, pct: int, multiple: int, bounds_row: Int64, sizes_row: Int64) -> tuple[int, int]:
    """Lower and upper limit price around a base price.

    The amount is cut to the tick of the BASE price, multiplied for leveraged funds, and only then the limits
    are brought to the grid at their own price: the upper one down, the lower one up.

    Shapes: bounds_row, sizes_row: (8,). All int64. Units: won; pct in percent; multiple of the fund, 1 for
    stocks, signed. Returns: (lower, upper); without a limit (pct 0, base unknown) the smallest tick and
    2**62. Bound: base * pct < 9.2e18.
    """
    smallest = sizes_row[0]
    if pct <= 0 or base <= 0:
        return smallest, NO_BOUND
    tick = tick_of(base, bounds_row, sizes_row)
    amount = max(base * pct // 100 // tick * tick, smallest) * max(abs(multiple), 1)
    upper = round_down(base + amount, bounds_row, sizes_row)
    lower = max(round_up(base - amount, bounds_row, sizes_row), smallest)
    return lower, upper


@njit
def issue_limits(issue_price: int, down_pct: int, up_pct: int, bounds_row: Int64, sizes_row: Int64) -> tuple[int, int]:
    """Limits of a first listing day around the issue price: (lower, upper), won, int64.

    Both amounts are cut to the tick of the issue price. The rule says no more; the last rounding only matters
    for an issue price whose multiple falls into a coarser band, where orders must be on the grid anyway.
    """
    tick = tick_of(issue_price, bounds_row, sizes_row)
    down = issue_price * down_pct // 100 // tick * tick
    up = issue_price * up_pct // 100 // tick * tick
    upper = round_down(issue_price + up, bounds_row, sizes_row)
    lower = max(round_up(issue_price - down, bounds_row, sizes_row), sizes_row[0])
    return lower, upper


@njit
def opening_range(issue_price: int, low_pct: int, top_pct: int, bounds_row: Int64, sizes_row: Int64) -> tuple[int, int]:
    """Lowest and highest opening price where the opening auction is bound to a range of the issue price; won, int64."""
    lower = round_up(max(issue_price * low_pct // 100, 1), bounds_row, sizes_row)
    return lower, round_down(issue_price * top_pct // 100, bounds_row, sizes_row)


def limit_percent(day: date, kind: InstrumentClass) -> int:
    """Ordinary limit in percent of the base price; 0 for ELWs, which have none."""
    return 0 if kind is InstrumentClass.ELW else LIMIT_PERCENT[kind].at(day)


def limits_of(base_won: int, day: date, kind: InstrumentClass, multiple: int = 1) -> PriceRange | None:
    """Limit prices of an ordinary day; None for an ELW.

    Args:
        base_won: base price (기준가격) of the day.
        day: the trade date.
        kind: class of the instrument.
        multiple: leverage of the fund, for example 2 or -1.

    Example:
        >>> limits_of(6_820, date(2024, 1, 12), InstrumentClass.KOSPI_STOCK)
        PriceRange(lower=4780, upper=8860)
    """
    percent = limit_percent(day, kind)
    if percent == 0:
        return None
    if base_won <= 0:
        raise DataError(f"A base price must be a positive number of won, not {base_won:,}.")
    if kind not in (InstrumentClass.ETF, InstrumentClass.ETN) or not MULTIPLE_APPLIES.at(day):
        multiple = 1
    lower, upper = limit_prices(base_won, percent, multiple, *grid_at(day, kind))
    return PriceRange(int(lower), int(upper))


def first_day_rule(day: date, kind: InstrumentClass) -> FirstDayRule:
    """How the first day of listing of a KOSPI or KOSDAQ stock is limited.

    Raises:
        DataError: the class has no such rule here (KONEX, ETF, ETN and ELW start from an appraisal or
        indicative value).
    """
    if kind not in FIRST_DAY:
        raise DataError(f"There is no first-day rule for {kind.name}: give the base price and use limits_of.")
    return FIRST_DAY[kind].at(day)


def first_day_limits(issue_price_won: int, day: date, kind: InstrumentClass) -> PriceRange:
    """Range of prices on the first day of listing: from 2023-06-26 60 % to 400 % of the issue price, all day.

    Before that only the opening price is bound to the range returned here; the opening price is then the base
    of ordinary limits.

    Example:
        >>> first_day_limits(10_000, date(2024, 1, 24), InstrumentClass.KOSDAQ_STOCK)
        PriceRange(lower=6000, upper=40000)
    """
    rule = first_day_rule(day, kind)
    bounds, sizes = grid_at(day, kind)
    if isinstance(rule, IssueBased):
        lower, upper = issue_limits(issue_price_won, rule.down_percent, rule.up_percent, bounds, sizes)
    else:
        lower, upper = opening_range(issue_price_won, rule.lowest_percent, rule.highest_percent, bounds, sizes)
    return PriceRange(int(lower), int(upper))


def liquidation_has_limits(day: date, kind: InstrumentClass) -> bool:
    """Whether liquidation trading (정리매매) keeps the ordinary limits on `day`: since 2003/2005 it has none.

    Raises:
        UnknownDate: before the table of the market starts.
        DataError: the class has no liquidation trading.
    """
    if kind not in LIQUIDATION_WITHOUT_LIMIT:
        raise DataError(f"There is no liquidation trading for {kind.name}.")
    return not LIQUIDATION_WITHOUT_LIMIT[kind].at(day)
