"""How many trials stand behind a Sharpe ratio: all that the ledger has, and how many of them were really different."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.ledger.ledger import Ledger
from engine.ledger.trials import WindowReturns, returns_by_window, trial_count
from engine.metrics.trial_clusters import Clusters, cluster_trials

THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCount:
    """The number of trials of one dataset.

    Args:
        raw: different variants ever tried.
        effective: clusters of variants whose daily returns move together; a variant without returns is one of its own.
        threshold: mean correlation from which variants are counted as one.
        clusters: with the variance of the Sharpe ratios across them; None where no returns were kept.
    """

    raw: int
    effective: int
    threshold: float
    clusters: Clusters | None


def count_trials(
    ledger: Ledger, *, dataset: str | None = None, threshold: float = THRESHOLD, also: Sequence[WindowReturns] = ()
) -> TrialCount:
    """Count the trials of a dataset, raw and effective.

    Args:
        ledger: any ledger.
        dataset: its lasting name; None counts every dataset together.
        threshold: see `engine.metrics.trial_clusters.cluster_trials`.
        also: variants that are being tried and are not in the ledger yet.
    """
    groups = [*returns_by_window(ledger, dataset=dataset), *also]
    raw = trial_count(ledger, dataset=dataset) + sum(len(group.candidates) for group in also)
    if not groups:
        return TrialCount(raw=raw, effective=raw, threshold=threshold, clusters=None)
    clusters = cluster_trials(aligned(groups), threshold)
    return TrialCount(
        raw=raw,
        effective=clusters.effective_trials + raw - clusters.raw_trials,
        threshold=threshold,
        clusters=clusters,
    )


def aligned(groups: Sequence[WindowReturns]) -> NDArray[np.float64]:
    """All variants on common rows: float64[T, N], one row a session, not a number where a variant has no return.

    Returns whose sessions were not kept share no row with any other group, so they count as unrelated to them.
    """
    dated = [group.sessions for group in groups if len(group.sessions)]
    days = np.unique(np.concatenate(dated)) if dated else np.zeros(0, dtype=np.int64)
    undated = sum(len(group.returns) for group in groups if not len(group.sessions))
    table = np.full((len(days) + undated, sum(len(group.candidates) for group in groups)), np.nan)
    row, column = len(days), 0
    for group in groups:
        width = len(group.candidates)
        if len(group.sessions):
            rows = np.searchsorted(days, group.sessions)
        else:
            rows = np.arange(row, row + len(group.returns))
            row += len(group.returns)
        table[rows, column : column + width] = group.returns
        column += width
    return table
