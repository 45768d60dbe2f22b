"""The price grid: tick sizes and rounding. Kernels take band arrays, the other functions a day.

Source: KOSPI Enforcement Rules §32(2) and its addenda; rows with their own sources in
`engine.krx.tables.price_grid`.
"""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.kernel_cache import njit
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tables.price_grid import BASE_ROUNDED_UP, OFF_GRID_TRADES, TICK_BANDS, Bands

Int64 = NDArray[np.int64]
BAND_COLUMNS = 8
NO_BOUND = 2**62


@njit
def tick_of(price: int, bounds_row: Int64, sizes_row: Int64) -> int:
    """Tick size at `price`: the size of the first band whose exclusive bound lies above it.

    Shapes: bounds_row, sizes_row: (8,), int64. Units: won.
    """
    for column in range(bounds_row.size):
        if price < bounds_row[column]:
            return sizes_row[column]
    return sizes_row[-1]


@njit
def round_down(price: int, bounds_row: Int64, sizes_row: Int64) -> int:
    """The highest price on the grid that is not above `price` (won, int64)."""
    return price - price % tick_of(price, bounds_row, sizes_row)


@njit
def round_up(price: int, bounds_row: Int64, sizes_row: Int64) -> int:
    """The lowest price on the grid that is not below `price` (won, int64)."""
    return price + (-price) % tick_of(price, bounds_row, sizes_row)


@njit
def step_price(price: int, steps: int, bounds_row: Int64, sizes_row: Int64) -> int:
    """The price `steps` ticks from a price on the grid (negative = down), at least the smallest tick.

    A step down from the lower end of a band uses the finer tick below: from 2,000 won it is 1 won, not 5.
    """
    for _ in range(abs(steps)):
        if steps > 0:
            price += tick_of(price, bounds_row, sizes_row)
        else:
            price = max(round_down(price - 1, bounds_row, sizes_row), sizes_row[0])
    return price


def band_arrays(bands: Bands) -> tuple[Int64, Int64]:
    """Bounds and sizes of a band table for the kernels: 8 columns, the last repeated, no bound = 2**62."""
    bounds = [NO_BOUND if bound is None else bound for bound, _ in bands]
    sizes = [size for _, size in bands]
    filling = BAND_COLUMNS - len(bands)
    return (
        np.array(bounds + bounds[-1:] * filling, dtype=np.int64),
        np.array(sizes + sizes[-1:] * filling, dtype=np.int64),
    )


@cache
def _arrays_of(bands: Bands) -> tuple[Int64, Int64]:
    bounds, sizes = band_arrays(bands)
    bounds.setflags(write=False)
    sizes.setflags(write=False)
    return bounds, sizes


def grid_at(day: date, kind: InstrumentClass) -> tuple[Int64, Int64]:
    """Bounds and sizes that hold on `day`, each (8,) int64, won; raises `UnknownDate` outside the range."""
    return _arrays_of(TICK_BANDS[kind].at(day))


def tick_size(price_won: int, day: date, kind: InstrumentClass) -> int:
    """Tick at a price on a day, in won. Lower bounds of bands are inclusive.

    Example:
        >>> tick_size(2_000, date(2024, 1, 2), InstrumentClass.KOSPI_STOCK)
        5
    """
    return int(tick_of(_positive(price_won), *grid_at(day, kind)))


def grid_below(price_won: int, day: date, kind: InstrumentClass) -> int:
    """The highest price on the grid that is not above `price_won`.

    Example:
        >>> grid_below(60_950, date(2024, 1, 31), InstrumentClass.KOSPI_STOCK)
        60900
    """
    return int(round_down(_positive(price_won), *grid_at(day, kind)))


def grid_above(price_won: int, day: date, kind: InstrumentClass) -> int:
    """The lowest price on the grid that is not below `price_won`."""
    return int(round_up(_positive(price_won), *grid_at(day, kind)))


def ticks_away(price_won: int, steps: int, day: date, kind: InstrumentClass) -> int:
    """The grid price `steps` ticks above (negative: below) a grid price, at least the smallest tick."""
    if not is_on_grid(price_won, day, kind):
        raise DataError(f"{price_won:,} won is off the tick of {kind.name} on {day}; round it to the grid first.")
    return int(step_price(price_won, steps, *grid_at(day, kind)))


def is_on_grid(price_won: int, day: date, kind: InstrumentClass) -> bool:
    """Whether an order may carry this price."""
    return price_won > 0 and price_won % tick_size(price_won, day, kind) == 0


def off_grid_trades_allowed(day: date, kind: InstrumentClass) -> bool:
    """Whether a trade (not an order) may lie off the grid: mid-price orders exist since 2025-03-04.

    Source: KOSPI Business Regulation, mid-price quotation, in force from 2025-03-04.
    """
    return kind in OFF_GRID_TRADES.at(day)


def adjusted_base(previous_close_won: int, day: date, kind: InstrumentClass) -> int:
    """Base price of `day` when nothing but the previous close decides it.

    From 2025-03-04 a close that a mid-price trade left off the grid is rounded UP to the grid; before, the
    raw close is the base.

    Source: KOSPI Enforcement Rules §30(1)1 (amended 2025-02-27).

    Example:
        >>> adjusted_base(10_005, date(2026, 1, 5), InstrumentClass.KOSPI_STOCK)
        10010
    """
    if not BASE_ROUNDED_UP.at(day):
        return previous_close_won
    return grid_above(previous_close_won, day, kind)


def _positive(price_won: int) -> int:
    if price_won <= 0:
        raise DataError(f"A price must be a positive number of won, not {price_won:,}.")
    return price_won
