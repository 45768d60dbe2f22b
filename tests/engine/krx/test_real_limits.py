"""Ticks and limits against real cross sections of the whole market and of all ETFs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.krx.columns import (
    base_column,
    first_day_columns,
    limit_columns,
    on_grid_column,
    tick_column,
)
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.sessions import ordinals

LIMIT_UP, LIMIT_DOWN = 4, 5
PRICES = ("open", "high", "low", "close")


def session_numbers(dates: pl.Series) -> np.ndarray:
    """Index of each session in the exchange's calendar."""
    return ordinals(dates.cast(pl.Int32).cast(pl.Int64).to_numpy())


@pytest.fixture(scope="module")
def sections(krx_data: Path) -> pl.DataFrame:
    """All rows of the cross sections with class, day, base price and the limits that follow from it."""
    files = sorted((krx_data / "krx_daily_sections").glob("*.parquet"))
    kinds = {market: int(instrument_class(market)) for market in ("KOSPI", "KOSDAQ", "KONEX")}
    frame = pl.concat([pl.read_parquet(file) for file in files]).with_columns(
        day=pl.col("date").cast(pl.Int32).cast(pl.Int64),
        kind=pl.col("market").replace_strict(kinds, return_dtype=pl.Int64),
        base=(pl.col("close") - pl.col("change")).cast(pl.Int64),
        traded=(pl.col("volume") > 0) & (pl.col("open") > 0),
    )
    columns = (frame["base"].to_numpy(), frame["day"].to_numpy(), frame["kind"].to_numpy())
    (lower, upper), (first_lower, first_upper) = limit_columns(*columns), first_day_columns(*columns)
    return frame.with_columns(lower=lower, upper=upper, first_lower=first_lower, first_upper=first_upper)


@pytest.mark.parametrize(
    ("code", "limit", "first_limit", "at_least", "on_first_day"),
    [(LIMIT_UP, "upper", "first_upper", 872, 2), (LIMIT_DOWN, "lower", "first_lower", 364, 1)],
)
def test_every_close_flagged_at_its_limit_equals_the_formula(
    sections: pl.DataFrame, code: int, limit: str, first_limit: str, at_least: int, on_first_day: int
) -> None:
    flagged = sections.filter(pl.col("change_code") == code)
    ordinary = pl.col("close") == pl.col(limit)
    others = flagged.filter(~ordinary)
    first_rows = sections.group_by("ticker").agg(pl.col("date").min().alias("first"))
    listed = others.join(first_rows, on="ticker").filter(pl.col("date") == pl.col("first"))
    assert flagged["traded"].sum() >= at_least
    assert set(flagged["market"]) == {"KOSPI", "KOSDAQ", "KONEX"}
    assert len(others) == len(listed) == on_first_day
    assert (listed["close"] == listed[first_limit]).all()


def test_prices_leave_the_limits_only_on_first_days_and_in_liquidation(sections: pl.DataFrame) -> None:
    outside = sections.filter(pl.col("traded"), (pl.col("high") > pl.col("upper")) | (pl.col("low") < pl.col("lower")))
    spans = sections.group_by("ticker").agg(first=pl.col("date").min(), last=pl.col("date").max())
    outside = outside.join(spans, on="ticker")
    first_day = outside.filter(pl.col("date") == pl.col("first"))
    assert (first_day["high"] <= first_day["first_upper"]).all()
    assert (first_day["low"] >= first_day["first_lower"]).all()
    # Everything else is liquidation: the issue is gone after at most six further sessions.
    rest = outside.filter(pl.col("date") != pl.col("first"))
    left = session_numbers(rest["last"]) - session_numbers(rest["date"])
    assert left.max() <= 6
    assert 0 < len(first_day) < len(outside) < 50


@pytest.mark.parametrize("price", PRICES)
def test_every_traded_stock_price_lies_on_the_grid(sections: pl.DataFrame, price: str) -> None:
    traded = sections.filter(pl.col("traded"))
    columns = (traded[price].to_numpy(), traded["day"].to_numpy(), traded["kind"].to_numpy())
    assert len(traded) > 300_000
    assert not (columns[0] % tick_column(*columns)).any()


def test_a_wrong_table_would_be_noticed(sections: pl.DataFrame) -> None:
    reform = pl.date(2023, 1, 25)
    before = sections.filter(pl.col("traded"), pl.col("date") < reform, pl.col("kind") != 2)
    after = sections.filter(pl.col("traded"), pl.col("date") >= reform, pl.col("kind") != 2)
    for frame, other_day in ((before, after["day"].max()), (after, before["day"].max())):
        days = np.full(len(frame), other_day, dtype=np.int64)
        ticks = tick_column(frame["close"].to_numpy(), days, frame["kind"].to_numpy())
        assert (frame["close"].to_numpy() % ticks != 0).any()


@pytest.mark.parametrize("price", PRICES)
def test_etf_prices_lie_on_the_grid_or_half_a_tick_off_since_mid_price_orders(krx_data: Path, price: str) -> None:
    frame = pl.read_parquet(krx_data / "krx_etf_daily" / "krx_etf_unadjusted_2020_2025.parquet").filter(
        pl.col("open") > 0
    )
    days = frame["date"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    kinds = np.full(len(frame), int(InstrumentClass.ETF), dtype=np.int64)
    prices = frame[price].to_numpy()
    off_grid = prices % tick_column(prices, days, kinds) != 0
    assert on_grid_column(prices, days, kinds).all()
    assert off_grid.sum() > 0
    assert frame.filter(pl.Series(off_grid))["date"].min() >= pl.Series([20_151]).cast(pl.Date)[0]  # 2025-03-04


def test_raw_large_stocks_lie_on_the_grid_or_half_a_tick_off(krx_data: Path) -> None:
    frame = pl.read_parquet(krx_data / "krx_daily_long" / "unadjusted_100tk_2021_2026.parquet")
    etf = pl.read_parquet(krx_data / "krx_etf_daily" / "krx_etf_unadjusted_2020_2025.parquet")["ticker"].unique()
    stocks = frame.filter(pl.col("volume") > 0, pl.col("open") > 0, ~pl.col("ticker").is_in(etf.to_list()))
    days = stocks["date"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    kinds = np.zeros(len(stocks), dtype=np.int64)
    for price in PRICES:
        assert on_grid_column(stocks[price].cast(pl.Int64).to_numpy(), days, kinds).all()


def test_base_prices_follow_from_the_previous_close_except_on_corporate_actions(
    sections: pl.DataFrame,
) -> None:
    rows = sections.sort("ticker", "date").with_columns(
        previous=pl.col("close").shift(1).over("ticker"), day_before=pl.col("day").shift(1).over("ticker")
    )
    rows = rows.filter(pl.col("day_before").is_not_null())
    rows = rows.filter(pl.Series(ordinals(rows["day"].to_numpy()) - ordinals(rows["day_before"].to_numpy()) == 1))
    base = base_column(rows["previous"].to_numpy(), rows["day"].to_numpy(), rows["kind"].to_numpy())
    different = base != rows["base"].to_numpy()
    assert len(rows) > 290_000
    assert 0 < different.sum() < 0.0005 * len(rows)
