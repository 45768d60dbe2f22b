"""How many trials were really made: variants whose daily returns move together are one trial.

A hundred lengths of the same moving average are not a hundred independent chances to be lucky. Trials are clustered by
the correlation of their daily returns, each cluster is represented by the mean return of its members, and the deflated
Sharpe ratio takes the number of clusters and the variance of their Sharpe ratios.

Source: M. López de Prado and M. J. Lewis, "Detection of false investment strategies using unsupervised learning
methods", Quantitative Finance 19 (2019), with plain average linkage instead of their choice of the number of clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput
from engine.metrics.ratios import varies
from engine.metrics.returns import Floats
from engine.metrics.sharpe import moments
from engine.metrics.undefined import Figure, Undefined

Labels = NDArray[np.int64]

# Pairs grow with the square: 5,000 trials have 12.5 million distances, 100 MB and as much again while they are linked.
LARGEST_BATCH = 5_000
# Fewer shared sessions say nothing about how two trials move together.
LEAST_SHARED_SESSIONS = 20
# Columns whose correlations with all others are computed at once.
STRIP = 256
# A column moves in the sessions it shares with another if its variance there is above rounding.
VARIANCE_FLOOR = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Trials grouped by what they did.

    Args:
        effective_trials: number of clusters.
        raw_trials: number of trials.
        sharpe_variance: variance (ddof 1) of the Sharpe ratios per observation across clusters.
        sharpes: Sharpe ratio per observation of each cluster's mean return.
        membership: cluster of each trial, numbered from 0 in the order in which they first occur.
        threshold: mean correlation from which trials are counted as one.
    """

    effective_trials: int
    raw_trials: int
    sharpe_variance: Figure
    sharpes: tuple[Figure, ...]
    membership: Labels
    threshold: float


def cluster_trials(returns: Floats, threshold: float = 0.5, largest_batch: int = LARGEST_BATCH) -> Clusters:
    """Group trials by the correlation of their daily returns.

    Shapes: returns (sessions, trials), not a number where a trial has no return.
    Distance is sqrt((1 - correlation) / 2); average linkage, cut at the distance that belongs to `threshold`.
    Correlations are taken over the sessions that both trials have; with fewer than 20 of them, or where one does not
    move, trials count as unrelated, which is the stricter side. Trials that never move at all are one cluster
    together, without a Sharpe ratio: they all did nothing. More than `largest_batch` trials are clustered batch by
    batch, likely relatives in the same batch, and then the mean returns of the batches' clusters among each other;
    relatives that this misses count twice, which is the stricter side.

    Raises:
        BadInput: no trial, or a threshold that is no correlation.
    """
    trials = returns.shape[1]
    if not trials:
        raise BadInput("There is no trial to count: what was measured is one trial at least.")
    if not 0 < threshold < 1:
        raise BadInput(f"The threshold {threshold:g} is no correlation between 0 and 1; 0.5 is usual.")
    if largest_batch < 2:
        raise BadInput(f"A batch of {largest_batch} trials holds nothing to compare: use 2 or more.")
    moving = _moves(returns)
    labels = np.full(trials, -1, dtype=np.int64)
    places = np.flatnonzero(moving)
    if len(places):
        labels[places] = _batched_labels(returns[:, places], threshold, largest_batch)
    labels[~moving] = labels.max() + 1
    membership = _in_order_of_appearance(labels)
    representatives = mean_returns(returns, membership)
    sharpes = tuple(_sharpe(series) for series in representatives.T)
    known = [value for value in sharpes if not isinstance(value, Undefined)]
    return Clusters(
        effective_trials=representatives.shape[1],
        raw_trials=trials,
        sharpe_variance=float(np.var(known, ddof=1)) if len(known) > 1 else Undefined.NO_ALTERNATIVE,
        sharpes=sharpes,
        membership=membership,
        threshold=threshold,
    )


def mean_returns(returns: Floats, membership: Labels) -> Floats:
    """Equal-weight mean return of each cluster's members in each session, over the members that have one.

    Shapes: returns (sessions, trials), membership (trials,) -> (sessions, clusters); not a number where no member
    has a return.
    """
    result = np.full((len(returns), int(membership.max()) + 1), np.nan)
    for cluster in range(result.shape[1]):
        members = returns[:, membership == cluster]
        known = np.isfinite(members)
        count = known.sum(axis=1)
        np.divide(np.where(known, members, 0.0).sum(axis=1), count, out=result[:, cluster], where=count > 0)
    return result


