"""The steps "training" and "untouched": what the candidate adds, where it may have been fitted and where it cannot."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from engine.ledger.looks import Outcome as LookOutcome
from engine.ledger.looks import Window, look
from engine.metrics.sharpe import minimum_track_record, moments
from engine.metrics.undefined import Undefined
from engine.research.gate_difference import Pair, matches_volatility, trades_behind, weeks, window_figures
from engine.research.gate_evidence import STRESSES, Evidence
from engine.research.verdict import Step


def training(evidence: Evidence) -> Step:
    """Does the candidate add return on the training window, in enough trades to say so?

    Weeks needed with too few trades: those in which the missing trades come at the rate so far, T / trades * missing
    sessions, or those of the minimum track record of the difference, whichever is longer.
    """
    windows, settings = evidence.windows, evidence.settings
    pair, changed = evidence.training, evidence.changed_sales
    figures: dict[str, Any] = {
        "first": windows.training.first.isoformat(),
        "last": windows.training.last.isoformat(),
        "risk_adjusted": matches_volatility(evidence.candidate),
        "scale": evidence.scale,
        "changed_sales": changed[0],
    } | window_figures(pair, evidence.scale, windows.periods)
    trades = trades_behind(evidence.candidate, evidence.base_run, evidence.candidate_run, changed[0])
    figures |= {"trades": trades, "least_trades": settings.least_trades}
    difference = pair.difference(evidence.scale)
    if not np.abs(difference).max(initial=0.0) > 0:
        return Step(name="training", outcome="fail", reason="no_effect", figures=figures)
    if trades < settings.least_trades:
        missing = len(difference) * (settings.least_trades / trades - 1) if trades else inf
        track = moments(difference)
        record = 0.0
        if not isinstance(track, Undefined) and track.sharpe > 0:
            record = minimum_track_record(track, confidence=settings.confidence, convention=settings.convention)
        needed = max(missing, record - len(difference))
        figures["weeks"] = weeks(needed, windows.sessions_a_week)
        return Step(name="training", outcome="unknown", reason="too_few_trades", figures=figures)
    if figures["difference"] <= 0:
        return Step(name="training", outcome="fail", reason="worse", figures=figures)
    return Step(name="training", outcome="pass", reason="better", figures=figures)


def untouched(evidence: Evidence) -> Step:
    """Does it add return on sessions that no candidate was made from? Each candidate looks once.

    A candidate that has failed before does not look, so that it uses up nothing. A second look reads the first one's
    outcome from the ledger; if the first was made against other rules or under another configuration, its outcome is
    no answer to the present question and the window stays closed.
    """
    windows, seen = evidence.windows, evidence.windows.untouched
    figures: dict[str, Any] = {
        "number": seen.number,
        "rolled": seen.number > 1,
        "looks_used": seen.looks_used,
        "looks_per_window": evidence.settings.looks_per_window,
        "purge": windows.purge_sessions,
    }
    if seen.window is None:
        figures["missing"] = seen.missing_sessions
        figures["weeks"] = weeks(seen.missing_sessions, windows.sessions_a_week)
        return Step(name="untouched", outcome="unknown", reason="no_window", figures=figures)
    figures |= {"first": seen.window.first.isoformat(), "last": seen.window.last.isoformat()}
    if evidence.failed:
        return Step(name="untouched", outcome="unknown", reason="not_looked", figures=figures)
    told, repeated = _look(evidence, seen.window)
    figures |= {"repeated": repeated, "recorded": evidence.ledger is not None}
    if not repeated and evidence.ledger is not None:
        figures["looks_used"] += 1
    if (told["base"], told["config"]) != (evidence.base_hash, evidence.config_hash):
        return Step(name="untouched", outcome="unknown", reason="other_question", figures=figures)
    evidence.untouched = {
        name: Pair(np.array(told["series"][name]["base"]), np.array(told["series"][name]["candidate"]))
        for name in ("plain", *STRESSES)
    }
    pair = evidence.untouched["plain"]
    figures |= window_figures(pair, evidence.scale, windows.periods)
    if not np.abs(pair.difference(evidence.scale)).max(initial=0.0) > 0:
        return Step(name="untouched", outcome="unknown", reason="no_effect", figures=figures)
    if figures["difference"] <= 0:
        return Step(name="untouched", outcome="fail", reason="worse", figures=figures)
    return Step(name="untouched", outcome="pass", reason="better", figures=figures)


def _look(evidence: Evidence, window: Window) -> tuple[dict[str, Any], bool]:
    """What the candidate's look at the window said, and whether it was an earlier one."""

    def evaluate() -> LookOutcome:
        pairs = evidence.evaluate(window)
        added = float(pairs["plain"].difference(evidence.scale).mean())
        series = {
            name: {"base": pair.base.tolist(), "candidate": pair.candidate.tolist()} for name, pair in pairs.items()
        }
        figures = {"base": evidence.base_hash, "config": evidence.config_hash, "series": series}
        return LookOutcome(passed=added > 0, figures=figures)

    if evidence.ledger is None:
        return dict(evaluate().figures), False
    seen = look(
        evidence.ledger,
        dataset=evidence.dataset,
        data_hash=evidence.panel.manifest.content_hash,
        window=window,
        candidate_hash=evidence.candidate_hash,
        evaluate=evaluate,
        limit=evidence.settings.looks_per_window,
    )
    return dict(seen.outcome.figures), seen.repeated
