"""The candidate as a trial: how many there have been with it, which p-values came before it, and its own row.

What is kept of a gated candidate is its daily difference from the base, not its returns: rules added to one prompt all
earn nearly the same, and would count as one trial whatever they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.ledger.ledger import Ledger
from engine.ledger.trials import CANDIDATE, RecordedTrial, Trial, WindowReturns, fdr_history, record_trials
from engine.ledger.trials import recorded_trials as all_trials
from engine.metrics.deflated_sharpe import DeflatedSharpe, deflated_sharpe
from engine.metrics.online_fdr import LordPlusPlus
from engine.metrics.sharpe import Moments, moments, probabilistic_sharpe
from engine.metrics.undefined import Undefined
from engine.research.gate_evidence import Evidence
from engine.research.trial_count import TrialCount, count_trials
from engine.research.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """The deflated Sharpe ratio with what it was computed from.

    Args:
        sharpe: the result.
        count: trials so far, this one included.
        measured_variance: of the Sharpe ratios across clusters of trials; None where there are too few of them.
    """

    sharpe: DeflatedSharpe
    count: TrialCount
    measured_variance: float | None


def count_with(evidence: Evidence) -> TrialCount:
    """All trials of the dataset, this one included, whether it is in the ledger already or not."""
    mine = WindowReturns(
        sessions=evidence.sessions,
        candidates=(evidence.candidate_hash,),
        returns=evidence.difference[:, None],
    )
    threshold = evidence.settings.cluster_threshold
    if evidence.ledger is None:
        return TrialCount(raw=1, effective=1, threshold=threshold, clusters=None)
    also = () if _own_trials(evidence, evidence.ledger) else (mine,)
    return count_trials(evidence.ledger, dataset=evidence.dataset, threshold=threshold, also=also)


def deflate(evidence: Evidence, track: Moments) -> Deflated:
    """The deflated Sharpe ratio of the difference.

    The variance of the Sharpe ratios is that across clusters of trials, at least 1 / (T - 1), which is what useless
    rules show. With few clusters it is 1 / (T - 1): two trials of which one is very bad have a large variance that
    says nothing about luck.
    """
    count = count_with(evidence)
    measured = None if count.clusters is None else count.clusters.sharpe_variance
    enough = count.effective >= evidence.settings.least_clusters
    known = measured if isinstance(measured, float) and enough else None
    variance = max(known or 0.0, 1 / (track.observations - 1))
    result = deflated_sharpe(track, count.effective, variance, evidence.settings.convention)
    return Deflated(sharpe=result, count=count, measured_variance=known)


def stream_before(evidence: Evidence) -> LordPlusPlus:
    """The online tests of the candidates that were gated before this one; a repetition takes its old place."""
    settings = evidence.settings
    state = LordPlusPlus(alpha=settings.fdr, initial_wealth=settings.fdr_wealth)
    if evidence.ledger is None:
        return state
    own = {trial.trial_id for trial in _own_trials(evidence, evidence.ledger)}
    for step in fdr_history(evidence.ledger, dataset=evidence.dataset):
        if step.trial_id in own:
            break
        state = state.update(step.p_value)
    return state


def p_value(evidence: Evidence) -> float:
    """Probability of a difference this good if the candidate adds nothing: 1 - the probabilistic Sharpe ratio.

    1 where the difference does not vary. Every candidate that was evaluated gives one, those that failed in training
    too: a stream of good ones only would not be one of fair tests.
    """
    track = moments(evidence.difference)
    if isinstance(track, Undefined):
        return 1.0
    sure = probabilistic_sharpe(track, convention=evidence.settings.convention)
    return 1.0 if isinstance(sure, Undefined) else 1.0 - sure


def record(evidence: Evidence, verdict: Verdict) -> None:
    """Count the candidate as a trial; call it when the whole evaluation has run."""
    if evidence.ledger is None:
        return
    difference = evidence.difference
    track = moments(difference)
    yearly = 0.0 if isinstance(track, Undefined) else track.sharpe * float(np.sqrt(evidence.windows.periods))
    record_trials(
        evidence.ledger,
        [
            Trial(
                kind=CANDIDATE,
                candidate_hash=evidence.candidate_hash,
                baseline_hash=evidence.base_hash,
                data_hash=evidence.panel.manifest.content_hash,
                dataset=evidence.dataset,
                config_hash=evidence.config_hash,
                verdict=verdict.decision,
                metrics={"sharpe": yearly, "reason": verdict.reason, "series": "difference"},
                daily_returns=difference,
                sessions=evidence.sessions,
                p_value=p_value(evidence),
            )
        ],
    )


def _own_trials(evidence: Evidence, ledger: Ledger) -> list[RecordedTrial]:
    """Earlier trials of this very variant: the same rules, configuration and sessions."""
    days = evidence.sessions
    ends = tuple(np.datetime64(int(day), "D").item() for day in (days[0], days[-1]))
    return [
        trial
        for trial in all_trials(ledger, dataset=evidence.dataset)
        if trial.candidate_hash == evidence.candidate_hash
        and trial.config_hash == evidence.config_hash
        and (trial.first, trial.last) == ends
    ]
