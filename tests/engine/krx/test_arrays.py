"""The arrays of the kernels say the same as the functions that take a day."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from engine.errors import UnknownDate
from engine.krx.arrays import (
    FIRST_DAY_ISSUE,
    FIRST_DAY_OPENING,
    FIRST_DAY_ORDINARY,
    FIRST_DAY_UNKNOWN,
    exchange_arrays,
    limit_prices,
    round_down,
    round_up,
    tick_of,
)
from engine.krx.columns import base_column, first_day_columns, limit_columns, on_grid_column, tick_column
from engine.krx.costs import tax_rates_ppb
from engine.krx.dated import date_of, days_since_epoch
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import (
    first_day_limits,
    first_day_rule,
    issue_limits,
    limit_percent,
    limits_of,
    opening_range,
)
from engine.krx.quantities import trading_unit
from engine.krx.tables.price_limits import IssueBased, OpeningBased
from engine.krx.tick_size import adjusted_base, grid_above, grid_below, off_grid_trades_allowed, tick_size

DAYS = np.array(
    [days_since_epoch(date(1990, 1, 3)) + 97 * step for step in range(143)] + [days_since_epoch(date(2023, 6, 26))],
    dtype=np.int64,
)
PRICE = 34_567


def known(function: object, *arguments: object) -> object:
    """The value of a function of a day, or None where the day is unknown."""
    try:
        return function(*arguments)  # type: ignore[operator]
    except UnknownDate:
        return None


@pytest.mark.parametrize("kind", list(InstrumentClass))
def test_arrays_equal_the_functions_on_every_date(kind: InstrumentClass) -> None:
    rules = exchange_arrays(DAYS)
    for row, number in enumerate(DAYS):
        day = date_of(int(number))
        table = rules.tick_table[kind, row]
        tick = known(tick_size, PRICE, day, kind)
        assert (table < 0) == (tick is None)
        if table >= 0:
            bands = (rules.tick_bounds[table], rules.tick_sizes[table])
            assert tick_of(PRICE, *bands) == tick
            assert round_down(PRICE, *bands) == grid_below(PRICE, day, kind)
            assert round_up(PRICE, *bands) == grid_above(PRICE, day, kind)
        percent = known(limit_percent, day, kind)
        assert rules.limit_pct[kind, row] == (percent or 0)
        if percent:
            assert limit_prices(PRICE, percent, 1, *bands) == known(limits_of, PRICE, day, kind)
        tax = known(tax_rates_ppb, day, kind)
        assert tuple(rules.tax_ppb[kind, row]) == (tax or (0, 0))
        assert rules.tax_known[kind, row] == (tax is not None)
        for close in (1_000, 60_000, 100_000):
            single = 0 < rules.single_from_won[kind, row] <= close
            unit = 1 if single else rules.trading_unit[kind, row]
            assert unit == (known(trading_unit, day, kind, close) or 1)
        if percent:
            multiple = 2 if rules.multiple_applies[kind, row] else 1
            assert limit_prices(PRICE, percent, multiple, *bands) == known(limits_of, PRICE, day, kind, 2)
        assert rules.off_grid_ok[kind, row] == off_grid_trades_allowed(day, kind)


@pytest.mark.parametrize("kind", [InstrumentClass.KOSPI_STOCK, InstrumentClass.KOSDAQ_STOCK])
def test_first_day_of_the_arrays_is_that_of_the_functions(kind: InstrumentClass) -> None:
    rules = exchange_arrays(DAYS)
    codes = {OpeningBased: FIRST_DAY_OPENING, IssueBased: FIRST_DAY_ISSUE, type(None): FIRST_DAY_UNKNOWN}
    seen = set()
    for row, number in enumerate(DAYS):
        day = date_of(int(number))
        rule = known(first_day_rule, day, kind)
        assert rules.first_day_rule[kind, row] == codes[type(rule)]
        seen.add(type(rule))
        if rule is None:
            assert not rules.first_day_pct[kind, row].any() and not rules.opening_pct[kind, row].any()
            continue
        table = rules.tick_table[kind, row]
        bands = (rules.tick_bounds[table], rules.tick_sizes[table])
        edges = issue_limits if isinstance(rule, IssueBased) else opening_range
        percents = rules.first_day_pct if isinstance(rule, IssueBased) else rules.opening_pct
        limits = edges(PRICE, *percents[kind, row].tolist(), *bands)
        assert limits == known(first_day_limits, PRICE, day, kind)
    assert seen == set(codes)


def test_classes_without_a_first_day_rule_have_their_ordinary_limits() -> None:
    rules = exchange_arrays(DAYS)
    others = [kind for kind in InstrumentClass if kind > InstrumentClass.KOSDAQ_STOCK]
    assert (rules.first_day_rule[others] == FIRST_DAY_ORDINARY).all()


def test_arrays_follow_the_order_of_the_bars_and_cannot_be_changed() -> None:
    backwards = exchange_arrays(DAYS[::-1])
    assert (backwards.tick_table == exchange_arrays(DAYS).tick_table[:, ::-1]).all()
    assert exchange_arrays(np.repeat(DAYS[-3:], 390)).limit_pct.shape == (6, 1_170)
    assert exchange_arrays(np.array([], dtype=np.int64)).tick_table.shape == (6, 0)
    with pytest.raises(ValueError, match="read-only"):
        backwards.tick_table[0, 0] = 3


def test_the_date_after_the_verified_range_is_unknown() -> None:
    rules = exchange_arrays(np.array([days_since_epoch(date(2028, 1, 3))], dtype=np.int64))
    assert (rules.tick_table == -1).all() and not rules.limit_pct.any() and not rules.tax_known.any()


def test_no_limit_is_an_open_range() -> None:
    bounds, sizes = exchange_arrays(DAYS).tick_bounds[4], exchange_arrays(DAYS).tick_sizes[4]
    assert limit_prices(10_000, 0, 1, bounds, sizes) == (1, 2**62)
    assert limit_prices(0, 30, 1, bounds, sizes) == (1, 2**62)


def test_columns_equal_the_functions_row_by_row() -> None:
    generator = np.random.default_rng(7)
    count = 400
    days = generator.integers(days_since_epoch(date(2014, 11, 17)), days_since_epoch(date(2027, 12, 31)), count).astype(
        np.int64
    )
    kinds = generator.integers(0, 6, count).astype(np.int64)
    prices = np.exp(generator.uniform(0, 14, count)).astype(np.int64)
    multiples = generator.choice(np.array([1, 2, -2]), count).astype(np.int64)
    ticks, bases = tick_column(prices, days, kinds), base_column(prices, days, kinds)
    lower, upper = limit_columns(prices, days, kinds, multiples)
    first_lower, first_upper = first_day_columns(prices, days, kinds)
    for row in range(count):
        price, day, kind = int(prices[row]), date_of(int(days[row])), InstrumentClass(int(kinds[row]))
        assert ticks[row] == tick_size(price, day, kind)
        assert bases[row] == adjusted_base(price, day, kind)
        limits = limits_of(price, day, kind, int(multiples[row]))
        assert limits is None or (lower[row], upper[row]) == limits
        if kind in (InstrumentClass.KOSPI_STOCK, InstrumentClass.KOSDAQ_STOCK) and day >= date(2023, 6, 26):
            assert (first_lower[row], first_upper[row]) == first_day_limits(price, day, kind)


def test_a_mid_price_is_possible_only_since_2025_and_never_on_konex() -> None:
    days = np.array([days_since_epoch(date(2025, 2, 28)), *[days_since_epoch(date(2025, 3, 4))] * 3], dtype=np.int64)
    kinds = np.array([0, 0, 2, 0], dtype=np.int64)
    prices = np.array([10_005, 10_005, 10_005, 10_003], dtype=np.int64)
    assert on_grid_column(prices, days, kinds).tolist() == [False, True, False, False]
