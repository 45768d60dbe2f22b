"""Combinatorial purged paths: not the one history that happened to come last, but many out-of-sample histories.

History is cut into folds. For every choice of test folds a variant is chosen on the other folds, purged around the
tests, and its daily returns in the test folds are kept. Put together, each fold tested several times, they make
complete histories, whose spread shows how much of the result hangs on the cut.

Bias: returns are slices of one run of each variant, so a path changes from one variant to another without a trade and
without its costs; and the training folds of a path lie after its test as well as before it. A path is no track record.

Source: M. López de Prado, "Advances in Financial Machine Learning" (2018), chapter 12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.metrics.cross_validation import assemble_paths, combinatorial_purged
from engine.metrics.ratios import sharpe
from engine.metrics.returns import Floats
from engine.metrics.undefined import Figure, Undefined
from engine.research.walk_forward_choice import Chooser
from engine.research.walk_forward_plan import Plan

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Complete out-of-sample histories.

    Args:
        returns: float64[paths, sessions].
        total_returns: float64[paths], compounded.
        sharpes: of each path, per year.
        chosen: int64[splits], the column chosen in each.
        loss_share: share of paths that lose money.
        sharpe_quantiles: at `QUANTILES`, of the paths that have a Sharpe ratio; empty if none has.
    """

    returns: Floats
    total_returns: Floats
    sharpes: tuple[Figure, ...]
    chosen: NDArray[np.int64]
    loss_share: float
    sharpe_quantiles: tuple[float, ...]


def purged_paths(returns: Floats, chooser: Chooser, plan: Plan, periods: int) -> Paths:
    """Choose in every split and put the tested folds together.

    Args:
        returns: float64[sessions, variants].
        chooser: of the same returns.
        plan: folds, purge, embargo.
        periods: returns that make a year.
    """
    chosen, tested = [], []
    for split in combinatorial_purged(len(returns), plan.folds, plan.test_folds, plan.purge, plan.embargo):
        column = chooser.best(split.train)
        chosen.append(column)
        tested.append([returns[rows, column] for rows in split.test])
    paths = assemble_paths(len(returns), plan.folds, plan.test_folds, tested)
    totals = np.prod(1.0 + paths, axis=1) - 1.0
    sharpes = tuple(sharpe(path, periods) for path in paths)
    known = [value for value in sharpes if not isinstance(value, Undefined)]
    return Paths(
        returns=paths,
        total_returns=totals,
        sharpes=sharpes,
        chosen=np.array(chosen, dtype=np.int64),
        loss_share=float((totals < 0).mean()),
        sharpe_quantiles=tuple(float(value) for value in np.quantile(known, QUANTILES)) if known else (),
    )
