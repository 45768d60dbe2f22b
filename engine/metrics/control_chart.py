"""Watching a mean: CUSUM, how long it runs until it signals, and the limits of Wald's sequential test.

Sources: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954). D. Siegmund, "Sequential Analysis" (1985).
NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.3. A. Wald, "Sequential Analysis" (1947).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log

import numpy as np

from engine.errors import BadInput
from engine.metrics.returns import Floats

# The sum overshoots its limit by this much on average; Siegmund moves the limit by it on one side.
OVERSHOOT = 1.166


@dataclass(frozen=True, slots=True, kw_only=True)
class Cusum:
    """Sums of what exceeds the target by more than the slack, upwards and downwards, never below 0.

    Args:
        target: the mean in control.
        slack: half of the shift to be found, in the unit of the values.
        upper, lower: the two sums so far.
    """

    target: float
    slack: float
    upper: float = 0.0
    lower: float = 0.0

    def update(self, value: float) -> Cusum:
        """The state after one more value."""
        excess = value - self.target
        return replace(
            self, upper=max(0.0, self.upper + excess - self.slack), lower=max(0.0, self.lower - excess - self.slack)
        )

    def signals(self, limit: float) -> bool:
        """Whether either sum is above `limit`."""
        return self.upper > limit or self.lower > limit


def cusum(values: Floats, target: float, slack: float) -> tuple[Floats, Floats]:
    """Upper and lower sums after each value.

    A sum that restarts at 0 is the height of the unrestricted one above its lowest point so far.
    """
    above = np.cumsum(values - target - slack)
    below = np.cumsum(target - values - slack)
    return _above_lowest(above), _above_lowest(below)


def first_signal(values: Floats, target: float, slack: float, limit: float) -> int | None:
    """Position of the first value after which either sum is above `limit`; None if none is."""
    upper, lower = cusum(values, target, slack)
    signals = np.flatnonzero((upper > limit) | (lower > limit))
    return int(signals[0]) if len(signals) else None


def run_length(limit: float, slack: float, shift: float = 0.0) -> float:
    """Mean number of values until the upper sum is above `limit`, by Siegmund's approximation.

    All three in standard deviations of a value; `shift` is how far the mean is above the target. With shift 0 it
    is the time between false alarms of one side; both sides together alarm twice as often.

    >>> round(run_length(5, 0.5), 2), round(run_length(5, 0.5, shift=1), 2)
    (938.22, 10.34)
    """
    if limit <= 0:
        raise BadInput(f"The limit {limit:g} of a CUSUM is not above 0: it would signal at once.")
    drift, height = shift - slack, limit + OVERSHOOT
    if drift == 0:
        return height**2
    return (exp(-2 * drift * height) + 2 * drift * height - 1) / (2 * drift**2)


def sprt_limits(false_alarm: float, miss: float) -> tuple[float, float]:
    """Log-likelihood ratios at which Wald's test accepts the alternative (upper) and the null (lower).

    >>> [round(limit, 7) for limit in sprt_limits(0.05, 0.2)]
    [2.7725887, -1.5581446]
    """
    if not (0 < false_alarm < 1 and 0 < miss < 1 and false_alarm + miss < 1):
        raise BadInput(
            f"Error probabilities of {false_alarm:g} and {miss:g} are no test: both must be above 0 and "
            "their sum below 1."
        )
    return log((1 - miss) / false_alarm), log(miss / (1 - false_alarm))


def _above_lowest(sums: Floats) -> Floats:
    return sums - np.minimum(np.minimum.accumulate(sums), 0.0)
