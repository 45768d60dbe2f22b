"""Build a panel from a dataset's files: read, put together, scatter, fill, mark."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data import catalog
from engine.data.aggregate import aggregate
from engine.data.dense import Dense, make_dense
from engine.data.interval import DAY_NS, KST_NS, interval_minutes, minute_ordinal, week_number
from engine.data.manifest import Manifest
from engine.data.marks import fill_base, mark_first_days, mark_liquidation, widen_ranges
from engine.data.panel import CASH, SPLIT, ActionTable, DividendTable, Panel, State, freeze
from engine.errors import DataError
from engine.krx.instrument_class import instrument_class
from engine.krx.sessions import ordinals

Integers = NDArray[np.int64]
KINDS = {"split": SPLIT, "cash": CASH}
BYTES_PER_CELL = 8 * 8 + 1  # bars, base, value, shares, state
SHARE_OF_MEMORY = 0.5


def build(
    folder: Path,
    manifest: Manifest,
    *,
    start: datetime.date | None,
    end: datetime.date | None,
    tickers: Sequence[str] | None,
    interval: str,
) -> Panel:
    """Build the panel of a selection in memory; see `engine.data.panel.load_panel`.

    Rows before `start` are read too, because they decide what is known at `start`, and cut away at the end.
    """
    instruments = _select_instruments(folder, tickers)
    bars = _select_bars(folder, manifest, instruments, end, tickers is None)
    actions = catalog.read_actions(folder)
    if interval != manifest.interval:
        bars, actions = aggregate(bars, actions, interval)
    instruments = instruments.filter(pl.col("ticker").is_in(bars["ticker"].unique().implode()))
    names = tuple(instruments["ticker"])
    dense = make_dense(bars, names)
    del bars  # the arrays replace it; both at once would double the peak memory
    session = (dense.closed_at_ns + KST_NS) // DAY_NS
    cut = 0 if start is None else int(np.searchsorted(session, (start - datetime.date(1970, 1, 1)).days))
    if cut == len(session):
        raise DataError(f"{folder} has no bars of the chosen tickers from {start} on. Choose an earlier start.")

    table = _mark(dense, manifest, instruments, actions, session, interval)
    keep = dense.last_row >= cut
    # A plain slice makes no copy of arrays that are kept whole.
    columns: slice | NDArray[np.bool_] = slice(None) if keep.all() else keep
    if not keep.all():
        names = tuple(name for name, kept in zip(names, keep, strict=True) if kept)
        instruments = instruments.filter(pl.Series(keep))
    return Panel(
        bars=freeze(dense.bars[:, cut:, columns]),
        state=freeze(dense.state[cut:, columns]),
        base=freeze(dense.base[cut:, columns]),
        value=None if dense.value is None else freeze(dense.value[cut:, columns]),
        shares=None if dense.shares is None else freeze(dense.shares[cut:, columns]),
        closed_at_ns=freeze(dense.closed_at_ns[cut:]),
        session=freeze(session[cut:]),
        ordinal=freeze(_ordinals(session, dense.closed_at_ns, interval)[cut:]),
        tickers=names,
        instruments=instruments,
        first_row=freeze(np.maximum(dense.first_row[keep] - cut, 0)),
        last_row=freeze(dense.last_row[keep] - cut),
        delisted_known=freeze(_delisted_known(instruments, dense.last_row[keep], session)),
        indices=_align_indices(folder, dense.closed_at_ns, session, interval, cut),
        actions=_cut_actions(table, cut, keep),
        interval=interval,
        manifest=manifest,
        dividends=dividend_table(catalog.read_dividends(folder), names, dense, session, cut, keep),
    )


def _select_instruments(folder: Path, tickers: Sequence[str] | None) -> pl.DataFrame:
    instruments = catalog.read_instruments(folder).sort("ticker")
    if tickers is None:
        return instruments
    if not tickers:
        raise DataError("No tickers were chosen. Name at least one, or leave the choice out to take all.")
    unknown = sorted(set(tickers) - set(instruments["ticker"]))
    if unknown:
        raise DataError(
            f"{folder} has no {', '.join(unknown[:5])}{' …' if len(unknown) > 5 else ''}. "
            f"It holds {instruments.height:,} tickers: see `geoul data info {folder}`."
        )
    return instruments.filter(pl.col("ticker").is_in(list(set(tickers))))


def _select_bars(
    folder: Path, manifest: Manifest, instruments: pl.DataFrame, end: datetime.date | None, all_tickers: bool
) -> pl.DataFrame:
    bars = catalog.scan_bars(folder, manifest)
    if not all_tickers:
        bars = bars.filter(pl.col("ticker").is_in(list(instruments["ticker"])))
    if end is not None:
        bars = bars.filter(pl.col("time").dt.date() <= end)
    if interval_minutes(manifest.interval):
        _refuse_what_memory_cannot_hold(folder, bars)
    frame = bars.collect()
    if frame.is_empty():
        raise DataError(f"{folder} has no bars of the chosen tickers until {end}. Choose a later end.")
    return frame


def _refuse_what_memory_cannot_hold(folder: Path, bars: pl.LazyFrame) -> None:
    sizes = bars.select(rows=pl.col("time").n_unique(), tickers=pl.col("ticker").n_unique()).collect()
    rows, tickers = sizes.row(0)
    needed = rows * tickers * BYTES_PER_CELL
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**33
    if needed > memory * SHARE_OF_MEMORY:
        raise DataError(
            f"{folder}: {rows:,} minutes of {tickers:,} tickers need {needed / 1e9:.0f} GB as a panel, more than half "
            "of this machine's memory. Choose fewer tickers or a shorter time."
        )


def _mark(
    dense: Dense,
    manifest: Manifest,
    instruments: pl.DataFrame,
    actions: pl.DataFrame,
    session: Integers,
    interval: str,
) -> ActionTable:
    """Fill base prices and states in place; the action table."""
    kinds = np.array(
        [instrument_class(market, product) for market, product in instruments.select("market", "product").rows()],
        dtype=np.int64,
    )
    multiples = instruments["multiple"].fill_null(1).to_numpy()
    table = action_table(actions, instruments, dense, session)
    numbers = ordinals(session)
    new_section = np.zeros(len(session), dtype=np.bool_)
    if interval == "1d":
        new_section[1:] = np.diff(numbers) > 1
    listed = _row_of(instruments["listed"], session)
    mark_first_days(dense, session, listed, new_section)
    widen_ranges(dense)
    base_given = dense.base > 0
    fill_base(dense, table, session, kinds, manifest.adjusted)
    if interval != "1w":  # limits hold within a session: a week proves nothing about them
        mark_liquidation(dense, session, kinds, multiples, manifest.adjusted, base_given)
    return table


def action_table(actions: pl.DataFrame, instruments: pl.DataFrame, dense: Dense, session: Integers) -> ActionTable:
    """Actions by (row, col); an unexplained jump has no ratio and makes its row untradable instead."""
    cols = {ticker: col for col, ticker in enumerate(instruments["ticker"])}
    rows: list[tuple[int, ...]] = []
    for date, ticker, kind, numerator, denominator, cash in actions.select(
        "date", "ticker", "kind", "numerator", "denominator", "cash"
    ).rows():
        col = cols.get(ticker)
        if col is None:
            continue
        # The first bar of the session: an action takes effect before it opens.
        day = (date - datetime.date(1970, 1, 1)).days
        row, end = (int(np.searchsorted(session, day, side=side)) for side in ("left", "right"))
        if not dense.first_row[col] <= row <= dense.last_row[col]:
            continue
        if kind in KINDS:
            # Filled rows carry the old price, so the action shows with the next price of the source.
            row += int(dense.seen[row:, col].argmax())
            rows.append((row, col, KINDS[kind], numerator, denominator, cash or 0))
        else:
            dense.state[row:end, col] |= np.uint8(State.UNTRADABLE)
    columns = np.array(sorted(rows), dtype=np.int64).reshape(-1, 6).T
    return ActionTable(*(freeze(column.copy()) for column in columns))


def dividend_table(
    table: pl.DataFrame, names: Sequence[str], dense: Dense, session: Integers, cut: int, keep: NDArray[np.bool_]
) -> DividendTable:
    """Dividends of the instruments kept, by (row, col), from the cut on: of those before it nobody here is owed any."""
    cols = {name: col for col, name in enumerate(names)}
    first, last = dense.first_row[keep], dense.last_row[keep]
    found = []
    for date, ticker, cash, pay_date in table.select("date", "ticker", "cash", "pay_date").rows():
        # A week's row has the date of its last session: the first row that is not before the day.
        row, paid = (int(np.searchsorted(session, _day(day))) for day in (date, pay_date or date))
        col = cols.get(ticker)
        if col is not None and max(cut, int(first[col])) <= row <= last[col]:
            found.append((row - cut, col, cash, paid - cut))
    columns = np.array(sorted(found), dtype=np.int64).reshape(-1, 4).T
    return DividendTable(*(freeze(column.copy()) for column in columns))


def _day(date: datetime.date) -> int:
    return (date - datetime.date(1970, 1, 1)).days


def _row_of(dates: pl.Series, session: Integers) -> Integers:
    """Row of each date; -1 for null and for dates outside the panel."""
    days = dates.dt.epoch("d").fill_null(-1).cast(pl.Int64).to_numpy()
    rows = np.searchsorted(session, days)
    inside = (days >= session[0]) & (days <= session[-1])
    return np.where(inside, rows, -1).astype(np.int64)


def _delisted_known(instruments: pl.DataFrame, last_row: Integers, session: Integers) -> NDArray[np.bool_]:
    """Rows that end before the panel does, at or before a delisting date inside it."""
    last_session = session[last_row]
    delisted = instruments["delisted"].dt.epoch("d").fill_null(2**31 - 1).cast(pl.Int64).to_numpy()
    known: NDArray[np.bool_] = (delisted <= session[-1]) & (last_session < session[-1])
    return known


def _ordinals(session: Integers, closed_at_ns: Integers, interval: str) -> Integers:
    if interval == "1w":
        return week_number(session)
    numbers = ordinals(session)
    minutes = interval_minutes(interval)
    return minute_ordinal(numbers, closed_at_ns, minutes) if minutes else numbers


def _align_indices(
    folder: Path, closed_at_ns: Integers, session: Integers, interval: str, cut: int
) -> dict[str, NDArray[np.float64]]:
    """Index series on the panel's rows: by closing time for minutes, by session or week otherwise; NaN where
    unknown.

    A daily index value is not known before the session closes, so minute rows get one only at its own time.
    """
    result = {}
    for name, series in catalog.read_indices(folder).items():
        stamps = series["time"].dt.epoch("ns").to_numpy()
        values = series.select("open", "high", "low", "close").cast(pl.Float64).fill_null(float("nan")).to_numpy().T
        aligned = np.full((4, len(session)), np.nan)
        if interval == "1w":
            aligned = _weekly_index(stamps, values, session)
        else:
            minutes = interval_minutes(interval)
            keys, wanted = (stamps, closed_at_ns) if minutes else ((stamps + KST_NS) // DAY_NS, session)
            at = np.searchsorted(keys, wanted)
            hit = at < len(keys)
            hit[hit] = keys[at[hit]] == wanted[hit]
            aligned[:, hit] = values[:, at[hit]]
        result[name] = freeze(aligned[:, cut:])
    return result


def _weekly_index(stamps: Integers, values: NDArray[np.float64], session: Integers) -> NDArray[np.float64]:
    aligned = np.full((4, len(session)), np.nan)
    days = (stamps + KST_NS) // DAY_NS
    weeks = week_number(days)
    for row, (week, day) in enumerate(zip(week_number(session), session, strict=True)):
        inside = (weeks == week) & (days <= day)
        if inside.any() and days[inside][-1] == day:
            part = values[:, inside]
            aligned[:, row] = part[0, 0], part[1].max(), part[2].min(), part[3, -1]
    return aligned


def _cut_actions(table: ActionTable, cut: int, keep: NDArray[np.bool_]) -> ActionTable:
    """Actions inside the cut; one on the first row kept has no effect on anything inside and stays for the
    record."""
    new_col = np.cumsum(keep) - 1
    inside = (table.row >= cut) & keep[table.col] if len(table) else np.zeros(0, dtype=np.bool_)
    return ActionTable(
        row=freeze(table.row[inside] - cut),
        col=freeze(new_col[table.col[inside]].astype(np.int64)),
        kind=freeze(table.kind[inside]),
        numerator=freeze(table.numerator[inside]),
        denominator=freeze(table.denominator[inside]),
        cash=freeze(table.cash[inside]),
    )
