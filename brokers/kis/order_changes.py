"""Changing an order by its number: is it ours and still open, how much of it is left, and what is to be sent."""

from __future__ import annotations

from brokers.kis.daily_list import listed_state
from brokers.kis.desk import Desk
from brokers.kis.messages import number_key
from brokers.kis.order_synchronisation import OrderSynchronisation
from brokers.kis.submission import Submission
from engine.broker import Accepted, Outcome, RefusedByVenue
from engine.clock import session_of
from engine.order import WORKING, Order, RefusalReason


class OrderChanges:
    """Amends and cancels of one account. For one thread.

    Args:
        desk: of the account; it knows whose a number is.
        synchronisation: asks about an order whose amend is not confirmed.
        submission: sends.
    """

    def __init__(self, desk: Desk, synchronisation: OrderSynchronisation, submission: Submission) -> None:
        self._desk, self._synchronisation, self._submission = desk, synchronisation, submission
        self._followed, self._books = desk.followed, desk.books

    def amend(self, order_number: str, quantity: int | None, price: int | None) -> Outcome:
        """Change the rest of an open order: fewer shares first, then the price."""
        order = self._current(order_number)
        if isinstance(order, RefusedByVenue):
            return order
        if quantity is None and price is None:
            return RefusedByVenue(
                reason=RefusalReason.VENUE, text="수량이나 가격을 주세요 · give a quantity or a price"
            )
        outcome: Outcome = Accepted(order_number=order.order_number)
        if quantity is not None:
            rest = self._rest_of(order)
            if not 0 < quantity <= rest:
                text = f"미체결 {rest:,}주: 줄일 수만 있습니다 · {rest:,} shares are open, and can only be reduced"
                return RefusedByVenue(reason=RefusalReason.VENUE, text=text)
            if quantity < rest:
                outcome = self._submission.cancel(order, rest - quantity)
                if price is None or not isinstance(outcome, Accepted):
                    return outcome
        if price is not None and price <= 0:
            return RefusedByVenue(reason=RefusalReason.BAD_PRICE, text=f"{price}원 · a price is above 0 won")
        return self._submission.amend(order, price) if price is not None else outcome

    def cancel(self, order_number: str) -> Outcome:
        """Withdraw the rest of an open order."""
        order = self._current(order_number)
        return order if isinstance(order, RefusedByVenue) else self._submission.cancel(order)

    def _current(self, order_number: str) -> Order | RefusedByVenue:
        """The open order of a number; one whose amend is not confirmed is asked for first."""
        self._followed.restore(self._desk.clock.now().date())
        order = self._followed.numbers.find(order_number)
        if order is not None and self._followed.numbers.is_amending(order.id):
            self._synchronisation.synchronise(session_of(order.intended_at))
            order = self._books.order(order.id)
        if order is None:
            text = f"주문 {order_number}: 이 계좌에 없는 번호 · there is no order of this number"
            return RefusedByVenue(reason=RefusalReason.VENUE, text=text)
        if order.status not in WORKING:
            text = f"주문 {order_number}: 이미 끝남({order.status.value}) · it is no longer open"
            return RefusedByVenue(reason=RefusalReason.VENUE, text=text)
        return order

    def _rest_of(self, order: Order) -> int:
        """Shares that are still open, as KIS counts them; as we do, where its list has no rows."""
        day = session_of(order.intended_at)
        listed = self._desk.daily_list(day, order.request.ticker, order.request.side)
        chain = listed.chain(number_key(self._followed.numbers.current_number(order)))
        return listed_state(chain).remaining if chain else order.remaining
