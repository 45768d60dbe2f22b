"""Small datasets and files that the data tests share."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.data import catalog
from engine.data.manifest import Manifest
from engine.data.sample import make_sample
from engine.data.timeline import close_times


@pytest.fixture(autouse=True)
def own_panel_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the panels of another one, or of the user."""
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic market with every kind of event: 120 tickers, five years."""
    folder = tmp_path_factory.mktemp("sample") / "market"
    make_sample(folder, tickers=120, years=5, seed=3)
    return folder


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Write a text file and return its path."""

    def write(text: str, name: str = "prices.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Write a dataset straight from rows: (date, ticker, open, high, low, close, volume[, base_price[, shares]])."""

    def make(rows: list[tuple[Any, ...]], name: str = "data", **options: Any) -> Path:
        names = ["date", "ticker", "open", "high", "low", "close", "volume", "base_price", "shares"]
        bars = pl.DataFrame(rows, schema=names[: len(rows[0])], orient="row")
        bars = bars.with_columns(pl.col("date").str.to_date())
        bars = bars.with_columns(close_times(bars["date"]).alias("time")).sort("time", "ticker")
        tickers = sorted(set(bars["ticker"]))
        instruments = pl.DataFrame(
            {
                "ticker": tickers,
                "market": options.pop("market", "KOSPI"),
                "product": options.pop("product", "STOCK"),
                "multiple": 1,
                "delisted": pl.Series([options.get("delisted", {}).get(t) for t in tickers], dtype=pl.Date),
            }
        )
        options.pop("delisted", None)
        actions = options.pop("actions", pl.DataFrame(schema=catalog.ACTIONS_SCHEMA))
        folder = tmp_path / name
        folder.mkdir()
        manifest = Manifest(
            name=name,
            source=("test",),
            first=bars["date"].min(),
            last=bars["date"].max(),
            interval=options.pop("interval", "1d"),
            adjusted=options.pop("adjusted", False),
            **options,
        )
        catalog.write_dataset(folder, manifest, catalog.conform(bars, catalog.BARS_SCHEMA), instruments, actions, {})
        return folder

    return make


@pytest.fixture
def split_action() -> Callable[..., pl.DataFrame]:
    """An actions table with one row."""

    def make(date: str, ticker: str, numerator: int, denominator: int, kind: str = "split", cash: int = 0) -> Any:
        row = (datetime.date.fromisoformat(date), ticker, kind, numerator, denominator, cash, "test", "high")
        return pl.DataFrame([row], schema=catalog.ACTIONS_SCHEMA, orient="row")

    return make
