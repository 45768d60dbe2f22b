"""Node 2: opportunities, risks, breadth, volatility and mood, against figures computed another way."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from brokers.graph_replay import run_graph
from engine.broker import IndexQuote
from engine.clock import KST
from engine.data.panel import Panel, State
from engine.operating.analysis import FORMULAS, formulas, sentiment_of, view_market
from engine.operating.state import Analysis, Cycle, Sentiment
from tests.engine.operating.builders_graph import busy_rules, make_rules, with_split

NOON = datetime(2024, 5, 2, 12, 0, tzinfo=KST)


@pytest.fixture(scope="module")
def cycles(panel: Panel) -> tuple[Cycle, ...]:
    return run_graph(busy_rules(), panel).cycles


def analysis_of(cycle: Cycle) -> Analysis:
    assert cycle.analysis is not None
    return cycle.analysis


def make_quote(advancers: int | None, level: float | None, mean: float | None = 100.0) -> IndexQuote:
    """An index with `advancers` of 100 names that traded."""
    rest = None if advancers is None else 100 - advancers
    return IndexQuote(
        code="KOSPI", time=NOON, level=level, mean_20=mean, advancers=advancers, decliners=rest, unchanged=0
    )


@pytest.mark.parametrize(
    ("advancers", "level", "mean", "mood"),
    [
        (60, 101.0, 100.0, Sentiment.BULLISH),
        (59, 101.0, 100.0, Sentiment.NEUTRAL),
        (60, 100.0, 100.0, Sentiment.NEUTRAL),  # at the mean is not above it
        (90, 99.0, 100.0, Sentiment.NEUTRAL),
        (40, 99.0, 100.0, Sentiment.BEARISH),
        (41, 99.0, 100.0, Sentiment.NEUTRAL),
        (40, 100.0, 100.0, Sentiment.NEUTRAL),
        (10, 101.0, 100.0, Sentiment.NEUTRAL),
        (None, 101.0, 100.0, Sentiment.UNKNOWN),
        (60, None, 100.0, Sentiment.UNKNOWN),
        (60, 101.0, None, Sentiment.UNKNOWN),
    ],
)
def test_the_mood_needs_breadth_and_index(
    advancers: int | None, level: float | None, mean: float | None, mood: Sentiment
) -> None:
    assert sentiment_of(view_market(make_quote(advancers, level, mean))) is mood


def test_when_no_name_traded_the_mood_is_unknown() -> None:
    quote = replace(make_quote(0, 101.0), decliners=0)
    assert sentiment_of(view_market(quote)) is Sentiment.UNKNOWN


def test_opportunities_are_the_highest_growths_of_volume(panel: Panel, cycles: tuple[Cycle, ...]) -> None:
    actions = set(panel.actions.row.tolist())
    for cycle in cycles[1:]:
        if cycle.row in actions:
            continue  # volumes are restated there; see the test of a split
        expected = {}
        for col, ticker in enumerate(panel.tickers):
            before, now = panel.bars[4, cycle.row - 1 : cycle.row + 1, col].tolist()
            if panel.state[cycle.row, col] & State.TRADED and 0 < before < now:
                expected[ticker] = (now - before) / before
        shown = analysis_of(cycle).opportunities
        best = sorted(expected.values(), reverse=True)[:10]
        assert [mover.volume_growth for mover in shown] == pytest.approx(best)
        assert [mover.rank for mover in shown] == list(range(1, len(shown) + 1))
        assert all(expected[mover.ticker] == pytest.approx(mover.volume_growth) for mover in shown)


def test_risks_are_the_names_that_fell_most_against_their_base_price(panel: Panel, cycles: tuple[Cycle, ...]) -> None:
    for cycle in cycles[1:]:
        close, base = panel.bars[3, cycle.row], panel.base[cycle.row]
        listed = (panel.state[cycle.row - 1] & State.PRESENT) != 0
        traded = ((panel.state[cycle.row] & State.TRADED) != 0) & (base > 0) & listed
        change = np.sort((close - base)[traded] / base[traded])
        shown = analysis_of(cycle).risks
        assert [mover.change_rate for mover in shown] == pytest.approx(change[change < 0][:10].tolist())
        assert all(mover.reason.startswith("등락률 -") for mover in shown)


def test_a_split_is_neither_a_fall_nor_a_surge(panel: Panel) -> None:
    """Prices of one name fall to a fifth and its volume grows fivefold, by a split of five for one."""
    row, col = 50, 3
    assert panel.state[row - 1, col] & panel.state[row, col] & State.TRADED
    bars, base = panel.bars.copy(), panel.base.copy()
    bars[4, row - 1, col], bars[4, row, col] = 1_000, 5_000
    bars[:4, row, col] = base[row, col] = bars[3, row - 1, col] // 5
    market = with_split(replace(panel, bars=bars, base=base), row, col, 5)
    quiet = make_rules(("Entry Criteria: never", "close > 9_000_000", "buy 10% of equity", "사지 않는다"))
    analysis = analysis_of(run_graph(quiet, market).cycles[row])
    assert panel.tickers[col] not in [mover.ticker for mover in (*analysis.risks, *analysis.opportunities)]


def test_breadth_counts_names_that_traded(panel: Panel, cycles: tuple[Cycle, ...]) -> None:
    for cycle in cycles[1:]:
        market = analysis_of(cycle).market
        traded = (panel.state[cycle.row] & State.TRADED) != 0
        up = (panel.bars[3, cycle.row] > panel.base[cycle.row]) & traded
        assert market.advancers is not None and market.decliners is not None and market.unchanged is not None
        assert market.advancers + market.decliners + market.unchanged == traded.sum()
        assert market.advancer_share == pytest.approx(up.sum() / traded.sum())


def test_index_mean_and_volatility_wait_for_their_windows(panel: Panel, cycles: tuple[Cycle, ...]) -> None:
    closes = panel.indices["KOSPI"][3]
    assert analysis_of(cycles[18]).market.mean_20 is None
    assert analysis_of(cycles[18]).sentiment is Sentiment.UNKNOWN
    assert analysis_of(cycles[19]).market.volatility_20 is None
    for cycle in cycles[20:]:
        market, window = analysis_of(cycle).market, closes[cycle.row - 20 : cycle.row + 1]
        changes = window[1:] / window[:-1] - 1
        assert market.level == closes[cycle.row]
        assert market.mean_20 == pytest.approx(window[1:].mean())
        assert market.volatility_20 == pytest.approx(changes.std(ddof=1) * 252**0.5)


def test_an_index_that_the_data_lacks_is_unknown(panel: Panel) -> None:
    cycle = run_graph(busy_rules(), replace(panel, indices={})).cycles[100]
    assert analysis_of(cycle).market.level is None
    assert analysis_of(cycle).sentiment is Sentiment.UNKNOWN
    assert "KOSPI –(–)" in cycle.report


def test_holdings_show_what_the_data_has_and_no_trading_strength(panel: Panel, cycles: tuple[Cycle, ...]) -> None:
    views = [(cycle.row, view) for cycle in cycles for view in analysis_of(cycle).holdings]
    assert len(views) > 100
    assert panel.shares is not None
    for row, view in views:
        col = panel.tickers.index(view.ticker)
        assert view.price == panel.bars[3, row, col]
        assert view.volume == panel.bars[4, row, col]
        assert view.market_cap == panel.bars[3, row, col] * panel.shares[row, col]
        assert view.trading_strength is None


def test_every_formula_is_told_in_both_languages() -> None:
    assert formulas("ko").keys() == formulas("en").keys() == FORMULAS.keys()
    assert "60%" in formulas("ko")["sentiment"]
    assert "40 %" in formulas("en")["sentiment"]
    assert "session before" in formulas("en")["opportunities"]
    assert "bar before" in formulas("en", "5m")["opportunities"]
