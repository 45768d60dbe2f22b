"""After the close: what a day's fills were estimated to cost becomes what KIS charged for them."""

from __future__ import annotations

from datetime import date

from brokers.kis.books import Books
from brokers.kis.costs import ClassOf, charged_on, cost_adjustment, cost_label, costs_of_others
from brokers.kis.daily_list import ask_daily_list, side_of
from brokers.kis.followed_orders import FollowedOrders
from brokers.kis.messages import number_key
from brokers.kis.reconcile import Reconciler
from brokers.kis.rest import KisRest
from engine.clock import Clock, session_of
from engine.events import CashMoved


class CostSettlement:
    """The costs of one account's days. For one thread.

    Args:
        rest: asks for sums and lists.
        books: the ledger.
        followed: book the difference.
        reconciler: knows the numbers of our orders.
        class_of: instrument class of a ticker, for the costs of orders that are not ours.
        clock: says what day it is.
    """

    def __init__(
        self,
        rest: KisRest,
        books: Books,
        followed: FollowedOrders,
        reconciler: Reconciler,
        class_of: ClassOf,
        clock: Clock,
    ) -> None:
        self._rest, self._books, self._followed = rest, books, followed
        self._reconciler, self._class_of, self._clock = reconciler, class_of, clock

    def settle(self, day: date) -> CashMoved | None:
        """Book the difference; None if there is none, or KIS cannot tell.

        Raises:
            KisError: the figures cannot be had.
        """
        charged = charged_on(self._rest, day, self._clock.now().date())
        if charged is None:
            return None
        adjusted, fills = self._books.cost_adjustment_of(cost_label(day)), self._books.fills_of(day)
        event = cost_adjustment(charged, fills, adjusted, day, self._clock)
        if event is not None and (others := self._costs_of_others(day)):
            event = cost_adjustment(max(charged - others, 0), fills, adjusted, day, self._clock)
        if event is not None:
            self._followed.book(event)
        return event

    def _costs_of_others(self, day: date) -> int:
        """Won that orders of the day cost which are not ours; KIS charges all of the account in one sum.

        Where an order of ours has no number yet, those that may be it count as ours.
        """
        self._followed.restore(day)
        listed = ask_daily_list(self._rest, day, self._clock.now())
        lost = {
            (order.request.ticker, order.request.side)
            for order in self._books.unresolved_orders()
            if session_of(order.intended_at) == day
        }
        perhaps = {number_key(row.order_number) for row in listed.rows if (row.ticker.strip(), side_of(row)) in lost}
        return costs_of_others(listed, self._reconciler.known_numbers(listed) | perhaps, self._class_of)
