"""How sure a Sharpe ratio is: its standard error, the probability that the true one is higher, the record it needs.

Every Sharpe ratio here is per observation, never annualised, and every kurtosis is raw: 3 for a normal
distribution. `engine.metrics.ratios.sharpe` gives the yearly ratio that people read.

Two conventions exist and must not be mixed. "2014" puts the measured Sharpe ratio into the variance and counts
T - 1; "2025" takes the variance under the hypothesis, at the benchmark, and counts T. "2014" is the default.

Sources: A. W. Lo, "The statistics of Sharpe ratios", Financial Analysts Journal 58 (2002). D. H. Bailey and
M. López de Prado, "The Sharpe ratio efficient frontier", Journal of Risk 15 (2012). M. López de Prado, A. Lipton
and V. Zoonekynd, "How to use the Sharpe ratio" (2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np

from engine.errors import BadInput
from engine.metrics.ratios import varies
from engine.metrics.returns import Floats
from engine.metrics.undefined import Undefined

Convention = Literal["2014", "2025"]

NORMAL = NormalDist()
# Published moments are rounded; a true kurtosis may fall this much short of its bound and still be meant.
MOMENT_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What the distribution of a Sharpe ratio depends on.

    Args:
        sharpe: mean over standard deviation, per observation.
        observations: number of returns.
        skew: third standardised moment; 0 for a normal distribution.
        kurtosis: fourth standardised moment, raw; 3 for a normal distribution.

    Raises:
        BadInput: fewer than two observations, or moments that no series can have. Every series has a raw kurtosis
            of at least 1 + skew²; an excess kurtosis handed in by mistake often breaks that.
    """

    sharpe: float
    observations: int
    skew: float = 0.0
    kurtosis: float = 3.0

    def __post_init__(self) -> None:
        if self.observations < 2 or not all(isfinite(value) for value in (self.sharpe, self.skew, self.kurtosis)):
            raise BadInput(f"{self} cannot be used: it needs two observations or more, and finite numbers.")
        least = 1 + self.skew**2
        if self.kurtosis < least - MOMENT_ROUNDING:
            raise BadInput(
                f"No series of returns has skew {self.skew:g} and kurtosis {self.kurtosis:g}: a raw kurtosis is at "
                f"least 1 + skew² = {least:g}. If {self.kurtosis:g} is excess kurtosis, add 3."
            )


def moments(returns: Floats, ddof: int = 1) -> Moments | Undefined:
    """The moments of a series of returns.

    `ddof` is that of the standard deviation inside the Sharpe ratio. Skew and kurtosis are those of the sample
    (division by n, no correction for bias), as in Bailey and López de Prado.
    """
    if len(returns) < 2:
        return Undefined.TOO_FEW_SESSIONS
    if not np.isfinite(returns).all():
        return Undefined.RUINED
    if not varies(returns):
        return Undefined.NO_VARIATION
    deviations = returns - returns.mean()
    # In units of its own spread: the fourth power of a daily return in ppm would lose digits near underflow.
    standard = deviations / returns.std()
    return Moments(
        sharpe=float(returns.mean() / returns.std(ddof=ddof)),
        observations=len(returns),
        skew=float(np.mean(standard**3)),
        kurtosis=float(np.mean(standard**4)),
    )


def iid_standard_error(sharpe: float, observations: int) -> float:
    """Standard error of a Sharpe ratio of independent normal returns: sqrt((1 + SR² / 2) / T), after Lo.

    >>> round(iid_standard_error(1.0, 60), 3)
    0.158
    """
    return sqrt((1 + sharpe**2 / 2) / observations)


def standard_error(track: Moments, convention: Convention = "2014", at: float | None = None) -> float:
    """Standard error of a Sharpe ratio of independent returns of any shape (Mertens).

    sqrt((1 - skew * SR + (kurtosis - 1) / 4 * SR²) / (T - 1)), with T instead of T - 1 in the convention of 2025.
    `at` is the Sharpe ratio inside it, the measured one unless given.

    >>> round(standard_error(Moments(sharpe=0.8183, observations=134, skew=-1.4455, kurtosis=7.0497)), 4)
    0.155
    """
    sharpe = track.sharpe if at is None else at
    return sqrt(_unit_variance(track, sharpe) / _count(track.observations, convention))


