"""How long to wait before the next attempt to connect: doubling, capped, and spread by a seeded draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """Waiting times between attempts.

    Args:
        first_seconds: before the second attempt.
        most_seconds: never longer than this.
        spread: part of the time that is drawn at random, 0 to 1, so that clients that lost one server do not come
            back together.
    """

    first_seconds: float = 1.0
    most_seconds: float = 60.0
    spread: float = 0.5

    def __post_init__(self) -> None:
        if not (0 < self.first_seconds <= self.most_seconds and 0 <= self.spread <= 1):
            raise ConfigError(
                f"Back-off from {self.first_seconds} to {self.most_seconds} seconds with spread {self.spread}: the "
                f"times must be positive and rising, the spread from 0 to 1."
            )

    def seconds(self, failures: int, generator: np.random.Generator) -> float:
        """The wait after so many failures in a row, the first being 1."""
        doublings = min(max(failures, 1) - 1, 60)  # 2**60 seconds is past any cap and still a float
        longest = min(self.most_seconds, self.first_seconds * 2.0**doublings)
        return longest * (1.0 - self.spread * float(generator.random()))
