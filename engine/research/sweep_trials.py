"""The variants of a sweep as trials: each that was evaluated is counted, once, whatever was stopped in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.backtest import row_range
from engine.data.panel import Panel
from engine.ledger.ledger import Ledger
from engine.ledger.lineage import dataset_key
from engine.ledger.trials import EPOCH, SWEEP, Trial, record_trials, recorded_trials
from engine.research.identity import config_hash, rules_hash
from engine.research.sweep import Sweep
from engine.research.sweep_table import FIGURES


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFacts:
    """What all trials of a sweep have in common; arguments as in `engine.ledger.trials.Trial`."""

    dataset: str
    data_hash: str
    baseline_hash: str
    config_hash: str
    sessions: NDArray[np.int64]


def facts_of(sweep: Sweep, panel: Panel) -> TrialFacts:
    """The facts of a sweep on a panel."""
    first, last = row_range(panel, sweep.start, sweep.end)
    return TrialFacts(
        dataset=dataset_key(panel.manifest, panel.interval),
        data_hash=panel.manifest.content_hash,
        baseline_hash=rules_hash(sweep.rules),
        config_hash=config_hash(sweep.config),
        sessions=np.unique(panel.session[first:last]),
    )


def count_chunk(ledger: Ledger, facts: TrialFacts, frame: pl.DataFrame) -> None:
    """Record the variants of a chunk that has just run; points without a meaning are no trials."""
    record_trials(ledger, [_trial(facts, row) for row in _evaluated(frame)])


def count_missing(ledger: Ledger, facts: TrialFacts, frames: Sequence[pl.DataFrame]) -> int:
    """Record those variants of finished chunks that the ledger lacks, and say how many.

    A run that was killed between keeping a chunk and counting it, or that counted into another ledger, is made good.
    """
    first, last = (EPOCH + timedelta(days=int(facts.sessions[end])) for end in (0, -1))
    known = {
        trial.candidate_hash
        for trial in recorded_trials(ledger, dataset=facts.dataset)
        if (trial.data_hash, trial.config_hash, trial.first, trial.last)
        == (facts.data_hash, facts.config_hash, first, last)
    }
    missing = [
        _trial(facts, row) for frame in frames for row in _evaluated(frame) if str(row["rules_hash"]) not in known
    ]
    record_trials(ledger, missing)
    return len(missing)


def _evaluated(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.filter(pl.col("returns").is_not_null()).to_dicts()


def _trial(facts: TrialFacts, row: Mapping[str, Any]) -> Trial:
    return Trial(
        kind=SWEEP,
        candidate_hash=row["rules_hash"],
        baseline_hash=facts.baseline_hash,
        data_hash=facts.data_hash,
        dataset=facts.dataset,
        config_hash=facts.config_hash,
        metrics={name: row[name] for name in FIGURES},
        daily_returns=np.asarray(row["returns"], dtype=np.float64),
        sessions=facts.sessions,
    )
