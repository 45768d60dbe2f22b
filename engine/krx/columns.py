"""Tick size and price limits for whole columns of a table: one price, day and class per row.

The same kernels as in `tick_size` and `price_limit`, looped in compiled code, for import, quality checks and
tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.kernel_cache import njit
from engine.krx.arrays import ExchangeArrays, exchange_arrays
from engine.krx.dated import distinct_days
from engine.krx.price_limit import issue_limits, limit_prices
from engine.krx.tick_size import NO_BOUND, Int64, round_up, tick_of


def tick_column(prices: Int64, days: Int64, kinds: Int64) -> Int64:
    """Tick of each price in won; 0 where the price is not positive or the date unknown.

    Args:
        prices: int64[n], won.
        days: int64[n], days since 1970-01-01.
        kinds: int64[n], `InstrumentClass` numbers.
    """
    rules, place = rules_of_rows(days, kinds)
    return _ticks(_int64(prices), rules.tick_table[place], rules.tick_bounds, rules.tick_sizes)


def on_grid_column(prices: Int64, days: Int64, kinds: Int64) -> NDArray[np.bool_]:
    """Whether each traded price is possible: on the grid, or half a tick off where mid-price trades exist.

    A mid-price trade lies at floor((bid + ask) / 2): on the grid, or floor(tick / 2) above a grid price when
    the spread is an odd number of ticks. (A spread across a change of tick could give other remainders; none
    was seen in the data.) Rows of unknown date or without a positive price count as possible.
    """
    rules, place = rules_of_rows(days, kinds)
    tick = np.maximum(tick_column(prices, days, kinds), 1)
    excess = _int64(prices) % tick
    result: NDArray[np.bool_] = (excess == 0) | ((excess == tick // 2) & rules.off_grid_ok[place])
    return result


def limit_columns(bases: Int64, days: Int64, kinds: Int64, multiples: Int64 | int = 1) -> tuple[Int64, Int64]:
    """Lower and upper limit of each row; (smallest tick or 1, 2**62) where there is none or it is unknown.

    Args:
        bases: int64[n], base prices in won; 0 = unknown.
        days, kinds: as in `tick_column`.
        multiples: leverage of the fund, one number or int64[n].
    """
    rules, place = rules_of_rows(days, kinds)
    leverage = np.where(rules.multiple_applies[place], multiples, 1)
    terms = np.stack([rules.limit_pct[place], _int64(leverage)], axis=1)
    return _limits(_int64(bases), terms, rules.tick_table[place], rules.tick_bounds, rules.tick_sizes)


def first_day_columns(issue_prices: Int64, days: Int64, kinds: Int64) -> tuple[Int64, Int64]:
    """Limits on a first listing day around the issue price; (1, 2**62) before 2023-06-26 and for funds."""
    rules, place = rules_of_rows(days, kinds)
    percents = _int64(rules.first_day_pct[place])
    return _issue_limits(_int64(issue_prices), percents, rules.tick_table[place], rules.tick_bounds, rules.tick_sizes)


def base_column(previous_closes: Int64, days: Int64, kinds: Int64) -> Int64:
    """Base price from the previous close: from 2025-03-04 rounded up to the grid; 0 (unknown) stays 0."""
    rules, place = rules_of_rows(days, kinds)
    table = np.where(rules.base_rounded_up[place], rules.tick_table[place], -1)
    return _rounded_up(_int64(previous_closes), table, rules.tick_bounds, rules.tick_sizes)


def rules_of_rows(days: Int64, kinds: Int64) -> tuple[ExchangeArrays, tuple[Int64, Int64]]:
    """The rules of every day that occurs, and each row's place in them.

    For a table of many rows this is much smaller than `exchange_arrays` of its column of days.

    Returns:
        Rules with one column per different day, and the index (class, day) of each row: `rules.limit_pct[place]`.
    """
    distinct, position = distinct_days(_int64(days))
    return exchange_arrays(distinct), (_int64(kinds), position)


def _int64(values: NDArray[Any] | int) -> Int64:
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
def _issue_limits(prices: Int64, percents: Int64, table: Int64, bounds: Int64, sizes: Int64) -> tuple[Int64, Int64]:
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
