"""Published answers for the error of a Sharpe ratio, of Lo 2002, Bailey and López de Prado 2012 and the paper of 2025.

The fund of 24 months has mean 3.6 %, deviation 7.9 %, skew -2.448 and kurtosis 10.164.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.metrics.sharpe import (
    Moments,
    annualisation,
    ar1_autocorrelations,
    ar1_shrink,
    iid_standard_error,
    minimum_track_record,
    miss_probability,
    moments,
    probabilistic_sharpe,
    standard_error,
)
from engine.metrics.undefined import Undefined
from tests.published_series import published_normals

FUND = Moments(sharpe=3.6 / 7.9, observations=24, skew=-2.448, kurtosis=10.164)
STEADY = Moments(sharpe=0.7079, observations=134, skew=-0.2250, kurtosis=2.9570)
JUMPY = Moments(sharpe=0.8183, observations=134, skew=-1.4455, kurtosis=7.0497)
HALF_A_YEAR = 0.5 / math.sqrt(12)


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    return published_normals(12_345, 252) * 0.01 + 0.0005


@st.composite
def tracks(draw: st.DrawFn) -> Moments:
    skew = draw(st.floats(-3, 3))
    return Moments(
        sharpe=draw(st.floats(-0.5, 0.5)),
        observations=draw(st.integers(3, 5_000)),
        skew=skew,
        kurtosis=1 + skew**2 + draw(st.floats(0.1, 20)),
    )


@pytest.mark.parametrize(
    ("sharpe", "answers"),
    [
        (0.5, (0.306, 0.217, 0.137, 0.095, 0.067)),
        (1.0, (0.354, 0.250, 0.158, 0.110, 0.077)),
        (1.5, (0.421, 0.298, 0.188, 0.130, 0.092)),
        (3.0, (0.677, 0.479, 0.303, 0.210, 0.148)),
    ],
)
def test_standard_error_of_independent_normal_returns(sharpe, answers):
    errors = [iid_standard_error(sharpe, observations) for observations in (12, 24, 60, 125, 250)]
    assert errors == pytest.approx(answers, abs=5.001e-4)


@pytest.mark.parametrize(("track", "answer"), [(JUMPY, 0.1550), (STEADY, 0.1028)])
def test_standard_error_of_the_published_funds(track, answer):
    assert standard_error(track) == pytest.approx(answer, abs=5e-5)


def test_standard_error_of_normal_moments_is_los_but_for_the_last_observation():
    track = Moments(sharpe=0.3, observations=101)
    assert standard_error(track) == pytest.approx(iid_standard_error(0.3, 100), abs=1e-15)
    assert standard_error(track, "2025") == pytest.approx(iid_standard_error(0.3, 101), abs=1e-15)


@pytest.mark.parametrize(
    ("periods", "rho", "answer", "digits"),
    [
        (12, -0.2, 4.1708, 4),
        (12, -0.1, 3.7979, 4),
        (12, 0.0, 3.4641, 4),
        (12, 0.1, 3.1601, 4),
        (12, 0.2, 2.8788, 4),
        (12, 0.5, 2.1213, 4),
        (12, 0.9, 1.2070, 4),
        (252, -0.2, 19.426, 3),
        (252, 0.0, 15.875, 3),
        (252, 0.2, 12.972, 3),
    ],
)
def test_annualisation_of_an_autoregression(periods, rho, answer, digits):
    assert round(annualisation(ar1_autocorrelations(rho, periods)), digits) == answer


def test_the_closed_form_of_the_shrink_has_the_published_answer():
    assert ar1_shrink(0.1, 12) == pytest.approx(0.9122454608, abs=5e-11)


@given(st.floats(-0.95, 0.95), st.integers(2, 300))
def test_the_closed_form_of_the_shrink_is_the_sum(rho, periods):
    factor = annualisation(ar1_autocorrelations(rho, periods)) / math.sqrt(periods)
    assert ar1_shrink(rho, periods) == pytest.approx(factor, rel=1e-9)


def test_correlations_that_no_series_has_are_refused():
    with pytest.raises(BadInput, match="no variance"):
        annualisation([-0.9, -0.9])
    with pytest.raises(BadInput, match="between -1 and 1"):
        ar1_shrink(1.0, 12)


@pytest.mark.parametrize(
    ("track", "benchmark", "answer", "digits"),
    [
        (FUND, 0.0, 0.912709, 6),
        (Moments(sharpe=0.458, observations=24, skew=-2.448, kurtosis=10.164), 0.0, 0.913361, 6),
        (Moments(sharpe=FUND.sharpe, observations=24), 0.0, 0.981243, 6),
        (Moments(sharpe=0.458, observations=24), 0.0, 0.981675, 6),
        (JUMPY, HALF_A_YEAR, 0.99999, 5),
    ],
)
def test_probabilistic_sharpe_has_the_published_answer(track, benchmark, answer, digits):
    assert round(probabilistic_sharpe(track, benchmark), digits) == answer


def test_probabilistic_sharpe_of_the_published_series(returns):
    assert probabilistic_sharpe(moments(returns)) == pytest.approx(0.8853307812, abs=5e-11)


def test_moments_corrected_for_bias_give_the_figure_of_quantstats(returns):
    plain = moments(returns)
    corrected = Moments(
        sharpe=plain.sharpe,
        observations=252,
        skew=scipy.stats.skew(returns, bias=False),
        kurtosis=scipy.stats.kurtosis(returns, bias=False, fisher=False),
    )
    assert probabilistic_sharpe(corrected) == pytest.approx(0.8853283926, abs=5e-11)


def test_excess_kurtosis_handed_in_by_mistake_changes_the_answer():
    mistaken = Moments(sharpe=FUND.sharpe, observations=24, skew=-2.448, kurtosis=10.164 - 3)
    assert abs(probabilistic_sharpe(mistaken) - probabilistic_sharpe(FUND)) > 1e-3


def test_excess_kurtosis_of_a_normal_series_is_refused():
    with pytest.raises(BadInput, match="excess kurtosis, add 3"):
        Moments(sharpe=0.1, observations=100, skew=0.0, kurtosis=0.0)


@given(tracks())
def test_the_probability_to_beat_what_was_measured_is_one_half(track):
    assert probabilistic_sharpe(track, track.sharpe) == pytest.approx(0.5, abs=1e-12)
    assert probabilistic_sharpe(track, track.sharpe, "2025") == pytest.approx(0.5, abs=1e-12)


@given(tracks(), st.floats(-0.5, 0.5), st.floats(0.55, 0.999))
def test_a_record_of_the_minimum_length_just_reaches_the_confidence(track, benchmark, confidence):
    assume(track.sharpe > benchmark + 1e-3)
    for convention in ("2014", "2025"):
        needed = minimum_track_record(track, benchmark, confidence, convention)
        # The length is no whole number, so the probability is scaled to it from the one at hand.
        counted = track.observations - 1 if convention == "2014" else track.observations
        least = needed - 1 if convention == "2014" else needed
        score = scipy.stats.norm.ppf(confidence)
        error = standard_error(track, convention, track.sharpe if convention == "2014" else benchmark)
        measured = (track.sharpe - benchmark) / (error * math.sqrt(counted / least))
        assert measured == pytest.approx(score, rel=1e-9)


def test_a_whole_record_of_the_minimum_length_reaches_the_confidence_to_twelve_digits():
    # The confidence that 401 normal returns with a Sharpe ratio of 0.1 give, so that the length is a whole number.
    confidence = scipy.stats.norm.cdf(0.1 * math.sqrt(400 / (1 + 0.1**2 / 2)))
    track = Moments(sharpe=0.1, observations=401)
    assert minimum_track_record(track, 0.0, confidence) == pytest.approx(401, abs=1e-9)
    assert probabilistic_sharpe(track) == pytest.approx(confidence, abs=1e-12)


@given(tracks(), st.floats(0.01, 0.3))
def test_a_higher_benchmark_is_less_probably_beaten_and_needs_a_longer_record(track, step):
    assert probabilistic_sharpe(track, step) <= probabilistic_sharpe(track, 0.0)
    assert minimum_track_record(track, step) >= minimum_track_record(track, 0.0)


@pytest.mark.parametrize(
    ("periods", "observations", "years"), [(252, 688.208, 2.731), (52, 147.099, 2.829), (12, 38.878, 3.240)]
)
def test_minimum_track_record_of_a_yearly_sharpe_of_two_against_one(periods, observations, years):
    track = Moments(sharpe=2 / math.sqrt(periods), observations=periods)
    needed = minimum_track_record(track, 1 / math.sqrt(periods))
    assert needed == pytest.approx(observations, abs=5.001e-4)
    assert needed / periods == pytest.approx(years, abs=5.001e-4)


@pytest.mark.parametrize(("track", "against_zero", "against_half"), [(STEADY, 0.7152, 1.0804), (JUMPY, 1.1593, 1.6695)])
def test_minimum_track_record_of_the_published_funds_in_years(track, against_zero, against_half):
    assert minimum_track_record(track) / 12 == pytest.approx(against_zero, abs=1e-4)
    assert minimum_track_record(track, HALF_A_YEAR) / 12 == pytest.approx(against_half, abs=1e-4)


def test_minimum_track_record_of_the_fund():
    assert minimum_track_record(FUND) == pytest.approx(34.7614, abs=5e-5)


def test_no_record_is_long_enough_for_a_sharpe_that_is_not_above_the_benchmark():
    assert minimum_track_record(FUND, FUND.sharpe) == math.inf
    assert minimum_track_record(FUND, 0.5, convention="2025") == math.inf


def test_the_convention_of_2025_has_its_own_answers():
    assert probabilistic_sharpe(FUND, 0.0, "2025") == pytest.approx(0.987207, abs=5e-7)
    assert probabilistic_sharpe(FUND, 0.1, "2025") == pytest.approx(0.939148, abs=5e-7)
    assert minimum_track_record(FUND, 0.0, convention="2025") == pytest.approx(13.0288, abs=5e-5)
    assert minimum_track_record(FUND, 0.1, convention="2025") == pytest.approx(27.1092, abs=5e-5)
    assert standard_error(FUND, "2025") == pytest.approx(0.328588, abs=1e-6)
    assert miss_probability(FUND, alternative=0.5) == pytest.approx(0.315208, abs=5e-7)


def test_moments_of_the_published_series(returns):
    measured = moments(returns)
    assert measured.sharpe * math.sqrt(252) == pytest.approx(1.2046502073, abs=5e-11)
    assert measured.skew == pytest.approx(0.0346824656, abs=5e-11)
    assert measured.kurtosis == pytest.approx(3.0510778076, abs=5e-11)
    assert measured.observations == 252


def test_moments_agree_with_scipy_and_take_the_kurtosis_raw(returns):
    measured = moments(returns)
    assert measured.skew == pytest.approx(scipy.stats.skew(returns), abs=1e-12)
    assert measured.kurtosis == pytest.approx(scipy.stats.kurtosis(returns, fisher=False), abs=1e-12)


def test_ddof_of_the_deviation_is_the_callers_choice(returns):
    assert moments(returns, ddof=0).sharpe == pytest.approx(moments(returns).sharpe * math.sqrt(252 / 251), abs=1e-15)


@given(st.lists(st.integers(-100_000, 100_000), min_size=2, max_size=60))
def test_moments_of_any_series_are_possible_ones_or_undefined(parts):
    measured = moments(np.array(parts) / 1e6)
    if len(set(parts)) == 1:
        assert measured is Undefined.NO_VARIATION
        return
    assert measured.kurtosis >= 1 + measured.skew**2 - 1e-6
    probability = probabilistic_sharpe(measured)
    assert probability is Undefined.NO_VARIATION or 0 <= probability <= 1


def test_a_series_without_a_sharpe_ratio_says_why():
    assert moments(np.array([0.01])) is Undefined.TOO_FEW_SESSIONS
    assert moments(np.full(50, 0.001)) is Undefined.NO_VARIATION
    assert moments(np.array([0.01, np.nan, 0.02])) is Undefined.RUINED


def test_an_estimate_without_any_error_has_no_probability():
    # Kurtosis 1 + skew² is that of a series of two values; with skew 2 the variance vanishes at Sharpe 1.
    certain = Moments(sharpe=1.0, observations=10, skew=2.0, kurtosis=5.0)
    assert probabilistic_sharpe(certain) is Undefined.NO_VARIATION


def test_one_observation_is_refused():
    with pytest.raises(BadInput, match="two observations"):
        Moments(sharpe=0.1, observations=1)
