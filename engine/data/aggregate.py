"""Bars of a finer interval put together into bars of a coarser one."""

from __future__ import annotations

import polars as pl

from engine.data.catalog import PRICES
from engine.data.interval import interval_minutes
from engine.data.timeline import close_times

DAY = pl.col("time").dt.date()


def aggregate(bars: pl.DataFrame, actions: pl.DataFrame, interval: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put bars together into bars of `interval`.

    Minute bars join by the clock (a 5-minute bar closes at :05, :10, …) and never across sessions; weeks run
    from Monday to
    Sunday. A split inside a week first restates the week's earlier days, so that a bar never mixes two price
    bases.

    Args:
        bars: catalog columns, sorted by (time, ticker).
        actions: catalog columns, by date; splits only matter here.
        interval: coarser than that of the bars.

    Returns:
        The bars, sorted by (time, ticker), and the actions dated on the session their bar closes.
    """
    minutes = interval_minutes(interval)
    if minutes:
        step = pl.duration(minutes=minutes)
        midnight = pl.col("time").dt.truncate("1d")
        # Whole steps since midnight, rounded up: a bar that closes exactly on the step belongs to it.
        steps = -(-(pl.col("time") - midnight).dt.total_minutes() // minutes)
        group = midnight + steps * step
        return _join(bars.with_columns(group.alias("group"))), actions
    if interval == "1d":
        joined = _join(bars.with_columns(DAY.alias("group"), pl.col("time").alias("last_bar")))
        days = joined["time"]
        closes = close_times(days)
        return joined.with_columns(pl.max_horizontal(closes, pl.col("last_bar")).alias("time")).drop(
            "last_bar"
        ), actions
    return _weeks(bars, actions)


def _weeks(bars: pl.DataFrame, actions: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    week = DAY.dt.truncate("1w")
    closing = bars.group_by(week.alias("week")).agg(pl.col("time").max().alias("group"))
    dated = bars.with_columns(week.alias("week")).join(closing, on="week").drop("week")
    restated = _restate_within(dated, actions)
    moved = (
        actions.with_columns(pl.col("date").dt.truncate("1w").alias("week"))
        .join(closing, on="week")
        .with_columns(pl.col("group").dt.date().alias("date"))
        .drop("week", "group")
    )
    return _join(restated), moved


def _restate_within(bars: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """Restate the days of a bar that come before a split inside the same bar."""
    splits = actions.filter(pl.col("kind") == "split")
    if splits.is_empty():
        return bars
    keyed = splits.select(
        "ticker",
        pl.col("date").alias("split_date"),
        (pl.col("denominator") / pl.col("numerator")).alias("price_ratio"),
    )
    group_day = pl.col("group").dt.date()
    hits = (
        bars.select("time", "ticker", "group")
        .join(keyed, on="ticker")
        .filter(pl.col("split_date") > DAY, pl.col("split_date") <= group_day)
        .group_by("time", "ticker")
        .agg(pl.col("price_ratio").product())
    )
    ratio = pl.col("price_ratio").fill_null(1.0)
    return (
        bars.join(hits, on=["time", "ticker"], how="left", maintain_order="left")
        .with_columns(
            *((pl.col(name) * ratio).round().cast(pl.Int64).alias(name) for name in (*PRICES, "base_price")),
            (pl.col("volume") / ratio).round().cast(pl.Int64),
        )
        .drop("price_ratio")
    )


def _join(bars: pl.DataFrame) -> pl.DataFrame:
    """One bar per (group, ticker). Bars without a trade give only their close."""
    traded = (pl.col("volume") > 0) & (pl.col("open") > 0)
    whole = pl.col("value").null_count() == 0
    return (
        bars.group_by("group", "ticker", maintain_order=True)
        .agg(
            pl.col("open").filter(traded).first().fill_null(0),
            pl.col("high").filter(traded).max().fill_null(0),
            pl.col("low").filter(traded).min().fill_null(0),
            pl.col("close").last(),
            pl.col("volume").filter(traded).sum(),
            pl.when(whole).then(pl.col("value").sum()).alias("value"),
            pl.col("base_price").first(),
            pl.col("shares").last(),
            pl.col("status").last(),
            *([pl.col("last_bar").max()] if "last_bar" in bars.columns else []),
        )
        .rename({"group": "time"})
        .sort("time", "ticker")
    )
