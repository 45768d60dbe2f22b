"""The Sharpe ratio that luck alone would show after many trials, and what is left of a measured one above it.

Sources: D. H. Bailey and M. López de Prado, "The deflated Sharpe ratio", Journal of Portfolio Management 40 (2014).
D. H. Bailey, J. Borwein, M. López de Prado and Q. J. Zhu, "Pseudo-mathematics and financial charlatanism", Notices
of the American Mathematical Society 61 (2014). The convention of 2025: see `engine.metrics.sharpe`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import e, erfc, exp, log, log1p, pi, sqrt

import numpy as np

from engine.errors import BadInput
from engine.metrics.sharpe import NORMAL, Convention, Moments, standard_error
from engine.metrics.undefined import Figure, Undefined

EULER_MASCHERONI = 0.5772156649015329
# The density of the largest of n normals is smooth and dies out at both ends, where equal steps are as exact as
# any rule: 1/128 gives the published figures to all digits for one trial and for 10^9.
QUADRATURE_STEP = 1 / 128
QUADRATURE_RANGE = (-10.0, 12.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeflatedSharpe:
    """A Sharpe ratio against the best of many useless trials.

    Args:
        probability: that the true Sharpe ratio is above `expected_maximum`.
        expected_maximum: Sharpe ratio per observation that the best of `trials` useless ones shows on average.
        trials: number of independent trials.
        variance: of the Sharpe ratios per observation across them.
        convention: of the formula.
    """

    probability: Figure
    expected_maximum: float
    trials: int
    variance: float
    convention: Convention


def expected_maximum(trials: int, variance: float = 1.0) -> float:
    """Expected largest of `trials` independent normal values with mean 0, by the usual approximation.

    sqrt(variance) * ((1 - g) * quantile(1 - 1/n) + g * quantile(1 - 1/(n e))), g the Euler-Mascheroni constant.
    Above the truth by up to 2.5 % from three trials on; `exact_expected_maximum` is the truth. One trial is no
    choice and gives 0, where the formula has no value.

    >>> round(expected_maximum(10), 6)
    1.574598
    """
    _check(trials)
    if trials == 1:
        return 0.0
    # The upper quantile is taken from the lower one by symmetry: 1 - 1/n is 1 for a very large n.
    standard = -(1 - EULER_MASCHERONI) * NORMAL.inv_cdf(1 / trials) - EULER_MASCHERONI * NORMAL.inv_cdf(
        1 / (trials * e)
    )
    return sqrt(variance) * standard


def exact_expected_maximum(trials: int) -> float:
    """Expected largest of `trials` independent standard normal values, by quadrature.

    >>> round(exact_expected_maximum(10), 6)
    1.538753
    """
    return _maximum_moments(trials)[0]


def maximum_deviation(trials: int) -> float:
    """Standard deviation of the largest of `trials` independent standard normal values, by quadrature.

    >>> round(maximum_deviation(10), 5)
    0.58681
    """
    return _maximum_moments(trials)[1]


def deflated_sharpe(track: Moments, trials: int, variance: float, convention: Convention = "2014") -> DeflatedSharpe:
    """Probability that a Sharpe ratio is better than the best of `trials` useless ones would look.

    `variance` is that of the Sharpe ratios per observation across the trials, not annualised. With one trial it
    is the probabilistic Sharpe ratio against 0. The convention of 2025 also takes into account that the largest
    of n values varies less than one value.
    """
    threshold = expected_maximum(trials, variance)
    error = standard_error(track, convention, track.sharpe if convention == "2014" else threshold)
    if convention == "2025":
        error *= maximum_deviation(trials)
    probability = NORMAL.cdf((track.sharpe - threshold) / error) if error > 0 else Undefined.NO_VARIATION
    return DeflatedSharpe(
        probability=probability,
        expected_maximum=threshold,
        trials=trials,
        variance=variance,
        convention=convention,
    )


def minimum_backtest_years(trials: int, target: float = 1.0) -> float:
    """Years of history below which the best of `trials` useless rules is expected to show the yearly Sharpe `target`.

    >>> round(minimum_backtest_years(45), 3)
    4.998
    """
    return (expected_maximum(trials) / _positive(target)) ** 2


def minimum_backtest_years_bound(trials: int, target: float = 1.0) -> float:
    """A simple upper bound of `minimum_backtest_years`: 2 ln(trials) / target².

    >>> round(minimum_backtest_years_bound(100), 3)
    9.21
    """
    _check(trials)
    return 2 * log(trials) / _positive(target) ** 2


@lru_cache(maxsize=256)
def _maximum_moments(trials: int) -> tuple[float, float]:
    _check(trials)
    low, high = QUADRATURE_RANGE
    points = np.arange(low, high, QUADRATURE_STEP)
    weights = np.array([_maximum_density(x, trials) for x in points.tolist()]) * QUADRATURE_STEP
    mean = float(points @ weights)
    return mean, sqrt(float(((points - mean) ** 2) @ weights))


def _maximum_density(x: float, trials: int) -> float:
    """n * density(x) * distribution(x)^(n - 1), with the power as a logarithm of the small upper tail."""
    upper_tail = erfc(x / sqrt(2)) / 2
    lower = log1p(-upper_tail) if upper_tail < 0.5 else log(erfc(-x / sqrt(2)) / 2)
    return trials * exp(-x * x / 2 + (trials - 1) * lower) / sqrt(2 * pi)


def _check(trials: int) -> None:
    if trials < 1:
        raise BadInput(f"{trials} trials: whatever was measured is one trial at least. Count it too.")


def _positive(target: float) -> float:
    if target <= 0:
        raise BadInput(f"The target Sharpe ratio {target:g} is not above 0: luck alone shows it at once.")
    return target
