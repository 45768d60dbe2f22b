"""Lengths, the choice and its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import BadInput
from engine.research import walk_forward_choice
from engine.research.walk_forward_choice import Chooser, neighbours_on
from engine.research.walk_forward_plan import read_length
from engine.rules.grid import parse_grid
from tests.builders_panel import make_rules

# Every day from 2020-01-01 on, for three years.
DAYS = np.arange(np.datetime64("2020-01-01"), np.datetime64("2023-01-01")).astype(np.int64)


@pytest.mark.parametrize(
    ("text", "sessions"), [("500", 500), ("1y", 366), ("2y", 731), ("6m", 182), ("13m", 397), ("2w", 14), ("3y", 1096)]
)
def test_a_length_counts_the_sessions_of_the_range(text, sessions):
    assert read_length(text, DAYS) == sessions


def test_a_month_from_the_thirty_first_runs_into_the_next_one():
    assert read_length("1m", DAYS[30:]) == 31


@pytest.mark.parametrize("text", ["", "y", "-5", "2 years", "1.5y", "2d", "1e3"])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(BadInput, match="no length"):
        read_length(text, DAYS)


@pytest.mark.parametrize("text", ["4y", "999999y", "999999w", "37m"])
def test_a_span_longer_than_the_range_is_refused(text):
    with pytest.raises(BadInput, match="longer than the range"):
        read_length(text, DAYS)


def noise(variants, sessions=60):
    return np.random.default_rng(5).normal(0, 0.01, (sessions, variants))


def test_equals_are_decided_by_the_order_of_the_points_whatever_block_they_stand_in(monkeypatch):
    returns = noise(9)
    returns[:, 2] += 0.01
    returns[:, 8] = returns[:, 2]
    for block in (3, 4, 8, 256):
        monkeypatch.setattr(walk_forward_choice, "BLOCK", block)
        assert Chooser(returns, "sharpe").best(range(10, 50)) == 2


def test_idle_money_beats_a_loss_and_loses_to_a_gain():
    returns = np.stack([np.zeros(40), noise(1, 40)[:, 0] - 0.01, np.full(40, 0.001)], axis=1)
    scores = Chooser(returns, "sharpe").scores(range(40))
    # The third rises every day by the same: without a spread it has no Sharpe ratio either.
    assert scores[0] == 0 == scores[2]
    assert scores[1] < 0
    assert Chooser(returns, "sharpe").best(range(40)) == 0
    assert Chooser(returns, "mean").best(range(40)) == 2


def test_rows_and_ranges_choose_alike():
    returns = noise(5)
    chooser = Chooser(returns, "sharpe")
    assert chooser.scores(range(7, 31)).tolist() == chooser.scores(np.arange(7, 31)).tolist()


def test_a_plateau_prefers_the_hill_to_the_spike():
    grid = parse_grid(make_rules(("exit", "pnl <= -5%", "sell all")), ["rule-0.1=-9%:-1%:1%"])
    beside = neighbours_on(grid, range(grid.size))
    assert beside[:3] == [[1], [0, 2], [1, 3]]
    returns = noise(9, 400)
    returns[:, 1] += 0.006  # a spike among losers
    returns[:, [0, 2]] -= 0.003
    returns[:, 5:8] += 0.002  # a hill
    assert Chooser(returns, "sharpe").best(range(400)) == 1
    assert Chooser(returns, "plateau", beside).best(range(400)) == 6


def test_neighbours_are_one_step_away_on_one_axis_and_must_have_a_meaning():
    rules = make_rules(("exit", "pnl <= -5% and days_held > 3", "sell all"))
    grid = parse_grid(rules, ["rule-0.1=-3%,-2%,-1%", "rule-0.2=1,2,3"])
    whole = neighbours_on(grid, range(9))
    assert sorted(whole[4]) == [1, 3, 5, 7]
    assert sorted(whole[0]) == [1, 3]
    assert sorted(whole[2]) == [1, 5]  # the end of a line is no neighbour of the next one
    without_the_middle = [0, 1, 2, 3, 5, 6, 7, 8]
    assert sorted(neighbours_on(grid, without_the_middle)[1]) == [0, 2]
