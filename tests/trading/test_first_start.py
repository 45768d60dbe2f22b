"""Which names the first start of an account trades: those that are named, and never a synthetic market's at KIS."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from engine.cli.options import Lang
from engine.cli.trading_options import NAMES, TradingOptions
from engine.errors import BadInput


def test_at_kis_names_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=NAMES):
        TradingOptions().names(tmp_path)
    assert TradingOptions(tickers=["005930,000660"]).names(tmp_path) == ["005930", "000660"]


def test_the_folder_may_say_them_and_options_come_first(tmp_path: Path) -> None:
    (tmp_path / NAMES).write_text("code\n005930  # a remark\n000660\n", encoding="utf-8")
    assert TradingOptions().names(tmp_path) == ["005930", "000660"]
    assert TradingOptions(tickers=["035720"]).names(tmp_path) == ["035720"]


def test_a_served_market_without_names_is_the_sample(tmp_path: Path) -> None:
    for options in (TradingOptions(world="http://127.0.0.1:8700"), TradingOptions(clock="world")):
        names = options.names(tmp_path)
        assert names
        assert all(name[4] == "U" for name in names), "the sample's tickers, which the exchange never issues"


def test_later_starts_ask_the_accounts_own_history(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.json").write_text("{}", encoding="utf-8")
    assert TradingOptions().names(tmp_path) is None


def test_a_name_that_the_account_does_not_trade_is_refused_at_a_later_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "manifest.json").write_text("{}", encoding="utf-8")
    pl.DataFrame({"ticker": ["005930", "000660"]}).write_parquet(data / "instruments.parquet")
    fewer = TradingOptions(tickers=["005930"], lang=Lang.en)
    assert fewer.names(tmp_path) == ["005930"]
    assert "goes on trading the 2 names of its first start, not only the 1" in fewer.names_kept(tmp_path)
    assert TradingOptions(tickers=["000660,005930"]).names_kept(tmp_path) == ""
    assert TradingOptions().names_kept(tmp_path) == ""
    with pytest.raises(BadInput, match="035720"):
        TradingOptions(tickers=["005930", "035720"]).names(tmp_path)
