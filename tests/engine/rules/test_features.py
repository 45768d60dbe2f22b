"""What the feature graph computes, against definitions, hand examples and other tools."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from engine.errors import BrokenInvariant
from engine.rules.annotate import annotate
from engine.rules.features import FeatureGraph, MarketArrays, restart_bars
from engine.rules.parse import parse_expression
from engine.rules.tree import Call, Name, Node
from tests.builders_market import make_actions, make_market, markets, run_graph
from tests.exact_features import ExactFeatures, whole

NUMBERS = [
    *("close", "volume", "value", 'index("KOSPI").close', "weekday"),
    *("mean(close, 4)", "sum(volume, 3)", "mean(value, 3)", "sum(close - open, 3)", 'mean(index("KOSPI").close, 3)'),
    *(
        "min(low, 3)",
        "max(high, 11)",
        "lowest(close - open, 9)",
        "highest(close, 1)",
        "median(close, 4)",
        "median(volume, 3)",
    ),
    *("std(close, 2)", "std(volume, 5)", "lag(close, 3)", "delta(close, 2)", "returns(3)", "volatility(3)"),
    *(
        "volume_ratio(3)",
        "rsi(3)",
        "ts_rank(close, 4)",
        "ema(close, 3)",
        "ema(delta(close, 1), 2)",
        "rsi_wilder(3)",
        "atr(2)",
    ),
    *(
        "macd(2, 3)",
        "macd(2, 3, 2)",
        "mean(mean(close, 2), 3)",
        "-close + 2 * open - 7 * low / 3",
        "1 / (close - open)",
    ),
    *(
        "rank(close)",
        "rank(volume / close)",
        "breadth(close > open)",
        "(close - open) / open",
        "3 - close",
        "close * volume",
    ),
    *("count_if(close > open, 3)", "bars_since(close > open, 4)"),
]
SENSITIVE = [
    "zscore(close, 4)",
    "corr(close, volume, 5)",
    "beta(close, volume, 4)",
    'corr(close, index("KOSPI").close, 4)',
]
CONDITIONS = [
    *(
        "close > mean(close, 3)",
        "close >= open",
        "close < high",
        "close <= low",
        "close == open",
        "volume != lag(volume, 1)",
    ),
    *("volume > 3", "volume >= 3", "3 > volume", "volume <= 3", "volume == 0", "volume != 0"),
    *("crosses_above(close, mean(close, 2))", "crosses_below(close, lag(close, 2))", "crosses_above(volume, 2)"),
    *("crosses_above(2, volume)", "crosses_below(volume, 2)", "top(close, 2)", 'close > index("KOSPI").close'),
    *("close > open and volume > 2", "close > lag(close, 2) or volume > 2", "not (close > lag(close, 2))"),
    *("weekday == 1 and close > open", "close > open and not volume_ratio(2) > 1 or rsi(2) > 50"),
]


def tree(text: str) -> Node:
    return parse_expression(text)


def magnitude(exact: ExactFeatures, node: Node, row: int, column: int, result: Fraction) -> Fraction:
    """Largest magnitude in the window: of a plain field's values, or else of the prices that went into the value."""
    largest = max(abs(result), Fraction(1))
    if isinstance(node, Call) and isinstance(node.arguments[0], Name) and node.function in ("mean", "sum", "std"):
        x, n = node.arguments
        window = [exact.value(x, r, column, row) for r in range(row - whole(n) + 1, row + 1)]
        return max([largest, *(abs(v) for v in window if v is not None)])
    begin = max(row - restart_bars(node, exact.market.bars_per_year), 0)
    prices = exact.market.bars[:4, begin : row + 1, column]
    return max(largest, Fraction(int(prices.max()), exact.market.price_scale))


