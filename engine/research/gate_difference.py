"""The one series that the gate judges: what a candidate adds to the rules in force, day by day.

A change of an entry is judged by the plain difference of the two daily returns. A change of exits, sizes and risk rules
alone may rightly give up return for calm, so there the candidate's returns are first brought to the volatility of the
base: the mean of that difference is the base's volatility times the difference of the two Sharpe ratios. The factor is
measured on the training window, used unchanged on the untouched one, and kept between a half and two, because nobody
can lend a portfolio any leverage.

Source: F. Modigliani and L. Modigliani, "Risk-adjusted performance", Journal of Portfolio Management 23 (1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any

import numpy as np

from engine.metrics.drawdown import drawdowns
from engine.metrics.ratios import sharpe, varies
from engine.metrics.returns import Floats
from engine.metrics.undefined import Undefined
from engine.research.candidate import Candidate
from engine.research.gate_runs import RunFigures
from engine.rules.tree import Buy, Category, Sell

LEAST_SCALE, MOST_SCALE = 0.5, 2.0
# A sale of the same name on the same day counts as changed from this relative change of its weight on.
WEIGHT_MOVED = 0.1


@dataclass(frozen=True, slots=True)
class Pair:
    """Daily returns of both rule sets over the same sessions."""

    base: Floats
    candidate: Floats

    def joined(self, later: Pair | None) -> Pair:
        """This window and a later one as one series; what lies between them is left out."""
        if later is None:
            return self
        return Pair(np.concatenate([self.base, later.base]), np.concatenate([self.candidate, later.candidate]))

    def difference(self, scale: float = 1.0) -> Floats:
        """What the candidate adds, a session each."""
        return self.candidate * scale - self.base


def matches_volatility(candidate: Candidate) -> bool:
    """Whether the difference is taken at equal volatility: no entry, no interval and no order of rules changes."""
    calm = {Category.EXIT.value, Category.RISK.value, Category.SIZING.value}
    return all(change.category in calm for change in candidate.changes if change.trades)


def volatility_scale(pair: Pair) -> float:
    """The factor that brings the candidate's returns to the base's volatility, within its bounds."""
    if not varies(pair.base) or not varies(pair.candidate):
        return 1.0
    return float(np.clip(pair.base.std() / pair.candidate.std(), LEAST_SCALE, MOST_SCALE))


def window_figures(pair: Pair, scale: float, periods: int) -> dict[str, Any]:
    """What both did in a window, and the difference in a year; None where a figure has no value."""
    difference = pair.difference(scale)
    figures: dict[str, Any] = {"sessions": len(difference)}
    for name, returns in (("base", pair.base), ("candidate", pair.candidate)):
        curve = np.append(1.0, np.cumprod(1 + returns))
        figures[f"{name}_return"] = float(curve[-1] - 1)
        figures[f"{name}_sharpe"] = number(sharpe(returns, periods))
        figures[f"{name}_drawdown"] = float(drawdowns(curve).min())
    figures["difference"] = float(difference.mean() * periods)
    figures["difference_sharpe"] = number(sharpe(difference, periods))
    return figures


def number(value: float | Undefined) -> float | None:
    """A figure for JSON."""
    return None if isinstance(value, Undefined) or not isfinite(value) else float(value)


def trades_behind(candidate: Candidate, base: RunFigures, proposed: RunFigures, changed: int) -> int:
    """Trades that the evidence rests on.

    Where the candidate only adds or removes triggers and exits: filled orders that name them. Where it changes
    anything else: sales that differ between the two runs.
    """
    total = 0
    for change in (change for change in candidate.changes if change.trades):
        rule = change.new if change.kind == "added" else change.old
        if change.kind not in ("added", "removed") or rule is None or not isinstance(rule.action, Buy | Sell):
            return changed
        rules, figures = (candidate.rules, proposed) if change.kind == "added" else (candidate.base, base)
        places = [one.id for one in rules.rules] if rules else []
        total += int(figures.filled[places.index(rule.id)])
    return total


def changed_sales(base: RunFigures, proposed: RunFigures) -> tuple[int, int]:
    """Sales that differ, and the sessions on which they do.

    A sale differs when the other run does not sell that name on that day, or sells a share of its equity that is
    more than a tenth larger or smaller. Weights are compared and not shares, so that the different wealth that an
    early difference leaves is no difference.
    """
    names = int(max(base.sale_columns.max(initial=0), proposed.sale_columns.max(initial=0))) + 1
    mine = proposed.sale_days * names + proposed.sale_columns
    theirs = base.sale_days * names + base.sale_columns
    _, here, there = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    new, old = proposed.sale_weights[here], base.sale_weights[there]
    moved = np.abs(new - old) > WEIGHT_MOVED * np.maximum(new, old)
    only_mine, only_theirs = np.setdiff1d(mine, theirs), np.setdiff1d(theirs, mine)
    differing = np.concatenate([only_mine, only_theirs, mine[here][moved]])
    count = int(np.count_nonzero(moved)) + max(len(only_mine), len(only_theirs))
    return count, len(np.unique(differing // names))


def weeks(sessions: float, sessions_a_week: float) -> int | None:
    """Whole weeks that so many sessions take, None where no time is long enough."""
    return ceil(max(sessions, 0.0) / sessions_a_week) if isfinite(sessions) else None
