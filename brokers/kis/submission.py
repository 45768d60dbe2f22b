"""Sending orders, amends and cancels: written down first, sent once, and whatever comes back is told apart.

submit     the intent is in the ledger before the first byte leaves; while an order of a ticker is unanswered, no other
           order of that ticker goes; a lost answer opens an investigation, and nothing is ever sent twice
amend      a smaller quantity is a cancel of the difference, which keeps the place in the queue; then the price moves
cancel     KIS's yes means "request accepted": the confirmation is a notice, or the list
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from brokers.kis.answer import Answer
from brokers.kis.desk import Desk
from brokers.kis.errors import BadAnswer, CallFailed, KisError, WrongEnvironment
from brokers.kis.messages import OrderAnswer, PriceQuote, number_key
from brokers.kis.notice_channel import Mark
from brokers.kis.order_alerts import answer_lost
from brokers.kis.order_wire import WireOrder, order_kind, wire_order
from brokers.kis.outcome import Failure
from brokers.kis.reconcile import Reconciler
from engine.broker import Accepted, Outcome, RefusedByVenue, Unavailable, Unknown
from engine.events import OrderNotSent, OrderRefused, OrderUnknown
from engine.order import Approved, Order, OrderKind, OrderRequest, RefusalReason

_ALL = "Y"
_PART = "N"
_AMEND, _CANCEL = "01", "02"
_WORDS = {
    RefusalReason.NOT_ENOUGH_CASH: ("주문가능금액",),
    RefusalReason.NOT_HELD: ("잔고내역이없", "보유수량", "주문가능한수량을초과"),
    RefusalReason.BAD_PRICE: ("호가단위", "상하한가", "상한가와하한가"),
    RefusalReason.MARKET_CLOSED: ("장시작전", "장종료", "영업일이아", "장운영시간", "장운영일자"),
    RefusalReason.NOT_TRADABLE: ("매매불가", "종목정보가없", "거래가정지"),
}


class Submission:
    """The orders of one account on their way to KIS. For one thread.

    Args:
        desk: of the account; it learns the numbers.
        reconciler: looks for what got lost.
    """

    def __init__(self, desk: Desk, reconciler: Reconciler) -> None:
        self._desk, self._reconciler = desk, reconciler
        self._followed, self._books = desk.followed, desk.books

    def submit(self, approved: Approved[OrderRequest], *, code: str = "", trigger: int | None = None) -> Outcome:
        """Send an order.

        Args:
            approved: what passed the risk check.
            code: ORD_DVSN, where the request's kind is not the usual one.
            trigger: CNDT_PRIC of kind 22 with a limit of one's own.
        """
        request = approved.value
        waiting = [order for order in self._books.unresolved_orders() if order.request.ticker == request.ticker]
        if waiting:
            text = f"{request.ticker}: 주문 {waiting[0].id}의 결과를 모릅니다 · its outcome is not known yet"
            return RefusedByVenue(reason=RefusalReason.UNRESOLVED_ORDER, text=text)
        try:
            wire = wire_order(
                request, self._desk.rest.config.world, self._desk.exchange, self._day_limits, code=code, trigger=trigger
            )
        except CallFailed as error:
            return Unavailable(text=error.failure.describe("ko"))
        if isinstance(wire, RefusedByVenue):
            return wire
        order = self._books.record_intent(approved)
        return self._send(order, wire)

    def cancel(self, order: Order, shares: int | None = None) -> Outcome:
        """Withdraw the rest of an open order, or so many shares of it.

        Args:
            order: ours, open.
            shares: None = the whole rest, as KIS counts it.
        """
        part = {"ORD_QTY": str(shares), "QTY_ALL_ORD_YN": _PART} if shares else {"QTY_ALL_ORD_YN": _ALL}
        kind = self._followed.numbers.kind_of(order.id) or _usual_code(order)
        result = self._change(order, {**part, "RVSE_CNCL_DVSN_CD": _CANCEL, "ORD_DVSN": kind, "ORD_UNPR": "0"})
        return result if not isinstance(result, OrderAnswer) else Accepted(order_number=order.order_number)

    def amend(self, order: Order, price: int) -> Outcome:
        """Move the whole rest of an open order to a new price; it goes on under a new number."""
        kind = order_kind("00", self._desk.exchange, self._desk.rest.config.world)
        if isinstance(kind, RefusedByVenue):
            return kind
        values = {
            "RVSE_CNCL_DVSN_CD": _AMEND,
            "ORD_DVSN": kind.code,
            "ORD_UNPR": str(price),
            "QTY_ALL_ORD_YN": _ALL,
        }
        self._followed.numbers.may_move(order.id)
        result = self._change(order, values)
        if not isinstance(result, OrderAnswer):
            return result
        self._followed.expect_amend(order.id, result.order_number, price)
        return Accepted(order_number=result.order_number)

    # The work -----------------------------------------------------------------------------------------------

    def _send(self, order: Order, wire: WireOrder) -> Outcome:
        sent_at, mark = self._desk.clock.now(), self._desk.channel.mark()
        try:
            result = self._desk.rest.attempt("order_cash", wire.values, variant=wire.variant)
        except KisError as error:  # raised before anything was sent, says `attempt`
            text = str(error)
            self._books.record_outcome(OrderNotSent(time=self._desk.clock.now(), order_id=order.id, text=text))
            if isinstance(error, WrongEnvironment):
                raise
            return Unavailable(text=text)
        answer = _read(result) if isinstance(result, Answer) else None
        if answer is not None:
            self._followed.accept(order.id, answer.order_number, branch=answer.branch, kind=wire.kind.code)
            return Accepted(order_number=answer.order_number)
        outcome = (
            result.as_broker_outcome()
            if isinstance(result, Failure)
            else Unknown(text="접수 응답에 주문번호가 없습니다 · accepted, but the answer has no order number")
        )
        return self._not_accepted(order, wire, outcome, sent_at, mark)

    def _not_accepted(self, order: Order, wire: WireOrder, outcome: Outcome, sent_at: datetime, mark: Mark) -> Outcome:
        now = self._desk.clock.now()
        if isinstance(outcome, RefusedByVenue):
            outcome = with_reason(outcome)
            self._books.record_outcome(
                OrderRefused(time=now, order_id=order.id, reason=outcome.reason, code=outcome.code, text=outcome.text)
            )
        elif isinstance(outcome, Unavailable):
            self._books.record_outcome(OrderNotSent(time=now, order_id=order.id, text=outcome.text))
        elif isinstance(outcome, Unknown):
            unknown = self._books.record_outcome(OrderUnknown(time=now, order_id=order.id, text=outcome.text))
            self._reconciler.open(
                unknown, kind=wire.kind.code, price=wire.price, sent_at=sent_at, given_up_at=now, mark=mark
            )
            self._books.alert(answer_lost(unknown))
        return outcome

    def _change(self, order: Order, values: Mapping[str, str]) -> OrderAnswer | Outcome:
        """One amend or cancel; whatever comes back, the list is asked about the order afterwards."""
        number = self._followed.numbers.current_number(order)
        complete = {
            "KRX_FWDG_ORD_ORGNO": self._followed.numbers.branch_of(order.id),
            "ORGN_ODNO": number,
            "EXCG_ID_DVSN_CD": self._desk.exchange,
            **values,
        }
        self._followed.settle_later(order)
        try:
            result = self._desk.rest.attempt("order_rvsecncl", complete)
        except KisError as error:
            if isinstance(error, WrongEnvironment):
                raise
            return Unavailable(text=str(error))
        if isinstance(result, Failure):
            outcome = result.as_broker_outcome()
            return with_reason(outcome) if isinstance(outcome, RefusedByVenue) else outcome
        return _read(result) or Unknown(
            text="응답에 주문번호가 없습니다 · carried out, but the answer has no order number"
        )

    def _day_limits(self, ticker: str) -> tuple[int, int]:
        quote = self._desk.rest.call("inquire_price", {"FID_INPUT_ISCD": ticker}).one(PriceQuote)
        return quote.lower_limit or 0, quote.upper_limit or 0


def with_reason(refused: RefusedByVenue) -> RefusedByVenue:
    """The same refusal with its reason, where the code does not tell it and KIS's words do.

    The codes of two paper refusals are not known, and those of live contradict each other in public programs.
    """
    if refused.reason is not RefusalReason.VENUE:
        return refused
    words = refused.text.replace(" ", "")
    for reason, marks in _WORDS.items():
        if any(mark in words for mark in marks):
            return replace(refused, reason=reason)
    return refused


def _usual_code(order: Order) -> str:
    if order.request.kind is OrderKind.STOP:
        return "22"
    return "01" if order.request.price is None else "00"


def _read(answer: Answer) -> OrderAnswer | None:
    """The number in the answer; None if there is none that can be read."""
    try:
        found = answer.one(OrderAnswer)
        return found if number_key(found.order_number) > 0 else None
    except BadAnswer:
        return None
