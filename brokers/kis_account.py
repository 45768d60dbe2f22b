"""The ledger behind the KIS broker: every order, fill and alert of the account in one file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from brokers.kis.books import KisAlert
from engine.events import Event, OrderAccepted, OrderNotSent, OrderRefused, OrderUnknown
from engine.fill import Fill
from engine.ledger.alerts import Urgency, record_alert, was_told
from engine.ledger.days import cost_adjustment, fills_of_day, numbers_of_day, orders_of_day
from engine.ledger.ledger import Ledger
from engine.order import Approved, Order, OrderRequest


class LedgerBooks:
    """A ledger as the KIS broker needs it.

    Args:
        ledger: of this account, open for writing.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def record_intent(self, approved: Approved[OrderRequest], order_id: str = "") -> Order:
        """Write down an order before it is sent."""
        return self.ledger.record_intent(approved, order_id)

    def record_outcome(self, outcome: OrderAccepted | OrderRefused | OrderUnknown | OrderNotSent) -> Order:
        """Write down what became of sending it."""
        return self.ledger.record_outcome(outcome)

    def append(self, event: Event) -> bool:
        """Book an event; False if it was known already."""
        return self.ledger.append(event)

    def order(self, order_id: str) -> Order | None:
        """One order, active or finished."""
        return self.ledger.order(order_id)

    def open_orders(self) -> Sequence[Order]:
        """Orders that the venue has and that can still fill, oldest first."""
        return self.ledger.open_orders()

    def unresolved_orders(self) -> Sequence[Order]:
        """Intents and unknowns, oldest first."""
        return self.ledger.unresolved_orders()

    def orders_of(self, day: date) -> Sequence[Order]:
        """All orders intended on a day, oldest first."""
        return orders_of_day(self.ledger, day)

    def fills_of(self, day: date) -> Sequence[Fill]:
        """All fills of a day, in the order in which they were booked."""
        return fills_of_day(self.ledger, day)

    def numbers_of(self, day: date) -> Sequence[tuple[str, str]]:
        """Every number of the orders of a day: (order id, number)."""
        return numbers_of_day(self.ledger, day)

    def cost_adjustment_of(self, label: str) -> int:
        """Won of all cost adjustments that were booked under this label."""
        return cost_adjustment(self.ledger, label)

    def alert(self, alert: KisAlert) -> None:
        """Put an alert into the outbox, with the English text among its parameters.

        What is said of an order is said once: after a restart the same investigation comes to the same words again.
        """
        if "order_id" in alert.details and was_told(self.ledger, alert.code, alert.korean):
            return
        parameters = {**alert.details, "english": alert.english}
        record_alert(self.ledger, Urgency(alert.weight.value), alert.code, alert.korean, parameters)
