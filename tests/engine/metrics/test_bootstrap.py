"""Bootstrap of daily differences: ranges, ordering and monotony, since single figures depend on the seed."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import SPA, StationaryBootstrap

from engine.errors import BadInput
from engine.metrics.bootstrap import block_length, long_run_variance, mean_difference_interval, superior_ability
from engine.metrics.undefined import Undefined
from tests.published_series import published_normals


@pytest.fixture(scope="module")
def losses() -> np.ndarray:
    """Ten useless models, and the benchmark as column 0."""
    return published_normals(777, 250, 11)


@pytest.fixture(scope="module")
def improved(losses) -> np.ndarray:
    better = losses[:, 1:].copy()
    better[:, 2] -= 0.3
    return better


def plain_superior_ability(gains: np.ndarray, length: int, resamples: int, seed: int) -> tuple[float, float, float]:
    """Hansen's studentised test as in his paper, with the same draws of days as `arch` makes."""
    sessions = len(gains)
    error = np.sqrt(long_run_variance(gains, length) / sessions)
    mean = gains.mean(axis=0)
    threshold = -error * np.sqrt(2 * np.log(np.log(sessions)))
    centres = (np.maximum(mean, 0.0), np.where(mean >= threshold, mean, 0.0), mean)
    statistic = max(0.0, (mean / error).max())
    exceed = np.zeros((resamples, 3))
    draws = StationaryBootstrap(length, gains, seed=seed).bootstrap(resamples)
    for number, ((drawn,), _) in enumerate(draws):
        exceed[number] = [max(0.0, ((drawn.mean(axis=0) - centre) / error).max()) > statistic for centre in centres]
    return tuple(exceed.mean(axis=0))


@pytest.mark.parametrize(("seed", "answer"), [(1, 0.0335), (2, 0.0305)])
def test_the_reality_check_of_useless_models_is_near_the_published_answer(losses, seed, answer):
    test = superior_ability(losses[:, 0], losses[:, 1:], seed=seed, resamples=2_000, length=5, studentised=False)
    assert test.consistent == pytest.approx(answer, abs=0.01)
    assert (test.block_length, test.seed, test.resamples, test.scheme) == (5, seed, 2_000, "stationary")


@pytest.mark.parametrize("studentised", [True, False])
def test_a_model_that_is_better_is_found(losses, improved, studentised):
    test = superior_ability(losses[:, 0], improved, seed=1, resamples=2_000, length=5, studentised=studentised)
    assert test.consistent <= 0.001
    assert 2 in test.better


