"""The last word before an order leaves: halts, levels of autonomy, hard limits. All of them stand in one list.

A gate never changes an order; it lets it pass or says why not. Sells that a rule or a guarded level asks for reduce
risk: a gate that is about new risk lets them through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.order import OrderRequest, Refused


class OrderGate(Protocol):
    """One reason why orders may be held back."""

    def check(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        """None lets it pass; a refusal has its reason and a sentence for people."""
        ...


class OrderGates:
    """Several gates, one after the other; the first that refuses decides.

    Args:
        gates: in the order in which they are asked.
    """

    def __init__(self, gates: Sequence[OrderGate] = ()) -> None:
        self._gates = tuple(gates)

    def check(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        """The first refusal, None if all let it pass."""
        for gate in self._gates:
            refused = gate.check(request)
            if refused is not None:
                return refused
        return None
