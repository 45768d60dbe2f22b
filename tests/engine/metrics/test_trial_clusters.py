"""Trials that did the same are one trial."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.metrics.deflated_sharpe import deflated_sharpe
from engine.metrics.sharpe import moments
from engine.metrics.trial_clusters import cluster_trials, correlation_distances, mean_returns
from engine.metrics.undefined import Undefined


def families(counts: list[int], sessions: int = 500, noise: float = 0.3, seed: int = 4) -> np.ndarray:
    """Trials in families: each member is the family's own series and some noise of its own."""
    generator = np.random.default_rng(seed)
    columns = []
    for count in counts:
        core = generator.normal(size=(sessions, 1))
        columns.append(core + noise * generator.normal(size=(sessions, count)))
    return 0.01 * np.hstack(columns)


def test_each_family_is_one_trial():
    clusters = cluster_trials(families([5, 1, 3]))
    assert clusters.effective_trials == 3
    assert clusters.raw_trials == 9
    assert clusters.membership.tolist() == [0] * 5 + [1] + [2] * 3
    assert clusters.threshold == 0.5


def test_the_variance_is_taken_across_the_mean_returns_of_the_clusters():
    returns = families([5, 1, 3])
    clusters = cluster_trials(returns)
    groups = (returns[:, :5].mean(axis=1), returns[:, 5], returns[:, 6:].mean(axis=1))
    sharpes = [series.mean() / series.std(ddof=1) for series in groups]
    assert clusters.sharpes == pytest.approx(sharpes, abs=1e-12)
    assert clusters.sharpe_variance == pytest.approx(np.var(sharpes, ddof=1), abs=1e-12)


