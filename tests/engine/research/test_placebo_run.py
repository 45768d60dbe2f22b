"""The gate on worlds where nothing can be found: it passes there, and a broken gate or a findable pattern fails."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config import BacktestConfig, Slippage
from engine.data.panel import Panel, load_panel
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.research import gate
from engine.research.candidate import Candidate
from engine.research.gate_settings import GateSettings
from engine.research.placebo_rules import KINDS, random_candidates
from engine.research.placebo_run import PlaceboPlan, PlaceboRun, run_placebo, worlds_of
from engine.research.placebo_worlds import PlaceboKind, placebo_world
from engine.research.process_pool import ProcessPool
from engine.research.workers import InProcess, PanelSource
from tests.gate_world import ABSURD, BASE, CONFIG, GOOD, HEAD, LEAVE, candidate, make_world, rule

FLIPPED, PERMUTED = PlaceboKind.FLIPPED, PlaceboKind.PERMUTED
SETTINGS = GateSettings(untouched_sessions=80, neighbours=0, resamples=200)
# Buys and sells often enough to be measured on two years of a small market.
BUSY = rule("swing", "Entry Criteria", "rank(returns(3)) <= 20%", "buy 10% of equity") + LEAVE
QUIET = rule("calm", "Entry Criteria", "rank(volatility(20)) <= 40%", "require")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic market with listings, delistings, halts, splits and limits."""
    made = tmp_path_factory.mktemp("placebo") / "market"
    make_sample(made, tickers=40, years=2, seed=3)
    return made


@pytest.fixture(scope="module")
def sample(folder: Path) -> Panel:
    return load_panel(folder)


def run(panel: Panel, *candidates: Candidate, worlds: int = 20, level: float = 0.05, **plan: Any) -> PlaceboRun:
    plan = {"config": CONFIG, "settings": SETTINGS} | plan
    made = PlaceboPlan(candidates=candidates, worlds=worlds, **plan)
    return run_placebo(made, InProcess(panel), level=level)


def test_the_gate_promotes_no_more_than_it_claims_where_nothing_can_be_found(sample: Panel) -> None:
    busy = candidate(QUIET, base=HEAD + BUSY)
    found = run(sample, busy, worlds=24)
    assert found.measured >= 20
    assert found.test.passed, found.reasons
    assert found.test.largest_allowed < 24  # so few worlds can fail, see below
    assert found.fairness is not None and found.fairness.passed, [verdict.p_value for verdict in found.verdicts]


