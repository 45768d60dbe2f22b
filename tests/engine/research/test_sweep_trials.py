"""Every variant that ran is a trial, once, whatever was stopped in between; one that did not run is none."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.ledger.ledger import Ledger
from engine.ledger.trials import recorded_trials, returns_by_window, trial_count
from engine.research.sweep import OUTSIDE
from engine.research.sweep_table import Evaluated, chunk_frame
from engine.research.sweep_trials import TrialFacts, count_chunk, count_missing
from engine.research.trial_count import count_trials
from engine.rules.grid import Grid, parse_grid
from engine.rules.messages import Text
from engine.rules.prompt import load_rules_text
from engine.track import Track
from tests.builders_ledger import make_ledger

GRID: Grid = parse_grid(
    load_rules_text(
        "## 투자 원칙 및 규칙\n### Exit Criteria: stop\n**규칙**: 7% 손실이면 판다\n**조건**: `pnl <= -7%`\n"
        "**행동**: `sell all`\n**우선순위**: 10/10\n"
    ),
    ["stop.1=-9%:-3%:1%"],
)
FACTS = TrialFacts(
    dataset="krx 1d raw",
    data_hash="d" * 64,
    baseline_hash="b" * 64,
    config_hash="c" * 64,
    sessions=np.arange(18_000, 18_030),
    base_returns=np.random.default_rng(99).normal(0, 0.01, 30),
    periods=252,
)


def a_track(number: int) -> Track:
    returns = np.random.default_rng(number).normal(0, 0.01, 30)
    return Track(returns=returns, orders=4, fills=4, trades=2, wins=1, final_equity_won=1.1e8, costs_won=9.0, refused=0)


def frame(*numbers: int, without: tuple[int, ...] = ()) -> pl.DataFrame:
    rows = [
        Evaluated(number=number, point={"stop.1": Fraction(number, 100)}, reason=Text("뜻 없음", "no meaning"))
        if number in without
        else Evaluated(
            number=number, point={"stop.1": Fraction(number, 100)}, rules_hash=f"{number:064d}", track=a_track(number)
        )
        for number in numbers
    ]
    return chunk_frame(rows, GRID, base=1, cash_won=100_000_000, periods=252)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return make_ledger(tmp_path)


def test_what_ran_is_counted_with_its_returns_and_figures(ledger: Ledger) -> None:
    count_chunk(ledger, FACTS, frame(1, 2, 3, without=(2,)))
    trials = recorded_trials(ledger)
    assert [trial.candidate_hash for trial in trials] == [f"{1:064d}", f"{3:064d}"]
    assert {(trial.kind, trial.dataset, trial.data_hash) for trial in trials} == {("sweep", "krx 1d raw", "d" * 64)}
    assert {(trial.baseline_hash, trial.config_hash) for trial in trials} == {("b" * 64, "c" * 64)}
    assert trials[0].metrics["trades"] == 2
    own = a_track(1).returns
    difference = own - FACTS.base_returns
    assert trials[0].metrics["series"] == "difference"
    assert trials[0].metrics["sharpe"] == pytest.approx(difference.mean() / difference.std(ddof=1) * 252**0.5)
    assert trials[0].metrics["own_sharpe"] == pytest.approx(own.mean() / own.std(ddof=1) * 252**0.5)
    (window,) = returns_by_window(ledger)
    assert window.sessions.tolist() == list(range(18_000, 18_030))
    assert np.array_equal(window.returns[:, 1], a_track(3).returns - FACTS.base_returns)


def test_variants_that_earn_nearly_the_same_are_different_trials_by_their_differences(ledger: Ledger) -> None:
    returns = FACTS.base_returns
    rows = []
    for number in range(1, 7):
        track = replace(a_track(number), returns=returns + 0.001 * a_track(number).returns)
        point = {"stop.1": Fraction(number, 100)}
        rows.append(Evaluated(number=number, point=point, rules_hash=f"{number:064d}", track=track))
    count_chunk(ledger, FACTS, chunk_frame(rows, GRID, base=1, cash_won=100_000_000, periods=252))
    assert count_trials(ledger).effective == 6


def test_unchanged_rules_that_the_grid_does_not_have_are_no_trial(ledger: Ledger) -> None:
    base = Evaluated(number=OUTSIDE, point={}, rules_hash="0" * 64, track=a_track(8))
    count_chunk(ledger, FACTS, chunk_frame([base], GRID, base=OUTSIDE, cash_won=100_000_000, periods=252))
    assert recorded_trials(ledger) == []


def test_a_resumed_chunk_is_not_counted_again(ledger: Ledger) -> None:
    count_chunk(ledger, FACTS, frame(1, 2))
    assert count_missing(ledger, FACTS, [frame(1, 2)]) == 0
    assert len(recorded_trials(ledger)) == 2


def test_a_chunk_that_was_kept_but_not_counted_is_made_good(ledger: Ledger) -> None:
    count_chunk(ledger, FACTS, frame(1, 2))
    assert count_missing(ledger, FACTS, [frame(1, 2), frame(3, 4, without=(4,))]) == 1
    assert trial_count(ledger) == len(recorded_trials(ledger)) == 3


def test_the_same_rules_on_another_window_or_with_other_costs_are_other_trials(ledger: Ledger) -> None:
    count_chunk(ledger, FACTS, frame(1))
    later = replace(FACTS, sessions=FACTS.sessions + 1)
    dearer = replace(FACTS, config_hash="e" * 64)
    for facts in (later, dearer):
        assert count_missing(ledger, facts, [frame(1)]) == 1
    assert trial_count(ledger) == 3


def test_a_chunk_of_nothing_but_impossible_points_writes_nothing(ledger: Ledger) -> None:
    before = ledger.head
    count_chunk(ledger, FACTS, frame(1, 2, without=(1, 2)))
    assert ledger.head == before
    assert recorded_trials(ledger) == []
