"""The price grid of every date."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadInput, UnknownDate
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.tables.price_grid import TICK_BANDS
from engine.krx.tick_size import (
    adjusted_base,
    band_arrays,
    grid_above,
    grid_below,
    is_on_grid,
    off_grid_trades_allowed,
    tick_size,
    ticks_away,
)

KOSPI, KOSDAQ, KONEX = (
    InstrumentClass.KOSPI_STOCK,
    InstrumentClass.KOSDAQ_STOCK,
    InstrumentClass.KONEX_STOCK,
)
ETF = InstrumentClass.ETF

# Tick at the lower end of each band of the exchange's published table: 999, 1,000, 2,000, …
PRICES = (999, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000)
PUBLISHED = [
    (KOSPI, date(1995, 4, 3), (10, 10, 10, 10, 100, 100, 100, 500, 500, 1_000)),
    (KOSPI, date(2010, 10, 1), (5, 5, 5, 10, 50, 50, 100, 500, 500, 1_000)),
    (KOSPI, date(2010, 10, 4), (1, 5, 5, 10, 50, 50, 100, 500, 500, 1_000)),
    (KOSDAQ, date(2003, 7, 21), (5, 5, 5, 10, 50, 50, 100, 100, 100, 100)),
    (KOSDAQ, date(2023, 1, 20), (1, 5, 5, 10, 50, 50, 100, 100, 100, 100)),
    (KONEX, date(2023, 1, 20), (1, 5, 5, 10, 50, 50, 100, 100, 100, 100)),
    *((kind, date(2023, 1, 25), (1, 1, 5, 10, 10, 50, 100, 100, 500, 1_000)) for kind in (KOSPI, KOSDAQ, KONEX)),
    (ETF, date(2023, 12, 8), (5,) * 10),
    (ETF, date(2023, 12, 11), (1, 1, 5, 5, 5, 5, 5, 5, 5, 5)),
]

kinds = st.sampled_from(list(InstrumentClass))
days = st.dates(date(2014, 11, 17), date(2027, 12, 31))  # all six classes exist
prices = st.integers(1, 3_000_000)


@pytest.mark.parametrize(("kind", "day", "ticks"), PUBLISHED)
def test_ticks_equal_the_published_table(kind: InstrumentClass, day: date, ticks: tuple[int, ...]) -> None:
    assert tuple(tick_size(price, day, kind) for price in PRICES) == ticks


def test_the_last_won_of_a_band_has_the_finer_tick() -> None:
    assert [tick_size(price, date(2024, 1, 2), KOSPI) for price in (1_999, 2_000, 499_999, 500_000)] == [
        1,
        5,
        500,
        1_000,
    ]


@settings(deadline=None)  # the first call compiles
@given(prices, days, kinds)
def test_rounding_is_idempotent_and_brackets_the_price(price: int, day: date, kind: InstrumentClass) -> None:
    below, above = grid_below(price, day, kind), grid_above(price, day, kind)
    assert below <= price <= above
    assert above - below in (0, tick_size(price, day, kind))
    assert grid_above(above, day, kind) == above
    assert below == 0 or grid_below(below, day, kind) == below
    assert (below == price) == is_on_grid(price, day, kind) == (above == price)


@settings(deadline=None)  # the first call compiles
@given(prices, days, kinds, st.integers(0, 40))
def test_steps_up_and_down_cancel_and_stay_on_the_grid(
    price: int, day: date, kind: InstrumentClass, steps: int
) -> None:
    start = grid_above(price, day, kind)
    there = ticks_away(start, steps, day, kind)
    assert is_on_grid(there, day, kind)
    assert ticks_away(there, -steps, day, kind) == start


def test_a_step_down_from_a_band_uses_the_finer_tick() -> None:
    assert ticks_away(2_000, -1, date(2024, 1, 2), KOSPI) == 1_999
    assert ticks_away(20_000, -2, date(2024, 1, 2), KOSPI) == 19_980
    assert ticks_away(1, -5, date(2024, 1, 2), KOSPI) == 1


def test_every_coarser_tick_is_a_multiple_of_the_finer_one_and_bounds_lie_on_both_grids() -> None:
    for table in TICK_BANDS.values():
        for entry in table.rows:
            for (bound, fine), (_, coarse) in pairwise(entry.value):
                assert coarse % fine == 0 and bound is not None and bound % coarse == 0, entry


def test_band_arrays_repeat_the_last_band() -> None:
    bounds, sizes = band_arrays(((2_000, 1), (None, 5)))
    assert bounds.tolist() == [2_000] + [2**62] * 7
    assert sizes.tolist() == [1] + [5] * 7


@pytest.mark.parametrize(
    ("kind", "day"),
    [
        (KONEX, date(2013, 6, 28)),
        (ETF, date(2002, 10, 11)),
        (KOSPI, date(2028, 1, 3)),
        (KOSPI, date(1989, 12, 29)),
    ],
)
def test_unknown_dates_are_refused(kind: InstrumentClass, day: date) -> None:
    with pytest.raises(UnknownDate, match=str(day)):
        tick_size(5_000, day, kind)


@pytest.mark.parametrize("price", [0, -5])
def test_a_price_that_is_not_positive_is_refused(price: int) -> None:
    with pytest.raises(BadInput, match="positive"):
        tick_size(price, date(2024, 1, 2), KOSPI)
    assert not is_on_grid(price, date(2024, 1, 2), KOSPI)


def test_trades_may_lie_off_the_grid_since_mid_price_orders_except_on_konex() -> None:
    before, after = date(2025, 2, 28), date(2025, 3, 4)
    assert not any(off_grid_trades_allowed(before, kind) for kind in InstrumentClass)
    assert [off_grid_trades_allowed(after, kind) for kind in (KOSPI, KOSDAQ, KONEX, ETF)] == [
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("day", "close", "base"),
    [
        (date(2025, 3, 4), 10_005, 10_010),
        (date(2025, 3, 4), 10_010, 10_010),
        (date(2026, 1, 5), 49_975, 50_000),
        # The tick reform left the raw close as the base although it was off the new grid.
        (date(2023, 1, 25), 200_100, 200_100),
        (date(2025, 2, 28), 10_005, 10_005),
    ],
)
def test_base_price_is_rounded_up_only_since_mid_price_orders(day: date, close: int, base: int) -> None:
    assert adjusted_base(close, day, KOSDAQ) == base


def test_instrument_classes_come_from_market_and_product() -> None:
    assert instrument_class("KOSDAQ GLOBAL") is KOSDAQ
    assert instrument_class("KOSPI", "ELW") is InstrumentClass.ELW
    for market, product in (("NASDAQ", "STOCK"), ("KOSPI", "BOND")):
        with pytest.raises(BadInput, match=f"{market}|{product}"):
            instrument_class(market, product)
