"""After the close: what a day's fills were estimated to cost becomes what KIS charged for them."""

from __future__ import annotations

from datetime import date

from brokers.kis.costs import ClassOf, charged_on, cost_adjustment, cost_label, costs_of_others
from brokers.kis.daily_list import side_of
from brokers.kis.desk import Desk
from brokers.kis.messages import number_key
from brokers.kis.reconcile import Reconciler
from engine.clock import session_of
from engine.events import CashMoved


class CostSettlement:
    """The costs of one account's days. For one thread.

    Args:
        desk: of the account; it asks for sums and lists, and books the difference.
        reconciler: knows the numbers of our orders.
        class_of: instrument class of a ticker, for the costs of orders that are not ours.
    """

    def __init__(self, desk: Desk, reconciler: Reconciler, class_of: ClassOf) -> None:
        self._desk, self._reconciler, self._class_of = desk, reconciler, class_of
        self._followed, self._books = desk.followed, desk.books

    def settle(self, day: date) -> CashMoved | None:
        """Book the difference; None if there is none, or KIS cannot tell.

        Raises:
            KisError: the figures cannot be had.
        """
        charged = charged_on(self._desk.rest, day, self._desk.clock.now().date())
        if charged is None:
            return None
        adjusted, fills = self._books.cost_adjustment_of(cost_label(day)), self._books.fills_of(day)
        event = cost_adjustment(charged, fills, adjusted, day, self._desk.clock)
        if event is not None and (others := self._costs_of_others(day)):
            event = cost_adjustment(max(charged - others, 0), fills, adjusted, day, self._desk.clock)
        if event is not None:
            self._followed.book(event)
        return event

    def _costs_of_others(self, day: date) -> int:
        """Won that orders of the day cost which are not ours; KIS charges all of the account in one sum.

        Where an order of ours has no number yet, those that may be it count as ours.
        """
        self._followed.restore(day)
        listed = self._desk.daily_list(day)
        lost = {
            (order.request.ticker, order.request.side)
            for order in self._books.unresolved_orders()
            if session_of(order.intended_at) == day
        }
        perhaps = {number_key(row.order_number) for row in listed.rows if (row.ticker.strip(), side_of(row)) in lost}
        return costs_of_others(listed, self._reconciler.known_numbers(listed) | perhaps, self._class_of)
