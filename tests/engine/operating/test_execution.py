"""Node 5: in order, one by one; accepted is not filled, and what fails stops nobody."""

from __future__ import annotations

from datetime import datetime

from engine.broker import Accepted, Outcome, RefusedByVenue, Unavailable, Unknown
from engine.clock import KST
from engine.operating.execution import send
from engine.operating.state import Proposal
from engine.order import Approved, RefusalReason
from tests.engine.operating.builders_graph import make_action

NOON = datetime(2024, 5, 2, 12, 0, tzinfo=KST)
ANSWERS: tuple[Outcome, ...] = (
    RefusedByVenue(reason=RefusalReason.VENUE, code="40250000", text="주문가능금액 부족"),
    Unknown(text="no answer in 5 seconds"),
    Unavailable(text="connection refused"),
    Accepted(order_number="0000117057"),
)


def test_each_order_is_handed_over_whatever_became_of_those_before_it() -> None:
    approved = [
        Approved(value=Proposal(make_action(f"00000{place}"), place), checked_at=NOON) for place in range(len(ANSWERS))
    ]
    handed: list[str] = []

    def submit(order: Approved[Proposal]) -> Outcome:
        handed.append(order.value.action.ticker)
        return ANSWERS[order.value.place]

    sent = send(approved, submit)
    assert handed == ["000000", "000001", "000002", "000003"]
    assert [(order.status, order.order_id, order.message) for order in sent] == [
        ("refused", "", "40250000 주문가능금액 부족"),
        ("unknown", "", "no answer in 5 seconds"),
        ("unavailable", "", "connection refused"),
        ("accepted", "0000117057", ""),
    ]
