"""Where two runs of the graph part: the first cycle that did, or stood on, something else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.operating.state import Cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """How two runs differ, cycle by cycle.

    Args:
        first: decision at which they first differ, "" if they never do.
        why: "account" where the account before it already differed (a guarded level, another fill), else "orders".
        cycles: compared.
        differing: of those, the ones with other orders.
    """

    first: str
    why: str
    cycles: int
    differing: int


def divergence(old: Iterable[Cycle], new: Iterable[Cycle]) -> Divergence:
    """Compare the cycles of two runs over the same bars by their decision."""
    before = {cycle.decision_id: cycle for cycle in old}
    first, why, cycles, differing = "", "", 0, 0
    for cycle in sorted(new, key=lambda each: each.row):
        other = before.get(cycle.decision_id)
        if other is None:
            continue
        cycles += 1
        orders, account = _orders(cycle) != _orders(other), _account(cycle) != _account(other)
        differing += orders
        if not first and (orders or account):
            first, why = cycle.decision_id, "account" if account else "orders"
    return Divergence(first=first, why=why, cycles=cycles, differing=differing)


def _orders(cycle: Cycle) -> list[tuple[object, ...]]:
    """What was let through to the broker."""
    return [
        (check.action.ticker, check.action.side, check.quantity, check.action.kind, check.action.price)
        for check in cycle.checks
        if check.quantity
    ]


def _account(cycle: Cycle) -> tuple[object, ...] | None:
    if cycle.diagnosis is None:
        return None
    held = tuple((holding.ticker, holding.quantity) for holding in cycle.diagnosis.holdings)
    return cycle.diagnosis.cash, held
