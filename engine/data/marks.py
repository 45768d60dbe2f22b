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
    opening_row = session_starts(session)
    opens = opening_row == np.arange(len(session))
    row, col = np.nonzero(missing & opens[:, None])
    previous = np.where(row > 0, dense.bars[CLOSE, row - 1, col], 0)
    dense.base[row, col] = previous if adjusted else base_column(previous, session[row], kinds[col])
    for at in np.nonzero(missing[actions.row, actions.col])[0]:
        dense.base[actions.row[at], actions.col[at]] = _restated_base(dense, actions, int(at), session, kinds)
    unexplained = (dense.state & State.UNTRADABLE) > 0
    dense.base[missing & unexplained] = 0
    # One base price holds for all bars of a session.
    later, col = np.nonzero(missing & ~opens[:, None])
    dense.base[later, col] = dense.base[opening_row[later], col]


def session_starts(session: Integers) -> Integers:
    """First row of the session of each row; `session` does not decrease."""
    return np.searchsorted(session, session, side="left").astype(np.int64)


def _restated_base(dense: Dense, actions: ActionTable, at: int, session: Integers, kinds: Integers) -> int:
    """Theoretical base price on the day of an action; 0 when the session's trades lie outside its limits."""
    row, col = int(actions.row[at]), int(actions.col[at])
    end = int(np.searchsorted(session, session[row], side="right"))
    previous, kind = int(dense.bars[CLOSE, row - 1, col]) if row else 0, int(kinds[col])
    if actions.kind[at] == CASH:
        theoretical = previous - int(actions.cash[at])
    else:
        theoretical = previous * int(actions.denominator[at]) // int(actions.numerator[at])
    days = session[row : row + 1]
    # A theoretical price goes up to the grid at every date: asking for today's rounding rule is not enough.
    rules = exchange_arrays(days)
    table = int(rules.tick_table[kind, 0])
    if table >= 0 and theoretical > 0:
        theoretical = int(round_up(theoretical, rules.tick_bounds[table], rules.tick_sizes[table]))
    lower, upper = limit_columns(np.array([theoretical]), days, np.array([kind]))
    traded = (dense.state[row:end, col] & State.TRADED) > 0
    low, high = dense.bars[LOW, row:end, col][traded], dense.bars[HIGH, row:end, col][traded]
    return theoretical if (low >= lower[0]).all() and (high <= upper[0]).all() else 0


def mark_first_days(dense: Dense, session: Integers, listed_row: Integers, new_section: NDArray[np.bool_]) -> None:
    """Mark the first session of new listings in place.

    Args:
        dense: changed in place.
        session: int64[T].
        listed_row: int64[N], first row of the listing date; -1 where the source does not know it.
        new_section: bool[T], the row follows sessions that the whole dataset lacks, so a first row there
            proves nothing.
    """
    starts = np.bincount(dense.first_row, minlength=len(new_section))
    for col, first in enumerate(dense.first_row):
        if listed_row[col] >= 0:
            new = listed_row[col] == first
        else:
            new = first > 0 and not new_section[first] and starts[first] <= MOST_LISTINGS_A_DAY
        if new:
            end = np.searchsorted(session, session[first], side="right")
            dense.state[first:end, col] |= np.uint8(State.FIRST_DAY)


def mark_liquidation(
    dense: Dense,
    session: Integers,
    kinds: Integers,
    multiples: Integers,
    adjusted: bool,
    base_given: NDArray[np.bool_],
) -> None:
    """Mark liquidation trading in place, from the session after a move that the limits forbid.

    Only sessions before a row decide its mark. A first day and a row without a known base prove nothing; neither
    does the first session after a halt unless the source itself gave the base, because the opening price may have
    become it. A jump that the data cannot explain does mark: buying after one is what this mark is to prevent.

    Args:
        dense: changed in place; base prices are filled.
        session: int64[T].
        kinds: int64[N], `InstrumentClass` numbers.
        multiples: int64[N], leverage of funds.
        adjusted: limits do not apply exactly, see `loose_limits`.
        base_given: bool[T, N], the source has the base price itself.
    """
    row, col = np.nonzero(_suspicious(dense, session, base_given))
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
    _, rank = np.unique(session, return_inverse=True)
    for r, c in zip(row[outside], col[outside], strict=True):
        begin = np.searchsorted(rank, rank[r], side="right")
        end = np.searchsorted(rank, rank[r] + LIQUIDATION_SESSIONS, side="right")
        dense.state[begin : min(int(end), int(dense.last_row[c]) + 1), c] |= np.uint8(State.LIQUIDATION)


def loose_limits(base: Integers, days: Integers, kinds: Integers, multiples: Integers) -> tuple[Integers, Integers]:
    """Limits for adjusted prices, which no grid cuts: the percentage, three points and three units of rounding."""
    rules, place = exchange_arrays(days), (kinds, np.arange(len(days)))
    leverage = np.where(rules.multiple_applies[place], np.maximum(np.abs(multiples), 1), 1)
    percent = rules.limit_pct[place] * leverage
    width = base * (percent + 3) // 100 + 3
    unlimited = percent == 0
    return np.where(unlimited, 0, base - width), np.where(unlimited, np.iinfo(np.int64).max, base + width)


def _suspicious(dense: Dense, session: Integers, base_given: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Traded rows with a proved base that move more than 5 % from it: few enough for the exact formula."""
    traded = (dense.state & State.TRADED) > 0
    first = (dense.state & State.FIRST_DAY) > 0
    unexplained = (dense.state & State.UNTRADABLE) > 0
    wide = (dense.bars[HIGH] * 20 > dense.base * 21) | (dense.bars[LOW] * 20 < dense.base * 19)
    starts, rank = np.unique(session_starts(session), return_inverse=True)
    by_session = np.logical_or.reduceat(traded, starts, axis=0)
    traded_before = np.vstack([np.zeros_like(by_session[:1]), by_session[:-1]])[rank]
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
