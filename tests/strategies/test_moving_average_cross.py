"""The ten lines: in above the slow mean, out below, never twice."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from brokers.replay import replay
from engine.data.panel import CLOSE, Panel
from engine.errors import BadInput
from strategies.moving_average_cross import MovingAverageCross


def fast_minus_slow(panel: Panel, row: int) -> float:
    """The two means by hand, on the closes up to a row."""
    closes = panel.bars[CLOSE, : row + 1, 0]
    return float(np.mean(closes[-10:]) - np.mean(closes[-30:]))


def test_it_buys_only_on_the_bar_after_the_fast_mean_is_above_the_slow_one(single: Panel) -> None:
    result = replay(MovingAverageCross(), single)
    rows = {single.session_date(row): row for row in range(single.rows)}
    first_fills = result.fills.group_by("order_id").first().sort("order_id")
    assert {"buy", "sell"} == set(first_fills["side"])
    for session, side in first_fills.select("session", "side").rows():
        sign = fast_minus_slow(single, rows[session] - 1)
        assert sign > 0 if side == "buy" else sign < 0


def test_it_does_not_trade_before_the_slow_mean_is_known(single: Panel) -> None:
    assert replay(MovingAverageCross(), single).fills["session"][0] > single.session_date(29)


def test_it_never_adds_to_what_it_holds(single: Panel) -> None:
    first_fills = replay(MovingAverageCross(), single).fills.group_by("order_id", maintain_order=True).first()
    purchases = first_fills.filter(pl.col("side") == "buy")["session"].to_list()
    assert len(purchases) > 2
    for earlier, later in itertools.pairwise(purchases):
        between = first_fills.filter(pl.col("session").is_between(earlier, later, closed="none"))
        assert "sell" in between["side"]


def test_it_asks_for_one_ticker_where_the_data_have_two(pair: Panel) -> None:
    with pytest.raises(BadInput, match="2 instruments: name one"):
        replay(MovingAverageCross(), pair)
