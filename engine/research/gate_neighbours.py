"""The step "overfitting": do rules with slightly other numbers add as much, or does the candidate stand alone?

It only warns. On pure noise of eight variants a probability of overfitting below 0.5 is as likely as one above it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.metrics.overfitting import pbo
from engine.metrics.ratios import sharpe
from engine.metrics.returns import Floats
from engine.metrics.undefined import Undefined
from engine.research.gate_difference import Pair, matches_volatility, number, volatility_scale
from engine.research.gate_evidence import Evidence
from engine.research.gate_runs import chunks, returns_of
from engine.research.verdict import Step
from engine.rules.constants import with_constants
from engine.rules.neighbours import neighbours


def overfitting(evidence: Evidence) -> Step:
    """PBO of the choice between the candidate and its neighbours, by what each adds on the training window.

    A neighbour has the constants of the new and changed rules moved by up to 40 %, at most three at once. It is a
    spike when fewer than half of the neighbours add anything.
    """
    settings, windows = evidence.settings, evidence.windows
    generator = np.random.default_rng(settings.seed)
    near = neighbours(evidence.rules, [rule.id for rule in evidence.judged], settings.neighbours, generator)
    figures: dict[str, Any] = {"neighbours": len(near.points), "wanted": settings.neighbours}
    if not near.points:
        return Step(name="overfitting", outcome="pass", reason="no_neighbours", figures=figures)
    rules = [with_constants(evidence.rules, point) for point in near.points]
    tasks = chunks(rules, evidence.config, windows.training.first, windows.training.last)
    returns = np.concatenate(list(evidence.workers.map(returns_of, tasks)), axis=1)
    added = np.column_stack([evidence.training.difference(evidence.scale), _differences(evidence, returns)])
    sharpes = [number(sharpe(series, windows.periods)) for series in added.T]
    mine, others = sharpes[0] or 0.0, [value or 0.0 for value in sharpes[1:]]
    figures |= {
        "sharpe": mine,
        "median_sharpe": float(np.median(others)),
        "share_above_zero": float(np.mean([value > 0 for value in others])),
        "share_better": float(np.mean([value > mine for value in others])),
        "sharpes": others,
        "most_pbo": settings.most_pbo,
        "most_loss": settings.most_loss,
    }
    found = pbo(added, settings.pbo_blocks)
    if isinstance(found, Undefined):
        return Step(name="overfitting", outcome="warn", reason="too_short", figures=figures)
    figures |= {"pbo": found.pbo, "probability_of_loss": found.probability_of_loss, "blocks": found.blocks}
    if mine <= 0:
        return Step(name="overfitting", outcome="warn", reason="nothing_added", figures=figures)
    if figures["share_above_zero"] < 0.5:
        return Step(name="overfitting", outcome="warn", reason="spike", figures=figures)
    if found.pbo > settings.most_pbo and found.probability_of_loss > settings.most_loss:
        return Step(name="overfitting", outcome="warn", reason="overfitted", figures=figures)
    return Step(name="overfitting", outcome="pass", reason="plateau", figures=figures)


def _differences(evidence: Evidence, returns: Floats) -> Floats:
    """What each neighbour adds, judged as the candidate is."""
    pairs = [Pair(evidence.training.base, series) for series in returns.T]
    matched = matches_volatility(evidence.candidate)
    return np.column_stack([pair.difference(volatility_scale(pair) if matched else 1.0) for pair in pairs])