@pytest.mark.parametrize("studentised", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_p_values_are_ordered_and_fall_with_an_improvement(losses, studentised, seed):
    found = []
    for gain in (-0.2, -0.1, 0.0, 0.1, 0.2):
        models = losses[:, 1:].copy()
        models[:, 2] -= gain
        test = superior_ability(losses[:, 0], models, seed=seed, resamples=500, length=5, studentised=studentised)
        assert test.lower <= test.consistent <= test.upper
        found.append(test.consistent)
    assert found == sorted(found, reverse=True)


def test_the_reality_check_is_that_of_arch(losses):
    test = superior_ability(losses[:, 0], losses[:, 1:], seed=3, resamples=300, length=7, studentised=False)
    theirs = SPA(losses[:, 0], losses[:, 1:], block_size=7, reps=300, seed=3)
    theirs.compute()
    assert [test.lower, test.consistent, test.upper] == theirs.pvalues.tolist()


def test_the_studentised_test_is_that_of_hansens_paper(losses):
    # Models of very different spread, where studentising decides.
    models = losses[:, [0]] - (losses[:, [0]] - losses[:, 1:]) * np.linspace(0.1, 5.0, 10)
    test = superior_ability(losses[:, 0], models, seed=3, resamples=400, length=5)
    gains = losses[:, [0]] - models
    assert [test.lower, test.consistent, test.upper] == pytest.approx(plain_superior_ability(gains, 5, 400, 3))


def test_the_size_of_a_models_bets_does_not_count_when_studentised(losses, improved):
    gains = losses[:, [0]] - improved
    loud = gains * np.where(np.arange(10) == 7, 50.0, 1.0)
    tests = [superior_ability(np.zeros(250), -each, seed=5, resamples=300, length=5) for each in (gains, loud)]
    assert tests[0] == tests[1]
    check = superior_ability(np.zeros(250), -loud, seed=5, resamples=300, length=5, studentised=False)
    assert check.consistent > tests[0].consistent


def test_a_variant_equal_to_the_base_is_left_out_and_keeps_the_numbers_of_the_others(losses, improved):
    wider = np.hstack([losses[:, [0]], improved])
    test = superior_ability(losses[:, 0], wider, seed=1, resamples=500, length=5)
    assert 3 in test.better
    assert 0 not in test.better


def test_long_run_variance_is_the_sum_over_the_lags(losses):
    series, length = losses[:60, :3], 4
    centred = series - series.mean(axis=0)
    stay = 1 - 1 / length
    expected = (centred**2).mean(axis=0)
    for lag in range(1, 60):
        weight = (1 - lag / 60) * stay**lag + lag / 60 * stay ** (60 - lag)
        expected += 2 * weight * (centred[lag:] * centred[:-lag]).sum(axis=0) / 60
    assert long_run_variance(series, length) == pytest.approx(expected, abs=1e-12)


def test_long_run_variance_is_what_the_bootstrap_shows(losses):
    series = np.convolve(losses[:, 0], np.ones(5))[:250]
    means = StationaryBootstrap(10, series, seed=1).apply(np.mean, 4_000)
    assert long_run_variance(series[:, None], 10)[0] == pytest.approx(250 * means.var(), rel=0.08)


def test_a_strict_alternation_has_a_long_run_variance_that_can_be_divided_by():
    series = np.tile([1.0, -1.0], 60)[:, None]
    variances = [long_run_variance(series, length)[0] for length in (1, 10, 10**12)]
    assert variances == sorted(variances, reverse=True)
    assert variances[0] == pytest.approx(1.0)
    assert variances[-1] > 0


def test_the_interval_holds_the_mean_and_reports_how_it_was_drawn(losses):
    candidate, base = 0.01 * losses[:, 1], 0.01 * losses[:, 2]
    answer = mean_difference_interval(candidate, base, seed=9)
    assert answer.low < answer.mean < answer.high
    assert answer.mean == pytest.approx((candidate - base).mean())
    assert (answer.seed, answer.resamples, answer.confidence, answer.scheme) == (9, 1_000, 0.95, "stationary")
    assert answer.block_length == block_length(candidate - base)


@pytest.mark.parametrize("scheme", ["stationary", "circular"])
def test_the_same_seed_gives_the_same_interval_and_another_seed_a_similar_one(losses, scheme):
    first, again, other = (
        mean_difference_interval(losses[:, 1], losses[:, 2], seed=seed, scheme=scheme) for seed in (9, 9, 10)
    )
    assert first == again
    assert first.low != other.low
    assert first.low == pytest.approx(other.low, abs=0.03)


def test_the_interval_of_independent_days_is_that_of_the_normal_distribution(losses):
    answer = mean_difference_interval(losses[:, 1], losses[:, 2], seed=1, resamples=4_000, length=1)
    difference = losses[:, 1] - losses[:, 2]
    half = 1.96 * difference.std() / np.sqrt(250)
    assert [answer.low, answer.high] == pytest.approx([answer.mean - half, answer.mean + half], abs=0.02)


def test_days_that_depend_on_each_other_need_longer_blocks_and_widen_the_interval(losses):
    smooth = np.convolve(losses[:, 1], np.ones(10) / np.sqrt(10))[:250]
    assert block_length(smooth) > 3 * block_length(losses[:, 1])
    zero = np.zeros(250)
    chosen = mean_difference_interval(smooth, zero, seed=1)
    single = mean_difference_interval(smooth, zero, seed=1, length=1)
    assert chosen.high - chosen.low > 1.5 * (single.high - single.low)


def test_a_shift_of_the_candidate_shifts_the_interval_and_a_confidence_widens_it(losses):
    plain = mean_difference_interval(losses[:, 1], losses[:, 2], seed=4)
    moved = mean_difference_interval(losses[:, 1] + 0.5, losses[:, 2], seed=4)
    assert [moved.low, moved.high] == pytest.approx([plain.low + 0.5, plain.high + 0.5])
    assert moved.share_not_above_zero < plain.share_not_above_zero
    wider = mean_difference_interval(losses[:, 1], losses[:, 2], seed=4, confidence=0.99)
    assert wider.low < plain.low < plain.high < wider.high


def test_equal_series_have_an_interval_of_one_point(losses):
    answer = mean_difference_interval(losses[:, 1], losses[:, 1], seed=1)
    assert (answer.low, answer.mean, answer.high, answer.share_not_above_zero) == (0.0, 0.0, 0.0, 1.0)


def test_a_difference_on_a_single_day_has_a_block_length():
    series = np.zeros(100)
    series[40] = 0.01
    answer = mean_difference_interval(series, np.zeros(100), seed=1)
    assert answer.low == 0.0 < answer.mean < answer.high


@pytest.mark.parametrize("period", [2, 4])
def test_a_difference_that_swings_has_a_block_length(period):
    series = np.tile(np.repeat([1.0, -1.0], period // 2), 60)
    assert 1 <= block_length(series) <= len(series)


def test_what_cannot_be_compared_says_why(losses):
    short = losses[:19]
    assert mean_difference_interval(short[:, 1], short[:, 2], seed=1) is Undefined.TOO_FEW_SESSIONS
    assert superior_ability(short[:, 0], short[:, 1:], seed=1) is Undefined.TOO_FEW_SESSIONS
    ruined = losses.copy()
    ruined[100, 1] = np.nan
    assert mean_difference_interval(ruined[:, 1], ruined[:, 2], seed=1) is Undefined.RUINED
    assert superior_ability(ruined[:, 0], ruined[:, 1:], seed=1) is Undefined.RUINED
    assert superior_ability(losses[:, 0], losses[:, [0]], seed=1) is Undefined.NO_VARIATION
    with pytest.raises(BadInput, match="same sessions"):
        mean_difference_interval(losses[:, 0], losses[:-1, 0], seed=1)
    with pytest.raises(BadInput, match="same sessions"):
        superior_ability(losses[:, 0], losses[:-1, 1:], seed=1)
    with pytest.raises(BadInput, match="1 or more"):
        mean_difference_interval(losses[:, 0], losses[:, 1], seed=1, length=0)
    with pytest.raises(BadInput, match="1 or more"):
        mean_difference_interval(losses[:, 0], losses[:, 1], seed=1, resamples=0)
