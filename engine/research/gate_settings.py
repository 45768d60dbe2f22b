"""Every threshold of the gate in one place, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import ConfigError
from engine.ledger.looks import LOOKS_PER_WINDOW
from engine.metrics.sharpe import Convention
from engine.research.static_checks import ComplexityLimits
from engine.research.trial_count import THRESHOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What the gate asks of a candidate.

    Args:
        limits: the greatest complexity of one rule.
        least_days: sessions of the training window on which a rule must fire. Ten days are less than one quarter's
            worth of independent chances.
        most_share: share of sessions and names above which a rule fires so often that it decides nothing.
        overlap: share of firings that an active rule may have in common before the candidate is subsumed by it.
        least_trades: trades that the candidate must have made or moved in the training window; the usual bound below
            which the mean of a skewed sample is not near normal.
        label_sessions: purge between training and untouched window: our labels look 7 and 30 days ahead.
        untouched_sessions: length of the untouched window; None is a year, or a quarter of shorter data.
        least_training: sessions that training must have at least: a quarter of a year.
        looks_per_window: candidates that may look at one untouched window before it rolls forward.
        slippage: share of the price that the slippage stress costs where the configuration has none: about the
            spread of a mid-sized name. Where it has some, the stress doubles it.
        confidence: of the probabilistic and the deflated Sharpe ratio and of the bootstrap interval.
        convention: of the Sharpe formulas, "2014" or "2025".
        cluster_threshold: mean correlation from which trials count as one.
        least_clusters: clusters of trials from which on the variance of their Sharpe ratios is used; of nine of them
            it is known to within a factor of two only.
        neighbours: rule sets around the candidate.
        pbo_blocks: blocks of history for the probability of overfitting.
        most_pbo, most_loss: the step warns when PBO is above the one and the share of halves in which the best rule
            loses is above the other. Among neighbours that are all equally good PBO is about a half, and no harm. It
            never decides: 50 % of useless rules are below 0.5.
        resamples: of the bootstrap.
        fdr: bound of the share of false promotions over all candidates ever gated.
        fdr_wealth: part of it that may be spent before the first promotion; half, as in the paper of LORD++.
        regime_sessions: sessions a market phase must have before a warning rests on it.
        trend_sessions, trend_move: bull and bear are moves of the index by more than `trend_move` over so many
            sessions.
        volatility_sessions: window of the market's volatility.
        seed: of neighbours and bootstrap.
    """

    limits: ComplexityLimits = field(default_factory=ComplexityLimits)
    least_days: int = 10
    most_share: float = 0.95
    overlap: float = 0.9
    least_trades: int = 30
    label_sessions: int = 30
    untouched_sessions: int | None = None
    least_training: int = 60
    looks_per_window: int = LOOKS_PER_WINDOW
    slippage: float = 0.001
    confidence: float = 0.95
    convention: Convention = "2014"
    cluster_threshold: float = THRESHOLD
    least_clusters: int = 10
    neighbours: int = 200
    pbo_blocks: int = 16
    most_pbo: float = 0.5
    most_loss: float = 0.25
    resamples: int = 1_000
    fdr: float = 0.05
    fdr_wealth: float = 0.025
    regime_sessions: int = 60
    trend_sessions: int = 60
    trend_move: float = 0.05
    volatility_sessions: int = 20
    seed: int = 1

    def __post_init__(self) -> None:
        least = {
            "least_days": 1,
            "least_trades": 1,
            "label_sessions": 0,
            "least_training": 2,
            "looks_per_window": 1,
            "neighbours": 0,
            "resamples": 100,
            "trend_sessions": 2,
            "volatility_sessions": 2,
        }
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(f"{name} is {getattr(self, name)}; the gate needs at least {low}.")
        if self.untouched_sessions is not None and self.untouched_sessions < 1:
            raise ConfigError(
                f"An untouched window of {self.untouched_sessions} sessions shows nothing. Give 1 or more."
            )
        if self.convention not in ("2014", "2025"):
            raise ConfigError(f'"{self.convention}" is no convention of the deflated Sharpe ratio: 2014 or 2025.')
        for name in ("most_share", "overlap", "confidence", "fdr", "cluster_threshold"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it is a share between 0 and 1.")