def _batched_labels(returns: Floats, threshold: float, largest_batch: int) -> Labels:
    trials = returns.shape[1]
    if trials <= largest_batch:
        return _linked_labels(returns, threshold)
    labels = np.empty(trials, dtype=np.int64)
    representatives = []
    found = 0
    order = _alike_beside_each_other(returns)
    for start in range(0, trials, largest_batch):
        places = order[start : start + largest_batch]
        here = _in_order_of_appearance(_linked_labels(returns[:, places], threshold))
        labels[places] = here + found
        representatives.append(mean_returns(returns[:, places], here))
        found += representatives[-1].shape[1]
    if found == trials:  # No two trials of a batch are related: another round would only repeat that.
        return labels
    return _batched_labels(np.hstack(representatives), threshold, largest_batch)[labels]


def _alike_beside_each_other(returns: Floats) -> Labels:
    """Order of the trials by their correlation with the mean of all, which related trials have in common."""
    common = np.nan_to_num(mean_returns(returns, np.zeros(returns.shape[1], dtype=np.int64))[:, 0])
    centred = np.nan_to_num(returns - np.nanmean(returns, axis=0))
    return np.argsort(common @ centred / np.sqrt((centred * centred).sum(axis=0)), kind="stable")


def _linked_labels(returns: Floats, threshold: float) -> Labels:
    if returns.shape[1] == 1:
        return np.zeros(1, dtype=np.int64)
    # Imported here because it takes half a second, which no command should pay that counts no trials.
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415

    distances = correlation_distances(returns)
    tree = linkage(distances, method="average")
    return np.asarray(fcluster(tree, t=_distance(threshold), criterion="distance"), dtype=np.int64)


def correlation_distances(returns: Floats) -> Floats:
    """sqrt((1 - correlation) / 2) of every pair of columns, in the order (0, 1), (0, 2), … (1, 2), ….

    Shapes: returns (sessions, trials) -> (trials * (trials - 1) / 2,). Strip by strip, so that only the result grows
    with the square of the trials.
    """
    trials = returns.shape[1]
    known = np.isfinite(returns)
    centred = returns - np.nanmean(returns, axis=0)
    shared = None
    if known.all():
        centred /= np.sqrt((centred * centred).sum(axis=0))
    else:
        centred[~known] = 0.0
        shared = _SharedSessions(centred, known)
    distances = np.empty(trials * (trials - 1) // 2)
    filled = 0
    for start in range(0, trials, STRIP):
        stop = min(start + STRIP, trials)
        correlations = centred[:, start:stop].T @ centred[:, start:]
        if shared is not None:
            correlations = shared.correlations(correlations, start, stop)
        for row in range(stop - start):
            values = correlations[row, row + 1 :]
            distances[filled : filled + len(values)] = np.sqrt(np.clip((1 - values) / 2, 0.0, 1.0))
            filled += len(values)
    return distances


class _SharedSessions:
    """Sums of each column over the sessions that another one has too.

    They depend on the other only by which sessions it has, and such patterns are few: trials of one range share theirs.
    """

    def __init__(self, centred: Floats, known: NDArray[np.bool_]) -> None:
        """Shapes: centred and known (sessions, trials); unknown values are 0 in `centred`."""
        packed = np.ascontiguousarray(np.packbits(known, axis=0).T)
        _, first, self.pattern = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        masks = known[:, first].astype(np.float64)
        # Sessions in common of two patterns; sum and sum of squares of a trial over the sessions of a pattern.
        self.counts = masks.T @ masks
        self.sums = masks.T @ centred
        self.squares = masks.T @ (centred * centred)

    def correlations(self, products: Floats, start: int, stop: int) -> Floats:
        """Correlation of trials start … stop with all from start on; 0 where the shared sessions say nothing.

        Shapes: products (stop - start, trials - start), sums of products over all sessions.
        """
        left, right = self.pattern[start:stop], self.pattern[start:]
        count = self.counts[np.ix_(left, right)]
        left_sum, right_sum = self.sums[right, start:stop].T, self.sums[left, start:]
        left_square, right_square = self.squares[right, start:stop].T, self.squares[left, start:]
        shared = np.maximum(count, 1.0)
        left_spread = left_square - left_sum * left_sum / shared
        right_spread = right_square - right_sum * right_sum / shared
        says = (
            (count >= LEAST_SHARED_SESSIONS)
            & (left_spread > VARIANCE_FLOOR * left_square)
            & (right_spread > VARIANCE_FLOOR * right_square)
        )
        product = np.where(says, left_spread, 1.0) * np.where(says, right_spread, 1.0)
        result = np.zeros_like(products)
        np.divide(products - left_sum * right_sum / shared, np.sqrt(product), out=result, where=says)
        return result


def _moves(returns: Floats) -> NDArray[np.bool_]:
    return np.array(
        [varies(series[np.isfinite(series)]) if np.isfinite(series).any() else False for series in returns.T]
    )


def _sharpe(series: Floats) -> Figure:
    measured = moments(series[np.isfinite(series)])
    return measured if isinstance(measured, Undefined) else measured.sharpe


def _distance(correlation: float) -> float:
    return sqrt((1 - correlation) / 2)


def _in_order_of_appearance(labels: Labels) -> Labels:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
