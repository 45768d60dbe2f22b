"""The dated tables as arrays for compiled code: one row number, percent or rate per bar and instrument class.

The kernels that read them, `tick_of`, `round_down`, `round_up` and `limit_prices`, are offered here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.krx.dated import DatedTable, distinct_days
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import limit_prices
from engine.krx.tables.costs import SELL_TAX
from engine.krx.tables.price_grid import BASE_ROUNDED_UP, OFF_GRID_TRADES, TICK_BANDS
from engine.krx.tables.price_limits import FIRST_DAY, LIMIT_PERCENT, MULTIPLE_APPLIES, FirstDayRule, IssueBased
from engine.krx.tables.quantities import TRADING_UNIT
from engine.krx.tick_size import Int64, band_arrays, round_down, round_up, tick_of

__all__ = ["ExchangeArrays", "exchange_arrays", "limit_prices", "round_down", "round_up", "tick_of"]

Value = TypeVar("Value")
CLASSES = len(InstrumentClass)

# What limits the first day of a listing.
FIRST_DAY_UNKNOWN = 0
FIRST_DAY_ORDINARY = 1  # a class without a rule of its own: the ordinary limits around the base price
FIRST_DAY_OPENING = 2  # the opening price becomes the base; itself it lies in a range of the issue price
FIRST_DAY_ISSUE = 3  # limits of its own around the issue price, all day


@dataclass(frozen=True, slots=True)
class ExchangeArrays:
    """Rules of the exchange per bar. C classes = 6, T bars, R band tables; all read-only.

    Attributes:
        tick_bounds: int64[R, 8]; exclusive upper bounds of the price bands in won, the last 2**62.
        tick_sizes: int64[R, 8]; tick of each band in won; unused columns repeat the last.
        tick_table: int64[C, T]; which band table holds, -1 = the date is outside the verified range.
        limit_pct: int64[C, T]; ordinary price limit in percent of the base price; 0 = none (ELW) or unknown.
        tax_ppb: int64[C, T, 2]; transaction tax and rural special tax on sells, parts per billion; 0 where
            unknown.
        tax_known: bool[C, T]; False where the tax table does not reach.
        multiple_applies: bool[C, T]; the multiple of a leveraged fund or note widens its limits.
        trading_unit: int64[C, T]; shares per unit; 1 where unknown.
        single_from_won: int64[C, T]; previous close from which the unit is one share all the same; 0 = no such
            rule.
        off_grid_ok: bool[C, T]; trades (never orders) may lie off the grid.
        base_rounded_up: bool[C, T]; an off-grid previous close is rounded up to become the base price.
        first_day_rule: int64[C, T]; one of FIRST_DAY_UNKNOWN, _ORDINARY, _OPENING, _ISSUE.
        first_day_pct: int16[C, T, 2]; percent down and up from the issue price where FIRST_DAY_ISSUE holds, else 0, 0.
        opening_pct: int16[C, T, 2]; lowest and highest opening price in percent of the issue price where
            FIRST_DAY_OPENING holds, else 0, 0.
    """

    tick_bounds: Int64
    tick_sizes: Int64
    tick_table: Int64
    limit_pct: Int64
    tax_ppb: Int64
    tax_known: NDArray[np.bool_]
    multiple_applies: NDArray[np.bool_]
    trading_unit: Int64
    single_from_won: Int64
    off_grid_ok: NDArray[np.bool_]
    base_rounded_up: NDArray[np.bool_]
    first_day_rule: Int64
    first_day_pct: NDArray[np.int16]
    opening_pct: NDArray[np.int16]


def exchange_arrays(sessions: Int64) -> ExchangeArrays:
    """Rules for each bar.

    Args:
        sessions: int64[T], session of each bar as days since 1970-01-01, in any order, repeats allowed.
    """
    sessions = np.asarray(sessions, dtype=np.int64)
    days, bar_day = distinct_days(sessions)
    in_order = bool((np.diff(sessions) >= 0).all())
    bars_of_day = np.bincount(bar_day, minlength=days.size)
    bounds, sizes, first_row = _band_tables()

    def per_bar(by_day: NDArray[Any]) -> NDArray[Any]:
        # Repeating is many times faster than picking, and bars normally come in order of time.
        by_bar = np.repeat(by_day, bars_of_day, axis=1) if in_order else np.take(by_day, bar_day, axis=1)
        return _frozen(by_bar)

    tick_table = np.full((CLASSES, days.size), -1, dtype=np.int64)
    for kind, table in TICK_BANDS.items():
        numbers = table.row_numbers(days)
        tick_table[kind] = np.where(numbers < 0, -1, numbers + first_row[kind])
    unknown_tax = (-1, -1)
    tax = _values(SELL_TAX, days, unknown_tax, lambda rates: rates, width=2)
    off_grid = np.zeros((CLASSES, days.size), dtype=np.bool_)
    off_grid_rows = OFF_GRID_TRADES.row_numbers(days)
    for kind in InstrumentClass:
        allowed = [kind in entry.value for entry in OFF_GRID_TRADES.rows]
        off_grid[kind] = np.array([*allowed, False])[off_grid_rows]
    multiple = np.zeros((CLASSES, days.size), dtype=np.bool_)
    # Row number -1, before the first fund and after the verified range, picks the appended False.
    multiple[[InstrumentClass.ETF, InstrumentClass.ETN]] = np.array(
        [*(entry.value for entry in MULTIPLE_APPLIES.rows), False]
    )[MULTIPLE_APPLIES.row_numbers(days)]
    first_rule = _values(FIRST_DAY, days, FIRST_DAY_UNKNOWN, _first_day_code)
    first_rule[[kind for kind in InstrumentClass if kind not in FIRST_DAY]] = FIRST_DAY_ORDINARY
    rounded_rows = BASE_ROUNDED_UP.row_numbers(days)
    rounded = np.array([*(entry.value for entry in BASE_ROUNDED_UP.rows), False])[rounded_rows]
    return ExchangeArrays(
        tick_bounds=bounds,
        tick_sizes=sizes,
        tick_table=per_bar(tick_table),
        limit_pct=per_bar(_values(LIMIT_PERCENT, days, 0, lambda percent: percent)),
        tax_ppb=per_bar(np.maximum(tax, 0)),
        tax_known=per_bar(tax[:, :, 0] >= 0),
        multiple_applies=per_bar(multiple),
        trading_unit=per_bar(_values(TRADING_UNIT, days, 1, lambda unit: unit.shares)),
        single_from_won=per_bar(_values(TRADING_UNIT, days, 0, lambda unit: unit.single_from_won or 0)),
        off_grid_ok=per_bar(off_grid),
        base_rounded_up=per_bar(np.repeat(rounded[None, :], CLASSES, axis=0)),
        first_day_rule=per_bar(first_rule),
        first_day_pct=per_bar(_values(FIRST_DAY, days, (0, 0), _issue_percents, width=2).astype(np.int16)),
        opening_pct=per_bar(_values(FIRST_DAY, days, (0, 0), _opening_percents, width=2).astype(np.int16)),
    )


def _first_day_code(rule: FirstDayRule) -> int:
    return FIRST_DAY_ISSUE if isinstance(rule, IssueBased) else FIRST_DAY_OPENING


def _issue_percents(rule: FirstDayRule) -> tuple[int, int]:
    return (rule.down_percent, rule.up_percent) if isinstance(rule, IssueBased) else (0, 0)


def _opening_percents(rule: FirstDayRule) -> tuple[int, int]:
    return (0, 0) if isinstance(rule, IssueBased) else (rule.lowest_percent, rule.highest_percent)


def _band_tables() -> tuple[Int64, Int64, dict[InstrumentClass, int]]:
    """All band tables stacked, and the number of each class's first one."""
    first_row: dict[InstrumentClass, int] = {}
    pairs: list[tuple[Int64, Int64]] = []
    for kind, table in TICK_BANDS.items():
        first_row[kind] = len(pairs)
        pairs.extend(band_arrays(entry.value) for entry in table.rows)
    bounds = np.stack([bound for bound, _ in pairs])
    sizes = np.stack([size for _, size in pairs])
    return _frozen(bounds), _frozen(sizes), first_row


def _values(
    tables: Mapping[InstrumentClass, DatedTable[Value]],
    days: Int64,
    unknown: int | tuple[int, int],
    number: Callable[[Value], int | tuple[int, int]],
    width: int = 1,
) -> Int64:
    """One number (or pair) per class and day; `unknown` where no table reaches."""
    shape = (CLASSES, days.size) if width == 1 else (CLASSES, days.size, width)
    result = np.empty(shape, dtype=np.int64)
    result[:] = unknown
    for kind, table in tables.items():
        # Row number -1 picks the last entry, which stands for the unknown.
        choices = np.array([*(number(entry.value) for entry in table.rows), unknown], dtype=np.int64)
        result[kind] = choices[table.row_numbers(days)]
    return result


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
