"""Evidence that may be looked at every day: an e-process promotes a rule, an e-detector rolls it back.

An e-process is the wealth of a bettor against the hypothesis "no better". If it holds, wealth ever reaches 20 with
probability 1/20 at most, however often and whenever one looks; no number of days is fixed before. Each bettor stakes
a fixed `bet` on every observation; a mixture of several is their mean and needs no guess of the size of the effect.

Observations are differences of daily returns, brought to 0 … 1 by `share_of_range`, with 1/2 for no difference.

Sources: J. Ville, "Étude critique de la notion de collectif" (1939). A. Ramdas, P. Grünwald, V. Vovk and G. Shafer,
"Game-theoretic statistics and safe anytime-valid inference", Statistical Science 38 (2023). J. Shin, A. Ramdas and
A. Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", New England Journal of
Statistics in Data Science 2 (2024).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

import numpy as np

from engine.errors import BadInput
from engine.metrics.returns import Floats

Form = Literal["sr", "cusum"]

# No evidence needs more; beyond it a product would become infinite and could not fall any more.
CEILING = 1e300
MIXTURE = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class EProcess:
    """Evidence against "the mean is at most 1/2"; reject, and promote, when `evidence` reaches 1 / alpha.

    Args:
        bets: stake of each bettor, above 0 and at most 2; 2 loses everything at an observation of 0.
        wealth: of each bettor, starting at 1; given when a stored state is taken up again.
        observations: how many were seen.
    """

    bets: tuple[float, ...] = MIXTURE
    wealth: tuple[float, ...] = ()
    observations: int = 0

    def __post_init__(self) -> None:
        _check_bets(self.bets)
        if not self.wealth:
            object.__setattr__(self, "wealth", (1.0,) * len(self.bets))
        _check_state("wealth", self.wealth, self.bets)

    @property
    def evidence(self) -> float:
        """Mean wealth of the bettors."""
        return sum(self.wealth) / len(self.wealth)

    def update(self, observation: float) -> EProcess:
        """The state after one more observation, 0 to 1."""
        _check_observation(observation)
        wealth = tuple(
            min(before * (1 + bet * (observation - 0.5)), CEILING)
            for before, bet in zip(self.wealth, self.bets, strict=True)
        )
        return replace(self, wealth=wealth, observations=self.observations + 1)

    def rejects(self, alpha: float) -> bool:
        """Whether the evidence is strong enough at level `alpha`; once is enough, even if it falls again."""
        return self.evidence >= 1 / alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class EDetector:
    """Evidence that the mean has risen above 1/2 at some time; alarm when `evidence` reaches a limit.

    To roll back a rule, hand in the mirrored differences (`share_of_range` of base - candidate). With the limit
    1 / alpha the mean time until a false alarm is at least 1 / alpha observations, without independence.

    Args:
        bets: as in `EProcess`.
        form: "sr" adds the evidence of all possible times of change, "cusum" keeps the best. "sr" alarms earlier with
            the same guarantee.
        values: evidence of each bettor, starting at 0.
        observations: how many were seen.
    """

    bets: tuple[float, ...] = MIXTURE
    form: Form = "sr"
    values: tuple[float, ...] = ()
    observations: int = 0

    def __post_init__(self) -> None:
        _check_bets(self.bets)
        if not self.values:
            object.__setattr__(self, "values", (0.0,) * len(self.bets))
        _check_state("values", self.values, self.bets)

    @property
    def evidence(self) -> float:
        """Mean evidence of the bettors."""
        return sum(self.values) / len(self.values)

    def update(self, observation: float) -> EDetector:
        """The state after one more observation, 0 to 1."""
        _check_observation(observation)
        values = tuple(
            min((1 + value if self.form == "sr" else max(1.0, value)) * (1 + bet * (observation - 0.5)), CEILING)
            for value, bet in zip(self.values, self.bets, strict=True)
        )
        return replace(self, values=values, observations=self.observations + 1)

    def alarms(self, limit: float) -> bool:
        """Whether the evidence has reached `limit`."""
        return self.evidence >= limit


def share_of_range(difference: float, bound: float) -> float:
    """Bring a difference from -bound … bound to 0 … 1.

    A difference above the bound counts as the bound, which can only weaken the evidence.

    Raises:
        BadInput: a difference below -bound, or not a number. Counting it as the bound would hide a loss, and the
            guarantee with it.

    >>> share_of_range(0.01, 0.02), share_of_range(0.5, 0.02)
    (0.75, 1.0)
    """
    if not difference >= -bound or not bound > 0:
        raise BadInput(
            f"The difference {difference:g} is not inside the bound {bound:g} that the test was started with. "
            "Start a new one with a bound that no day can pass, such as the price limit times the exposure."
        )
    return (min(difference, bound) + bound) / (2 * bound)


def shares_of_range(differences: Floats, bound: float) -> Floats:
    """`share_of_range` of every value of an array."""
    return np.array([share_of_range(value, bound) for value in differences.tolist()])


def e_process(observations: Floats, bets: tuple[float, ...] = MIXTURE) -> Floats:
    """Evidence after each observation: the array form of `EProcess`."""
    _check_bets(bets)
    _check_observations(observations)
    values = _factors(observations, bets)
    wealth = np.ones(len(bets))
    for place, factor in enumerate(values):
        wealth = np.minimum(wealth * factor, CEILING)
        values[place] = wealth
    return _mean_over_bets(values)


def e_detector(observations: Floats, bets: tuple[float, ...] = MIXTURE, form: Form = "sr") -> Floats:
    """Evidence after each observation: the array form of `EDetector`."""
    _check_bets(bets)
    _check_observations(observations)
    values = _factors(observations, bets)
    value = np.zeros(len(bets))
    for place, factor in enumerate(values):
        value = np.minimum((1 + value if form == "sr" else np.maximum(1.0, value)) * factor, CEILING)
        values[place] = value
    return _mean_over_bets(values)


def first_at_least(evidence: Floats, limit: float) -> int | None:
    """How many observations it took until the evidence reached `limit`; None if it did not."""
    reached = np.flatnonzero(evidence >= limit)
    return int(reached[0]) + 1 if len(reached) else None


def _factors(observations: Floats, bets: tuple[float, ...]) -> Floats:
    return 1 + np.array(bets) * (observations[:, None] - 0.5)


def _mean_over_bets(values: Floats) -> Floats:
    """Mean in the order of the bets, as the states add them, so that both give the same bits."""
    total = np.zeros(len(values))
    for column in values.T:
        total = total + column
    return total / values.shape[1]


def _check_bets(bets: tuple[float, ...]) -> None:
    if not bets or not all(0 < bet <= 2 for bet in bets):
        raise BadInput(f"Bets {bets} are not all above 0 and at most 2: beyond that wealth could become negative.")


def _check_state(name: str, values: tuple[float, ...], bets: tuple[float, ...]) -> None:
    if len(values) != len(bets) or not all(isfinite(value) and value >= 0 for value in values):
        raise BadInput(f"The stored {name} {values} does not belong to the {len(bets)} bets {bets}: start a new test.")


def _check_observation(observation: float) -> None:
    if not 0 <= observation <= 1:
        raise BadInput(f"The observation {observation:g} is not between 0 and 1: use share_of_range on the difference.")


def _check_observations(observations: Floats) -> None:
    for observation in observations[~((observations >= 0) & (observations <= 1))].tolist():
        _check_observation(observation)