class TestDefinitions:
    @settings(max_examples=6, deadline=None)
    @given(market=markets(rows=70, columns=3))
    def test_values_agree_with_exact_arithmetic(self, market: MarketArrays) -> None:
        nodes = {text: tree(text) for text in NUMBERS}
        found, exact = run_graph(list(nodes.values()), market), ExactFeatures(market)
        for text, node in nodes.items():
            for row in (*range(0, 12, 2), 40, 63, 69):
                for column in range(found[node].shape[1]):
                    expected, value = exact.value(node, row, column), float(found[node][row, column])
                    assert (expected is None) == np.isnan(value), (text, row, column, expected, value)
                    if expected is not None:
                        bound = 1e-12 * float(magnitude(exact, node, row, column, expected))
                        assert abs(value - float(expected)) <= bound, (text, row, column, float(expected), value)

    @settings(max_examples=12, deadline=None)
    @given(market=markets(rows=30, columns=3))
    def test_ratios_of_deviations_agree_with_exact_arithmetic(self, market: MarketArrays) -> None:
        nodes = {text: tree(text) for text in SENSITIVE}
        found, exact = run_graph(list(nodes.values()), market), ExactFeatures(market)
        for text, node in nodes.items():
            for row in range(30):
                for column in range(3):
                    expected, value = exact.value(node, row, column), float(found[node][row, column])
                    assert (expected is None) == np.isnan(value), (text, row, column, expected, value)
                    assert expected is None or value == pytest.approx(float(expected), rel=1e-9, abs=1e-9)

    @settings(max_examples=12, deadline=None)
    @given(market=markets(rows=30, columns=3))
    def test_conditions_are_true_false_or_unknown_by_their_definition(self, market: MarketArrays) -> None:
        nodes = {text: tree(text) for text in CONDITIONS}
        found, exact = run_graph(list(nodes.values()), market), ExactFeatures(market)
        for text, node in nodes.items():
            for row in range(30):
                for column in range(3):
                    expected = exact.verdict(node, row, column)
                    code = -1 if expected is None else int(expected)
                    assert found[node][row, column] == code, (text, row, column)

    def test_unknown_follows_kleene(self) -> None:
        close = np.array([[1, 1, 1], [2, 2, 2], [3, 3, 3]]).repeat(3, axis=1)
        # Column by column: a is false, true or unknown, b runs through all three for each.
        first_row = [2, 0, 0, 2, 0, 0, 2, 2, 2]
        truth = {-1: None, 0: False, 1: True}
        market = make_market(
            close,
            first_row=first_row,
            open_=np.tile([1, 2, 3] * 3, (3, 1)),
            volume=np.tile([1] * 3 + [2] * 3 + [3] * 3, (3, 1)),
        )
        a, b = "lag(volume, 1) > 1", "lag(open, 2) > 2"
        both, either, no = (tree(t) for t in (f"{a} and {b}", f"{a} or {b}", f"not ({a})"))
        found = run_graph([tree(a), tree(b), both, either, no], market)
        seen = set()
        for left, right, conjunction, disjunction, negation in zip(
            *(found[n][2].tolist() for n in (tree(a), tree(b), both, either, no)), strict=True
        ):
            x, y = truth[left], truth[right]
            seen.add((x, y))
            assert truth[conjunction] == (False if False in (x, y) else None if None in (x, y) else True)
            assert truth[disjunction] == (True if True in (x, y) else None if None in (x, y) else False)
            assert truth[negation] == (None if x is None else not x)
        assert {(None, None), (False, True), (True, True)} <= seen

    def test_rolling_functions_agree_with_polars(self) -> None:
        generator = np.random.default_rng(3)
        close = (9_000 * np.exp(np.cumsum(generator.normal(0, 0.02, (400, 9)), 0))).astype(np.int64)
        ours: dict[str, Any] = {
            "mean(close, 20)": lambda s: s.rolling_mean(20),
            "std(close, 20)": lambda s: s.rolling_std(20),
            "median(close, 20)": lambda s: s.rolling_median(20),
            "max(close, 60)": lambda s: s.rolling_max(60),
            "min(close, 60)": lambda s: s.rolling_min(60),
            "ema(close, 3)": lambda s: s.ewm_mean(span=3, adjust=False, min_samples=3),
            "lag(close, 5)": lambda s: s.shift(5),
        }
        found = run_graph([tree(text) for text in ours], make_market(close), cuts=range(0, 400, 33))
        for text, function in ours.items():
            theirs = np.stack([function(pl.Series(close[:, c]).cast(pl.Float64)).to_numpy() for c in range(9)], axis=1)
            np.testing.assert_allclose(found[tree(text)], theirs, rtol=1e-8, equal_nan=True)


