"""Published answers for the best of many trials: Bailey and López de Prado 2014, and the convention of 2025."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.metrics.deflated_sharpe import (
    deflated_sharpe,
    exact_expected_maximum,
    expected_maximum,
    maximum_deviation,
    minimum_backtest_years,
    minimum_backtest_years_bound,
)
from engine.metrics.sharpe import Moments, probabilistic_sharpe
from engine.metrics.undefined import Undefined

# Yearly Sharpe 2.5 over 1,250 days of 250 a year; half of a yearly unit of variance among the trials.
DAILY = 2.5 / math.sqrt(250)
PAPER = Moments(sharpe=DAILY, observations=1_250, skew=-3.0, kurtosis=10.0)
PAPER_NORMAL = Moments(sharpe=DAILY, observations=1_250)
VARIANCE = 0.5 / 250
FUND = Moments(sharpe=3.6 / 7.9, observations=24, skew=-2.448, kurtosis=10.164)


@pytest.mark.parametrize(
    ("trials", "answer"),
    [
        (2, 0.519755),
        (3, 0.852804),
        (5, 1.192594),
        (10, 1.574598),
        (20, 1.900708),
        (45, 2.235640),
        (46, 2.244171),
        (88, 2.485295),
        (100, 2.530603),
        (200, 2.765524),
        (1_000, 3.255122),
        (10_000, 3.860665),
    ],
)
def test_expected_maximum_has_the_published_answer(trials, answer):
    assert expected_maximum(trials) == pytest.approx(answer, abs=5.001e-7)


@pytest.mark.parametrize(
    ("trials", "answer"),
    [
        (2, 0.564190),
        (3, 0.846284),
        (5, 1.162964),
        (10, 1.538753),
        (20, 1.867475),
        (45, 2.207720),
        (100, 2.507594),
        (1_000, 3.241436),
    ],
)
def test_exact_expected_maximum_has_the_published_answer(trials, answer):
    assert exact_expected_maximum(trials) == pytest.approx(answer, abs=5.001e-7)


def test_exact_expected_maximum_of_two_and_three_is_known_in_closed_form():
    assert exact_expected_maximum(1) == pytest.approx(0.0, abs=1e-14)
    assert exact_expected_maximum(2) == pytest.approx(1 / math.sqrt(math.pi), abs=1e-14)
    assert exact_expected_maximum(3) == pytest.approx(1.5 / math.sqrt(math.pi), abs=1e-14)
    assert maximum_deviation(1) == pytest.approx(1.0, abs=1e-14)
    assert maximum_deviation(2) == pytest.approx(math.sqrt(1 - 1 / math.pi), abs=1e-14)


@pytest.mark.parametrize(("trials", "answer"), [(2, 0.82565), (5, 0.66898), (10, 0.58681), (100, 0.42942)])
def test_deviation_of_the_maximum_has_the_published_answer(trials, answer):
    assert maximum_deviation(trials) == pytest.approx(answer, abs=5.001e-6)


@pytest.mark.parametrize("trials", [1, 2, 3, 5, 10, 20, 50, 100])
def test_the_quadrature_agrees_with_that_of_gauss_and_hermite(trials):
    points, weights = np.polynomial.hermite_e.hermegauss(200)
    density = trials * scipy.stats.norm.cdf(points) ** (trials - 1) * weights / weights.sum()
    mean = density @ points
    assert exact_expected_maximum(trials) == pytest.approx(mean, abs=1e-8)
    assert maximum_deviation(trials) == pytest.approx(math.sqrt(density @ (points - mean) ** 2), abs=1e-8)


def test_the_approximation_is_below_the_truth_for_two_trials_and_up_to_two_and_a_half_percent_above_from_three_on():
    assert expected_maximum(2) < exact_expected_maximum(2)
    for trials in (3, 4, 5, 7, 10, 30, 100, 1_000, 100_000, 10**9):
        excess = expected_maximum(trials) / exact_expected_maximum(trials) - 1
        assert 0 < excess < 0.0256


@given(st.integers(1, 10**6), st.floats(1e-6, 1))
def test_more_trials_or_more_variance_raise_the_expected_maximum(trials, variance):
    assert expected_maximum(trials + 1, variance) > expected_maximum(trials, variance)
    assert expected_maximum(trials, 4 * variance) == pytest.approx(2 * expected_maximum(trials, variance))


def test_the_quadrature_agrees_with_a_simulation():
    draws = np.random.default_rng(11).normal(size=(100_000, 20)).max(axis=1)
    assert exact_expected_maximum(20) == pytest.approx(draws.mean(), abs=0.01)
    assert maximum_deviation(20) == pytest.approx(draws.std(), abs=0.01)


@pytest.mark.parametrize(
    ("trials", "threshold", "answer", "answer_normal"),
    [(46, 0.1003623706, 0.9505017069, 0.9787387232), (88, 0.1111457618, 0.9101530147, 0.9504908167)],
)
def test_deflated_sharpe_of_the_example_of_the_paper(trials, threshold, answer, answer_normal):
    measured = deflated_sharpe(PAPER, trials, VARIANCE)
    assert measured.expected_maximum == pytest.approx(threshold, abs=5.1e-11)
    assert measured.probability == pytest.approx(answer, abs=5.1e-11)
    assert deflated_sharpe(PAPER_NORMAL, trials, VARIANCE).probability == pytest.approx(answer_normal, abs=5.1e-11)
    assert (measured.trials, measured.variance, measured.convention) == (trials, VARIANCE, "2014")


def test_excess_kurtosis_in_the_example_of_the_paper_is_refused():
    # 7 is the excess of the kurtosis 10; a series with skew -3 has a raw one of 10 at least.
    with pytest.raises(BadInput, match="If 7 is excess kurtosis, add 3"):
        Moments(sharpe=DAILY, observations=1_250, skew=-3.0, kurtosis=7.0)


@pytest.mark.parametrize("skew", [-2.4, -1.0])
def test_excess_kurtosis_that_a_series_could_have_changes_the_answer(skew):
    raw, excess = (
        deflated_sharpe(Moments(sharpe=DAILY, observations=1_250, skew=skew, kurtosis=kurtosis), 46, VARIANCE)
        for kurtosis in (10.0, 7.0)
    )
    assert abs(raw.probability - excess.probability) > 1e-3


def test_the_two_conventions_differ_and_the_default_is_the_one_of_2014():
    assert deflated_sharpe(PAPER, 100, VARIANCE).probability == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(PAPER, 100, VARIANCE, "2025").probability == pytest.approx(0.99922, abs=5e-6)


def test_deflated_sharpe_of_the_fund_in_both_conventions():
    newer = deflated_sharpe(FUND, 10, 0.1, "2025")
    assert newer.expected_maximum == pytest.approx(0.497932, abs=5e-7)
    assert newer.probability == pytest.approx(0.416361, abs=1e-6)
    assert deflated_sharpe(FUND, 10, 0.1).probability == pytest.approx(0.449933, abs=5e-7)


@given(st.sampled_from(["2014", "2025"]), st.floats(-0.3, 0.3), st.integers(10, 3_000))
def test_one_trial_is_not_deflated(convention, sharpe, observations):
    track = Moments(sharpe=sharpe, observations=observations, skew=-0.5, kurtosis=5.0)
    alone = deflated_sharpe(track, 1, 0.002, convention)
    assert alone.expected_maximum == 0.0
    assert alone.probability == pytest.approx(probabilistic_sharpe(track, 0.0, convention), abs=1e-12)


def test_an_estimate_without_any_error_has_no_probability():
    certain = Moments(sharpe=1.0, observations=10, skew=2.0, kurtosis=5.0)
    assert deflated_sharpe(certain, 10, 0.1).probability is Undefined.NO_VARIATION


@pytest.mark.parametrize(("trials", "years"), [(7, 1.923), (45, 4.998), (100, 6.404), (1_000, 10.596)])
def test_minimum_backtest_length_has_the_published_answer(trials, years):
    assert minimum_backtest_years(trials) == pytest.approx(years, abs=5.001e-4)


def test_five_years_allow_forty_five_trials_and_no_more():
    assert minimum_backtest_years(45) < 5 < minimum_backtest_years(46)


@given(st.integers(1, 10**6), st.floats(0.1, 5))
def test_the_bound_of_the_backtest_length_is_above_it(trials, target):
    assert minimum_backtest_years(trials, target) <= minimum_backtest_years_bound(trials, target)


def test_the_bound_for_a_hundred_trials():
    assert minimum_backtest_years_bound(100) == pytest.approx(9.210, abs=5e-4)


def test_three_rules_a_week_make_the_best_of_a_year_look_like_a_sharpe_of_two_point_seven():
    assert expected_maximum(156) == pytest.approx(2.7, abs=0.05)


def test_no_trial_and_no_target_are_refused():
    with pytest.raises(BadInput, match="one trial at least"):
        expected_maximum(0)
    with pytest.raises(BadInput, match="not above 0"):
        minimum_backtest_years(10, 0.0)
