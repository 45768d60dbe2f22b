"""Tick size and price limits for whole columns of a table: one price, day and class per row.

The same kernels as in `tick_size` and `price_limit`, looped in compiled code, for import, quality checks and
tests.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.kernel_cache import njit
from engine.krx.arrays import exchange_arrays
from engine.krx.dated import date_of
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import issue_limits, limit_prices
from engine.krx.tables.price_limits import MULTIPLE_APPLIES
from engine.krx.tick_size import NO_BOUND, Int64, round_up, tick_of


def tick_column(prices: Int64, days: Int64, kinds: Int64) -> Int64:
    """Tick of each price in won; 0 where the price is not positive or the date unknown.

    Args:
        prices: int64[n], won.
        days: int64[n], days since 1970-01-01.
        kinds: int64[n], `InstrumentClass` numbers.
    """
    rules = exchange_arrays(days)
    return _ticks(_int64(prices), _tables(rules.tick_table, kinds), rules.tick_bounds, rules.tick_sizes)


def on_grid_column(prices: Int64, days: Int64, kinds: Int64) -> NDArray[np.bool_]:
    """Whether each traded price is possible: on the grid, or half a tick off where mid-price trades exist.

    A mid-price trade lies at floor((bid + ask) / 2): on the grid, or floor(tick / 2) above a grid price when
    the spread is an odd number of ticks. Rows of unknown date or non-positive price count as possible.
    """
    prices = _int64(prices)
    tick = np.maximum(tick_column(prices, days, kinds), 1)
    rules = exchange_arrays(days)
    half = (prices % tick == tick // 2) & rules.off_grid_ok[_int64(kinds), np.arange(prices.size)]
    result: NDArray[np.bool_] = (prices % tick == 0) | half
    return result


def limit_columns(bases: Int64, days: Int64, kinds: Int64, multiples: Int64 | int = 1) -> tuple[Int64, Int64]:
    """Lower and upper limit of each row; (smallest tick or 1, 2**62) where there is none or it is unknown.

    Args:
        bases: int64[n], base prices in won; 0 = unknown.
        days, kinds: as in `tick_column`.
        multiples: leverage of the fund, one number or int64[n].
    """
    rules = exchange_arrays(days)
    rows = np.arange(bases.size)
    kinds = _int64(kinds)
    days = _int64(days)
    unique, inverse = np.unique(days, return_inverse=True)
    applies = np.array(
        [
            MULTIPLE_APPLIES.verified_from <= date_of(day) and MULTIPLE_APPLIES.at(date_of(day))
            for day in unique
        ],
        dtype=np.bool_,
    )[inverse]
    fund = (kinds == InstrumentClass.ETF) | (kinds == InstrumentClass.ETN)
    leverage = np.where(applies & fund, np.broadcast_to(_int64(multiples), bases.shape), 1)
    return _limits(
        _int64(bases),
        np.stack([rules.limit_pct[kinds, rows], _int64(leverage)], axis=1),
        rules.tick_table[kinds, rows],
        rules.tick_bounds,
        rules.tick_sizes,
    )


def first_day_columns(issue_prices: Int64, days: Int64, kinds: Int64) -> tuple[Int64, Int64]:
    """Limits on a first listing day around the issue price; (1, 2**62) before 2023-06-26 and for funds."""
    rules = exchange_arrays(days)
    rows = np.arange(issue_prices.size)
    kinds = _int64(kinds)
    return _issue_limits(
        _int64(issue_prices),
        np.ascontiguousarray(rules.first_day_pct[kinds, rows]),
        rules.tick_table[kinds, rows],
        rules.tick_bounds,
        rules.tick_sizes,
    )


def base_column(previous_closes: Int64, days: Int64, kinds: Int64) -> Int64:
    """Base price from the previous close: from 2025-03-04 rounded up to the grid; 0 (unknown) stays 0."""
    rules = exchange_arrays(days)
    rows = np.arange(previous_closes.size)
    kinds = _int64(kinds)
    table = np.where(rules.base_rounded_up[kinds, rows], rules.tick_table[kinds, rows], -1)
    return _rounded_up(_int64(previous_closes), _int64(table), rules.tick_bounds, rules.tick_sizes)


def _tables(tick_table: Int64, kinds: Int64) -> Int64:
    return tick_table[_int64(kinds), np.arange(tick_table.shape[1])]


def _int64(values: Int64 | int) -> Int64:
    return np.ascontiguousarray(values, dtype=np.int64)


@njit
def _ticks(prices: Int64, table: Int64, bounds: Int64, sizes: Int64) -> Int64:
    result = np.zeros(prices.size, dtype=np.int64)
    for row in range(prices.size):
        if table[row] >= 0 and prices[row] > 0:
            result[row] = tick_of(prices[row], bounds[table[row]], sizes[table[row]])
    return result


@njit
def _limits(bases: Int64, terms: Int64, table: Int64, bounds: Int64, sizes: Int64) -> tuple[Int64, Int64]:
    """`terms`: int64[n, 2], percent and leverage multiple of each row."""
    lower = np.ones(bases.size, dtype=np.int64)
    upper = np.full(bases.size, NO_BOUND, dtype=np.int64)
    for row in range(bases.size):
        if table[row] >= 0:
            lower[row], upper[row] = limit_prices(
                bases[row], terms[row, 0], terms[row, 1], bounds[table[row]], sizes[table[row]]
            )
    return lower, upper


@njit
def _issue_limits(
    prices: Int64, percents: Int64, table: Int64, bounds: Int64, sizes: Int64
) -> tuple[Int64, Int64]:
    lower = np.ones(prices.size, dtype=np.int64)
    upper = np.full(prices.size, NO_BOUND, dtype=np.int64)
    for row in range(prices.size):
        if table[row] >= 0 and percents[row, 1] > 0 and prices[row] > 0:
            lower[row], upper[row] = issue_limits(
                prices[row], percents[row, 0], percents[row, 1], bounds[table[row]], sizes[table[row]]
            )
    return lower, upper


@njit
def _rounded_up(prices: Int64, table: Int64, bounds: Int64, sizes: Int64) -> Int64:
    result = prices.copy()
    for row in range(prices.size):
        if table[row] >= 0 and prices[row] > 0:
            result[row] = round_up(prices[row], bounds[table[row]], sizes[table[row]])
    return result
