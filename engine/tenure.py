"""Rules that were in force for a while, on an account that went on under others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.rules.tree import Rule


@dataclass(frozen=True, slots=True, eq=False)
class Tenure:
    """Rules, and how the orders of their time name them.

    Args:
        rules: in the order of their file.
        orders_to: one past the last order in the log that was sent under them.
        named: int64[orders, 3]: deciding rule, low and high bits of all rules, for the orders since the tenure before.
        last_row: one past the last row of their time.
    """

    rules: tuple[Rule, ...]
    orders_to: int
    named: NDArray[np.int64]
    last_row: int


def every_rule(tenures: tuple[Tenure, ...], present: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """All rules that were ever in force, in the order in which they came."""
    found: dict[str, Rule] = {}
    for rules in (*(tenure.rules for tenure in tenures), present):
        found |= {rule.id: rule for rule in rules}
    return tuple(found.values())
