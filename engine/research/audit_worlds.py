"""The same panel with less of it: its rows after a cut, its beginning, or its names still to come left out."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data.panel import ActionTable, DividendTable, Panel, State, freeze

BY_ROW = ("state", "base", "value", "shares")  # arrays [T, N] that a dataset has or lacks
Table = TypeVar("Table", ActionTable, DividendTable)


def cut_after(panel: Panel, row: int) -> Panel:
    """The panel as it was known after the close of `row`, the last of a session; names still to come have no bars.

    A name whose rows ended before keeps what the data says of its end: the account books it on the day after them.
    """
    end = row + 1
    ended = panel.last_row < row
    known = pl.Series(ended) | (pl.col("delisted") <= panel.session_date(row))
    instruments = panel.instruments.with_columns(
        pl.when(pl.col("listed") <= panel.session_date(row)).then(pl.col("listed")).alias("listed"),
        pl.when(known).then(pl.col("delisted")).alias("delisted"),
    )
    return dataclasses.replace(
        panel,
        **_rows(panel, slice(0, end)),
        instruments=instruments,
        first_row=freeze(np.minimum(panel.first_row, end)),
        last_row=freeze(np.minimum(panel.last_row, row)),
        delisted_known=freeze(panel.delisted_known & ended),
        actions=chosen(panel.actions, panel.actions.row <= row),
        dividends=_paid_by(chosen(panel.dividends, panel.dividends.row <= row), end),
    )


def begun_at(panel: Panel, row: int) -> Panel:
    """The panel from `row` on, as a dataset that begins there would give it: names that ended before are not in it."""
    if row == 0:
        return panel
    kept = panel.last_row >= row
    columns: Any = slice(None) if kept.all() else kept
    return dataclasses.replace(
        _columns(panel, columns, _rows(panel, slice(row, None), columns)),
        first_row=freeze(np.maximum(panel.first_row[columns] - row, 0)),
        last_row=freeze(panel.last_row[columns] - row),
        actions=_moved(chosen(panel.actions, (panel.actions.row >= row) & kept[panel.actions.col]), row, kept),
        dividends=_moved(chosen(panel.dividends, (panel.dividends.row >= row) & kept[panel.dividends.col]), row, kept),
    )


def without_later_names(panel: Panel, row: int) -> Panel | None:
    """The panel without the names that are listed after `row`; None where there are none, or no others."""
    kept = panel.first_row <= row
    if kept.all() or not kept.any():
        return None
    return dataclasses.replace(
        _columns(panel, kept, _rows(panel, slice(None), kept)),
        actions=_moved(chosen(panel.actions, kept[panel.actions.col]), 0, kept),
        dividends=_moved(chosen(panel.dividends, kept[panel.dividends.col]), 0, kept),
    )


def untradable_until(panel: Panel, row: int) -> Panel:
    """The panel with no fills up to and including `row`: windows fill, and the account stays as it began."""
    state = np.array(panel.state)
    first = state[: row + 1]
    first[first & State.PRESENT > 0] |= np.uint8(State.UNTRADABLE)
    return dataclasses.replace(panel, state=freeze(state))


def spliced(panel: Panel, other: Panel, begin: int, end: int) -> Panel:
    """The panel with rows [begin, end) of another one that has the same names with the same first and last rows."""

    def mix(mine: Any, theirs: Any, axis: int) -> Any:
        if mine is None or theirs is None or mine is theirs:
            return mine
        made = np.array(mine)
        rows = (slice(None),) * axis + (slice(begin, end),)
        made[rows] = theirs[rows]
        return freeze(made)

    by_row: dict[str, Any] = {name: mix(getattr(panel, name), getattr(other, name), axis=0) for name in BY_ROW}
    return dataclasses.replace(
        panel,
        **by_row,
        bars=mix(panel.bars, other.bars, axis=1),
        indices={name: mix(series, other.indices[name], axis=1) for name, series in panel.indices.items()},
        actions=_mixed(panel.actions, other.actions, begin, end),
        dividends=_mixed(panel.dividends, other.dividends, begin, end),
    )


def chosen(table: Table, keep: NDArray[np.bool_]) -> Table:
    """Some entries of a table."""
    return _table(table, {name: column[keep] for name, column in _columns_of(table)})


def _rows(panel: Panel, rows: slice, columns: Any = slice(None)) -> dict[str, Any]:
    """Every array that has rows, cut to some of them and to some instruments."""
    cut: dict[str, Any] = {
        name: None if getattr(panel, name) is None else freeze(getattr(panel, name)[rows, columns]) for name in BY_ROW
    }
    cut |= {name: freeze(getattr(panel, name)[rows]) for name in ("closed_at_ns", "session", "ordinal")}
    cut["bars"] = freeze(panel.bars[:, rows, columns])
    cut["indices"] = {name: freeze(series[:, rows]) for name, series in panel.indices.items()}
    return cut


def _columns(panel: Panel, columns: Any, arrays: dict[str, Any]) -> Panel:
    """The panel with only some instruments; `arrays` are those of `_rows`."""
    if isinstance(columns, slice):
        return dataclasses.replace(panel, **arrays)
    return dataclasses.replace(
        panel,
        **arrays,
        tickers=tuple(ticker for ticker, kept in zip(panel.tickers, columns, strict=True) if kept),
        instruments=panel.instruments.filter(pl.Series(columns)),
        first_row=freeze(panel.first_row[columns]),
        last_row=freeze(panel.last_row[columns]),
        delisted_known=freeze(panel.delisted_known[columns]),
    )


def _moved(table: Table, rows: int, kept_names: NDArray[np.bool_]) -> Table:
    """A table for a panel that begins `rows` later and has only some of the names."""
    columns = dict(_columns_of(table))
    for name in columns.keys() & {"row", "pay_row"}:
        columns[name] = columns[name] - rows
    columns["col"] = (np.cumsum(kept_names) - 1)[columns["col"]]
    return _table(table, columns)


def _paid_by(table: DividendTable, end: int) -> DividendTable:
    """Dividends for a panel of `end` rows: what is paid later is paid beyond them."""
    return dataclasses.replace(table, pay_row=freeze(np.minimum(table.pay_row, end)))


def _mixed(mine: Table, theirs: Table, begin: int, end: int) -> Table:
    """The entries of one table, those of rows [begin, end) from another."""
    inside, outside = (theirs.row >= begin) & (theirs.row < end), (mine.row < begin) | (mine.row >= end)
    columns = {
        name: np.concatenate([column[outside], getattr(theirs, name)[inside]]) for name, column in _columns_of(mine)
    }
    order = np.lexsort((columns["col"], columns["row"]))
    return _table(mine, {name: column[order] for name, column in columns.items()})


def _columns_of(table: ActionTable | DividendTable) -> list[tuple[str, NDArray[np.int64]]]:
    return [(field.name, getattr(table, field.name)) for field in dataclasses.fields(table)]


def _table(like: Table, columns: dict[str, NDArray[np.int64]]) -> Table:
    return type(like)(**{name: freeze(column.astype(np.int64)) for name, column in columns.items()})
