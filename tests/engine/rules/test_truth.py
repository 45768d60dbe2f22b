"""Conditions that are decided without data, and that the data then agrees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.annotate import annotate, annotate_condition
from engine.rules.features import MarketArrays
from engine.rules.parse import parse_expression
from engine.rules.tree import Node
from engine.rules.truth import Truth, decide, idle_parts, interval_of
from tests.builders_market import make_market, run_graph
from tests.rule_strategies import Taste, market_conditions, market_numbers


def verdict(text: str) -> Truth:
    return decide(annotate_condition(parse_expression(text))).truth


@pytest.mark.parametrize(
    "text",
    [
        "close > highest(close, 252)",
        "highest(close, 252) < close",
        "close < lowest(close, 20)",
        "close > highest(high, 20)",
        "lag(close, 5) > max(close, 20)",
        "mean(close, 5) > max(close, 20)",
        "close > 1.01 * highest(close, 252)",
        "crosses_above(close, highest(close, 20))",
        "crosses_below(close, lowest(close, 20))",
        "crosses_above(rsi(14), 100)",
        "close > close",
        "close != close",
        "close > high",
        "low > open",
        "rsi(14) > 100",
        "rsi(14) + 10 < 0",
        "pnl <= -7",
        "drawdown_from_peak >= 8%",
        "rank(close) > 1",
        "rank(close) <= 0",
        "breadth(close > open) > 1",
        "count_if(close > open, 5) > 5",
        "bars_since(close > open, 20) >= 20",
        "zscore(close, 5) < -2",
        "ts_rank(close, 20) < 0.05",
        "cash_ratio > 100%",
        "close < 0",
        "rsi(14) < 30 and rsi(14) > 70",
        "close > open and close < open",
        "open < close and open > close",
        "close > open and not (close > open)",
        "positions > 5 and days_held > 3 and positions < 2",
        "weekday == mon and weekday == fri",
        "1 > 2",
        "not (1 < 2)",
        "close > open and 1 > 2",
        "rsi(14) > 100 or rsi(14) < 0",
    ],
)
def test_conditions_that_can_never_hold(text: str) -> None:
    assert verdict(text) is Truth.NEVER


@pytest.mark.parametrize(
    "text",
    [
        "close <= highest(close, 252)",
        "close >= close",
        "high >= low",
        "rsi(14) <= 100",
        "pnl >= -100%",
        "drawdown_from_peak <= 8%",
        "close > 0",
        "1 < 2",
        "close > open or close <= open",
        "rsi(14) >= 0 and volume >= 0",
        "not (rsi(14) > 100)",
    ],
)
def test_conditions_that_always_hold(text: str) -> None:
    assert verdict(text) is Truth.ALWAYS


@pytest.mark.parametrize(
    "text",
    [
        "close >= highest(close, 252)",
        "close > lag(highest(close, 252), 1)",
        "close > highest(low, 20)",
        "lag(close, 20) > max(close, 20)",
        "mean(close, 30) > max(close, 20)",
        "ema(close, 5) > max(close, 5)",
        "close > 0.99 * highest(close, 252)",
        "close < 1.01 * lowest(close, 252)",
        "zscore(close, 20) < -2",
        "rsi(14) < 30 or rsi(14) > 70",
        "rsi(14) > 30 and rsi(14) < 70",
        "pnl <= -7%",
        "drawdown_from_peak <= -8%",
        "close == highest(close, 20)",
        "weekday <= fri",
        "rank(close) >= 1",
    ],
)
def test_conditions_that_depend_on_the_data_are_left_open(text: str) -> None:
    assert verdict(text) is Truth.OPEN


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("close > highest(close, 252)", "lag(highest(close, 252), 1)"),
        ("pnl <= -7", "pnl <= -7%"),
        ("drawdown_from_peak >= 8%", "drawdown_from_peak <= -8%"),
        ("drawdown <= 10%", "drawdown <= -10%"),
        ("rsi(14) < 30 and rsi(14) > 70", "or"),
    ],
)
def test_a_slip_is_told_with_what_was_probably_meant(text: str, hint: str) -> None:
    found = decide(annotate_condition(parse_expression(text)))
    assert hint in found.hint.ko
    assert hint in found.hint.en
    assert found.reason.ko and found.reason.en


def test_parts_that_never_matter_are_found_inside_a_condition() -> None:
    found = idle_parts(
        annotate_condition(parse_expression("days_held >= 20 or pnl <= -7 or (close > 0 and close > open)"))
    )
    assert [part.truth for part in found] == [Truth.NEVER, Truth.ALWAYS]


ROWS, COLUMNS = 40, 5
TASTE = Taste(depth=1, window=5, calendar=False)


def _market(seed: int) -> MarketArrays:
    generator = np.random.default_rng(seed)
    close = np.maximum(1000 + np.cumsum(generator.integers(-30, 31, (ROWS, COLUMNS)), axis=0), 10)
    opened = close + generator.integers(-9, 10, close.shape)
    high, low = np.maximum(close, opened) + 3, np.minimum(close, opened) - 3
    volume = generator.integers(0, 500, close.shape)
    return make_market(
        close,
        open_=opened,
        high=high,
        low=low,
        volume=volume,
        index=2500 + np.cumsum(generator.normal(0, 20, ROWS)),
        value=close * volume,
        shares=np.full(close.shape, 10_000),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(market_conditions(TASTE), min_size=1, max_size=12), st.integers(0, 5))
def test_no_market_contradicts_what_was_decided_without_data(conditions: list[Node], seed: int) -> None:
    decided = [condition for condition in conditions if decide(condition).truth is not Truth.OPEN]
    values = run_graph(decided, _market(seed)) if decided else {}
    for condition in decided:
        wrong = 1 if decide(condition).truth is Truth.NEVER else 0
        assert not np.any(values[condition] == wrong)


@settings(max_examples=60, deadline=None)
@given(market_numbers(TASTE), st.integers(0, 5))
def test_every_value_lies_in_its_declared_range(number: Node, seed: int) -> None:
    interval = interval_of(number)
    values = run_graph([number], _market(seed))[number]
    known = values[~np.isnan(values)]
    # The ranges are those of exact numbers; float64 may leave them in the last digits.
    slack = 1e-9 * max(1.0, float(np.max(np.abs(known), initial=0.0)))
    assert np.all(known >= float(interval.low) - slack)
    assert np.all(known <= float(interval.high) + slack)


def test_the_range_of_a_sum_scales_with_its_window() -> None:
    interval = interval_of(annotate(parse_expression("sum(rank(close), 5)")))
    assert (interval.low, interval.high) == (0, 5)
