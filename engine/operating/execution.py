"""Node 5, execution: approved actions go to the broker, in order. Accepted is not filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.broker import Accepted, Outcome, RefusedByVenue, Unavailable, Unknown
from engine.operating.desk import Desk
from engine.operating.state import Cycle, Proposal, SentOrder
from engine.order import Approved

STATUS: dict[type, str] = {
    Accepted: "accepted",
    RefusedByVenue: "refused",
    Unknown: "unknown",
    Unavailable: "unavailable",
}


def execute(cycle: Cycle, desk: Desk) -> None:
    """Send `cycle.approved` and add the answers to `cycle.orders`; one that fails does not stop the next."""
    cycle.orders += send(cycle.approved, desk.submit)
    cycle.approved = ()


def send(
    approved: Sequence[Approved[Proposal]], submit: Callable[[Approved[Proposal]], Outcome]
) -> tuple[SentOrder, ...]:
    """Hand over one after the other; returns what the broker answered."""
    return tuple(_sent(order.value, submit(order)) for order in approved)


def _sent(proposal: Proposal, outcome: Outcome) -> SentOrder:
    action = proposal.action
    words: tuple[str, ...] = () if isinstance(outcome, Accepted) else (outcome.text,)
    if isinstance(outcome, RefusedByVenue):
        words = (outcome.code, outcome.text)
    return SentOrder(
        order_id=outcome.order_number if isinstance(outcome, Accepted) else "",
        ticker=action.ticker,
        side=action.side,
        quantity=action.quantity,
        status=STATUS[type(outcome)],
        message=" ".join(word for word in words if word),
    )
