"""Risk and reward of a series of returns: ratios per period, of which `periods` make a year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.metrics.returns import Floats
from engine.metrics.undefined import Figure, Undefined

# Rounding leaves a spread of about 1e-16 of the level in a series that does not vary at all.
SPREAD_FLOOR = 1e-10


def volatility(returns: Floats, periods: int) -> Figure:
    """Standard deviation (ddof 1) per year."""
    if len(returns) < 2:
        return Undefined.TOO_FEW_SESSIONS
    if not np.isfinite(returns).all():
        return Undefined.RUINED
    return float(returns.std(ddof=1) * np.sqrt(periods))


def sharpe(returns: Floats, periods: int, risk_free: float = 0.0) -> Figure:
    """Mean excess return over its standard deviation (ddof 1), per year; `risk_free` is a yearly ratio."""
    spread = volatility(returns, periods)
    if isinstance(spread, Undefined):
        return spread
    if not varies(returns):
        return Undefined.NO_VARIATION
    return float((returns.mean() - risk_free / periods) * periods / spread)


def sortino(returns: Floats, periods: int, target: float = 0.0) -> Figure:
    """Mean return above `target` over the downside deviation, per year.

    The downside is the root of the mean square of the returns below `target`, over all periods, not only over
    the losing ones. `target` is a yearly ratio.
    """
    if len(returns) < 2:
        return Undefined.TOO_FEW_SESSIONS
    if not np.isfinite(returns).all():
        return Undefined.RUINED
    excess = returns - target / periods
    downside = np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2))
    if downside == 0:
        return Undefined.NO_LOSING_SESSION
    return float(excess.mean() / downside * np.sqrt(periods))


def calmar(annual: Figure, max_drawdown: Figure) -> Figure:
    """Annual return over the size of the deepest drawdown."""
    if isinstance(annual, Undefined):
        return annual
    if isinstance(max_drawdown, Undefined):
        return max_drawdown
    return annual / abs(max_drawdown) if max_drawdown else Undefined.NO_DRAWDOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstBenchmark:
    """How the strategy moved with its benchmark.

    Args:
        alpha: Jensen's alpha, (mean - risk free) - beta * (benchmark mean - risk free), times periods.
        beta: covariance over the variance of the benchmark.
        correlation: Pearson's, -1 to 1.
        information_ratio: mean of the difference of returns over its standard deviation (ddof 1), per year.
        tracking_error: standard deviation of that difference per year.
    """

    alpha: Figure
    beta: Figure
    correlation: Figure
    information_ratio: Figure
    tracking_error: Figure


def against_benchmark(returns: Floats, benchmark: Floats, periods: int, risk_free: float = 0.0) -> AgainstBenchmark:
    """Compare two series of returns of the same sessions; sessions where either is unknown are left out."""
    known = np.isfinite(returns) & np.isfinite(benchmark)
    if not known.any():
        return _all_undefined(Undefined.NO_BENCHMARK)
    if known.sum() < 2:
        return _all_undefined(Undefined.TOO_FEW_SESSIONS)
    own, other = returns[known], benchmark[known]
    active = own - other
    error = float(active.std(ddof=1) * np.sqrt(periods))
    ratio: Figure = Undefined.NO_VARIATION
    if varies(active):
        ratio = float(active.mean() * periods / error)
    alpha: Figure = Undefined.NO_VARIATION
    beta: Figure = Undefined.NO_VARIATION
    correlation: Figure = Undefined.NO_VARIATION
    if varies(other):
        rate = risk_free / periods
        beta = float(np.cov(own, other, ddof=1)[0, 1] / other.var(ddof=1))
        alpha = float(((own.mean() - rate) - beta * (other.mean() - rate)) * periods)
        if varies(own):
            correlation = float(np.corrcoef(own, other)[0, 1])
    return AgainstBenchmark(
        alpha=alpha, beta=beta, correlation=correlation, information_ratio=ratio, tracking_error=error
    )


def varies(values: Floats) -> bool:
    """Whether a series moves by more than rounding would; a ratio over its spread needs that."""
    return bool(values.std() > SPREAD_FLOOR * np.abs(values).max())


def _all_undefined(reason: Undefined) -> AgainstBenchmark:
    return AgainstBenchmark(
        alpha=reason, beta=reason, correlation=reason, information_ratio=reason, tracking_error=reason
    )