def test_a_gate_whose_steps_against_luck_let_everything_pass_fails(
    sample: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    guards = {"probabilistic_sharpe", "deflated_sharpe", "bootstrap", "online_fdr", "delay", "slippage"}

    def broken(step_of: gate.StepOf) -> gate.StepOf:
        return lambda evidence: dataclasses.replace(step_of(evidence), outcome="pass")

    steps = tuple((name, broken(step_of) if name in guards else step_of) for name, step_of in gate.STEPS)
    monkeypatch.setattr(gate, "STEPS", steps)
    found = run(sample, candidate(QUIET, base=HEAD + BUSY), worlds=24)
    assert not found.test.passed
    assert found.test.promotions > found.test.largest_allowed >= 3
    # The measure itself is as fair as before; it is the steps that do not heed it.
    assert found.fairness is not None and found.fairness.passed


def test_what_can_be_found_is_promoted_and_fails_while_the_flipped_market_passes() -> None:
    # After high volume a price rises for five days: blocks of sixty sessions keep that, coins do not.
    market, burst = make_world(), candidate(GOOD)
    kept = run(market, burst, kind=PERMUTED, block=60)
    assert kept.test.promotions >= 15 and not kept.test.passed
    assert kept.fairness is not None and not kept.fairness.passed
    tossed = run(market, burst)
    assert tossed.test.promotions == 0 and tossed.test.passed
    assert tossed.market is not None and tossed.share_below_market == 1.0


def test_random_rules_take_turns_and_pass(sample: Panel) -> None:
    drawn = random_candidates(HEAD + BUSY, 12, seed=1)
    found = run(sample, *drawn, worlds=24)
    assert [verdict.candidate for verdict in found.verdicts] == [*range(12), *range(12)]
    assert found.test.passed and found.market is None
    assert found.measured >= 12


def test_random_rules_compile_differ_and_are_the_same_for_a_seed() -> None:
    drawn = random_candidates(BASE, 40, seed=7)
    assert drawn[:15] == random_candidates(BASE, 15, seed=7)
    assert drawn != random_candidates(BASE, 40, seed=8)
    rules = [one.judged[0] for one in drawn]
    assert len({(one.condition_source, one.action_source) for one in rules}) == 40
    assert {type(one.action).__name__ for one in rules} == {"Buy", "Sell", "Require", "RankBy"}
    assert len(KINDS) == 4
    with pytest.raises(BadInput, match="1 to 1,000"):
        random_candidates(BASE, 1_001, seed=1)


def test_workers_and_seeds_decide_nothing_but_the_time(folder: Path, sample: Panel) -> None:
    plan = PlaceboPlan(candidates=(candidate(QUIET, base=HEAD + BUSY),), config=CONFIG, settings=SETTINGS, worlds=5)
    here = run_placebo(plan, InProcess(sample))
    again = run_placebo(plan, InProcess(sample))
    with ProcessPool(PanelSource(folder=folder), 2) as pool:
        there = run_placebo(plan, pool)
    texts = [json.dumps(found.as_json(), allow_nan=False) for found in (here, again, there)]
    assert texts[0] == texts[1] == texts[2]
    other = run_placebo(dataclasses.replace(plan, seed=2), InProcess(sample))
    assert {verdict.seed for verdict in here.verdicts}.isdisjoint(verdict.seed for verdict in other.verdicts)
    assert [verdict.p_value for verdict in here.verdicts] != [verdict.p_value for verdict in other.verdicts]


def test_a_world_is_judged_as_the_gate_judges_it(sample: Panel) -> None:
    busy = candidate(QUIET, base=HEAD + BUSY)
    found = run(sample, busy, worlds=3)
    told = found.verdicts[2]
    world = placebo_world(sample, FLIPPED, told.seed)
    report = gate.judge(
        busy, world, found.plan.traded, None, InProcess(world), dataclasses.replace(SETTINGS, seed=told.seed)
    )
    assert (told.decision, told.reason) == (report.verdict.decision, report.verdict.reason)
    step = report.step("online_fdr")
    assert step is not None and told.p_value == step.figures["p_value"]


def test_the_steps_add_up_and_the_worlds_left_only_get_fewer(sample: Panel) -> None:
    found = run(sample, candidate(ABSURD, base=HEAD + BUSY), worlds=12)
    rows = found.steps
    assert [row.name for row in rows] == [name for name, _ in gate.STEPS]
    assert all(row.passed + row.warned + row.failed + row.unknown + row.not_reached == 12 for row in rows)
    left = [row.left for row in rows]
    assert left == sorted(left, reverse=True) and left[-1] == found.test.promotions
    assert sum(count for _, _, count in found.reasons) == 12


def test_worlds_are_free_of_costs_so_that_trading_less_is_no_advantage(sample: Panel) -> None:
    config = BacktestConfig(cash_won=100_000_000, slippage=Slippage(model="rate", size=0.002))
    quiet = candidate(QUIET, base=HEAD + BUSY)
    free = run(sample, quiet, worlds=10, config=config)
    costly = run(sample, quiet, worlds=10, config=config, free=False)
    pairs = [
        (one.sharpe, other.sharpe)
        for one, other in zip(free.verdicts, costly.verdicts, strict=True)
        if one.sharpe is not None and other.sharpe is not None
    ]
    assert len(pairs) >= 8 and np.mean([with_costs > without for without, with_costs in pairs]) >= 0.8
    assert not free.plan.traded.costs and free.plan.traded.slippage.size == 0 and costly.plan.traded == config


def test_the_value_of_the_market_itself_comes_from_the_training_window_alone() -> None:
    market = make_world()
    bars = market.bars.copy()
    bars[:4, -80:] *= 3  # all of the untouched window
    bars.flags.writeable = False
    other = dataclasses.replace(market, bars=bars)
    values = [run(panel, candidate(GOOD), worlds=1).market for panel in (market, other)]
    assert values[0] == values[1] is not None


def test_worlds_of_one_run_have_seeds_of_their_own() -> None:
    one = candidate(GOOD)
    plans = [PlaceboPlan(candidates=(one,), config=CONFIG, worlds=50, seed=seed) for seed in range(3)]
    seeds = [world.seed for plan in plans for world in worlds_of(plan)]
    assert len(set(seeds)) == 150


def test_a_candidate_that_is_never_measured_tests_nothing(sample: Panel) -> None:
    never = candidate(rule("never", "Entry Criteria", "returns(1) >= 200%", "buy 10% of equity"), base=HEAD + BUSY)
    with pytest.raises(BadInput, match=r"In none of 4 worlds .* alive\.never_fires"):
        run(sample, never, worlds=4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"worlds": 0}, "0 worlds"),
        ({"seed": -1}, "negative"),
        ({"candidates": ()}, "0 candidates"),
        ({"candidates": (candidate(GOOD), candidate(ABSURD)), "worlds": 1}, "one each"),
        ({"candidates": (candidate(rule("x", "Entry Criteria", "close >", "sell all")),)}, "does not compile"),
    ],
)
def test_impossible_plans_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        PlaceboPlan(**{"candidates": (candidate(GOOD),), "config": CONFIG, "worlds": 5} | change)


def test_a_level_that_cannot_be_is_refused_before_any_world_is_made() -> None:
    with pytest.raises(BadInput, match="level"):
        run(make_world(), candidate(GOOD), level=1.5)
