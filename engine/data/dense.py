"""From bars as a long table to dense arrays [rows, instruments]: scatter, fill gaps, mark states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, State

Integers = NDArray[np.int64]
STATUS_BITS = {"managed": State.MANAGED, "warning": State.WARNING, "liquidation": State.LIQUIDATION}


@dataclass(frozen=True)
class Dense:
    """Dense arrays of one dataset; T rows, N instruments. Writable until the panel is stored.

    bars: int64[5, T, N]; state: uint8[T, N]; base: int64[T, N], 0 where the source has none; value and
    shares:
    int64[T, N], -1 where unknown; first_row, last_row: int64[N]; closed_at_ns: int64[T]; seen: bool[T, N],
    the source
    has a row there; liquidation_known: the source states liquidation itself.
    """

    bars: Integers
    state: NDArray[np.uint8]
    base: Integers
    value: Integers | None
    shares: Integers | None
    closed_at_ns: Integers
    seen: NDArray[np.bool_]
    first_row: Integers
    last_row: Integers


def make_dense(bars: pl.DataFrame, tickers: tuple[str, ...]) -> Dense:
    """Scatter bars into dense arrays and fill every instrument from its first to its last row.

    Args:
        bars: catalog columns, sorted by (time, ticker), no duplicates, only `tickers`.
        tickers: sorted; their order is the order of columns. Each has at least one bar.
    """
    row, closed_at_ns = _rows(bars["time"])
    # Position of each ticker among the sorted tickers; an Enum keeps the order given.
    col = bars["ticker"].cast(pl.Enum(list(tickers))).to_physical().to_numpy().astype(np.int64)
    shape = (len(closed_at_ns), len(tickers))
    place = row * shape[1] + col

    seen = np.zeros(shape, dtype=np.bool_)
    seen.reshape(-1)[place] = True
    first_row = seen.argmax(axis=0).astype(np.int64)
    last_row = shape[0] - 1 - seen[::-1].argmax(axis=0).astype(np.int64)

    values = np.zeros((5, *shape), dtype=np.int64)
    for index, name in enumerate(("open", "high", "low", "close", "volume")):
        values[index].reshape(-1)[place] = bars[name].to_numpy()
    state = _states(bars, place, shape, seen, first_row, last_row)
    _fill(values, state, seen)
    return Dense(
        bars=values,
        state=state,
        base=_optional(bars, "base_price", place, shape, 0, state),
        value=_column_or_none(bars, "value", place, shape, state),
        shares=_carried_shares(bars, place, shape, state),
        closed_at_ns=closed_at_ns,
        seen=seen,
        first_row=first_row,
        last_row=last_row,
    )


def _rows(time: pl.Series) -> tuple[Integers, Integers]:
    """Row number of each bar and the distinct closing times; `time` is sorted."""
    stamps = time.dt.epoch("ns").to_numpy()
    new = np.empty(len(stamps), dtype=np.bool_)
    new[:1] = True
    np.not_equal(stamps[1:], stamps[:-1], out=new[1:])
    return np.cumsum(new, dtype=np.int64) - 1, stamps[new].astype(np.int64)


def _states(
    bars: pl.DataFrame,
    place: Integers,
    shape: tuple[int, int],
    seen: NDArray[np.bool_],
    first_row: Integers,
    last_row: Integers,
) -> NDArray[np.uint8]:
    rows = np.arange(shape[0], dtype=np.int64)[:, None]
    present = (rows >= first_row) & (rows <= last_row)
    state = present.astype(np.uint8)
    state[present & ~seen] |= np.uint8(State.FILLED)
    if "status" in bars.columns and bars["status"].null_count() < bars.height:
        for name, bit in STATUS_BITS.items():
            marked = bars["status"].eq_missing(name).to_numpy()
            state.reshape(-1)[place[marked]] |= np.uint8(bit)
    return state


def _fill(values: Integers, state: NDArray[np.uint8], seen: NDArray[np.bool_]) -> None:
    """Mark traded rows; give rows without a trade a flat bar at the carried close and volume 0."""
    present = (state & State.PRESENT) > 0
    # O = H = L = 0 with a small volume is a block trade during a halt: not a trade of the session
    # (krx/README 11).
    traded = seen & (values[VOLUME] > 0) & (values[OPEN] > 0) & (values[HIGH] > 0) & (values[LOW] > 0)
    state[traded] |= np.uint8(State.TRADED)

    # The close of the last row that has one; a special quote (기세) on a row without a trade is the official
    # close.
    priced = seen & (values[CLOSE] > 0)
    rows = np.arange(seen.shape[0], dtype=np.int64)[:, None]
    source = np.maximum.accumulate(np.where(priced, rows, 0), axis=0)
    carried = np.take_along_axis(values[CLOSE], source, axis=0)
    quiet = present & ~traded
    for index in (OPEN, HIGH, LOW, CLOSE):
        np.copyto(values[index], carried, where=quiet)
    values[VOLUME][quiet] = 0


def _optional(
    bars: pl.DataFrame,
    name: str,
    place: Integers,
    shape: tuple[int, int],
    unknown: int,
    state: NDArray[np.uint8],
) -> Integers:
    dense = np.full(shape, unknown, dtype=np.int64)
    dense[state == State.ABSENT] = 0
    if name in bars.columns:
        dense.reshape(-1)[place] = bars[name].fill_null(unknown).to_numpy()
    return dense


def _column_or_none(
    bars: pl.DataFrame, name: str, place: Integers, shape: tuple[int, int], state: NDArray[np.uint8]
) -> Integers | None:
    if name not in bars.columns or bars[name].null_count() == bars.height:
        return None
    dense = _optional(bars, name, place, shape, -1, state)
    quiet = ((state & State.PRESENT) > 0) & ((state & State.TRADED) == 0)
    dense[quiet & ((state & State.FILLED) > 0)] = 0
    return dense


def _carried_shares(
    bars: pl.DataFrame, place: Integers, shape: tuple[int, int], state: NDArray[np.uint8]
) -> Integers | None:
    """Listed shares; a filled row keeps the count of the last row that has one."""
    if "shares" not in bars.columns or bars["shares"].null_count() == bars.height:
        return None
    dense = _optional(bars, "shares", place, shape, -1, state)
    rows = np.arange(shape[0], dtype=np.int64)[:, None]
    filled = (state & State.FILLED) > 0
    source = np.maximum.accumulate(np.where(filled, 0, rows), axis=0)
    np.copyto(dense, np.take_along_axis(dense, source, axis=0), where=filled)
    return dense