class TestHandExamples:
    def test_wilder_rsi_gives_the_published_values_of_the_fourteen_day_example(self) -> None:
        # Source: StockCharts ChartSchool, "Relative Strength Index (RSI)", worksheet cs-rsi (QQQQ, from 2009-12-14).
        close = [
            *(443389, 440902, 441497, 436124, 443278, 448264, 450955, 454245, 458433, 460826, 458931, 460328, 456140),
            *(462820, 462820, 460028, 460328, 464116, 462222, 456439),
        ]
        market = make_market(close, price_scale=10_000)
        values = run_graph([tree("rsi_wilder(14)")], market)[tree("rsi_wilder(14)")][:, 0]
        assert np.isnan(values[:14]).all()
        assert values[14:].round(2).tolist() == [70.53, 66.32, 66.55, 69.41, 66.36, 57.97]

    def test_simple_rsi_weighs_all_changes_of_the_window_equally(self) -> None:
        values = run_graph([tree("rsi(4)")], make_market([100, 110, 105, 105, 120, 90]))[tree("rsi(4)")][:, 0]
        assert np.isnan(values[:4]).all()
        assert values[4:].tolist() == [100 * 25 / 30, 100 * 15 / 50]

    def test_average_true_range_begins_with_the_simple_mean_and_needs_a_previous_close(self) -> None:
        # True ranges from the second row on: 10 (range), 20 (gap up), 30 (gap down), 8; Wilder of length 3.
        market = make_market([100, 105, 125, 95, 97], high=[103, 108, 125, 99, 100], low=[99, 98, 120, 95, 92])
        values = run_graph([tree("atr(3)")], market)[tree("atr(3)")][:, 0]
        assert np.isnan(values[:3]).all()
        assert values[3:] == pytest.approx([20, (20 * 2 + 8) / 3], rel=1e-15)

    def test_exponential_mean_begins_with_the_first_close_and_is_unknown_before_n_rows(self) -> None:
        values = run_graph([tree("ema(close, 3)")], make_market([10, 20, 40, 40]))[tree("ema(close, 3)")][:, 0]
        assert np.isnan(values[:2]).all()
        assert values[2:].tolist() == [27.5, 33.75]

    def test_volume_ratio_compares_with_the_days_before_today(self) -> None:
        volume = [10, 20, 30, 30, 0, 0, 0, 5]
        values = run_graph([tree("volume_ratio(3)")], make_market([1] * 8, volume=volume))[tree("volume_ratio(3)")][
            :, 0
        ]
        assert values[3:7].tolist() == [1.5, 0.0, 0.0, 0.0]
        assert np.isnan(values[[0, 1, 2, 7]]).all()

    def test_a_return_of_exactly_fifteen_percent_is_fifteen_percent(self) -> None:
        before = np.arange(100, 200_000, 20)
        market = make_market(np.stack([before, before * 115 // 100]), price_scale=100)
        node = tree("returns(1) >= 15%")
        assert run_graph([node], market)[node][1].all()

    def test_ranks_share_ties_and_top_breaks_them_by_order(self) -> None:
        market = make_market([[5, 7, 5, 9, 7]], first_row=[0, 0, 0, 0, 0], last_row=[0, 0, 0, -1, 0])
        rank, top, breadth = tree("rank(close)"), tree("top(close, 1)"), tree("breadth(close > 5)")
        found = run_graph([rank, top, breadth], market)
        np.testing.assert_array_equal(found[rank][0], [0.375, 0.875, 0.375, np.nan, 0.875])
        assert found[top][0].tolist() == [0, 1, 0, -1, 0]
        assert found[breadth].tolist() == [[0.5]]

    def test_ranks_order_negative_numbers_and_both_zeros(self) -> None:
        market = make_market([[4, 4, 4, 4, 4]], open_=[[9, 4, 1, 4, 7]])
        rank = tree("rank(-1 * (close - open))")
        assert run_graph([rank], market)[rank][0].tolist() == [1.0, 0.5, 0.2, 0.5, 0.8]

    def test_prices_are_given_in_won_whatever_the_scale(self) -> None:
        nodes = [tree(t) for t in ("close", "mean(close, 2)", "close >= 12.5", "sum(close, 2)", "market_cap")]
        found = run_graph(nodes, make_market([1000, 1250], price_scale=100, shares=[8, 8]))
        assert [found[node][1, 0] for node in nodes] == [12.5, 11.25, 1, 22.5, 100.0]

    def test_what_the_data_cannot_give_is_unknown(self) -> None:
        nodes = [tree(t) for t in ("value", "market_cap", 'index("KOSDAQ").close', "close / 0", "1 / 0 > 1")]
        found = run_graph(nodes, make_market([10, 20]))
        assert all(np.isnan(found[node]).all() for node in nodes[:4])
        assert (found[nodes[4]] == -1).all() if found[nodes[4]].dtype == np.int8 else np.isnan(found[nodes[4]]).all()

    def test_time_and_weekday_are_those_of_korea(self) -> None:
        found = run_graph([tree("time >= 15:30"), tree("weekday == mon")], make_market([1] * 7))
        assert found[tree("time >= 15:30")][:, 0].all()
        assert found[tree("weekday == mon")][:, 0].sum() == 1


class TestCorporateActions:
    HOMOGENEOUS = (
        *("close", "mean(close, 4)", "sum(volume, 3)", "mean(value, 3)", "sum(close - open, 3)", "min(low, 3)"),
        *("max(high, 11)", "median(close, 4)", "std(close, 3)", "std(volume, 5)", "lag(close, 3)", "delta(volume, 2)"),
        *(
            "returns(3)",
            "volatility(3)",
            "volume_ratio(3)",
            "rsi(3)",
            "ts_rank(close, 4)",
            "ema(close, 3)",
            "rsi_wilder(3)",
        ),
        *("atr(2)", "macd(2, 3, 2)", "mean(mean(close, 2), 3)", "mean(close * volume, 3)", "mean(value / volume, 2)"),
        *(
            "zscore(volume, 4)",
            "corr(close, volume, 5)",
            "beta(close, volume, 4)",
            "ema(returns(1), 2)",
            "lag(ema(close, 2), 2)",
        ),
        "max(highest(close, 9), 10)",
    )

    @settings(max_examples=6, deadline=None)
    @given(market=markets(rows=60, columns=2, actions=True))
    def test_values_are_those_of_the_series_adjusted_by_hand_as_of_each_row(self, market: MarketArrays) -> None:
        nodes = {text: tree(text) for text in self.HOMOGENEOUS}
        found, exact = run_graph(list(nodes.values()), market, cuts=[5, 6, 20, 33]), ExactFeatures(market)
        near = {int(row) + after for row in market.actions.row for after in (0, 1, 3)}
        rows = [*sorted(near & set(range(60))), 59]
        for text, node in nodes.items():
            for row in rows:
                for column in range(2):
                    expected, value = exact.value(node, row, column), float(found[node][row, column])
                    if expected is None or np.isnan(value):
                        # A flat series may be exactly flat or flat up to rounding once a third of a price stands in it.
                        if text not in (
                            "zscore(volume, 4)",
                            "corr(close, volume, 5)",
                            "beta(close, volume, 4)",
                            "rsi(3)",
                            "rsi_wilder(3)",
                        ):
                            assert (expected is None) == np.isnan(value), (text, row, column, expected, value)
                        continue
                    prices = float(market.bars[:4].max()) * 25
                    scale = 1.0 if abs(expected) < 1e3 and "volume" in text else prices
                    assert value == pytest.approx(float(expected), rel=1e-8, abs=1e-9 * scale), (text, row, column)

    def test_a_split_changes_no_value_whose_window_lies_on_one_side_of_it(self) -> None:
        generator = np.random.default_rng(5)
        close = generator.integers(900, 1100, (60, 2))
        close[30:, 0] //= 5
        volume = generator.integers(1, 10**6, (60, 2))
        plain, split = (make_market(close, volume=volume, actions=a) for a in (None, make_actions((30, 0, 5, 1))))
        nodes = [tree(text) for text in ("mean(close, 7)", "max(high, 7)", "std(close, 7)", "median(close, 7)")]
        before, after = run_graph(nodes, plain), run_graph(nodes, split)
        outside = [*range(30), *range(36, 60)]
        for node in nodes:
            assert (before[node][6:, 1] == after[node][6:, 1]).all()
            np.testing.assert_array_equal(before[node][outside, 0], after[node][outside, 0])
            assert (before[node][30:36, 0] != after[node][30:36, 0]).all()

    def test_a_split_alone_neither_crosses_nor_falls_nor_surges(self) -> None:
        close = np.array([1000] * 30 + [200] * 30)
        volume = np.array([300] * 30 + [1500] * 30)
        market = make_market(close, volume=volume, actions=make_actions((30, 0, 5, 1)))
        crossing, fall, surge = (
            tree(t) for t in ("crosses_below(close, mean(close, 20))", "returns(5)", "volume_ratio(20)")
        )
        found = run_graph([crossing, fall, surge], market)
        assert (found[crossing][20:] == 0).all()
        assert (found[fall][5:] == 0).all()
        assert (found[surge][20:] == 1).all()

    def test_the_traded_amount_is_not_scaled_by_a_split(self) -> None:
        market = make_market([1000, 1000, 200], value=[7000, 9000, 8000], actions=make_actions((2, 0, 5, 1)))
        assert run_graph([tree("mean(value, 3)")], market)[tree("mean(value, 3)")][2, 0] == 8000


class TestOrder:
    def test_blocks_must_follow_each_other(self) -> None:
        graph = FeatureGraph([tree("close")], make_market([1, 2, 3, 4]))
        graph.advance(0, 2)
        with pytest.raises(BrokenInvariant, match="row 2"):
            graph.advance(3, 4)
        with pytest.raises(BrokenInvariant):
            graph.advance(2, 2)

    def test_equal_parts_of_two_rules_are_computed_once(self) -> None:
        one, other = tree("highest(close, 20) > mean(close, 5)"), tree("max(close, 20) > mean(close, 5)")
        graph = FeatureGraph([one, other], make_market([1, 2]))
        assert graph.outputs[one] == graph.outputs[other]

    @pytest.mark.parametrize(
        ("text", "rows"),
        [("mean(close, 20)", 19), ("crosses_above(close, mean(close, 20))", 20), ("ema(close, 20)", 400), ("close", 0)],
    )
    def test_the_lookback_counts_the_rows_that_decide_a_value(self, text: str, rows: int) -> None:
        assert restart_bars(tree(text), 252) == rows


WINDOWS_OF_ONE_SERIES = ("mean", "sum", "min", "max", "median", "std", "zscore", "ts_rank", "highest", "lowest", "ema")


@pytest.mark.parametrize("word", WINDOWS_OF_ONE_SERIES)
@pytest.mark.parametrize("bars", [3, 40])
def test_a_series_of_the_market_as_a_whole_knows_no_corporate_actions(word: str, bars: int) -> None:
    generator = np.random.default_rng(5)
    closes = generator.integers(9_000, 11_000, (120, 30))
    index = generator.random((4, 120)) + 100
    split = make_actions(*((60, column, 5, 1) for column in range(30)))
    trees = [annotate(parse_expression(f'{word}(index("KOSPI").close, {bars})'))]
    plain = run_graph(trees, make_market(closes, index=index), cuts=[50, 61])
    acting = run_graph(trees, make_market(closes, index=index, actions=split), cuts=[50, 61])
    assert acting[trees[0]].shape == (120, 1)
    steps = FeatureGraph(trees, make_market(closes, index=index, actions=split))._steps
    # Restating would write at the columns of instruments, which this series does not have.
    assert not [step for step in steps if getattr(step, "restatement", None) is not None]
    assert np.array_equal(acting[trees[0]], plain[trees[0]], equal_nan=True)
