"""The steps that ask whether luck would show the same: Sharpe ratios, bootstrap interval, online false discoveries.

All of them read one series, the daily difference from the base on every session that may be used. Each refuses what
no time could mend, and says how many weeks are missing where time could.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.metrics.bootstrap import mean_difference_interval
from engine.metrics.sharpe import Moments, minimum_track_record, moments, probabilistic_sharpe
from engine.metrics.undefined import Undefined
from engine.research.gate_difference import number, weeks
from engine.research.gate_evidence import Evidence
from engine.research.gate_trials import deflate, p_value, stream_before
from engine.research.verdict import Step


def probabilistic(evidence: Evidence) -> Step:
    """Is the true Sharpe ratio of the difference above 0, with the confidence of the settings?

    Weeks needed: (minimum track record - T) sessions.
    """
    name = "probabilistic_sharpe"
    track = moments(evidence.difference)
    if isinstance(track, Undefined):
        return _undefined(name, track)
    settings = evidence.settings
    sure = probabilistic_sharpe(track, convention=settings.convention)
    figures = _sharpe_figures(evidence, track) | {"probability": number(sure)}
    if isinstance(sure, Undefined):
        return _undefined(name, sure)
    if track.sharpe <= 0:
        return Step(name=name, outcome="fail", reason="not_above_zero", figures=figures)
    if sure < settings.confidence:
        figures["weeks"] = _weeks(evidence, track)
        return Step(name=name, outcome="unknown", reason="not_sure", figures=figures)
    return Step(name=name, outcome="pass", reason="sure", figures=figures)


def deflated(evidence: Evidence) -> Step:
    """Is it above what the best of all trials so far would show by luck?

    At or below that value no record is long enough at this Sharpe ratio, so the candidate is refused; above it but
    unsure, the weeks are those of the minimum track record against that value.
    """
    name = "deflated_sharpe"
    track = moments(evidence.difference)
    if isinstance(track, Undefined):
        return _undefined(name, track)
    found = deflate(evidence, track)
    result, year = found.sharpe, float(np.sqrt(evidence.windows.periods))
    figures = _sharpe_figures(evidence, track) | {
        "probability": number(result.probability),
        "luck": result.expected_maximum * year,
        "raw_trials": found.count.raw,
        "trials": result.trials,
        "cluster_threshold": found.count.threshold,
        "variance": result.variance,
        "measured_variance": found.measured_variance,
    }
    if isinstance(result.probability, Undefined):
        return _undefined(name, result.probability)
    if track.sharpe <= max(result.expected_maximum, 0.0):
        return Step(name=name, outcome="fail", reason="luck_is_enough", figures=figures)
    if result.probability < evidence.settings.confidence:
        figures["weeks"] = _weeks(evidence, track, result.expected_maximum)
        return Step(name=name, outcome="unknown", reason="not_sure", figures=figures)
    return Step(name=name, outcome="pass", reason="beyond_luck", figures=figures)


def bootstrap(evidence: Evidence) -> Step:
    """Does the block-bootstrap interval of the mean daily difference lie above 0?

    Weeks needed: the interval shrinks with the root of time, so T * ((mean - low) / mean)² - T sessions.
    """
    settings, periods = evidence.settings, evidence.windows.periods
    pair = evidence.pair()
    found = mean_difference_interval(
        pair.candidate * evidence.scale,
        pair.base,
        seed=settings.seed,
        resamples=settings.resamples,
        confidence=settings.confidence,
    )
    if isinstance(found, Undefined):
        return _undefined("bootstrap", found)
    figures: dict[str, Any] = {
        "low": found.low * periods,
        "mean": found.mean * periods,
        "high": found.high * periods,
        "confidence": found.confidence,
        "share_not_above_zero": found.share_not_above_zero,
        "block_length": found.block_length,
        "resamples": found.resamples,
    }
    if found.low > 0:
        return Step(name="bootstrap", outcome="pass", reason="above_zero", figures=figures)
    if found.high <= 0:
        return Step(name="bootstrap", outcome="fail", reason="below_zero", figures=figures)
    if found.mean > 0:
        sessions = len(pair.base) * (((found.mean - found.low) / found.mean) ** 2 - 1)
        figures["weeks"] = weeks(sessions, evidence.windows.sessions_a_week)
    return Step(name="bootstrap", outcome="unknown", reason="holds_zero", figures=figures)


def online_fdr(evidence: Evidence) -> Step:
    """Is its p-value at or below the level that LORD++ leaves it in the stream of all candidates ever gated?

    Weeks needed: the minimum track record at the confidence 1 - level.
    """
    before = stream_before(evidence)
    value, level = p_value(evidence), before.level
    figures: dict[str, Any] = {
        "p_value": value,
        "level": level,
        "fdr": before.alpha,
        "tests_before": before.tests,
        "promotions_before": len(before.discovered_at),
    }
    if value <= level:
        return Step(name="online_fdr", outcome="pass", reason="discovery", figures=figures)
    track = moments(evidence.difference)
    if not isinstance(track, Undefined) and track.sharpe > 0:
        figures["weeks"] = _weeks(evidence, track, confidence=1 - level)
    return Step(name="online_fdr", outcome="unknown", reason="above_level", figures=figures)


def _sharpe_figures(evidence: Evidence, track: Moments) -> dict[str, Any]:
    return {
        "sharpe": track.sharpe * float(np.sqrt(evidence.windows.periods)),
        "sessions": track.observations,
        "skew": track.skew,
        "kurtosis": track.kurtosis,
        "confidence": evidence.settings.confidence,
        "convention": evidence.settings.convention,
    }


def _weeks(evidence: Evidence, track: Moments, benchmark: float = 0.0, confidence: float | None = None) -> int | None:
    settings = evidence.settings
    needed = minimum_track_record(track, benchmark, confidence or settings.confidence, settings.convention)
    return weeks(needed - track.observations, evidence.windows.sessions_a_week)


def _undefined(name: str, why: Undefined) -> Step:
    return Step(name=name, outcome="unknown", reason="undefined", figures={"why": why.value})
