"""The pieces the steps are made of: differences, stresses, costs paid twice, phases of the market."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from engine.config import BacktestConfig, Slippage
from engine.data.panel import Panel
from engine.errors import ConfigError
from engine.ledger.looks import LOOKS_PER_WINDOW
from engine.metrics.sharpe import moments
from engine.metrics.undefined import Undefined
from engine.research.gate_difference import Pair, changed_sales, volatility_scale, weeks, window_figures
from engine.research.gate_regimes import market_index, market_phases
from engine.research.gate_runs import RunFigures, Runs, delayed, run, slipping
from engine.research.gate_settings import GateSettings
from engine.research.texts import sentence
from engine.research.verdict import Step
from engine.rules.prompt import load_rules_text
from engine.variants import Variant
from tests.builders_panel import flat, make_panel
from tests.gate_world import BASE, CONFIG, GOOD, gate, make_world


@pytest.fixture(scope="module")
def world() -> Panel:
    return make_world()


def figures_of(days: list[int], columns: list[int], weights: list[float]) -> RunFigures:
    none = np.zeros(0, np.int64)
    return RunFigures(
        returns=np.zeros(5),
        cost_shares=np.zeros(5),
        sale_days=np.array(days, np.int64),
        sale_columns=np.array(columns, np.int64),
        sale_weights=np.array(weights),
        filled=none,
        days=none,
        together=none.reshape(0, 0),
    )


def test_a_sale_differs_by_day_by_name_or_by_a_tenth_of_its_weight() -> None:
    base = figures_of([1, 2, 3], [0, 0, 1], [0.1, 0.1, 0.1])
    assert changed_sales(base, base) == (0, 0)
    assert changed_sales(base, figures_of([1, 2, 3], [0, 0, 1], [0.1, 0.095, 0.12])) == (1, 1)
    assert changed_sales(base, figures_of([1, 2, 4], [0, 0, 1], [0.1, 0.1, 0.1])) == (1, 2)
    assert changed_sales(base, figures_of([1, 2], [0, 1], [0.1, 0.1])) == (2, 2)
    assert changed_sales(base, figures_of([], [], [])) == (3, 3)


def test_the_mean_difference_at_equal_volatility_is_that_of_the_sharpe_ratios() -> None:
    generator = np.random.default_rng(8)
    pair = Pair(generator.normal(0.001, 0.01, 500), generator.normal(0.001, 0.007, 500))
    scale = volatility_scale(pair)
    assert 1.2 < scale < 1.7
    sharpes = [series.mean() / series.std() for series in (pair.base, pair.candidate)]
    assert np.isclose(pair.difference(scale).mean(), pair.base.std() * (sharpes[1] - sharpes[0]))
    calm = Pair(pair.base, pair.candidate / 100)
    assert volatility_scale(calm) == 2.0, "nobody lends more"
    assert volatility_scale(Pair(pair.base, np.zeros(500))) == 1.0


def test_two_windows_are_one_series_without_what_lies_between() -> None:
    early, late = Pair(np.zeros(2), np.ones(2)), Pair(np.zeros(3), np.full(3, 2.0))
    assert early.joined(late).difference().tolist() == [1.0, 1.0, 2.0, 2.0, 2.0]
    assert early.joined(None) is early


def test_window_figures_are_those_of_the_curve() -> None:
    pair = Pair(np.array([0.1, -0.5, 0.2]), np.array([0.1, 0.0, 0.2]))
    found = window_figures(pair, 1.0, 252)
    assert np.isclose(found["base_return"], 1.1 * 0.5 * 1.2 - 1)
    assert np.isclose(found["base_drawdown"], -0.5) and found["candidate_drawdown"] == 0.0
    assert np.isclose(found["difference"], 0.5 / 3 * 252)


def test_weeks_are_whole_and_none_where_no_time_is_enough() -> None:
    assert weeks(10.0, 252 / 52) == 3
    assert weeks(-5.0, 252 / 52) == 0
    assert weeks(float("inf"), 5.0) is None


def test_the_stresses_make_the_configuration_harder_and_nothing_else() -> None:
    settings = GateSettings(slippage=0.002)
    assert delayed(BacktestConfig(latency_bars=2)).latency_bars == 3
    assert slipping(BacktestConfig(), settings).slippage == Slippage(model="rate", size=0.002)
    ticks = BacktestConfig(slippage=Slippage(model="ticks", size=1))
    assert slipping(ticks, settings).slippage == Slippage(model="ticks", size=2)
    assert slipping(ticks, settings).model_dump(exclude={"slippage"}) == ticks.model_dump(exclude={"slippage"})


def test_costs_paid_twice_are_the_fees_and_taxes_of_the_run(world: Panel) -> None:
    rules = load_rules_text(BASE + GOOD)
    window = (world.session_date(0), world.session_date(world.rows - 1))
    [charged], [free] = (
        run(world, Runs(variants=(Variant(rules, config),), first=window[0], last=window[1]))
        for config in (CONFIG, CONFIG.model_copy(update={"costs": False}))
    )
    assert charged.cost_shares.sum() > 0 and free.cost_shares.sum() == 0
    # What costs take from the whole run is what they take day by day, up to the shares that less money buys.
    taken = float(free.returns.sum() - charged.returns.sum())
    assert abs(taken - charged.cost_shares.sum()) < 0.15 * taken


def test_orders_name_every_rule_that_asked_for_them(world: Panel) -> None:
    """Two entries with the same condition ask for the same orders, and both are named."""
    twin = GOOD.replace("burst", "twin")
    rules = load_rules_text(BASE + GOOD + twin)
    window = (world.session_date(0), world.session_date(200))
    [found] = run(world, Runs(variants=(Variant(rules, CONFIG),), first=window[0], last=window[1]))
    place = {rule.id: number for number, rule in enumerate(rules.rules)}
    burst, twin_place, leave = place["burst"], place["twin"], place["leave"]
    assert found.filled[burst] == found.filled[twin_place] > 0
    assert found.together[burst, twin_place] == found.together[burst, burst]
    assert found.together[burst, leave] == 0 and found.days[leave] > 0


def test_phases_are_known_before_the_session_begins() -> None:
    generator = np.random.default_rng(4)
    index = 100 * np.cumprod(1 + generator.normal(0.0005, 0.01, 400))
    phases = market_phases(index, 60, 0.05, 20)
    for place in (61, 150, 399):
        changed = index.copy()
        changed[place:] *= generator.uniform(0.5, 2.0, 400 - place)
        again = market_phases(changed, 60, 0.05, 20)
        assert all((again[name][: place + 1] == phases[name][: place + 1]).all() for name in phases)
    assert sum(phases[name][200] for name in ("bull", "sideways", "bear")) == 1
    assert phases["calm"][200] != phases["stormy"][200]
    assert not any(phases[name][:20].any() for name in phases)


def test_a_rising_market_is_a_bull_and_a_falling_one_a_bear() -> None:
    index = np.concatenate([100 * 1.002 ** np.arange(150), 100 * 1.002**150 * 0.998 ** np.arange(150)])
    phases = market_phases(index, 60, 0.05, 20)
    assert phases["bull"][100] and phases["bear"][290] and not phases["bull"][290]


def test_without_an_index_the_median_move_of_the_names_is_the_market() -> None:
    bars = {
        "A": [(100, 100, 100, 100), (110, 110, 110, 110)],
        "B": [(100, 100, 100, 100), (105, 105, 105, 105)],
        "C": [(100, 100, 100, 100), (50, 50, 50, 50)],
        "D": [None, (10, 10, 10, 10)],
    }
    chain, source = market_index(make_panel(bars), "KOSPI")
    assert source == "median" and np.allclose(chain, [1.0, 1.05])
    index, source = market_index(make_panel({"A": flat(1, 3)}, index=[5.0, np.nan, 6.0]), "KOSPI")
    assert source == "KOSPI" and index.tolist() == [5.0, 5.0, 6.0]


def test_the_sharpe_steps_are_those_of_the_difference(world: Panel) -> None:
    report = gate(GOOD, world)
    track = moments(report.difference)
    assert not isinstance(track, Undefined)
    step = report.step("probabilistic_sharpe")
    assert step is not None
    assert np.isclose(step.figures["sharpe"], track.sharpe * 252**0.5)
    assert step.figures["sessions"] == len(report.sessions) == len(report.base) == len(report.candidate)
    newer = gate(GOOD, world, convention="2025").step("deflated_sharpe")
    assert newer is not None and newer.figures["convention"] == "2025"


def test_the_bootstrap_interval_is_that_of_the_drawn_means(world: Panel) -> None:
    report = gate(GOOD, world)
    step = report.step("bootstrap")
    assert step is not None
    low, high = np.quantile(report.resampled, [0.025, 0.975]) * 252
    assert np.isclose([low, high], [step.figures["low"], step.figures["high"]]).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"neighbours": -1},
        {"resamples": 10},
        {"confidence": 1.0},
        {"untouched_sessions": 0},
        {"convention": "2020"},
        {"least_trades": 0},
        {"overlap": 0.0},
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        GateSettings(**wrong)  # type: ignore[arg-type]
    assert GateSettings().looks_per_window == LOOKS_PER_WINDOW


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_no_sentence_claims_certainty(lang: Literal["ko", "en"]) -> None:
    """A probability that rounds to 100 %, or a p-value that vanishes, is told as a bound."""
    sure = {"probability": 1.0, "sharpe": 9.0, "sessions": 900, "raw_trials": 1, "trials": 1, "luck": 0.0}
    told = sentence(Step(name="probabilistic_sharpe", outcome="pass", reason="sure", figures=sure), lang)
    told += sentence(Step(name="deflated_sharpe", outcome="pass", reason="beyond_luck", figures=sure), lang)
    assert told.count("> 99.9%") == 2 and "100" not in told
    tiny = {"p_value": 0.0, "level": 0.0013, "tests_before": 0}
    assert "< 0.0001" in sentence(Step(name="online_fdr", outcome="pass", reason="discovery", figures=tiny), lang)
    some = {**tiny, "p_value": 0.02, "fdr": 0.05}
    assert "0.02" in sentence(Step(name="online_fdr", outcome="unknown", reason="above_level", figures=some), lang)
