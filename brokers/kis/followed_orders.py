"""Our orders at KIS, followed and booked: one writer for all that happens to them.

Notices and the list know numbers; the ledger knows our ids (`order_numbers`). A number is learnt from the answer to the
order or from a reconciliation. An order is closed only when its shares add up: after a cancel that overtook a fill, the
list has the last word (`list_comparison`).
"""

from __future__ import annotations

from collections import deque
from datetime import date, datetime, timedelta

from brokers.kis.books import Books
from brokers.kis.costs import ClassOf, estimated_costs
from brokers.kis.messages import number_key
from brokers.kis.notice import NEW, Notice
from brokers.kis.notices import NoticeBook
from brokers.kis.order_news import (
    Amended,
    Cancelled,
    Filled,
    InDoubt,
    OrderNews,
    Received,
    RefusedByExchange,
)
from brokers.kis.order_numbers import Number, OrderNumbers
from engine.clock import Clock, session_of
from engine.errors import BrokenInvariant
from engine.events import Event, OrderAccepted, OrderAmended, OrderCancelled, OrderRefused
from engine.fill import Fill
from engine.order import WORKING, Order, RefusalReason, Side

_REMEMBERED = timedelta(days=10)  # after its last order; older days are learnt again from the ledger when asked for
_NUMBER_IN_KEY = 2  # kis-20261123-117057-0+10


