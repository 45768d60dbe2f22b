"""How many of the promotions are false, over a stream of tests that never ends: LOND and LORD++.

Each new candidate is tested at a level that depends only on the tests before it, so the share of false ones
among all promotions stays below `alpha` in expectation, this week and in ten years. A promotion earns level back.

Sources: A. Javanmard and A. Montanari, "On online control of false discovery rate" (2015), for LOND; "Online rules for
control of false discovery rate and false discovery exceedance", Annals of Statistics 46 (2018), for the weights.
A. Ramdas, F. Yang, M. J. Wainwright and M. I. Jordan, "Online control of the false discovery rate with decaying
memory" (2017), for LORD++.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput
from engine.metrics.returns import Floats

# The published constant; with it the weights of all tests to come sum to 0.976, and they must not sum to more than 1.
WEIGHT_SCALE = 0.07720838


def weight(test: int) -> float:
    """Share of the level that test number `test`, from 1, may use.

    >>> round(weight(1), 8)
    0.05351677
    """
    return WEIGHT_SCALE * log(max(test, 2)) / (test * exp(sqrt(log(test))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lond:
    """Levels based on the number of discoveries; holds for independent tests.

    Args:
        alpha: bound of the false discovery rate.
        tests: how many were made.
        discoveries: how many of them were rejected.
    """

    alpha: float = 0.05
    tests: int = 0
    discoveries: int = 0

    def __post_init__(self) -> None:
        _check_level(self.alpha)
        if not 0 <= self.discoveries <= self.tests:
            raise BadInput(f"{self.discoveries} discoveries in {self.tests} tests: the stored state is damaged.")

    @property
    def level(self) -> float:
        """Level of the next test; it is a discovery if its p-value is at or below."""
        return self.alpha * weight(self.tests + 1) * (self.discoveries + 1)

    def update(self, p_value: float) -> Lond:
        """The state after one more test."""
        _check_p_value(p_value)
        found = p_value <= self.level
        return replace(self, tests=self.tests + 1, discoveries=self.discoveries + found)


@dataclass(frozen=True, slots=True, kw_only=True)
class LordPlusPlus:
    """Levels based on when the discoveries were made; finds more than LOND in a long stream.

    Args:
        alpha: bound of the false discovery rate.
        initial_wealth: level to spend before the first discovery, from 0 to alpha.
        tests: how many were made.
        discovered_at: numbers of the tests, from 1, that were rejected.
    """

    alpha: float = 0.05
    initial_wealth: float = 0.005
    tests: int = 0
    discovered_at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_level(self.alpha)
        if not 0 <= self.initial_wealth <= self.alpha:
            raise BadInput(f"The initial wealth {self.initial_wealth:g} is not between 0 and alpha {self.alpha:g}.")
        if any(not 1 <= test <= self.tests for test in self.discovered_at):
            raise BadInput(f"Discoveries {self.discovered_at} in {self.tests} tests: the stored state is damaged.")

    @property
    def level(self) -> float:
        """Level of the next test; it is a discovery if its p-value is at or below."""
        now = self.tests + 1
        level = self.initial_wealth * weight(now)
        for number, test in enumerate(self.discovered_at):
            earned = self.alpha - self.initial_wealth if number == 0 else self.alpha
            level += earned * weight(now - test)
        return level

    def update(self, p_value: float) -> LordPlusPlus:
        """The state after one more test."""
        _check_p_value(p_value)
        now = self.tests + 1
        found = (now,) if p_value <= self.level else ()
        return replace(self, tests=now, discovered_at=self.discovered_at + found)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineTests:
    """Level of each test of a stream, and which of them are discoveries."""

    levels: Floats
    discoveries: NDArray[np.bool_]


def lond(p_values: Floats, alpha: float = 0.05) -> OnlineTests:
    """The array form of `Lond`."""
    weights = alpha * _weights(p_values, alpha)
    levels = np.empty(len(p_values))
    discoveries = np.zeros(len(p_values), dtype=np.bool_)
    found = 0
    for place, p_value in enumerate(p_values.tolist()):
        levels[place] = weights[place] * (found + 1)
        discoveries[place] = p_value <= levels[place]
        found += bool(discoveries[place])
    return OnlineTests(levels=levels, discoveries=discoveries)


def lord_plus_plus(p_values: Floats, alpha: float = 0.05, initial_wealth: float = 0.005) -> OnlineTests:
    """The array form of `LordPlusPlus`: each discovery lifts the levels of all tests after it at once."""
    start = LordPlusPlus(alpha=alpha, initial_wealth=initial_wealth)
    weights = _weights(p_values, alpha)
    levels = start.initial_wealth * weights
    discoveries = p_values <= levels
    earned = alpha - initial_wealth
    for place, p_value in enumerate(p_values.tolist()):
        discoveries[place] = p_value <= levels[place]
        if discoveries[place]:
            levels[place + 1 :] += earned * weights[: len(weights) - place - 1]
            earned = alpha
    return OnlineTests(levels=levels, discoveries=discoveries)


def _weights(p_values: Floats, alpha: float) -> Floats:
    _check_level(alpha)
    for p_value in p_values[~((p_values >= 0) & (p_values <= 1))].tolist():
        _check_p_value(p_value)
    return np.array([weight(test) for test in range(1, len(p_values) + 1)])


def _check_level(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise BadInput(f"The bound {alpha:g} of the false discovery rate is not between 0 and 1.")


def _check_p_value(p_value: float) -> None:
    if not 0 <= p_value <= 1:
        raise BadInput(f"The p-value {p_value:g} is not between 0 and 1: a candidate without one is not tested.")