def annualisation(autocorrelations: Sequence[float]) -> float:
    """The factor from a Sharpe ratio per period to one per year of q periods whose returns are autocorrelated.

    q / sqrt(q + 2 * sum of (q - k) * rho_k), after Lo; sqrt(q) if all of them are zero. `autocorrelations` are
    rho_1 … rho_(q-1), so there are q - 1 of them.

    Raises:
        BadInput: correlations that no series has, because the year would have no variance.

    >>> round(annualisation([0.0] * 11), 4)
    3.4641
    """
    periods = len(autocorrelations) + 1
    variance = periods + 2 * sum((periods - lag) * rho for lag, rho in enumerate(autocorrelations, start=1))
    if variance <= 0:
        raise BadInput(
            f"These {periods - 1} autocorrelations give a year of {periods} periods no variance, which no series has. "
            "Estimate fewer of them and set the rest to 0."
        )
    return periods / sqrt(variance)


def ar1_autocorrelations(rho: float, periods: int) -> tuple[float, ...]:
    """rho_1 … rho_(q-1) of a first-order autoregression, for `annualisation`."""
    return tuple(rho**lag for lag in range(1, periods))


def ar1_shrink(rho: float, periods: int) -> float:
    """What autocorrelation leaves of the usual sqrt(q): `annualisation` of a first-order autoregression over sqrt(q).

    Closed form; `rho` lies between -1 and 1, both excluded.

    >>> round(ar1_shrink(0.1, 12), 10)
    0.9122454608
    """
    if not -1 < rho < 1:
        raise BadInput(f"The autocorrelation {rho:g} is not between -1 and 1: such a series has no fixed variance.")
    return float((1 + 2 * rho / (1 - rho) * (1 - (1 - rho**periods) / (periods * (1 - rho)))) ** -0.5)


def probabilistic_sharpe(track: Moments, benchmark: float = 0.0, convention: Convention = "2014") -> float | Undefined:
    """Probability that the true Sharpe ratio is above `benchmark`, which is per observation too.

    Undefined where the estimate has no error at all, as for a series of two values in the wrong proportion.
    """
    error = standard_error(track, convention, _inside_variance(track, benchmark, convention))
    return NORMAL.cdf((track.sharpe - benchmark) / error) if error > 0 else Undefined.NO_VARIATION


def minimum_track_record(
    track: Moments, benchmark: float = 0.0, confidence: float = 0.95, convention: Convention = "2014"
) -> float:
    """Observations after which this Sharpe ratio would be above `benchmark` with `confidence`, if it stays as it is.

    Infinite where the Sharpe ratio is not above the benchmark: no record is long enough. Not a whole number.

    >>> daily = Moments(sharpe=2 / 252**0.5, observations=252)
    >>> round(minimum_track_record(daily, 1 / 252**0.5) / 252, 3)
    2.731
    """
    if track.sharpe <= benchmark:
        return inf
    variance = _unit_variance(track, _inside_variance(track, benchmark, convention))
    ratio = NORMAL.inv_cdf(confidence) / (track.sharpe - benchmark)
    # A product of floats grows to infinity, as it should for a hair above the benchmark; a power would raise.
    needed = variance * ratio * ratio
    return needed + 1 if convention == "2014" else needed


def miss_probability(track: Moments, alternative: float, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Probability that a true Sharpe ratio of `alternative` does not pass the test against `benchmark`.

    The type-II error of the convention of 2025: each hypothesis has its own variance. Only the shape and the
    number of observations of `track` count.
    """
    critical = benchmark + NORMAL.inv_cdf(confidence) * standard_error(track, "2025", benchmark)
    return NORMAL.cdf((critical - alternative) / standard_error(track, "2025", alternative))


def _inside_variance(track: Moments, benchmark: float, convention: Convention) -> float:
    return track.sharpe if convention == "2014" else benchmark


def _count(observations: int, convention: Convention) -> int:
    return observations - 1 if convention == "2014" else observations


def _unit_variance(track: Moments, sharpe: float) -> float:
    """Variance of the estimate times the number of observations; rounding may leave it a hair below 0."""
    return max(0.0, 1 - track.skew * sharpe + (track.kurtosis - 1) / 4 * sharpe**2)