class FollowedOrders:
    """The orders of one account. For one thread.

    Args:
        books: the ledger.
        clock: gives events their time where KIS does not.
        account: CANO; notices of other accounts are left out.
        class_of: instrument class of a ticker, for the estimate of costs.

    Attributes:
        notices: shares and money that notices and lists have told of each number.
        numbers: which number is which order.
        withdrawn: shares of an order that a notice says were cancelled, not settled yet.
        unsettled: days for which the list has to be asked.
    """

    def __init__(self, books: Books, clock: Clock, account: str, class_of: ClassOf) -> None:
        self._books, self._clock, self._class_of = books, clock, class_of
        self.notices = NoticeBook(account)
        self.numbers = OrderNumbers(books)
        self.withdrawn: dict[str, int] = {}
        self.unsettled: set[date] = set()
        self._restored: set[date] = set()
        self._traded: dict[Number, int] = {}  # won booked under each number: commission and tax are rounded on them
        self._events: deque[Event] = deque()

    def restore(self, day: date) -> None:
        """Learn again what the ledger knows of a day: numbers of orders, and fills that count already."""
        if day in self._restored:
            return
        self._forget_before(day - _REMEMBERED)
        self._restored.add(day)
        orders = {order.id: order for order in self._books.orders_of(day)}
        fills: dict[tuple[str, int], list[tuple[datetime, int, int]]] = {}
        for fill in self._books.fills_of(day):
            number = _number_of_key(fill.key)
            if number is not None:
                fills.setdefault((fill.order_id, number), []).append((fill.time, fill.quantity, fill.price))
        for order_id, text in self._books.numbers_of(day):
            self.numbers.learn(day, number_key(text), order_id)
        for (order_id, number), told in fills.items():
            self.numbers.learn(day, number, order_id)
            self._traded[day, number] = sum(quantity * price for _, quantity, price in told)
            self.notices.restore(day, number, 0, told)
        for order in orders.values():
            if order.order_number:
                number = number_key(order.order_number)
                self.numbers.learn(day, number, order.id)
                if not any(order_id == order.id and other != number for order_id, other in fills):
                    self.notices.restore(day, number, order.request.quantity)

    def _forget_before(self, day: date) -> None:
        """A process that runs for months does not keep every order; days on which one is not closed yet stay."""
        waiting = [*self._books.open_orders(), *self._books.unresolved_orders()]
        day = min([day, *self.unsettled, *(session_of(order.intended_at) for order in waiting)])
        self.notices.forget_before(day)
        self.numbers.forget_before(day)
        self._traded = {number: won for number, won in self._traded.items() if number[0] >= day}
        self._restored = {known for known in self._restored if known >= day}

    # What we did --------------------------------------------------------------------------------------------

    def accept(self, order_id: str, order_number: str, *, branch: str = "", kind: str = "", tell: bool = False) -> None:
        """KIS has an order of ours under this number; what was told of the number before counts now.

        Args:
            order_id: our id.
            order_number: as received.
            branch: ORGNO.
            kind: ORD_DVSN.
            tell: make an event of it, where nobody waits for the answer any more.

        Raises:
            BrokenInvariant: the number is of another order of ours.
        """
        self.restore(self._clock.now().date())
        intended = self._books.order(order_id)
        owner = (
            None if intended is None else self.numbers.owner(session_of(intended.intended_at), number_key(order_number))
        )
        if owner is not None and owner != order_id:
            raise BrokenInvariant(
                f"KIS's number {order_number} is of order {owner}, and order {order_id} would get it too. Stop trading "
                f"and compare the orders of the day with the HTS."
            )
        event = OrderAccepted(time=self._clock.now(), order_id=order_id, order_number=order_number)
        order = self._books.record_outcome(event)
        if tell:
            self._events.append(event)
        day, number = session_of(order.intended_at), number_key(order_number)
        self.numbers.learn(day, number, order_id)
        self.numbers.sent_with(order_id, branch, kind)
        known = self.notices.order(day, number)
        if known is None or not known.order_quantity:
            self.notices.restore(day, number, order.request.quantity)
        self.claim(day, number)

    def expect_amend(self, order_id: str, order_number: str, price: int) -> None:
        """KIS took an amend of the whole rest to a price; until it is confirmed, the order has two numbers."""
        order = self._books.order(order_id)
        if order is not None:
            day = session_of(order.intended_at)
            self.numbers.expect(order_id, order_number, price)
            self.numbers.learn(day, number_key(order_number), order_id)
            self.unsettled.add(day)
            self.claim(day, number_key(order_number))

    def settle_later(self, order: Order) -> None:
        """Ask the list about this order's day before long."""
        self.unsettled.add(session_of(order.intended_at))

    # What we hear -------------------------------------------------------------------------------------------

    def take(self, notice: Notice) -> None:
        """Book what a notice of the account tells."""
        day = session_of(notice.time)
        self.restore(day)
        order = self._books.order(self.numbers.owner(day, notice.number) or "")
        if order is not None and not _is_about(order, notice.ticker, notice.side):
            self.unsettled.add(day)  # our number, and not our order: the list decides
            return
        foreign = self.notices.foreign
        told = self.notices.apply(notice)
        if self.notices.foreign > foreign:
            return
        if notice.request == NEW and not self.numbers.knows(day, notice.number):
            self.numbers.note_stranger(day, notice)
        for news in told:
            self.hear(day, news)

    def events(self) -> list[Event]:
        """What has been booked since the last call, in order."""
        told = list(self._events)
        self._events.clear()
        return told

    def book(self, event: Event) -> bool:
        """Book an event and tell it; False if it was known already."""
        news = self._books.append(event)
        if news:
            self._events.append(event)
        return news

    def claim(self, day: date, number: int) -> None:
        """A number has become ours: what was told of it counts now."""
        for news in self.numbers.claimed(day, number):
            self.hear(day, news)

    def hear(self, day: date, news: OrderNews) -> None:
        """Book what is told of a number, or keep it where the number is nobody's."""
        number = news.number
        if isinstance(news, Amended | RefusedByExchange) and news.original is not None:
            number = news.original
        order_id = self.numbers.owner(day, number)
        if order_id is None and isinstance(news, Received) and news.request != NEW:
            return  # the request to amend or cancel; its confirmation names the order
        if order_id is None:
            self.numbers.keep(day, number, news)
            return
        order = self._books.order(order_id)
        if order is None:
            return
        if isinstance(news, Filled):
            self._fill(self._amended_by(order, news), news)
        elif isinstance(news, InDoubt):
            self.unsettled.add(day)
        elif not order.is_active:
            return
        elif isinstance(news, Amended):
            self._amended(order, day, news)
        elif isinstance(news, Cancelled):
            self._cancelled(order, day, news)
        elif isinstance(news, RefusedByExchange):
            self._refused(order, day, news)

    def _fill(self, order: Order, news: Filled) -> None:
        day = session_of(news.time)
        if not _is_about(order, news.ticker, news.side) or news.quantity > order.remaining:
            self.unsettled.add(day)  # nothing is booked that cannot be true
            return
        amount = news.quantity * news.price
        before = self._traded.get((day, news.number), 0)
        costs = estimated_costs(news.side, day, self._class_of(news.ticker), before, amount)
        is_news = self.book(
            Fill(
                time=news.time,
                order_id=order.id,
                key=news.key,
                ticker=news.ticker,
                side=news.side,
                quantity=news.quantity,
                price=news.price,
                fee=costs.fee,
                stt=costs.stt,
                rural=costs.rural,
            )
        )
        if is_news:
            self._traded[day, news.number] = before + amount

    def _amended_by(self, order: Order, news: Filled) -> Order:
        """The order at its new price, where its first fill under the new number overtakes the confirmation."""
        number, price = self.numbers.expected(order.id) or ("", 0)
        if not number or number_key(number) != news.number or order.status not in WORKING:
            return order
        self.numbers.has_moved(order.id)
        quantity = order.request.quantity  # the whole rest has moved
        self.book(OrderAmended(time=news.time, order_id=order.id, quantity=quantity, price=price, order_number=number))
        return self._books.order(order.id) or order

    def _amended(self, order: Order, day: date, news: Amended) -> None:
        self.numbers.learn(day, news.number, order.id)
        self.numbers.has_moved(order.id)
        if number_key(order.order_number) == news.number:  # a fill under the new number, or the list, has told it
            self.claim(day, news.number)
            return
        number = news.notice.order_number
        total = order.filled + news.quantity
        # An amend moves the whole rest. If the shares do not add up, fills of the old number are still on their way.
        if total != order.request.quantity or news.quantity <= 0:
            self.unsettled.add(day)
            return
        self.book(
            OrderAmended(
                time=news.notice.time,
                order_id=order.id,
                quantity=total,
                price=news.price or None,
                order_number=number,
            )
        )
        self.claim(day, news.number)

    def _cancelled(self, order: Order, day: date, news: Cancelled) -> None:
        self.withdrawn[order.id] = self.withdrawn.get(order.id, 0) + news.quantity
        if news.is_settled and number_key(order.order_number) == news.number:
            self.book(OrderCancelled(time=news.notice.time, order_id=order.id))
            return
        self.unsettled.add(day)

    def _refused(self, order: Order, day: date, news: RefusedByExchange) -> None:
        if news.request != NEW:
            self.numbers.has_moved(order.id)
            self.numbers.forget(day, news.number)
            self.unsettled.add(day)
            return
        if order.filled:
            self.unsettled.add(day)
            return
        text = "거래소가 거부했습니다 · refused by the exchange"
        self.book(
            OrderRefused(
                time=news.notice.time, order_id=order.id, reason=RefusalReason.VENUE, code="RFUS_YN", text=text
            )
        )


def _is_about(order: Order, ticker: str, side: Side | None) -> bool:
    """Whether news can be of this order; KIS puts an A in front of some tickers."""
    return ticker.strip().removeprefix("A") == order.request.ticker and side is order.request.side


def _number_of_key(key: str) -> int | None:
    parts = key.split("-")
    return int(parts[_NUMBER_IN_KEY]) if key.startswith("kis-") and len(parts) > _NUMBER_IN_KEY else None
