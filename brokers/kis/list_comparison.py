"""Our orders of a day against the broker's list: what it tells is booked where it cannot be wrong, and asked again
where it may be.

The list is late, comes in pages of different instants, and has only sums where it has too many rows. So nothing is
booked from a list that contradicts itself or our books, and a person is told when it goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from brokers.kis.daily_list import DailyList, ListedState, is_possible, listed_state, listed_total, original_of
from brokers.kis.desk import Desk
from brokers.kis.messages import number_key
from brokers.kis.order_alerts import fills_not_assigned, list_contradicts_itself, order_not_listed
from brokers.kis.order_news import ListedTotal
from engine.clock import session_of
from engine.events import OrderAmended, OrderCancelled, OrderExpired, OrderRefused
from engine.krx.sessions import is_session, session_close
from engine.order import WORKING, Order, OrderStatus, RefusalReason

_AFTER_THE_CLOSE = timedelta(minutes=10)  # the closing auction ends at random, and its notices take their time
_NXT_CLOSE_HOURS = 20
_CONTRADICTIONS_TOLD = 10  # in a row; asked for at growing intervals, that takes some minutes


class ListComparison:
    """Brings our orders to what the list says.

    Args:
        desk: of the account; its exchange and the time there decide when a day is over.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._orders, self._books = desk.followed, desk.books
        self._told_missing: set[str] = set()
        self._contradictions: dict[date, int] = {}  # lists in a row whose rows and sums disagree

    def compare(self, listed: DailyList, meanwhile: Collection[str] = ()) -> None:
        """Bring our orders of a day to what the broker's list says.

        Args:
            listed: the list.
            meanwhile: our orders that were sent while it was on its way.
        """
        self._orders.restore(listed.day)
        if listed.rows and not listed.is_consistent:
            self._orders.unsettled.add(listed.day)  # pages of different instants, or one without its rows: asked again
            self._contradictions[listed.day] = self._contradictions.get(listed.day, 0) + 1
            if self._contradictions[listed.day] == _CONTRADICTIONS_TOLD:
                self._books.alert(list_contradicts_itself(listed.day))
            return
        self._contradictions.pop(listed.day, None)
        self._orders.unsettled.discard(listed.day)
        over = self.is_over(listed.day)
        for order in self._books.open_orders():
            if session_of(order.intended_at) == listed.day and order.order_number:
                if order.id in meanwhile:
                    self._orders.unsettled.add(listed.day)  # the next list will have it
                    continue
                self._compare_order(order, listed, over)

    def compare_sums(self, listed: DailyList, order: Order, meanwhile: Collection[str]) -> None:
        """The same where the list has sums and no rows: they must be of this order's ticker and side.

        What cannot be assigned to exactly one order is not booked: an alert asks a person. Nor is it booked, before the
        day is over, where it may be of a number that we do not know or of one of two: a notice or the rows will tell.
        """
        side, ticker = order.request.side, order.request.ticker
        ours = [
            other
            for other in self._books.orders_of(listed.day)
            if (other.request.ticker, other.request.side) == (ticker, side) and other.order_number
        ]
        if any(other.id in meanwhile for other in ours):
            # The sums may hold what was sent while they were on their way, or may not.
            self._orders.unsettled.add(listed.day)
            return
        missing = listed.filled - sum(other.filled for other in ours)
        won = listed.amount - sum(other.filled_amount for other in ours)
        if missing == 0 and won == 0:
            self._close_by_sums(order, self.is_over(listed.day))
            return
        working = [other for other in ours if other.status in WORKING]
        if missing < 0 or won < missing or len(working) != 1 or missing > order.remaining:
            self._alert_sums(order, listed)
            return
        unknown = any(
            (other.request.ticker, other.request.side) == (ticker, side) for other in self._books.unresolved_orders()
        )
        if unknown or not (self._orders.numbers.has_one_number(order.id) or self.is_over(listed.day)):
            self._orders.unsettled.add(listed.day)
            return
        number = number_key(self._orders.numbers.current_number(order))
        known = self._orders.notices.order(listed.day, number)
        had, paid = (known.filled, known.amount) if known else (0, 0)
        total = ListedTotal(
            number=number,
            ticker=ticker,
            side=side,
            order_quantity=max(had + missing, known.order_quantity if known else 0),
            filled=had + missing,
            amount=paid + won,
            as_of=self._as_of(listed),
            day=listed.day,
        )
        for news in self._orders.notices.settle(total):
            self._orders.hear(listed.day, news)
        after = self._books.order(order.id)
        if after is not None and after.is_active:
            self._close_by_sums(after, self.is_over(listed.day))

    def is_over(self, day: date) -> bool:
        """Whether no order of that day can fill any more."""
        now = self._desk.time()
        if day < now.date():
            return True
        if day > now.date() or not is_session(day):
            return False
        close = session_close(day)
        if self._desk.exchange != "KRX":
            close = close.replace(hour=_NXT_CLOSE_HOURS, minute=0)
        return now >= close + _AFTER_THE_CLOSE

    def _compare_order(self, order: Order, listed: DailyList, over: bool) -> None:
        chain = listed.chain(number_key(self._orders.numbers.current_number(order)))
        if not chain:
            self._missing(order, listed)
            return
        if not all(is_possible(row) for row in chain):
            self._orders.unsettled.add(listed.day)
            return
        for row in chain:
            number = number_key(row.order_number)
            if not self._orders.numbers.knows(listed.day, number):  # an amend of which we never heard, or a cancel
                self._orders.numbers.learn(listed.day, number, order.id)
                self._orders.claim(listed.day, number)
            if original_of(row) is not None and not row.filled:
                continue
            total = listed_total(row, self._as_of(listed))
            if total is None:
                self._orders.unsettled.add(listed.day)
                return
            for news in self._orders.notices.settle(total):
                self._orders.hear(listed.day, news)  # a doubt puts the day back among the unsettled
        state = listed_state(chain)
        after = self._books.order(order.id)
        if after is None or not after.is_active:
            return
        if state.filled != after.filled:
            self._orders.unsettled.add(listed.day)  # the list is late, or its figures are in doubt
            return
        if state.branch:
            self._orders.numbers.is_at(order.id, state.branch)
        if not state.remaining and not over and not listed.is_whole:
            self._orders.unsettled.add(listed.day)  # it may go on under a number that the list does not show
            return
        self._adopt_state(after, state, over)

    def _adopt_state(self, order: Order, state: ListedState, over: bool) -> None:
        now = self._desk.clock.now()
        if state.rejected and not state.filled and not state.remaining:
            text = "거래소가 거부했습니다 · refused by the exchange"
            self._orders.book(
                OrderRefused(time=now, order_id=order.id, reason=RefusalReason.VENUE, code="rjct_qty", text=text)
            )
        elif not state.remaining and (state.cancelled or state.rejected):
            self._orders.book(OrderCancelled(time=now, order_id=order.id))
        elif over:
            self._orders.book(OrderExpired(time=now, order_id=order.id))
        elif state.remaining:
            self._amend_to(order, state)
        if not state.remaining or over:
            self._orders.numbers.has_moved(order.id)

    def _amend_to(self, order: Order, state: ListedState) -> None:
        total = state.filled + state.remaining
        same_number = number_key(state.latest) == number_key(order.order_number)
        if same_number and total == order.request.quantity:
            return
        self._orders.numbers.has_moved(order.id)
        self._orders.withdrawn.pop(order.id, None)
        price = order.request.price if same_number else state.price or None
        self._orders.book(
            OrderAmended(
                time=self._desk.clock.now(), order_id=order.id, quantity=total, price=price, order_number=state.latest
            )
        )

    def _close_by_sums(self, order: Order, over: bool) -> None:
        withdrawn = self._orders.withdrawn.get(order.id, 0)
        now = self._desk.clock.now()
        if withdrawn and withdrawn >= order.remaining:
            self._orders.book(OrderCancelled(time=now, order_id=order.id))
        elif over:
            self._orders.book(OrderExpired(time=now, order_id=order.id))
        elif withdrawn:
            del self._orders.withdrawn[order.id]
            self._orders.book(
                OrderAmended(
                    time=now,
                    order_id=order.id,
                    quantity=order.request.quantity - withdrawn,
                    price=order.request.price,
                    order_number=order.order_number,
                )
            )

    def _as_of(self, listed: DailyList) -> datetime:
        """When the list was true: now, or the end of a day that is past; on its own day in any case.

        A day to come is one of which our clock, set back, knows nothing yet: costs are settled by days.
        """
        if listed.day > listed.asked_at.date():
            return datetime.combine(listed.day, listed.asked_at.timetz())
        if listed.day >= listed.asked_at.date() or not is_session(listed.day):
            return listed.asked_at
        return session_close(listed.day)

    def _missing(self, order: Order, listed: DailyList) -> None:
        if not listed.is_whole:
            return  # the sums are asked for by whoever asked for the list
        self._orders.unsettled.add(listed.day)
        if order.id not in self._told_missing and order.status is not OrderStatus.INTENDED:
            self._told_missing.add(order.id)
            self._books.alert(order_not_listed(order))

    def _alert_sums(self, order: Order, listed: DailyList) -> None:
        self._orders.unsettled.add(listed.day)
        if order.id in self._told_missing:
            return
        self._told_missing.add(order.id)
        self._books.alert(fills_not_assigned(order, listed.filled))
