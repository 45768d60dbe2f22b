"""The variants of a walk forward as trials of the ledger."""

from __future__ import annotations

import numpy as np

from engine.data.panel import Panel
from engine.ledger.ledger import Ledger
from engine.ledger.trials import WALK_FORWARD, record_trials
from engine.metrics.undefined import Undefined
from engine.research.sweep import Sweep
from engine.research.sweep_trials import facts_of, trial_of
from engine.research.walk_forward import WalkForward, stretch


def count_variants(ledger: Ledger, sweep: Sweep, panel: Panel, result: WalkForward) -> int:
    """Record every variant that ran, with its daily difference from the unchanged rules, and say how many.

    A variant that a sweep has tried on the same range has the same name and is not counted twice. The unchanged rules
    are the yardstick and no trial, unless the grid has them.
    """
    facts = facts_of(sweep, panel)
    trials = []
    for row in result.variants.tracks:
        if row.track is None:
            continue
        returns = np.asarray(row.track.returns)
        found = stretch(returns, facts.periods)
        figures = {
            "own_sharpe": None if isinstance(found.sharpe, Undefined) else found.sharpe,
            "total_return": found.total_return,
            "max_drawdown": found.max_drawdown,
            "trades": row.track.trades,
        }
        trials.append(trial_of(facts, WALK_FORWARD, row.rules_hash, returns, figures))
    record_trials(ledger, trials)
    return len(trials)
