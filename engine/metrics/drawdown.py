"""Falls of an equity curve below its own highest value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.metrics.returns import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """One stay below a peak, as positions in the equity curve.

    Args:
        depth: lowest value against the peak, a ratio below zero.
        peak, trough: where the fall began and where it was deepest.
        recovery: first position at or above the peak again; None while it lasts.
        end: recovery, or the last position of the curve.
    """

    depth: float
    peak: int
    trough: int
    recovery: int | None
    end: int


def drawdowns(equity: Floats) -> Floats:
    """Value against the highest value so far, minus one: 0 at a peak, below 0 under it.

    The first value must be the capital before the first bar, or a loss on that bar is lost.

    >>> drawdowns(np.array([100.0, 110.0, 99.0, 120.0, 90.0, 130.0])).round(6).tolist()
    [0.0, 0.0, -0.1, 0.0, -0.25, 0.0]
    """
    peaks = np.maximum.accumulate(equity)
    result = np.zeros(equity.shape)
    np.divide(equity - peaks, peaks, out=result, where=peaks > 0)
    return result


def deepest_fall(equity: Floats) -> Fall | None:
    """The deepest drawdown; the earliest of equal ones; None if the curve never fell."""
    depths = drawdowns(equity)
    trough = int(depths.argmin()) if len(depths) else 0
    return _fall_around(equity, depths, trough) if len(depths) and depths[trough] < 0 else None


def longest_fall(equity: Floats) -> Fall | None:
    """The stay below a peak with the most rows; the earliest of equal ones; None if the curve never fell."""
    depths = drawdowns(equity)
    peaks = np.flatnonzero(depths == 0)
    below = np.diff(np.append(peaks, len(equity))) - 1
    if not len(below) or below.max() == 0:
        return None
    peak = int(peaks[below.argmax()])
    under = depths[peak + 1 : peak + 1 + int(below.max())]
    return _fall_around(equity, depths, peak + 1 + int(under.argmin()))


def _fall_around(equity: Floats, depths: Floats, trough: int) -> Fall:
    peak = int(np.flatnonzero(depths[: trough + 1] == 0)[-1])
    later = np.flatnonzero(depths[trough:] == 0)
    recovery = trough + int(later[0]) if len(later) else None
    return Fall(
        depth=float(depths[trough]),
        peak=peak,
        trough=trough,
        recovery=recovery,
        end=len(equity) - 1 if recovery is None else recovery,
    )
