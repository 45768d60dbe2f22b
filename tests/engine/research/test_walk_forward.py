"""A walk forward chooses on the past and is judged on what comes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.backtest import backtest
from engine.config import BacktestConfig
from engine.data.panel import Panel, load_panel
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.ledger.trials import recorded_trials, trial_count
from engine.metrics.ratios import sharpe
from engine.research.identity import rules_hash
from engine.research.process_pool import ProcessPool
from engine.research.sweep import Sweep, places_to_try
from engine.research.walk_forward import check_plan, sessions_of, stretch, walk_forward
from engine.research.walk_forward_plan import EPOCH, Plan
from engine.research.walk_forward_trials import count_variants
from engine.research.workers import InProcess, PanelSource
from engine.rules.constants import with_constants
from engine.rules.grid import parse_grid
from tests.builders_ledger import make_ledger
from tests.builders_panel import make_rules

RULES = make_rules(
    ("entry", "crosses_above(mean(close, 5), mean(close, 20))", "buy 20% of equity"),
    ("exit", "pnl <= -7%", "sell all"),
    ("exit", "mean(close, 5) < mean(close, 20)", "sell 60%"),
)
AXES = ("rule-0.1+rule-2.1=3,5,10", "rule-0.2+rule-2.2=15,20,30", "rule-1.1=-9%,-5%")
PLAN = Plan(train=150, test=60, purge=10, embargo=5, folds=6, test_folds=2)
CONFIG = BacktestConfig()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "market"
    make_sample(place, tickers=12, years=2, seed=3)
    return place


@pytest.fixture(scope="module")
def panel(folder) -> Panel:
    return load_panel(folder)


def sweep_of(rules=RULES, axes=AXES, samples=None, **values) -> Sweep:
    grid = parse_grid(rules, axes)
    return Sweep(rules=rules, grid=grid, places=places_to_try(grid, samples, 1), config=CONFIG, **values)


@pytest.fixture(scope="module")
def found(panel):
    return walk_forward(sweep_of(), PLAN, panel, InProcess(panel))


def on_day(place, days) -> date:
    return EPOCH + timedelta(days=int(days[place]))


def test_windows_follow_each_other_and_no_training_row_is_near_a_test_row(found):
    days = [EPOCH + timedelta(days=int(day)) for day in found.days]
    ends = []
    for step in found.steps:
        train, test = [[days.index(day) for day in pair] for pair in (step.train, step.test)]
        assert test[0] - train[1] - 1 == PLAN.purge + PLAN.embargo
        assert (train[1] - train[0] + 1, test[1] - test[0] + 1) == (step.train_sessions, step.test_sessions)
        ends.append((test[0], test[1]))
    assert [start for start, _ in ends[1:]] == [end + 1 for _, end in ends[:-1]]
    assert ends[-1][1] == len(days) - 1
    assert len(found.steps) > 3


def test_each_window_trades_what_was_best_in_its_training(found, panel):
    days = list(found.days)
    for step in found.steps:
        first, last = (days.index((day - EPOCH).days) for day in step.train)
        ratios = []
        for point in found.variants.points:
            run = backtest(with_constants(RULES, point), panel, CONFIG)
            equity = np.append(CONFIG.cash_won, run.equity["equity"].to_numpy().astype(float))
            returns = np.diff(equity) / equity[:-1]
            ratio = sharpe(returns[first : last + 1], 252)
            ratios.append(ratio if isinstance(ratio, float) else 0.0)
        assert ratios[step.chosen] == pytest.approx(max(ratios), rel=1e-9)
        assert step.in_sample.sharpe == pytest.approx(ratios[step.chosen], rel=1e-9)
    assert len({step.chosen for step in found.steps}) > 1


def test_the_choice_does_not_see_what_comes_after_it(panel):
    """Data that end with the first test give the same choice and the same first window."""
    whole = walk_forward(sweep_of(), PLAN, panel, InProcess(panel))
    end = whole.steps[1].test[1]
    cut_off = replace(PLAN, folds=3, test_folds=1)
    part = walk_forward(sweep_of(end=end), cut_off, panel, InProcess(panel))
    assert part.steps == whole.steps[:2]


def test_the_money_is_chained_and_the_windows_make_the_curve(found):
    total = np.prod([1 + step.out_of_sample.total_return for step in found.steps])
    assert total == pytest.approx(1 + found.own.total_return, rel=1e-12)
    assert total == pytest.approx(found.account.equity_won[-1] / CONFIG.cash_won, rel=1e-12)
    assert sum(step.test_sessions for step in found.steps) == len(found.account.sessions)
    assert found.own == stretch(found.account.returns, 252)


def test_one_variant_walks_forward_as_it_is_backtested(panel):
    """Nothing happens at a seam: with a single choice the account is that of an ordinary backtest."""
    single = sweep_of(axes=("rule-0.1+rule-2.1=5",))
    found = walk_forward(single, PLAN, panel, InProcess(panel))
    plain = backtest(RULES, panel, CONFIG, found.steps[0].test[0])
    assert found.account.equity_won[1:].tolist() == plain.equity["equity"].cast(pl.Float64).to_list()
    assert found.base_account.equity_won.tolist() == found.account.equity_won.tolist()
    assert sum(step.trades for step in found.steps) == plain.trades.height
    assert np.array_equal(found.paths.returns, np.tile(found.variants.base, (len(found.paths.returns), 1)))


def test_the_index_is_measured_from_the_close_before_the_test(found, panel):
    first = int(np.searchsorted(panel.session, found.account.sessions[0]))
    levels = panel.indices["KOSPI"][3]
    assert found.index[0] == levels[first - 1]
    assert found.index_total == pytest.approx(levels[-1] / levels[first - 1] - 1)
    total = np.prod([1 + step.index_return for step in found.steps])
    assert total == pytest.approx(1 + found.index_total)


def test_paths_take_every_fold_from_variants_chosen_elsewhere(found):
    paths = found.paths
    assert paths.returns.shape == (5, len(found.days))
    assert len(paths.chosen) == 15
    assert np.isfinite(paths.returns).all()
    columns = found.variants.returns.T
    for path in paths.returns:
        # The folds of a path are pieces of variants; the first fold is one of a single variant.
        fold = len(path) // 6
        assert any(np.array_equal(path[:fold], column[:fold]) for column in columns)
    assert paths.loss_share == (paths.total_returns < 0).mean()
    assert list(paths.sharpe_quantiles) == sorted(paths.sharpe_quantiles)


def test_efficiency_is_what_is_left_out_of_sample(found):
    inside = np.mean([step.in_sample.annual_mean for step in found.steps])
    if inside > 0:
        assert found.return_efficiency == pytest.approx(found.own.annual_mean / inside)
    else:
        assert found.return_efficiency is None


def same(one, other):
    assert one.steps == other.steps
    assert one.account.equity_won.tobytes() == other.account.equity_won.tobytes()
    assert one.base_account.equity_won.tobytes() == other.base_account.equity_won.tobytes()
    assert one.variants.returns.tobytes() == other.variants.returns.tobytes()
    assert one.paths.returns.tobytes() == other.paths.returns.tobytes()
    assert one.paths.sharpe_quantiles == other.paths.sharpe_quantiles


def test_several_processes_give_the_bytes_of_one(found, folder, panel):
    with ProcessPool(PanelSource(folder=folder), 2) as pool:
        same(walk_forward(sweep_of(), PLAN, panel, pool), found)


def test_every_variant_is_one_trial_for_ever(found, panel, tmp_path):
    with make_ledger(tmp_path) as ledger:
        assert count_variants(ledger, sweep_of(), panel, found) == 18
        count_variants(ledger, sweep_of(), panel, found)
        trials = recorded_trials(ledger)
        assert len(trials) == 36
        assert [trial.repeated for trial in trials] == [False] * 18 + [True] * 18
        assert trial_count(ledger) == 18
        assert {trial.kind for trial in trials} == {"walk forward"}
        assert {trial.baseline_hash for trial in trials} == {rules_hash(RULES)}
        assert (trials[0].first, trials[0].last) == (on_day(0, found.days), on_day(-1, found.days))


def test_points_without_a_meaning_are_left_out_and_said(panel):
    # A crossing of a mean with itself never happens, which the language refuses.
    sweep = sweep_of(axes=("rule-0.1+rule-2.1=5,20", "rule-0.2+rule-2.2=20,30"))
    found = walk_forward(sweep, PLAN, panel, InProcess(panel))
    assert (len(found.variants.points), found.variants.skipped) == (3, 1)
    with pytest.raises(BadInput, match="first reason"):
        walk_forward(sweep_of(axes=("rule-0.1+rule-2.1=20",)), PLAN, panel, InProcess(panel))


def test_a_sample_is_a_part_of_the_grid(panel):
    found = walk_forward(sweep_of(samples=4), PLAN, panel, InProcess(panel))
    assert len(found.variants.points) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": 100_000}, "nothing to test"),
        ({"train": 0}, "two sessions or more"),
        ({"test": 0}, "a test one"),
        ({"purge": 150}, "not shorter than the training window"),
        ({"purge": 10, "embargo": 140}, "not shorter than the training window"),
        ({"purge": -1}, "0 or more"),
        ({"train": 20}, "needs 31 bars"),
        ({"folds": 49}, "not more than the purge"),
        ({"folds": 20, "test_folds": 10, "purge": 1}, "184,756 splits"),
        ({"test_folds": 6}, "fewer than there are"),
        ({"folds": 2, "test_folds": 1, "embargo": 100, "purge": 40, "train": 200}, None),
    ],
)
def test_what_cannot_be_cut_is_refused_before_anything_runs(panel, changes, message):
    plan = replace(PLAN, **changes)
    if message is None:
        assert check_plan(sweep_of(), plan, panel)
        return
    with pytest.raises(BadInput, match=message):
        check_plan(sweep_of(), plan, panel)


def test_a_plateau_needs_the_whole_grid(panel):
    plan = replace(PLAN, choice="plateau")
    with pytest.raises(BadInput, match="Leave --samples out"):
        check_plan(sweep_of(samples=4), plan, panel)
    assert len(walk_forward(sweep_of(), plan, panel, InProcess(panel)).steps) > 3


def test_a_grid_of_a_thousand_million_points_asks_for_a_sample():
    axes = ("rule-1.1=-50%:-1%:0.001%", "rule-0.1=2:200:1", "rule-0.2=201:400:1")
    with pytest.raises(BadInput, match="--samples"):
        sweep_of(axes=axes)


def test_a_range_inside_the_data_uses_the_rows_before_it(panel):
    start = panel.session_date(120)
    found = walk_forward(sweep_of(start=start), PLAN, panel, InProcess(panel))
    assert found.steps[0].train[0] == start
    assert len(sessions_of(sweep_of(start=start), panel)) == len(found.days)
