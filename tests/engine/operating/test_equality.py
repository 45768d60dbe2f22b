"""A rule set through the graph gives what batch mode gives: the same orders, fills and equity, bit for bit."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.graph_replay import run_graph
from engine.backtest import backtest
from engine.config import BacktestConfig, Slippage
from engine.data.panel import Panel, load_panel
from engine.data.sample_minutes import make_minute_sample
from engine.result import Result
from engine.rules.prompt import load_rules
from engine.rules.tree import RuleSet
from tests.engine.operating.builders_graph import RULE_FILES, busy_rules, take_all
from tests.rule_strategies import Taste, rule_sets

TASTE = Taste(depth=1, window=5)


def assert_same(graph: Result, batch: Result) -> None:
    assert graph.result_hash == batch.result_hash
    assert graph.refusals == batch.refusals
    assert graph.warnings == batch.warnings


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_the_graph_trades_as_batch_mode_does(path: Path, panel: Panel) -> None:
    rules = load_rules(path)
    if rules.interval != panel.interval:
        pytest.skip(f"{path.name} counts bars of {rules.interval}")
    assert_same(run_graph(rules, panel).result, backtest(rules, panel))


def test_the_same_between_two_dates(panel: Panel) -> None:
    start, end = datetime.date(2024, 3, 4), datetime.date(2024, 9, 30)
    rules = busy_rules()
    run = run_graph(rules, panel, start=start, end=end)
    assert_same(run.result, backtest(rules, panel, start=start, end=end))
    assert run.cycles[0].time.date() >= start
    assert run.cycles[-1].time.date() <= end


def test_the_same_on_adjusted_prices_with_decimals(panel: Panel) -> None:
    bars, base = panel.bars.copy(), panel.base * 100
    bars[:4] = bars[:4] * 100 + np.where(bars[:4] > 0, 33, 0)
    manifest = panel.manifest.model_copy(update={"price_scale": 100, "adjusted": True})
    market = replace(panel, bars=bars, base=base, manifest=manifest)
    run = run_graph(busy_rules(), market)
    assert_same(run.result, backtest(busy_rules(), market))
    totals = [cycle.diagnosis.total for cycle in run.cycles if cycle.diagnosis is not None]
    assert totals == pytest.approx(run.result.equity["equity"].to_list(), abs=1)


def test_the_same_on_bars_of_five_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path / "cache"))  # of panels only
    make_minute_sample(tmp_path / "minutes", tickers=2, years=1, seed=1, bars=1_500)
    minutes = load_panel(tmp_path / "minutes", interval="5m")
    rules = replace(busy_rules(), interval="5m")
    run = run_graph(rules, minutes)
    assert_same(run.result, backtest(rules, minutes))
    assert len(run.result.fills) > 2
    assert len({cycle.decision_id for cycle in run.cycles}) == minutes.rows
    assert run.cycles[-1].analysis is not None
    assert "직전 봉" in run.cycles[-1].analysis.formulas["opportunities"]


configs = st.builds(
    BacktestConfig,
    path=st.sampled_from(["low_first", "high_first"]),
    touch=st.booleans(),
    participation=st.sampled_from([0.0, 0.01, 0.1]),
    funding=st.sampled_from(["strict", "optimistic"]),
    cost_rounding=st.sampled_from(["order", "day"]),
    slippage=st.sampled_from([Slippage(), Slippage(model="ticks", size=1), Slippage(model="rate", size=0.001)]),
    latency_bars=st.sampled_from([0, 0, 1]),
    cash_won=st.sampled_from([3_000_000, 100_000_000]),
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=rule_sets(TASTE), config=configs)
def test_random_rules_trade_as_in_batch_mode(rules: RuleSet, config: BacktestConfig, panel: Panel) -> None:
    assert_same(run_graph(rules, panel, config).result, backtest(rules, panel, config))


@pytest.mark.parametrize("latency_bars", [None, 0])
def test_a_planner_that_follows_every_signal_trades_as_the_rules_do(latency_bars: int | None, panel: Panel) -> None:
    rules = busy_rules()
    run = run_graph(rules, panel, planner=take_all(), latency_bars=latency_bars)
    assert_same(run.result, backtest(rules, panel))
    assert sum(check.protective for cycle in run.cycles for check in cycle.checks) > 10
