"""Figures of closed trades: `pnl` is won per trade after all costs, one value per closing sell order."""

from __future__ import annotations

from math import inf, sqrt
from statistics import NormalDist

from engine.metrics.returns import Floats
from engine.metrics.undefined import Figure, Undefined


def win_rate(pnl: Floats) -> Figure:
    """Share of trades with a profit; a trade at exactly zero is not a win."""
    return float((pnl > 0).mean()) if len(pnl) else Undefined.NO_TRADES


def wilson_interval(wins: int, trades: int, confidence: float = 0.95) -> tuple[float, float] | Undefined:
    """Range of win rates that `wins` of `trades` is compatible with.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927).

    >>> low, high = wilson_interval(7, 10)
    >>> round(low, 6), round(high, 6)
    (0.396778, 0.892209)
    """
    if trades == 0:
        return Undefined.NO_TRADES
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = wins / trades
    width = 1 + z * z / trades
    centre = (share + z * z / (2 * trades)) / width
    half = z * sqrt(share * (1 - share) / trades + z * z / (4 * trades * trades)) / width
    # The formula is exact at the ends, floating point is not: 0 wins must not give a bound below 0.
    low = 0.0 if wins == 0 else centre - half
    high = 1.0 if wins == trades else centre + half
    return low, high


def profit_factor(pnl: Floats) -> Figure:
    """Sum of profits over sum of losses; infinite without a loser, undefined without a trade.

    >>> import numpy as np
    >>> profit_factor(np.array([500.0, -200, 300, -100, -50, 400])).__round__(6)
    3.428571
    """
    if not len(pnl):
        return Undefined.NO_TRADES
    gains, losses = float(pnl[pnl > 0].sum()), float(-pnl[pnl < 0].sum())
    if losses > 0:
        return gains / losses
    return inf if gains > 0 else Undefined.NO_WINNERS


def expectancy(pnl: Floats) -> Figure:
    """Mean profit of a trade in won."""
    return float(pnl.mean()) if len(pnl) else Undefined.NO_TRADES


def average_win(pnl: Floats) -> Figure:
    """Mean of the profits in won."""
    if not len(pnl):
        return Undefined.NO_TRADES
    return float(pnl[pnl > 0].mean()) if (pnl > 0).any() else Undefined.NO_WINNERS


def average_loss(pnl: Floats) -> Figure:
    """Mean of the losses in won, below zero."""
    if not len(pnl):
        return Undefined.NO_TRADES
    return float(pnl[pnl < 0].mean()) if (pnl < 0).any() else Undefined.NO_LOSERS
