"""The ledger behind the KIS broker, with a line in the log for each order event: decision and order in every line."""

from __future__ import annotations

import structlog

from brokers.kis.books import KisAlert
from brokers.kis_account import LedgerBooks
from engine.events import (
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderNotSent,
    OrderRefused,
    OrderUnknown,
)
from engine.fill import Fill
from engine.ledger.codec import kind_of
from engine.ledger.ledger import Ledger
from engine.order import Approved, Order, OrderRequest

_OF_ORDERS = (
    Fill | OrderAccepted | OrderAmended | OrderCancelled | OrderExpired | OrderNotSent | OrderRefused | OrderUnknown
)


class LoggedBooks(LedgerBooks):
    """Books first, then a line.

    Args:
        ledger: of this account, open for writing.
        logger: takes the lines.
    """

    def __init__(self, ledger: Ledger, logger: structlog.typing.FilteringBoundLogger) -> None:
        super().__init__(ledger)
        self._logger = logger

    def record_intent(self, approved: Approved[OrderRequest], order_id: str = "") -> Order:
        """Write down an order before it is sent."""
        order = super().record_intent(approved, order_id)
        request = order.request
        self._logger.info(
            "order_intended",
            order_id=order.id,
            decision_id=request.decision_id,
            ticker=request.ticker,
            side=request.side.value,
            quantity=request.quantity,
            kind=request.kind.value,
            price=request.price,
            rules=list(request.rule_ids),
        )
        return order

    def record_outcome(self, outcome: OrderAccepted | OrderRefused | OrderUnknown | OrderNotSent) -> Order:
        """Write down what became of sending it."""
        order = super().record_outcome(outcome)
        self._log(outcome)
        return order

    def append(self, event: Event) -> bool:
        """Book an event; False if it was known already."""
        is_news = super().append(event)
        if is_news:
            self._log(event)
        return is_news

    def alert(self, alert: KisAlert) -> None:
        """Put an alert into the outbox."""
        super().alert(alert)
        self._logger.warning("alert", code=alert.code, text=alert.korean)

    def _log(self, event: Event) -> None:
        if not isinstance(event, _OF_ORDERS):
            self._logger.info(kind_of(type(event)))
            return
        order = self.ledger.order(event.order_id)
        values: dict[str, object] = {
            "order_id": event.order_id,
            "decision_id": order.request.decision_id if order is not None else "",
            "ticker": order.request.ticker if order is not None else "",
        }
        if isinstance(event, Fill):
            values |= {"quantity": event.quantity, "price": event.price, "side": event.side.value}
        elif isinstance(event, OrderAccepted):
            values |= {"order_number": event.order_number}
        elif isinstance(event, OrderRefused):
            values |= {"reason": event.reason.value, "code": event.code, "text": event.text}
        elif isinstance(event, OrderUnknown | OrderNotSent):
            values |= {"text": event.text}
        self._logger.info(kind_of(type(event)), **values)
