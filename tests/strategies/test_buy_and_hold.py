"""Buy and hold: equal shares in the first days, then nothing."""

from __future__ import annotations

import polars as pl
import pytest

from brokers.replay import replay
from engine.config import BacktestConfig
from engine.data.panel import Panel
from strategies.buy_and_hold import BuyAndHold
from tests.strategies.holdings import bought, sold


def test_it_buys_in_the_first_days_and_never_again(pair: Panel) -> None:
    fills = bought(replay(BuyAndHold(), pair))
    assert fills.height
    assert fills["session"].max() <= pair.session_date(BuyAndHold.buying_bars)


def test_it_never_sells(pair: Panel) -> None:
    assert sold(replay(BuyAndHold(), pair)).is_empty()


def test_every_name_gets_an_equal_share_and_no_cash_lies_idle(pair: Panel) -> None:
    plenty = BacktestConfig(participation=0.0)
    result = replay(BuyAndHold(), pair, plenty)
    amounts = bought(result).group_by("ticker").agg(pl.col("amount").sum())["amount"].to_list()
    assert len(amounts) == 2
    assert sum(amounts) == pytest.approx(plenty.cash_won, rel=0.05)
    assert max(amounts) / min(amounts) < 1.25
