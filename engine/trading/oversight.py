"""What the trader needs of whoever watches over it: halts, levels, approvals. `Supervisor` is the real one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from engine.operating.state import Action
from engine.order import OrderRequest, Refused
from engine.trading.standing import Halt


class Oversight(Protocol):
    """Watches over one account; an `OrderGate` too."""

    @property
    def halt(self) -> Halt | None:
        """The kill switch; None = off."""
        ...

    def look(self) -> None:
        """A turn begins: show a sign of life, hear what people ask for."""
        ...

    def check(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        """None lets an order pass; changes nothing, so it can be asked more than once."""
        ...

    def propose(self, decision_id: str, purchases: Sequence[Action], expires: datetime) -> None:
        """Keep the purchases that the level held back, and tell people of them."""
        ...

    def approved(self, decision_id: str) -> tuple[Action, ...]:
        """The purchases of a decision that a person approved and that are still in time; empty = none."""
        ...

    def halted_by_rule(self) -> None:
        """A rule of the prompt has halted the account at a decision."""
        ...

    def fall_back(self, reason: str) -> None:
        """A breach: no new risk from now on, until a person gives the level again."""
        ...


class Unsupervised:
    """Nobody watches: for the loop by itself, as in its own tests."""

    halt: Halt | None = None

    def look(self) -> None:
        """Nothing to hear."""

    def check(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        """Everything passes."""
        return None

    def propose(self, decision_id: str, purchases: Sequence[Action], expires: datetime) -> None:
        """Nothing is ever held back."""

    def approved(self, decision_id: str) -> tuple[Action, ...]:
        """Nothing waits."""
        return ()

    def halted_by_rule(self) -> None:
        """The trader itself buys nothing."""

    def fall_back(self, reason: str) -> None:
        """There is no level to fall from."""
