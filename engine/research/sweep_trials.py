"""The variants of a sweep as trials: each that was evaluated is counted, once, whatever was stopped in between.

What is kept of a variant is its daily difference from the unchanged rules, as of a gated candidate: the variants of one
rule set all earn nearly what it earns, and by their own returns a thousand of them would count as one trial.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from engine.metrics.ratios import sharpe
from engine.metrics.returns import periods_per_year
from engine.metrics.undefined import Undefined
from engine.research.identity import config_hash, rules_hash
from engine.research.sweep import OUTSIDE, Sweep
from engine.research.sweep_table import FIGURES
from engine.track import Track
from engine.variants import Variant, run_variants


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFacts:
    """What all trials of a sweep have in common.

    Args:
        dataset, data_hash, baseline_hash, config_hash, sessions: as in `engine.ledger.trials.Trial`.
        base_returns: float64[sessions] of the unchanged rules.
        periods: returns that make a year.
    """

    dataset: str
    data_hash: str
    baseline_hash: str
    config_hash: str
    sessions: NDArray[np.int64]
    base_returns: NDArray[np.float64]
    periods: int


def facts_of(sweep: Sweep, panel: Panel) -> TrialFacts:
    """The facts of a sweep on a panel; runs the unchanged rules once.

    Raises:
        ConfigError, DataError, RuleError: as `engine.backtest.backtest`.
    """
    tracks: Iterator[Track] = run_variants([Variant(sweep.rules, sweep.config)], panel, sweep.start, sweep.end)
    first, last = row_range(panel, sweep.start, sweep.end)
    return TrialFacts(
        dataset=dataset_key(panel.manifest, panel.interval),
        data_hash=panel.manifest.content_hash,
        baseline_hash=rules_hash(sweep.rules),
        config_hash=config_hash(sweep.config),
        sessions=np.unique(panel.session[first:last]),
        base_returns=next(tracks).returns,
        periods=periods_per_year(panel.interval),
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


def trial_of(
    facts: TrialFacts, kind: str, rules_hash: str, returns: NDArray[np.float64], metrics: Mapping[str, Any]
) -> Trial:
    """One variant as a trial: the difference from the unchanged rules, its yearly Sharpe ratio, and further figures."""
    difference = returns - facts.base_returns
    yearly = sharpe(difference, facts.periods)
    figures = {"sharpe": None if isinstance(yearly, Undefined) else yearly, "series": "difference"}
    return Trial(
        kind=kind,
        candidate_hash=rules_hash,
        baseline_hash=facts.baseline_hash,
        data_hash=facts.data_hash,
        dataset=facts.dataset,
        config_hash=facts.config_hash,
        metrics={**metrics, **figures},
        daily_returns=difference,
        sessions=facts.sessions,
    )


def _evaluated(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Variants of the grid that ran; unchanged rules that it does not have are the yardstick, nobody chose them."""
    return frame.filter(pl.col("returns").is_not_null() & (pl.col("variant") != OUTSIDE)).to_dicts()


def _trial(facts: TrialFacts, row: Mapping[str, Any]) -> Trial:
    figures = {name: row[name] for name in FIGURES if name != "sharpe"} | {"own_sharpe": row["sharpe"]}
    return trial_of(facts, SWEEP, row["rules_hash"], np.asarray(row["returns"], dtype=np.float64), figures)
