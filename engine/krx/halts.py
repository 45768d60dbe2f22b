"""Interruptions of trading: volatility interruption (VI) of one issue, circuit breaker of a market.

Both act on minute and tick data only; a daily bar cannot show them.

Source: KOSPI Business Regulation §25, §26-2; Enforcement Rules §35, §39, §41-2; the same in KOSDAQ.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from engine.errors import DataError
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import PriceRange
from engine.krx.sessions import session_close, session_open
from engine.krx.tables.interruptions import (
    BREAKER_LASTS_MINUTES,
    CIRCUIT_BREAKER,
    DYNAMIC_VI,
    STATIC_VI_PERCENT,
    VI_SMALL_PRICE_WON,
    VI_SMALL_TICKS,
    BreakerStep,
    VIGroup,
)
from engine.krx.tick_size import grid_above, grid_below, is_on_grid, ticks_away


def vi_group(kind: InstrumentClass, in_kospi200: bool = False, broad_fund: bool = False) -> VIGroup | None:
    """The dynamic VI group of an instrument; None for KONEX and ELW, which have no VI.

    Args:
        kind: class of the instrument.
        in_kospi200: a KOSPI stock is a constituent of KOSPI200 on that day.
        broad_fund: an ETF or ETN follows a broad index or bonds, at most 1x either way.
    """
    if kind is InstrumentClass.KOSPI_STOCK:
        return VIGroup.KOSPI200 if in_kospi200 else VIGroup.KOSPI_OTHER
    if kind is InstrumentClass.KOSDAQ_STOCK:
        return VIGroup.KOSDAQ
    if kind in (InstrumentClass.ETF, InstrumentClass.ETN):
        return VIGroup.FUND_BROAD if broad_fund else VIGroup.FUND_OTHER
    return None


def dynamic_vi_percent(day: date, group: VIGroup, closing_call: bool = False, expiry: bool = False) -> int:
    """Percent from the last trade that starts a dynamic VI; there is none in the opening call.

    Args:
        day: the trade date.
        group: from `vi_group`.
        closing_call: during the closing call auction.
        expiry: last trading day of a derivative on the issue; counts in the closing call only.
    """
    rates = DYNAMIC_VI.at(day)[group]
    if not closing_call:
        return rates.continuous
    return rates.closing_call_on_expiry if expiry else rates.closing_call


def static_vi_percent(day: date) -> int:
    """Percent from the last call-auction price of the day (at first the base price) of a static VI."""
    return STATIC_VI_PERCENT.at(day)


def vi_triggers(reference_won: int, percent: int, day: date, kind: InstrumentClass) -> PriceRange:
    """Highest price below and lowest price above the reference at which a trade starts a VI.

    The move counts when it reaches the percentage, so the upper trigger is rounded up to the grid and the
    lower one down.

    Example:
        >>> vi_triggers(10_010, 10, date(2024, 1, 2), InstrumentClass.KOSDAQ_STOCK)
        PriceRange(lower=9000, upper=11020)
    """
    if reference_won <= 0 or percent <= 0:
        raise DataError(f"VI reference {reference_won:,} won and percentage {percent} must both be positive.")
    above = -(-reference_won * (100 + percent) // 100)
    below = reference_won * (100 - percent) // 100
    lower = grid_below(below, day, kind) if below > 0 else 0
    return PriceRange(lower, grid_above(above, day, kind))


def starts_vi(
    price_won: int,
    *,
    reference_won: int,
    percent: int,
    last_price_won: int,
    day: date,
    kind: InstrumentClass,
) -> bool:
    """Whether a trade at `price_won` would start a VI.

    Below 1,000 won a move of at most 3 ticks (KOSPI) or 5 ticks (KOSDAQ) from the last trade starts none,
    whatever its percentage.

    Args:
        price_won: the price at which the order would trade.
        reference_won: last trade (dynamic) or last call-auction price of the day (static).
        percent: from `dynamic_vi_percent` or `static_vi_percent`.
        last_price_won: last trade.
        day, kind: decide the price grid.
    """
    triggers = vi_triggers(reference_won, percent, day, kind)
    if triggers.lower < price_won < triggers.upper:
        return False
    ticks = VI_SMALL_TICKS.get(kind)
    if ticks is None or price_won >= VI_SMALL_PRICE_WON or not is_on_grid(last_price_won, day, kind):
        return True
    low, high = (ticks_away(last_price_won, steps, day, kind) for steps in (-ticks, ticks))
    return not low <= price_won <= high


def breaker_steps(day: date, market: str) -> tuple[BreakerStep, ...]:
    """Steps of the circuit breaker of KOSPI or KOSDAQ on `day`.

    Raises:
        DataError: another market.
        UnknownDate: before the table of the market starts.
    """
    if market not in CIRCUIT_BREAKER:
        raise DataError(f"There is no circuit breaker for {market!r}: use {', '.join(CIRCUIT_BREAKER)}.")
    return CIRCUIT_BREAKER[market].at(day)


def breaker_fires(
    moment: datetime,
    market: str,
    index_last_minute: Sequence[int],
    previous_close: int,
    fired_at: Sequence[int] = (),
) -> BreakerStep | None:
    """The circuit breaker step that fires at `moment`, or None.

    A step fires once a day, after the one before it, when the index has been low enough for a whole minute.

    Args:
        moment: aware time, inside the regular session of its day.
        market: KOSPI or KOSDAQ.
        index_last_minute: all index values of the last minute, in hundredths of a point; empty = none known.
        previous_close: index at the previous close, hundredths of a point.
        fired_at: index at which each earlier step of the day fired, in order, hundredths of a point.
    """
    day = moment.date()
    steps = breaker_steps(day, market)
    # The minute is counted from one minute after the open.
    earliest = session_open(day) + timedelta(minutes=1 + BREAKER_LASTS_MINUTES)
    if len(fired_at) >= len(steps) or not index_last_minute or moment < earliest:
        return None
    step = steps[len(fired_at)]
    last_minutes = timedelta(minutes=step.not_in_last_minutes)
    if step.not_in_last_minutes and moment > session_close(day) - last_minutes:
        return None
    highest = max(index_last_minute)
    fell = highest * 100 <= previous_close * (100 - step.drop_percent)
    further = not fired_at or highest * 100 <= fired_at[-1] * (100 - step.further_drop_percent)
    return step if fell and further else None
