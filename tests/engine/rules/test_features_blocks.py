"""The bits of a feature depend neither on the cut into blocks nor on the start, the future or the other instruments."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.feature_compiler import restart_rule
from engine.rules.features import FeatureGraph, MarketArrays, restart_bars
from engine.rules.parse import parse_expression
from engine.rules.tree import Node
from tests.builders_market import make_actions, make_market, markets, one_column, run_graph, same_bits

FINITE = [
    *(
        "close",
        "mean(close, 6)",
        "mean(close - open, 6)",
        "sum(volume, 3)",
        "min(low, 3)",
        "max(high, 11)",
        "median(close, 5)",
    ),
    *(
        "std(close, 5)",
        "zscore(close, 5)",
        "lag(close, 3)",
        "delta(volume, 2)",
        "returns(3)",
        "volatility(4)",
        "rsi(4)",
    ),
    *("corr(close, volume, 5)", 'beta(close, index("KOSPI").close, 4)', "volume_ratio(3)", "ts_rank(close, 7)"),
    *("count_if(close > open, 4)", "bars_since(close > mean(close, 3), 6)", "crosses_above(close, mean(close, 4))"),
    *("crosses_below(volume, 3)", "max(mean(close, 3), 10)", "close > lag(close, 2) and volume_ratio(2) >= 1.5"),
]
RECURSIVE = [
    "ema(close, 3)",
    "ema(returns(2), 2)",
    "rsi_wilder(3)",
    "atr(2)",
    "macd(2, 3)",
    "macd(1, 2, 2)",
    "mean(ema(close, 2), 3)",
]
ACROSS = ["rank(close)", "top(volume, 2)", "breadth(close > mean(close, 3))", "mean(rank(returns(2)), 3)"]


def trees(texts: list[str]) -> list[Node]:
    return [parse_expression(text) for text in texts]


@settings(max_examples=15, deadline=None)
@given(market=markets(rows=130, columns=3, actions=True), cuts=st.lists(st.integers(1, 129), max_size=12))
def test_any_cut_into_blocks_gives_the_same_bits(market: MarketArrays, cuts: list[int]) -> None:
    nodes = trees(FINITE + RECURSIVE + ACROSS)
    whole, blocks = run_graph(nodes, market), run_graph(nodes, market, cuts=cuts)
    for text, node in zip(FINITE + RECURSIVE + ACROSS, nodes, strict=True):
        assert same_bits(whole[node], blocks[node]), text


def test_single_rows_give_the_bits_of_one_block() -> None:
    market = markets(rows=130, columns=3, actions=True)
    generator = np.random.default_rng(1)
    close = 10_000 + np.cumsum(generator.integers(-99, 100, (130, 2)), 0)
    market = make_market(
        close, volume=generator.integers(0, 9, (130, 2)), index=close[:, 0], actions=make_actions((64, 1, 2, 1))
    )
    nodes = trees(FINITE + RECURSIVE + ACROSS)
    whole, rows = run_graph(nodes, market), run_graph(nodes, market, cuts=range(130))
    assert all(same_bits(whole[node], rows[node]) for node in nodes)


@settings(max_examples=15, deadline=None)
@given(market=markets(rows=130, columns=3, actions=True), data=st.data())
def test_any_start_gives_the_same_bits_whatever_stood_before_the_lookback(
    market: MarketArrays, data: st.DataObject
) -> None:
    for text in data.draw(st.lists(st.sampled_from(FINITE + RECURSIVE + ACROSS), min_size=8, max_size=8, unique=True)):
        node = parse_expression(text)
        first = data.draw(st.integers(0, 129))
        whole = run_graph([node], market)[node][first:]
        assert same_bits(run_graph([node], market, first=first)[node], whole), text
        forgotten = first - restart_bars(node, market.bars_per_year)
        if forgotten > 0:
            bars = market.bars.copy()
            bars[:, :forgotten] = np.where(market.state[:forgotten] & 1, 77, 0)
            past = dataclasses.replace(market, bars=bars)
            assert same_bits(run_graph([node], past, first=first)[node], whole), text
            # Nothing is carried over either when the run itself began in that other past.
            assert same_bits(run_graph([node], past)[node][first:], whole), text


@settings(max_examples=15, deadline=None)
@given(market=markets(rows=60, columns=3, actions=True), row=st.integers(0, 58), seed=st.integers(0, 999))
def test_nothing_after_a_row_changes_a_value_at_or_before_it(market: MarketArrays, row: int, seed: int) -> None:
    nodes = trees(FINITE + RECURSIVE + ACROSS)
    generator = np.random.default_rng(seed)
    bars, state = market.bars.copy(), market.state.copy()
    bars[:, row + 1 :] = generator.integers(1, 10**6, bars[:, row + 1 :].shape)
    state[row + 1 :] = generator.integers(0, 2, state[row + 1 :].shape)
    indices = {name: np.where(np.arange(60) > row, 1.0, points) for name, points in market.indices.items()}
    past = market.actions.row <= row
    kept = (
        market.actions.row[past],
        market.actions.col[past],
        market.actions.numerator[past],
        market.actions.denominator[past],
    )
    actions = make_actions(*zip(*(array.tolist() for array in kept), strict=True), (row + 1, 0, 3, 1))
    changed = dataclasses.replace(market, bars=bars, state=state, indices=indices, actions=actions)
    before, after = run_graph(nodes, market), run_graph(nodes, changed)
    for text, node in zip(FINITE + RECURSIVE + ACROSS, nodes, strict=True):
        assert same_bits(before[node][: row + 1], after[node][: row + 1]), text


@settings(max_examples=8, deadline=None)
@given(market=markets(rows=70, columns=9, actions=True))
def test_an_instrument_alone_has_the_bits_it_has_among_nine(market: MarketArrays) -> None:
    nodes = trees(FINITE + RECURSIVE)
    together = run_graph(nodes, market, cuts=[13, 40])
    for column in (0, 4, 8):
        alone = run_graph(nodes, one_column(market, column))
        for text, node in zip(FINITE + RECURSIVE, nodes, strict=True):
            assert same_bits(together[node][:, column], alone[node][:, 0]), text


def test_a_live_market_may_grow_and_learn_of_an_action_between_rows() -> None:
    generator = np.random.default_rng(2)
    close = 5_000 + generator.integers(-50, 50, (40, 2))
    close[30:, 1] //= 2
    whole = make_market(close, volume=500, index=close[:, 0], actions=make_actions((30, 1, 2, 1)))
    nodes = trees(FINITE + RECURSIVE)
    expected = run_graph(nodes, whole)

    def until(rows: int) -> MarketArrays:
        return make_market(
            close[:rows], volume=500, index=close[:rows, 0], actions=whole.actions if rows > 30 else None
        )

    graph = FeatureGraph(nodes, until(1), first=0)
    for row in range(40):
        graph.attach(until(row + 1))
        graph.advance(row, row + 1)
        for node in nodes:
            assert same_bits(graph.column(node), expected[node][row : row + 1])


class TestRestarts:
    def test_minute_recursions_restart_at_sessions_that_hold_at_least_the_declared_bars(self) -> None:
        span, lookback = restart_rule(100, 252 * 390)
        assert span == 1440  # one session of 390 bars
        assert lookback >= 2 * 390
        assert restart_rule(400, 252 * 390)[0] == 2 * 1440
        assert restart_rule(100, 252 * 390 / 5)[0] == 2 * 288

    def test_days_and_weeks_restart_by_their_own_number(self) -> None:
        assert restart_rule(100, 252) == restart_rule(100, 52) == (100, 200)

    def test_a_minute_recursion_forgets_what_lies_before_the_previous_session(self) -> None:
        sessions, minutes = 5, 30
        day, minute = np.divmod(np.arange(sessions * minutes), minutes)
        ordinal = (day + 300) * 1440 + 540 + minute
        close = 1000 + np.random.default_rng(0).integers(-9, 10, sessions * minutes)
        node = parse_expression("ema(close, 3)")
        per_year = 252.0 * 390
        whole = make_market(close, ordinal=ordinal, bars_per_year=per_year)
        other = close.copy()
        other[: 3 * minutes] += 100
        changed = make_market(other, ordinal=ordinal, bars_per_year=per_year)
        a, b = run_graph([node], whole)[node], run_graph([node], changed)[node]
        assert same_bits(a[4 * minutes :], b[4 * minutes :])
        assert not same_bits(a[4 * minutes - 1 : 4 * minutes], b[4 * minutes - 1 : 4 * minutes])

    @pytest.mark.parametrize("text", ["ema(close, 20)", "rsi_wilder(14)", "atr(14)"])
    def test_a_restart_is_too_far_back_to_be_seen(self, text: str) -> None:
        generator = np.random.default_rng(4)
        close = (20_000 * np.exp(np.cumsum(generator.normal(0, 0.02, 1500)))).astype(np.int64)
        market = make_market(close, high=close * 102 // 100, low=close * 98 // 100)
        never = dataclasses.replace(market, ordinal=np.arange(1500) // 1500)
        node = parse_expression(text)
        np.testing.assert_allclose(run_graph([node], market)[node], run_graph([node], never)[node], rtol=1e-4)
