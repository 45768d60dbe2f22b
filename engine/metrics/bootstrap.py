"""How far a mean daily difference may be luck: block bootstrap, reality check and the test for superior ability.

Daily returns depend on the days before, so blocks of days are drawn, not single days. Resampling and block length come
from the package `arch`. Its figures depend on the seed, about 0.003 in a p-value of 2,000 resamples; the seed
and the block length are a part of every result.

Sources: D. N. Politis and J. P. Romano, "The stationary bootstrap", Journal of the American Statistical Association 89
(1994). D. N. Politis and H. White, "Automatic block-length selection for the dependent bootstrap", Econometric
Reviews 23 (2004), with the correction of 2009. H. White, "A reality check for data snooping", Econometrica 68 (2000).
P. R. Hansen, "A test for superior predictive ability", Journal of Business & Economic Statistics 23 (2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np

from engine.errors import BadInput
from engine.metrics.ratios import varies
from engine.metrics.returns import Floats
from engine.metrics.undefined import Undefined

Scheme = Literal["stationary", "circular"]

# The rule for the block length looks at 5 to 10 autocorrelations; below this it has nothing to look at.
LEAST_SESSIONS = 20
# Share of the daily variance below which a long-run variance is rounding.
VARIANCE_FLOOR = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDifference:
    """Range of the mean daily difference of two series of returns.

    Args:
        mean: as measured.
        low, high: ends of the percentile interval.
        confidence: share of resampled means inside it.
        share_not_above_zero: share of resampled means at or below 0.
        block_length: mean length of the blocks in sessions (stationary), or their length (circular).
        resamples, seed, scheme: how it was drawn.
    """

    mean: float
    low: float
    high: float
    confidence: float
    share_not_above_zero: float
    block_length: int
    resamples: int
    seed: int
    scheme: Scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperiorAbility:
    """Whether the best of several variants beats the base by more than the best of several useless ones would.

    Args:
        lower, consistent, upper: p-values; lower <= consistent <= upper. Use `consistent`.
        better: variants that beat the base at `level` by the consistent rule, as column numbers.
        level: of `better`.
        studentised: True for Hansen's test, False for White's reality check with Hansen's three ways to centre.
        block_length, resamples, seed, scheme: how it was drawn.
    """

    lower: float
    consistent: float
    upper: float
    better: tuple[int, ...]
    level: float
    studentised: bool
    block_length: int
    resamples: int
    seed: int
    scheme: Scheme


def block_length(series: Floats, scheme: Scheme = "stationary") -> int:
    """Block length in sessions that suits the autocorrelation of a series, rounded up.

    Where the rule has no answer, as for a series whose long-run variance is 0, the cube root of the number of sessions.
    """
    from arch.bootstrap import optimal_block_length  # noqa: PLC0415  three seconds to import

    with np.errstate(all="ignore"):
        length = float(optimal_block_length(series)[scheme].iloc[0])
    return max(1, ceil(length if np.isfinite(length) else len(series) ** (1 / 3)))


def mean_difference_interval(
    candidate: Floats,
    base: Floats,
    *,
    seed: int,
    resamples: int = 1_000,
    confidence: float = 0.95,
    length: int | None = None,
    scheme: Scheme = "stationary",
) -> MeanDifference | Undefined:
    """Block-bootstrap interval of the mean of `candidate` - `base`, two series of returns of the same sessions.

    `length` of the blocks is chosen from the difference unless given. Two series with the same difference in every
    session have an interval of one point.
    """
    _check(resamples, confidence, length)
    if candidate.shape != base.shape or candidate.ndim != 1:
        raise BadInput(
            f"Returns of shapes {candidate.shape} and {base.shape} cannot be compared: "
            "both must cover the same sessions."
        )
    difference = candidate - base
    if len(difference) < LEAST_SESSIONS:
        return Undefined.TOO_FEW_SESSIONS
    if not np.isfinite(difference).all():
        return Undefined.RUINED
    mean = float(difference.mean())
    blocks, means = 1, np.full(resamples, mean)
    if varies(difference):
        blocks = length or block_length(difference, scheme)
        means = resampled_means(difference, blocks, resamples, seed, scheme)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return MeanDifference(
        mean=mean,
        low=float(low),
        high=float(high),
        confidence=confidence,
        share_not_above_zero=float((means <= 0).mean()),
        block_length=blocks,
        resamples=resamples,
        seed=seed,
        scheme=scheme,
    )


def superior_ability(
    base_losses: Floats,
    variant_losses: Floats,
    *,
    seed: int,
    resamples: int = 1_000,
    level: float = 0.05,
    length: int | None = None,
    studentised: bool = True,
    scheme: Scheme = "stationary",
) -> SuperiorAbility | Undefined:
    """Test whether any variant is better than the base, given that the best of all was looked for.

    Shapes: base_losses (sessions,), variant_losses (sessions, variants). Losses, so for returns hand in their
    negatives. `length` of the blocks is the longest that suits one of the differences unless given.
    """
    _check(resamples, 1 - level, length)
    if base_losses.ndim != 1 or variant_losses.ndim != 2 or len(base_losses) != len(variant_losses):
        raise BadInput(
            f"Losses of shapes {base_losses.shape} and {variant_losses.shape} cannot be compared: one row a session, "
            "the same sessions in both."
        )
    if len(base_losses) < LEAST_SESSIONS:
        return Undefined.TOO_FEW_SESSIONS
    gains = base_losses[:, None] - variant_losses
    if not np.isfinite(gains).all():
        return Undefined.RUINED
    moving = np.flatnonzero([varies(series) for series in gains.T])
    if not len(moving):
        return Undefined.NO_VARIATION
    gains = gains[:, moving]
    blocks = length or max(block_length(series, scheme) for series in gains.T)
    if studentised:
        # `arch` studentises the threshold of its consistent rule only, not the statistic (8.0.0). Hansen's test is the
        # same statistic of differences in units of their own error, so they are scaled before.
        gains = gains / np.sqrt(long_run_variance(gains, blocks))
    from arch.bootstrap import SPA  # noqa: PLC0415  three seconds to import

    test = SPA(np.zeros(len(gains)), -gains, block_size=blocks, reps=resamples, bootstrap=scheme, seed=seed)
    test.compute()
    better = test.better_models(pvalue=level, pvalue_type="consistent")
    return SuperiorAbility(
        lower=float(test.pvalues["lower"]),
        consistent=float(test.pvalues["consistent"]),
        upper=float(test.pvalues["upper"]),
        better=tuple(int(moving[place]) for place in better),
        level=level,
        studentised=studentised,
        block_length=blocks,
        resamples=resamples,
        seed=seed,
        scheme=scheme,
    )


def resampled_means(series: Floats, blocks: int, resamples: int, seed: int, scheme: Scheme = "stationary") -> Floats:
    """Means of resampled series, float64[resamples]: what `mean_difference_interval` takes its ends from."""
    from arch.bootstrap import CircularBlockBootstrap, StationaryBootstrap  # noqa: PLC0415  three seconds to import

    kind = StationaryBootstrap if scheme == "stationary" else CircularBlockBootstrap
    return np.asarray(kind(blocks, series, seed=seed).apply(np.mean, resamples)).ravel()


def long_run_variance(series: Floats, length: int) -> Floats:
    """Variance of sqrt(T) times the mean of each column under the stationary bootstrap with this mean block length.

    Shapes: (sessions, columns) -> (columns,). gamma_0 + 2 * sum of kappa_i * gamma_i over all lags i, where
    kappa_i = (1 - i/T) (1 - q)^i + (i/T) (1 - q)^(T - i) and q = 1 / length.
    """
    sessions = len(series)
    centred = series - series.mean(axis=0)
    # All autocovariances at once: the spectrum of the padded series, back.
    spectrum = np.fft.rfft(centred, n=2 * sessions, axis=0)
    covariances = np.fft.irfft(np.abs(spectrum) ** 2, n=2 * sessions, axis=0)[:sessions] / sessions
    lags = np.arange(1, sessions)
    stay = 1 - 1 / length
    weights = (1 - lags / sessions) * stay**lags + lags / sessions * stay ** (sessions - lags)
    total = covariances[0] + 2 * weights @ covariances[1:]
    # It cannot be negative; where it is 0 in theory, as for a strict alternation, rounding may leave less.
    return np.asarray(np.maximum(total, VARIANCE_FLOOR * covariances[0]))


def _check(resamples: int, confidence: float, length: int | None) -> None:
    if resamples < 1 or not 0 < confidence < 1 or (length is not None and length < 1):
        raise BadInput(
            f"A bootstrap of {resamples} resamples at {confidence:g} with blocks of {length} sessions is impossible: "
            "resamples and blocks must be 1 or more, a level between 0 and 1."
        )
