"""Which variant looks best on some sessions: the choice that a walk forward makes again and again.

A variant is judged by the daily returns of its one run over the whole range. The returns of a stretch depend on nothing
after it, so this is what was known then; the account was already under way when the stretch began.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.metrics.ratios import SPREAD_FLOOR
from engine.metrics.returns import Floats
from engine.research.walk_forward_plan import Choice
from engine.rules.grid import Grid

# Variants whose returns are copied at a time: a few megabytes for a stretch of ten years.
BLOCK = 256


class Chooser:
    """Chooses among variants by their returns.

    Args:
        returns: float64[sessions, variants].
        choice: see `engine.research.walk_forward_plan.Plan`.
        neighbours: for each variant those beside it on the grid; needed for "plateau".
    """

    def __init__(self, returns: Floats, choice: Choice, neighbours: Sequence[Sequence[int]] = ()) -> None:
        self._returns, self._choice, self._neighbours = returns, choice, neighbours

    def best(self, sessions: range | NDArray[np.int64]) -> int:
        """The column that is best on these sessions; of equals the first."""
        return int(np.argmax(self.scores(sessions)))

    def scores(self, sessions: range | NDArray[np.int64]) -> Floats:
        """float64[variants]: what decides.

        A variant that does not move has a Sharpe ratio of 0, like money that lies still.
        """
        variants = self._returns.shape[1]
        rows = slice(sessions.start, sessions.stop) if isinstance(sessions, range) else sessions
        # Blocks of nearly equal width: a column alone would be added in another order, and equals would differ.
        parts = np.array_split(np.arange(variants), -(-variants // BLOCK))
        own = np.concatenate([self._own(self._returns[rows, part[0] : part[-1] + 1]) for part in parts])
        if self._choice != "plateau":
            return own
        return np.array([own[[place, *beside]].mean() for place, beside in enumerate(self._neighbours)])

    def _own(self, returns: Floats) -> Floats:
        mean: Floats = returns.mean(axis=0)
        if self._choice == "mean":
            return mean
        spread = returns.std(axis=0, ddof=1)
        moves = spread > SPREAD_FLOOR * np.abs(returns).max(axis=0)
        return np.divide(mean, spread, out=np.zeros_like(mean), where=moves)


def neighbours_on(grid: Grid, places: Sequence[int]) -> list[list[int]]:
    """For each point the positions in `places` of those that are one step away on one axis."""
    position = {place: number for number, place in enumerate(places)}
    strides = [1] * len(grid.axes)
    for axis in range(len(grid.axes) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * grid.axes[axis + 1].size
    found = []
    for place in places:
        beside = []
        for axis, value in enumerate(grid.places(place)):
            for step in (-1, 1):
                if 0 <= value + step < grid.axes[axis].size:
                    beside.append(position.get(place + step * strides[axis], -1))
        found.append([number for number in beside if number >= 0])
    return found
