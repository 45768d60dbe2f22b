"""Limit prices in exact integers."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadInput, UnknownDate
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import (
    first_day_limits,
    first_day_rule,
    limit_percent,
    limits_of,
    liquidation_has_limits,
)
from engine.krx.tables.price_limits import OpeningBased
from engine.krx.tick_size import grid_above, is_on_grid, tick_size

KOSPI, KOSDAQ, KONEX = (
    InstrumentClass.KOSPI_STOCK,
    InstrumentClass.KOSDAQ_STOCK,
    InstrumentClass.KONEX_STOCK,
)
ETF, ELW = InstrumentClass.ETF, InstrumentClass.ELW

limited = st.sampled_from([kind for kind in InstrumentClass if kind is not ELW])
days = st.dates(date(2014, 11, 17), date(2027, 12, 31))


@pytest.mark.parametrize(
    ("base", "day", "kind", "lower", "upper"),
    [
        # Closes at a limit in real cross sections; without the cut to the base's tick 4,780 would be 4,775.
        (6_820, date(2024, 1, 12), KOSPI, 4_780, 8_860),
        (46_900, date(2024, 1, 31), KOSPI, 32_850, 60_900),
        (24_600, date(2024, 2, 1), KOSDAQ, 17_250, 31_950),
        # Press example of 1997: 8 % of 170 is 13.6, cut to the 10-won tick.
        (170, date(1997, 12, 24), KOSPI, 160, 180),
        # The smallest amount is one tick, and the lower limit never falls below one.
        (1, date(2024, 1, 2), KOSPI, 1, 2),
        (3, date(2024, 1, 2), KOSDAQ, 2, 4),
        (10_000, date(2024, 1, 2), KONEX, 8_500, 11_500),
        (10_000, date(2015, 6, 12), KOSPI, 8_500, 11_500),
        (10_000, date(2015, 6, 15), KOSPI, 7_000, 13_000),
    ],
)
def test_limits_equal_those_of_real_days(base: int, day: date, kind: InstrumentClass, lower: int, upper: int) -> None:
    assert limits_of(base, day, kind) == (lower, upper)


def test_a_leveraged_fund_multiplies_the_cut_amount() -> None:
    day = date(2022, 6, 2)
    assert limits_of(12_345, day, ETF) == (8_645, 16_045)  # 30 % is 3,703, cut to 3,700
    assert limits_of(12_345, day, ETF, 2) == limits_of(12_345, day, ETF, -2) == (4_945, 19_745)
    assert limits_of(12_345, date(2010, 3, 2), ETF, 2) == limits_of(12_345, date(2010, 3, 2), ETF)
    assert limits_of(10_000, day, KOSPI, 2) == limits_of(10_000, day, KOSPI)


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 3_000_000), days, limited, st.sampled_from((1, 2, -1, -2)))
def test_limits_are_on_the_grid_and_enclose_the_base(
    price: int, day: date, kind: InstrumentClass, multiple: int
) -> None:
    base = grid_above(price, day, kind)
    limits = limits_of(base, day, kind, multiple)
    assert limits is not None
    assert is_on_grid(limits.lower, day, kind) and is_on_grid(limits.upper, day, kind)
    assert limits.lower <= base < limits.upper
    leverage = abs(multiple) if kind in (ETF, InstrumentClass.ETN) else 1
    allowed = max(base * limit_percent(day, kind) // 100, tick_size(1, day, kind)) * leverage
    assert base - allowed <= limits.lower and limits.upper <= base + allowed


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 3_000_000), days, limited)
def test_limits_rise_with_the_base_inside_a_band(price: int, day: date, kind: InstrumentClass) -> None:
    base = grid_above(price, day, kind)
    tick = tick_size(base, day, kind)
    here, above = limits_of(base, day, kind), limits_of(base + tick, day, kind)
    assert here is not None and above is not None
    if tick_size(base + tick, day, kind) == tick:
        assert here.lower <= above.lower and here.upper <= above.upper


@settings(deadline=None)  # the first call compiles
@given(
    st.integers(1, 3_000_000),
    st.dates(date(2023, 6, 26), date(2027, 12, 31)),
    st.sampled_from((KOSPI, KOSDAQ)),
)
def test_first_day_limits_are_on_the_grid_within_60_and_400_percent(
    price: int, day: date, kind: InstrumentClass
) -> None:
    issue = grid_above(price, day, kind)
    lower, upper = first_day_limits(issue, day, kind)
    assert is_on_grid(lower, day, kind) and is_on_grid(upper, day, kind)
    assert issue * 60 <= lower * 100 and upper <= issue * 4


def test_before_2023_only_the_opening_price_is_bound_on_a_first_day() -> None:
    day = date(2021, 2, 1)
    assert first_day_rule(day, KOSDAQ) == OpeningBased(90, 200)
    assert first_day_limits(10_000, day, KOSDAQ) == (9_000, 20_000)
    with pytest.raises(BadInput, match="KONEX_STOCK"):
        first_day_rule(day, KONEX)


def test_elws_have_no_limit_and_liquidation_trading_has_none_since_2005() -> None:
    assert limits_of(100, date(2024, 1, 2), ELW) is None
    assert not liquidation_has_limits(date(2021, 2, 2), KOSDAQ)
    with pytest.raises(UnknownDate):
        liquidation_has_limits(date(2004, 12, 30), KOSPI)
    with pytest.raises(BadInput, match="ETF"):
        liquidation_has_limits(date(2021, 2, 2), ETF)


@pytest.mark.parametrize(
    ("kind", "first", "percent"),
    [
        (KOSPI, date(1995, 4, 1), 6),
        (KOSPI, date(1996, 11, 25), 8),
        (KOSPI, date(1998, 3, 2), 12),
        (KOSPI, date(1998, 12, 7), 15),
        (KOSDAQ, date(1996, 11, 1), 8),
        (KOSDAQ, date(2005, 3, 28), 15),
        (KOSDAQ, date(2015, 6, 15), 30),
        (ETF, date(2002, 10, 14), 15),
        (ETF, date(2015, 6, 15), 30),
        (InstrumentClass.ETN, date(2014, 11, 17), 15),
    ],
)
def test_the_percentage_changes_on_its_date(kind: InstrumentClass, first: date, percent: int) -> None:
    assert limit_percent(first, kind) == percent


def test_won_limits_before_1995_are_unknown_and_a_base_must_be_positive() -> None:
    with pytest.raises(UnknownDate, match="price limit of KOSPI stocks"):
        limits_of(10_000, date(1995, 3, 31), KOSPI)
    with pytest.raises(BadInput, match="positive"):
        limits_of(0, date(2024, 1, 2), KOSPI)
