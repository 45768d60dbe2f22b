"""A dataset of minute bars from a recorded stream, so that rules, which count bars, can be tested on it.

A bar that ends at 09:31 holds the trades from 09:30:00 to 09:30:59, as those that a live program builds
(`engine.data.bar_builder`); the closing auction, which may print half a minute after the close, belongs to the last bar
of the session. Each name has a first and a last bar in each of its sessions, if need be without a trade, at the base
price and at its last one: so its base price is known from the morning on, a name that first trades later is not taken
for a new listing, and one that does not trade at the close is not taken for one that has ended.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from engine.data import catalog
from engine.data.atomic import atomic_folder
from engine.data.convert import find_gaps
from engine.data.manifest import Manifest
from engine.data.recorded_trades import read_trades
from engine.data.tick_panel import instruments_of, trades_notes
from engine.data.timeline import close_times
from engine.errors import DataError

INTERVAL = "1m"


def write_recorded_bars(
    folder: str | Path,
    daily: str | Path,
    destination: str | Path,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    tickers: Sequence[str] | None = None,
    *,
    overwrite: bool = False,
) -> Manifest:
    """Make a dataset of one-minute bars of the trades of a recording.

    Args:
        folder: of the recording, see `engine.data.recorded_trades`.
        daily: dataset that knows the instruments and their corporate actions.
        destination: the new dataset's folder.
        start, end: first and last recorded session.
        tickers: instruments to keep; None keeps all that were recorded.
        overwrite: replace an existing dataset.

    Raises:
        DataError: trades that cannot be, an instrument that the dataset lacks, no base price; the destination exists.
    """
    trades = read_trades(folder, start, end, tickers)
    names = sorted(trades.table["ticker"].unique().to_list())
    instruments = instruments_of(folder, Path(daily), names)
    table = _with_ends(trades.table)
    days = table["day"].unique().sort().to_list()
    bars = catalog.conform(pl.concat([_bars(table), _edges(table, folder)], how="diagonal"), catalog.BARS_SCHEMA)
    # Where a name trades in the first or last minute, that bar stands; the one without a trade comes second and goes.
    bars = bars.unique(["time", "ticker"], keep="first", maintain_order=True).sort("time", "ticker")
    actions = catalog.read_actions(Path(daily)).filter(
        pl.col("ticker").is_in(names) & pl.col("date").is_between(days[0], days[-1])
    )
    manifest = Manifest(
        name=Path(destination).name,
        source=(f"recorded stream {folder}",),
        first=days[0],
        last=days[-1],
        interval=INTERVAL,
        adjusted=False,
        synthetic=catalog.open_dataset(daily)[1].synthetic,
        gaps=find_gaps(bars, INTERVAL),
        notes=trades_notes(trades),
    )
    with atomic_folder(destination, overwrite=overwrite) as part:
        return catalog.write_dataset(part, manifest, bars, instruments, actions, {})


def _with_ends(table: pl.DataFrame) -> pl.DataFrame:
    """Each trade with the end of its bar."""
    closes = close_times(table["day"]).alias("closes")
    following = pl.col("time").dt.truncate("1m") + pl.duration(minutes=1)
    return table.with_columns(closes).with_columns(end=pl.min_horizontal(following, pl.col("closes")))


def _bars(table: pl.DataFrame) -> pl.DataFrame:
    price, volume = pl.col("price"), pl.col("volume")
    return (
        table.group_by("end", "ticker", maintain_order=True)
        .agg(
            open=price.first(),
            high=price.max(),
            low=price.min(),
            close=price.last(),
            volume=volume.sum(),
            value=(price * volume).sum(),
            base_price=pl.col("previous_close").drop_nulls().first(),
        )
        .rename({"end": "time"})
    )


def _edges(table: pl.DataFrame, folder: str | Path) -> pl.DataFrame:
    """Bars without a trade for each name and session, in the session's first and last minutes with a bar."""
    ends = table.group_by("day").agg(first=pl.col("end").min(), last=pl.col("end").max())
    base = table.group_by("day", "ticker").agg(
        base_price=pl.col("previous_close").min(),
        highest=pl.col("previous_close").max(),
        price=pl.col("price").last(),
    )
    wrong = base.filter(pl.col("base_price").is_null() | (pl.col("base_price") != pl.col("highest"))).sort(
        "day", "ticker"
    )
    if wrong.height:
        day, ticker, *_ = wrong.row(0)
        raise DataError(
            f"{folder}: the records of {ticker} on {day} tell no base price, or several. Leave the name out with "
            "--ticker, or the day with --from and --to."
        )
    nothing = {name: pl.lit(0, pl.Int64) for name in ("open", "high", "low", "volume", "value")}
    sides = (
        base.join(ends, on="day").select(
            pl.col(end).alias("time"), "ticker", "base_price", close=pl.col(close), **nothing
        )
        for end, close in (("first", "base_price"), ("last", "price"))
    )
    return pl.concat(sides)
