"""How many promotions in worlds without any edge are too many: an exact one-sided binomial test."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, fsum, lgamma, log, log1p

from engine.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceboResult:
    """Whether a gate promotes too often where nothing can be found.

    Args:
        promotions: candidates that the gate promoted.
        worlds: gates that ran, one candidate in one seeded world each.
        false_promotion_rate: what the gate claims to stay under.
        p_value: probability of as many promotions or more, if the gate promotes at exactly that rate.
        significance: a p-value below it fails.
        largest_allowed: most promotions that still pass; `worlds` when so few worlds can never fail.
        passed: the promotions are consistent with the rate.
    """

    promotions: int
    worlds: int
    false_promotion_rate: float
    p_value: float
    significance: float
    largest_allowed: int
    passed: bool


def binomial_pass(promotions: int, worlds: int, level: float, significance: float = 0.05) -> PlaceboResult:
    """Test that promotions among seeded worlds are consistent with a false-promotion rate of at most `level`.

    The worlds must be independent: their own seeds, and their own candidates or the same one.

    Args:
        promotions: how many the gate promoted.
        worlds: how many it judged.
        level: the rate that the gate claims, such as 0.05.
        significance: how unlikely the count must be before the claim is refused.

    Raises:
        BadInput: more promotions than worlds, none at all, or a rate outside (0, 1).

    >>> result = binomial_pass(promotions=4, worlds=20, level=0.05)
    >>> result.passed, round(result.p_value, 6), result.largest_allowed
    (False, 0.015902, 3)
    """
    if worlds < 1 or not 0 <= promotions <= worlds:
        raise BadInput(f"{promotions:,} promotions in {worlds:,} worlds cannot be. Run at least one world.")
    for name, value in (("level", level), ("significance", significance)):
        if not 0 < value < 1:
            raise BadInput(f"A {name} of {value:g} is no probability between 0 and 1. 0.05 is usual.")
    p_value = upper_tail(promotions, worlds, level)
    largest = next(
        (count for count in range(worlds) if upper_tail(count + 1, worlds, level) < significance),
        worlds,
    )
    return PlaceboResult(
        promotions=promotions,
        worlds=worlds,
        false_promotion_rate=level,
        p_value=p_value,
        significance=significance,
        largest_allowed=largest,
        passed=promotions <= largest,
    )


def upper_tail(count: int, trials: int, rate: float) -> float:
    """Probability of `count` or more successes in `trials` with success rate `rate`.

    Each term from logarithms of factorials, so that thousands of trials neither overflow nor underflow early.
    """
    if count <= 0:
        return 1.0
    terms = (
        lgamma(trials + 1)
        - lgamma(number + 1)
        - lgamma(trials - number + 1)
        + number * log(rate)
        + (trials - number) * log1p(-rate)
        for number in range(count, trials + 1)
    )
    return min(1.0, fsum(exp(term) for term in terms))