def test_a_higher_threshold_never_counts_fewer_trials():
    returns = families([4, 4, 4], noise=1.0)
    counts = [cluster_trials(returns, threshold).effective_trials for threshold in (0.1, 0.3, 0.5, 0.7, 0.99)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == 12


def test_opposite_trials_are_two_trials():
    returns = families([1])
    assert cluster_trials(np.hstack([returns, -returns])).effective_trials == 2


@given(st.permutations(range(8)), st.lists(st.sampled_from([0.5, 2.0, 8.0]), min_size=8, max_size=8))
def test_neither_the_order_nor_the_leverage_of_trials_changes_their_number(order, leverage):
    returns = families([3, 1, 4], sessions=120)
    clusters = cluster_trials(returns)
    moved = cluster_trials(returns[:, order] * np.array(leverage))
    assert moved.effective_trials == clusters.effective_trials
    same = clusters.membership[:, None] == clusters.membership
    assert ((moved.membership[:, None] == moved.membership) == same[np.ix_(order, order)]).all()


@given(st.integers(1, 6), st.integers(1, 5))
def test_copies_add_no_trial(trials, copies):
    returns = families([1] * trials, sessions=60)
    alone, repeated = cluster_trials(returns), cluster_trials(np.tile(returns, copies))
    assert repeated.effective_trials == alone.effective_trials
    assert repeated.raw_trials == trials * copies


def test_one_trial_is_one_cluster_and_is_not_deflated():
    returns = families([1])
    clusters = cluster_trials(returns)
    assert (clusters.effective_trials, clusters.membership.tolist()) == (1, [0])
    assert clusters.sharpe_variance is Undefined.NO_ALTERNATIVE
    assert deflated_sharpe(moments(returns[:, 0]), clusters.effective_trials, 0.0).expected_maximum == 0.0


def test_trials_that_never_move_are_one_trial_without_a_sharpe_ratio():
    returns = families([2, 1])
    idle = np.zeros((500, 3))
    idle[:, 1] = 0.0001
    clusters = cluster_trials(np.hstack([idle, returns]))
    assert clusters.membership.tolist() == [0, 0, 0, 1, 1, 2]
    assert clusters.sharpes[0] is Undefined.NO_VARIATION
    assert clusters.sharpe_variance == pytest.approx(np.var(clusters.sharpes[1:], ddof=1))


def test_only_trials_that_never_move():
    clusters = cluster_trials(np.zeros((30, 4)))
    assert (clusters.effective_trials, clusters.sharpe_variance) == (1, Undefined.NO_ALTERNATIVE)
    unknown = cluster_trials(np.full((30, 2), np.nan))
    assert (unknown.effective_trials, unknown.sharpes) == (1, (Undefined.TOO_FEW_SESSIONS,))


def test_trials_are_compared_over_the_sessions_that_both_have():
    returns = families([3, 2])
    gaps = returns.copy()
    gaps[:200, 1] = np.nan
    gaps[300:, 4] = np.nan
    assert cluster_trials(gaps).membership.tolist() == [0, 0, 0, 1, 1]
    distances = correlation_distances(gaps)
    shared = np.corrcoef(returns[200:, 0], returns[200:, 1])[0, 1]
    assert distances[0] == pytest.approx(math.sqrt((1 - shared) / 2), abs=1e-12)


def test_trials_with_few_or_no_sessions_in_common_are_unrelated():
    series = families([1], sessions=100)[:, 0]
    early, late = series.copy(), series.copy()
    early[60:], late[:41] = np.nan, np.nan
    assert cluster_trials(np.column_stack([early, late])).effective_trials == 2
    late[40] = series[40]
    assert cluster_trials(np.column_stack([early, late])).effective_trials == 1


def test_a_trial_that_is_still_in_the_shared_sessions_is_unrelated():
    series = families([1], sessions=100)[:, 0]
    still_first, no_end = series.copy(), series.copy()
    still_first[:50] = 0.0
    no_end[50:] = np.nan
    assert correlation_distances(np.column_stack([still_first, no_end])) == pytest.approx([math.sqrt(0.5)])


@given(st.integers(2, 7), st.integers(0, 2**32 - 1))
def test_distances_are_those_of_the_correlation_matrix(trials, seed):
    returns = np.random.default_rng(seed).normal(size=(50, trials))
    full = np.corrcoef(returns, rowvar=False)
    expected = [math.sqrt((1 - full[i, j]) / 2) for i in range(trials) for j in range(i + 1, trials)]
    assert correlation_distances(returns) == pytest.approx(expected, abs=1e-9)


def test_strips_give_the_distances_of_one_piece(monkeypatch):
    returns = families([4, 3, 2])
    gaps = returns.copy()
    gaps[::7, 3] = np.nan
    whole, whole_gaps = correlation_distances(returns), correlation_distances(gaps)
    monkeypatch.setattr("engine.metrics.trial_clusters.STRIP", 2)
    assert correlation_distances(returns) == pytest.approx(whole, abs=1e-12)
    assert correlation_distances(gaps) == pytest.approx(whole_gaps, abs=1e-12)


@pytest.mark.parametrize("batch", [5, 7, 11])
def test_batches_find_the_families_that_are_spread_over_them(batch):
    returns = families([4, 4, 4], noise=0.1)
    spread = returns[:, [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]]
    clusters = cluster_trials(spread, largest_batch=batch)
    assert clusters.membership.tolist() == [0, 1, 2] * 4
    assert clusters.sharpes == pytest.approx(cluster_trials(spread).sharpes, abs=1e-12)


def test_batches_of_unrelated_trials_come_to_an_end_and_small_ones_count_too_many_rather_than_too_few():
    assert cluster_trials(families([1] * 9), largest_batch=2).effective_trials == 9
    assert 3 <= cluster_trials(families([4, 4, 4], noise=0.1), largest_batch=2).effective_trials <= 12


def test_a_mean_return_is_taken_over_the_members_that_have_one():
    returns = np.array([[0.01, np.nan, 0.05], [0.02, 0.04, np.nan]])
    means = mean_returns(returns, np.array([0, 0, 1]))
    assert means[:, 0] == pytest.approx([0.01, 0.03])
    assert means[0, 1] == 0.05
    assert np.isnan(means[1, 1])


def test_no_trial_and_an_impossible_threshold_are_refused():
    with pytest.raises(BadInput, match="one trial at least"):
        cluster_trials(np.empty((10, 0)))
    with pytest.raises(BadInput, match="between 0 and 1"):
        cluster_trials(families([2]), threshold=1.0)
    with pytest.raises(BadInput, match="2 or more"):
        cluster_trials(families([2]), largest_batch=1)
