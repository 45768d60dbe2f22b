"""Base prices, first days and liquidation trading, from the bars themselves where the source does not say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.data.dense import Dense
from engine.data.panel import CASH, CLOSE, HIGH, LOW, ActionTable, State
from engine.krx.arrays import exchange_arrays, round_up
from engine.krx.columns import base_column, limit_columns

Integers = NDArray[np.int64]

# Liquidation trading lasts about seven sessions; a name that still trades after ten was not in it.
LIQUIDATION_SESSIONS = 10
# More new names than this on one day is a source that starts to cover them, not a day of listings.
MOST_LISTINGS_A_DAY = 12


def fill_base(dense: Dense, actions: ActionTable, session: Integers, kinds: Integers, adjusted: bool) -> None:
    """Fill unknown base prices in place from the previous close; 0 stays where nothing proves one.

    From 2025-03-04 an off-grid close is rounded up to the grid. After a split the base is the theoretical
    price (rounded
    down to a won, then up to the grid), unless the day's trades lie outside its limits: then the opening
    price decided,
    and the base stays unknown.

    Args:
        dense: changed in place.
        actions: splits and distributions by (row, col).
        session: int64[T], days since 1970-01-01.
        kinds: int64[N], `InstrumentClass` numbers.
        adjusted: prices are back-adjusted: no grid, no limits.
    """
    missing = (dense.base == 0) & ((dense.state & State.PRESENT) > 0)
    if not missing.any():
        return
    previous = np.zeros_like(dense.base)
    previous[1:] = dense.bars[CLOSE, :-1]
    row, col = np.nonzero(missing)
    base = previous[row, col]
    if not adjusted:
        base = base_column(base, session[row], kinds[col])
    dense.base[row, col] = base
    for at in np.nonzero(missing[actions.row, actions.col])[0]:
        r, c = int(actions.row[at]), int(actions.col[at])
        dense.base[r, c] = _restated_base(dense, actions, int(at), int(previous[r, c]), session[r], kinds[c])
    unexplained = (dense.state & State.UNTRADABLE) > 0
    dense.base[missing & unexplained] = 0


def _restated_base(dense: Dense, actions: ActionTable, at: int, previous: int, day: np.int64, kind: np.int64) -> int:
    row, col = int(actions.row[at]), int(actions.col[at])
    if actions.kind[at] == CASH:
        theoretical = previous - int(actions.cash[at])
    else:
        theoretical = previous * int(actions.denominator[at]) // int(actions.numerator[at])
    days, kinds = np.array([day]), np.array([kind])
    # A theoretical price goes up to the grid at every date: asking for today's rounding rule is not enough.
    rules = exchange_arrays(days)
    table = int(rules.tick_table[kind, 0])
    if table >= 0 and theoretical > 0:
        theoretical = int(round_up(theoretical, rules.tick_bounds[table], rules.tick_sizes[table]))
    lower, upper = limit_columns(np.array([theoretical]), days, kinds)
    traded = (dense.state[row, col] & State.TRADED) > 0
    inside = dense.bars[LOW, row, col] >= lower[0] and dense.bars[HIGH, row, col] <= upper[0]
    return theoretical if inside or not traded else 0


def mark_first_days(dense: Dense, listed_row: Integers, new_section: NDArray[np.bool_]) -> None:
    """Mark the first session of new listings in place.

    Args:
        dense: changed in place.
        listed_row: int64[N], row of the listing date; -1 where the source does not know it.
        new_section: bool[T], the row follows sessions that the whole dataset lacks, so a first row there
            proves nothing.
    """
    starts = np.bincount(dense.first_row, minlength=len(new_section))
    for col, first in enumerate(dense.first_row):
        if listed_row[col] >= 0:
            if listed_row[col] == first:
                dense.state[first, col] |= np.uint8(State.FIRST_DAY)
        elif first > 0 and not new_section[first] and starts[first] <= MOST_LISTINGS_A_DAY:
            dense.state[first, col] |= np.uint8(State.FIRST_DAY)


def mark_liquidation(
    dense: Dense,
    session: Integers,
    kinds: Integers,
    multiples: Integers,
    adjusted: bool,
    base_given: NDArray[np.bool_],
) -> None:
    """Mark liquidation trading in place, from the session after a move that the limits forbid.

    Only rows before a row decide its mark. A first day, a day with an action and a row without a known base
    prove
    nothing, except a jump that the data cannot explain: buying after one is what this mark is to prevent.

    Args:
        dense: changed in place; base prices are filled.
        session: int64[T].
        kinds: int64[N], `InstrumentClass` numbers.
        multiples: int64[N], leverage of funds.
        adjusted: limits do not apply exactly, see `loose_limits`.
        base_given: bool[T, N], the source has the base price itself.
    """
    row, col = np.nonzero(_suspicious(dense, base_given))
    if row.size == 0:
        return
    base, days = dense.base[row, col], session[row]
    high, low = dense.bars[HIGH, row, col], dense.bars[LOW, row, col]
    lower, upper = (
        loose_limits(base, days, kinds[col], multiples[col])
        if adjusted
        else limit_columns(base, days, kinds[col], multiples[col])
    )
    outside = ((high > upper) | (low < lower)) & (base > 0)
    outside |= (dense.state[row, col] & State.UNTRADABLE) > 0
    for r, c in zip(row[outside], col[outside], strict=True):
        until = min(int(r) + LIQUIDATION_SESSIONS, int(dense.last_row[c]))
        dense.state[r + 1 : until + 1, c] |= np.uint8(State.LIQUIDATION)


def loose_limits(base: Integers, days: Integers, kinds: Integers, multiples: Integers) -> tuple[Integers, Integers]:
    """Limits for adjusted prices, which no grid cuts: the percentage, three points and three units of rounding."""
    percent = exchange_arrays(days).limit_pct[kinds, np.arange(len(days))] * np.maximum(np.abs(multiples), 1)
    width = base * (percent + 3) // 100 + 3
    unlimited = percent == 0
    return np.where(unlimited, 0, base - width), np.where(unlimited, np.iinfo(np.int64).max, base + width)


def _suspicious(dense: Dense, base_given: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Traded rows with a proved base that move more than 5 % from it: few enough for the exact formula."""
    traded = (dense.state & State.TRADED) > 0
    first = (dense.state & State.FIRST_DAY) > 0
    unexplained = (dense.state & State.UNTRADABLE) > 0
    wide = (dense.bars[HIGH] * 20 > dense.base * 21) | (dense.bars[LOW] * 20 < dense.base * 19)
    traded_before = np.zeros_like(traded)
    traded_before[1:] = traded[:-1]
    proved = (dense.base > 0) & (traded_before | base_given)
    return (traded & ~first & wide & proved) | (unexplained & traded)


def widen_ranges(dense: Dense) -> int:
    """Make high and low contain open and close on traded rows, in place; the number of rows changed.

    Adjusted sources round each price on its own, so that a high can lie one won below the close.
    """
    opened, closed = dense.bars[0], dense.bars[CLOSE]
    high = np.maximum(np.maximum(opened, closed), dense.bars[HIGH])
    low = np.minimum(np.minimum(opened, closed), dense.bars[LOW])
    changed = int(((high != dense.bars[HIGH]) | (low != dense.bars[LOW])).sum())
    if changed:
        dense.bars[HIGH] = high
        dense.bars[LOW] = low
    return changed
