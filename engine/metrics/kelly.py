"""The stake that makes capital grow fastest if the odds are known: an upper bound of a size, never a size.

Sources: J. L. Kelly, "A new interpretation of information rate", Bell System Technical Journal 35 (1956). E. O. Thorp,
"The Kelly criterion in blackjack, sports betting, and the stock market", Handbook of Asset and Liability
Management 1 (2006).
"""

from __future__ import annotations

from math import inf

from engine.errors import BadInput


def kelly_bet(win_probability: float, payoff: float, cap: float = inf) -> float:
    """Share of the capital to stake on a bet that wins `payoff` times the stake or loses the stake.

    (p (payoff + 1) - 1) / payoff, at most `cap`; 0 where the odds are not in favour.

    >>> round(kelly_bet(0.6, 1.0), 12)
    0.2
    """
    if not 0 <= win_probability <= 1 or payoff <= 0:
        raise BadInput(
            f"A bet won with probability {win_probability:g} for {payoff:g} times the stake does not exist: give a "
            "probability from 0 to 1 and a payoff above 0."
        )
    return min(cap, max(0.0, (win_probability * (payoff + 1) - 1) / payoff))


def kelly_leverage(mean: float, deviation: float, rate: float = 0.0, cap: float = inf) -> float:
    """Exposure over capital for an asset of this mean return and standard deviation: (mean - rate) / deviation².

    All three are of the same period. At most `cap`; 0 where the mean does not beat the rate.

    >>> round(kelly_leverage(0.11, 0.15, 0.06), 4)
    2.2222
    """
    return min(cap, max(0.0, (mean - rate) / _positive(deviation) ** 2))


def kelly_growth(mean: float, deviation: float, rate: float, exposure: float) -> float:
    """Growth rate of the logarithm of capital at an exposure: rate + f (mean - rate) - f² deviation² / 2.

    >>> round(kelly_growth(0.11, 0.15, 0.06, kelly_leverage(0.11, 0.15, 0.06)), 6)
    0.115556
    """
    return rate + exposure * (mean - rate) - (exposure * _positive(deviation)) ** 2 / 2


def _positive(deviation: float) -> float:
    if deviation <= 0:
        raise BadInput(f"The standard deviation {deviation:g} is not above 0: an asset without risk has no Kelly size.")
    return deviation
