"""Textbook answers for the stake of Kelly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.metrics.kelly import kelly_bet, kelly_growth, kelly_leverage


def test_an_even_bet_won_six_times_of_ten_is_worth_a_fifth():
    assert kelly_bet(0.6, 1.0) == pytest.approx(0.2, abs=1e-12)


def test_thorps_index_fund():
    exposure = kelly_leverage(0.11, 0.15, 0.06)
    assert exposure == pytest.approx(2.2222, abs=5e-5)
    assert kelly_growth(0.11, 0.15, 0.06, exposure) == pytest.approx(0.115556, abs=5e-7)


@given(st.floats(-0.2, 0.4), st.floats(0.05, 0.6), st.floats(0, 0.1), st.floats(0, 10))
def test_no_exposure_grows_faster(mean, deviation, rate, exposure):
    best = kelly_leverage(mean, deviation, rate)
    assert kelly_growth(mean, deviation, rate, best) >= kelly_growth(mean, deviation, rate, exposure) - 1e-12


def test_without_an_edge_nothing_is_staked():
    assert kelly_bet(0.5, 1.0) == 0.0
    assert kelly_bet(0.3, 1.0) == 0.0
    assert kelly_leverage(0.05, 0.2, 0.06) == 0.0


def test_the_cap_holds():
    assert kelly_bet(0.9, 2.0, cap=0.25) == 0.25
    assert kelly_leverage(0.11, 0.15, 0.06, cap=1.0) == 1.0


def test_impossible_odds_are_refused():
    with pytest.raises(BadInput, match="probability from 0 to 1"):
        kelly_bet(1.2, 1.0)
    with pytest.raises(BadInput, match="payoff above 0"):
        kelly_bet(0.5, 0.0)
    with pytest.raises(BadInput, match="without risk"):
        kelly_leverage(0.1, 0.0)
