"""Our orders at KIS, followed by notices and by the broker's list, and booked: one writer for all that happens to them.

Notices and the list know numbers; the ledger knows our ids. A number is learnt from the answer to the order or from a
reconciliation; news of a number that is nobody's waits here, because it may be of an order whose answer was lost.
An order is closed only when its shares add up: after a cancel that overtook a fill, the list has the last word.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from datetime import date, datetime, timedelta

from brokers.kis.books import Books
from brokers.kis.costs import ClassOf, estimated_costs
from brokers.kis.daily_list import DailyList, ListedState, is_possible, listed_state, listed_total, original_of
from brokers.kis.messages import number_key
from brokers.kis.notice import NEW, Notice
from brokers.kis.notices import NoticeBook
from brokers.kis.order_alerts import fills_not_assigned, list_contradicts_itself, order_not_listed
from brokers.kis.order_news import (
    Amended,
    Cancelled,
    Filled,
    InDoubt,
    ListedTotal,
    OrderNews,
    Received,
    RefusedByExchange,
)
from engine.clock import Clock, session_of
from engine.errors import BrokenInvariant
from engine.events import Event, OrderAccepted, OrderAmended, OrderCancelled, OrderExpired, OrderRefused
from engine.fill import Fill
from engine.krx.sessions import is_session, session_close
from engine.order import WORKING, Order, OrderStatus, RefusalReason, Side

_AFTER_THE_CLOSE = timedelta(minutes=10)  # the closing auction ends at random, and its notices take their time
_NXT_CLOSE_HOURS = 20
_CONTRADICTIONS_TOLD = 10  # in a row; asked for at growing intervals, that takes some minutes
_NUMBER_IN_KEY = 2  # kis-20261123-117057-0+10

_Number = tuple[date, int]


class FollowedOrders:
    """The orders of one account. For one thread.

    Args:
        books: the ledger.
        clock: gives events their time where KIS does not.
        account: CANO; notices of other accounts are left out.
        class_of: instrument class of a ticker, for the estimate of costs.
        exchange: where orders go; it decides when a day is over.
    """

    def __init__(self, books: Books, clock: Clock, account: str, class_of: ClassOf, exchange: str = "KRX") -> None:
        self._books, self._clock, self._class_of, self._exchange = books, clock, class_of, exchange
        self.notices = NoticeBook(account)
        self._ids: dict[_Number, str] = {}
        self._branches: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._unclaimed: dict[_Number, list[OrderNews]] = {}
        self._strangers: dict[_Number, Notice] = {}  # the first notice of each number that is nobody's
        self._restored: set[date] = set()
        self._amending: dict[str, tuple[str, int]] = {}  # amend accepted by KIS, not confirmed: coming number, price
        self._traded: dict[_Number, int] = {}  # won booked under each number: commission and tax are rounded on them
        self._withdrawn: dict[str, int] = {}  # shares that a notice says were cancelled, not settled yet
        self._one_number: set[str] = set()  # orders that certainly have one number only: accepted here, never amended
        self._told_missing: set[str] = set()
        self._contradictions: dict[date, int] = {}  # lists in a row whose rows and sums disagree
        self._events: deque[Event] = deque()
        self.unsettled: set[date] = set()  # days for which the list has to be asked

    # Who is who ---------------------------------------------------------------------------------------------

    def restore(self, day: date) -> None:
        """Learn again what the ledger knows of a day: numbers of orders, and fills that count already."""
        if day in self._restored:
            return
        self._restored.add(day)
        orders = {order.id: order for order in self._books.orders_of(day)}
        fills: dict[tuple[str, int], list[tuple[datetime, int, int]]] = {}
        for fill in self._books.fills_of(day):
            number = _number_of_key(fill.key)
            if number is not None:
                fills.setdefault((fill.order_id, number), []).append((fill.time, fill.quantity, fill.price))
        for order_id, text in self._books.numbers_of(day):
            self._ids[day, number_key(text)] = order_id
        for (order_id, number), told in fills.items():
            self._ids[day, number] = order_id
            self._traded[day, number] = sum(quantity * price for _, quantity, price in told)
            self.notices.restore(day, number, 0, told)
        for order in orders.values():
            if order.order_number:
                number = number_key(order.order_number)
                self._ids[day, number] = order.id
                if not any(order_id == order.id and other != number for order_id, other in fills):
                    self.notices.restore(day, number, order.request.quantity)

    def find(self, order_number: str) -> Order | None:
        """The order that has this number: of today, else the last one that the ledger knows."""
        text = order_number.strip()
        if not (text.isascii() and text.isdigit()):
            return None
        number = int(text)
        days = sorted({day for day, known in self._ids if known == number}, reverse=True)
        return self._books.order(self._ids[days[0], number]) if days else None

    def knows(self, day: date, number: int) -> bool:
        """Whether a number is of one of our orders."""
        return (day, number) in self._ids

    def unclaimed(self, day: date) -> dict[int, Notice]:
        """New orders under numbers that are nobody's, with the first notice of each."""
        return {number: notice for (told_on, number), notice in self._strangers.items() if told_on == day}

    def branch_of(self, order_id: str) -> str:
        """ORGNO of an order, "" if it was never told."""
        return self._branches.get(order_id, "")

    def kind_of(self, order_id: str) -> str:
        """ORD_DVSN with which an order was sent, "" if that is not known any more."""
        return self._kinds.get(order_id, "")

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
            None if intended is None else self._ids.get((session_of(intended.intended_at), number_key(order_number)))
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
        self._ids[day, number] = order_id
        self._branches[order_id], self._kinds[order_id] = branch.strip(), kind
        self._one_number.add(order_id)
        known = self.notices.order(day, number)
        if known is None or not known.order_quantity:
            self.notices.restore(day, number, order.request.quantity)
        self._claim(day, number)

    def may_move(self, order_id: str) -> None:
        """An amend is about to be sent: whatever becomes of it, the order may have two numbers from now on."""
        self._one_number.discard(order_id)

    def expect_amend(self, order_id: str, order_number: str, price: int) -> None:
        """KIS took an amend of the whole rest to a price; until it is confirmed, the order has two numbers."""
        order = self._books.order(order_id)
        if order is not None:
            day = session_of(order.intended_at)
            self._amending[order_id] = order_number, price
            self._ids[day, number_key(order_number)] = order_id
            self.unsettled.add(day)
            self._claim(day, number_key(order_number))

    def current_number(self, order: Order) -> str:
        """The number by which the rest of an order is reached now."""
        return self._amending.get(order.id, (order.order_number, 0))[0]

    def is_amending(self, order_id: str) -> bool:
        """Whether an amend waits for its confirmation."""
        return order_id in self._amending

    def settle_later(self, order: Order) -> None:
        """Ask the list about this order's day before long."""
        self.unsettled.add(session_of(order.intended_at))

    # What we hear -------------------------------------------------------------------------------------------

    def take(self, notice: Notice) -> None:
        """Book what a notice of the account tells."""
        day = session_of(notice.time)
        self.restore(day)
        order = self._books.order(self._ids.get((day, notice.number), ""))
        if order is not None and not _is_about(order, notice.ticker, notice.side):
            self.unsettled.add(day)  # our number, and not our order: the list decides
            return
        foreign = self.notices.foreign
        told = self.notices.apply(notice)
        if self.notices.foreign > foreign:
            return
        if notice.request == NEW and not self.knows(day, notice.number):
            self._strangers.setdefault((day, notice.number), notice)
        for news in told:
            self._hear(day, news)

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

    def _claim(self, day: date, number: int) -> None:
        """A number has become ours: what was told of it counts now."""
        self._strangers.pop((day, number), None)
        for news in self._unclaimed.pop((day, number), []):
            self._hear(day, news)

    def _hear(self, day: date, news: OrderNews) -> None:
        number = news.number
        if isinstance(news, Amended | RefusedByExchange) and news.original is not None:
            number = news.original
        order_id = self._ids.get((day, number))
        if order_id is None and isinstance(news, Received) and news.request != NEW:
            return  # the request to amend or cancel; its confirmation names the order
        if order_id is None:
            self._unclaimed.setdefault((day, number), []).append(news)
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
        number, price = self._amending.get(order.id, ("", 0))
        if not number or number_key(number) != news.number or order.status not in WORKING:
            return order
        del self._amending[order.id]
        quantity = order.request.quantity  # the whole rest has moved
        self.book(OrderAmended(time=news.time, order_id=order.id, quantity=quantity, price=price, order_number=number))
        return self._books.order(order.id) or order

    def _amended(self, order: Order, day: date, news: Amended) -> None:
        self._ids[day, news.number] = order.id
        self._amending.pop(order.id, None)
        if number_key(order.order_number) == news.number:  # a fill under the new number, or the list, has told it
            self._claim(day, news.number)
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
        self._claim(day, news.number)

    def _cancelled(self, order: Order, day: date, news: Cancelled) -> None:
        self._withdrawn[order.id] = self._withdrawn.get(order.id, 0) + news.quantity
        if news.is_settled and number_key(order.order_number) == news.number:
            self.book(OrderCancelled(time=news.notice.time, order_id=order.id))
            return
        self.unsettled.add(day)

    def _refused(self, order: Order, day: date, news: RefusedByExchange) -> None:
        if news.request != NEW:
            self._amending.pop(order.id, None)
            self._ids.pop((day, news.number), None)
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

    # What the list says -------------------------------------------------------------------------------------

    def compare(self, listed: DailyList, meanwhile: Collection[str] = ()) -> None:
        """Bring our orders of a day to what the broker's list says.

        Args:
            listed: the list.
            meanwhile: our orders that were sent while it was on its way.
        """
        self.restore(listed.day)
        if listed.rows and not listed.is_consistent:
            self.unsettled.add(listed.day)  # pages of different instants, or one without its rows: asked again
            self._contradictions[listed.day] = self._contradictions.get(listed.day, 0) + 1
            if self._contradictions[listed.day] == _CONTRADICTIONS_TOLD:
                self._books.alert(list_contradicts_itself(listed.day))
            return
        self._contradictions.pop(listed.day, None)
        self.unsettled.discard(listed.day)
        over = self.is_over(listed.day)
        for order in self._books.open_orders():
            if session_of(order.intended_at) == listed.day and order.order_number:
                if order.id in meanwhile:
                    self.unsettled.add(listed.day)  # the next list will have it
                    continue
                self._compare_order(order, listed, over)

    def compare_sums(self, listed: DailyList, order: Order, meanwhile: Collection[str] = ()) -> None:
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
            self.unsettled.add(listed.day)  # the sums may hold what was sent while they were on their way, or may not
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
        if unknown or not (order.id in self._one_number or self.is_over(listed.day)):
            self.unsettled.add(listed.day)
            return
        number = number_key(self.current_number(order))
        known = self.notices.order(listed.day, number)
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
        for news in self.notices.settle(total):
            self._hear(listed.day, news)
        after = self._books.order(order.id)
        if after is not None and after.is_active:
            self._close_by_sums(after, self.is_over(listed.day))

    def is_over(self, day: date) -> bool:
        """Whether no order of that day can fill any more."""
        now = self._clock.now()
        if day < now.date():
            return True
        if day > now.date() or not is_session(day):
            return False
        close = session_close(day)
        if self._exchange != "KRX":
            close = close.replace(hour=_NXT_CLOSE_HOURS, minute=0)
        return now >= close + _AFTER_THE_CLOSE

    def _compare_order(self, order: Order, listed: DailyList, over: bool) -> None:
        chain = listed.chain(number_key(self.current_number(order)))
        if not chain:
            self._missing(order, listed)
            return
        if not all(is_possible(row) for row in chain):
            self.unsettled.add(listed.day)
            return
        for row in chain:
            number = number_key(row.order_number)
            if not self.knows(listed.day, number):  # an amend of which we never heard, or a cancel
                self._ids[listed.day, number] = order.id
                self._claim(listed.day, number)
            if original_of(row) is not None and not row.filled:
                continue
            total = listed_total(row, self._as_of(listed))
            if total is None:
                self.unsettled.add(listed.day)
                return
            for news in self.notices.settle(total):
                self._hear(listed.day, news)  # a doubt puts the day back among the unsettled
        state = listed_state(chain)
        after = self._books.order(order.id)
        if after is None or not after.is_active:
            return
        if state.filled != after.filled:
            self.unsettled.add(listed.day)  # the list is late, or its figures are in doubt
            return
        if state.branch:
            self._branches[order.id] = state.branch
        if not state.remaining and not over and not listed.is_whole:
            self.unsettled.add(listed.day)  # it may go on under a number that the list does not show
            return
        self._adopt_state(after, state, over)

    def _adopt_state(self, order: Order, state: ListedState, over: bool) -> None:
        now = self._clock.now()
        if state.rejected and not state.filled and not state.remaining:
            text = "거래소가 거부했습니다 · refused by the exchange"
            self.book(OrderRefused(time=now, order_id=order.id, reason=RefusalReason.VENUE, code="rjct_qty", text=text))
        elif not state.remaining and (state.cancelled or state.rejected):
            self.book(OrderCancelled(time=now, order_id=order.id))
        elif over:
            self.book(OrderExpired(time=now, order_id=order.id))
        elif state.remaining:
            self._amend_to(order, state)
        if not state.remaining or over:
            self._amending.pop(order.id, None)

    def _amend_to(self, order: Order, state: ListedState) -> None:
        total = state.filled + state.remaining
        same_number = number_key(state.latest) == number_key(order.order_number)
        if same_number and total == order.request.quantity:
            return
        self._amending.pop(order.id, None)
        self._withdrawn.pop(order.id, None)
        price = order.request.price if same_number else state.price or None
        self.book(
            OrderAmended(
                time=self._clock.now(), order_id=order.id, quantity=total, price=price, order_number=state.latest
            )
        )

    def _close_by_sums(self, order: Order, over: bool) -> None:
        withdrawn = self._withdrawn.get(order.id, 0)
        now = self._clock.now()
        if withdrawn and withdrawn >= order.remaining:
            self.book(OrderCancelled(time=now, order_id=order.id))
        elif over:
            self.book(OrderExpired(time=now, order_id=order.id))
        elif withdrawn:
            del self._withdrawn[order.id]
            self.book(
                OrderAmended(
                    time=now,
                    order_id=order.id,
                    quantity=order.request.quantity - withdrawn,
                    price=order.request.price,
                    order_number=order.order_number,
                )
            )

    def _as_of(self, listed: DailyList) -> datetime:
        """When the list was true: now, or the end of a day that is past."""
        if listed.day >= listed.asked_at.date() or not is_session(listed.day):
            return listed.asked_at
        return session_close(listed.day)

    def _missing(self, order: Order, listed: DailyList) -> None:
        if not listed.is_whole:
            return  # the sums are asked for by whoever asked for the list
        self.unsettled.add(listed.day)
        if order.id not in self._told_missing and order.status is not OrderStatus.INTENDED:
            self._told_missing.add(order.id)
            self._books.alert(order_not_listed(order))

    def _alert_sums(self, order: Order, listed: DailyList) -> None:
        self.unsettled.add(listed.day)
        if order.id in self._told_missing:
            return
        self._told_missing.add(order.id)
        self._books.alert(fills_not_assigned(order, listed.filled))


def _is_about(order: Order, ticker: str, side: Side | None) -> bool:
    """Whether news can be of this order; KIS puts an A in front of some tickers."""
    return ticker.strip().removeprefix("A") == order.request.ticker and side is order.request.side


def _number_of_key(key: str) -> int | None:
    parts = key.split("-")
    return int(parts[_NUMBER_IN_KEY]) if key.startswith("kis-") and len(parts) > _NUMBER_IN_KEY else None
