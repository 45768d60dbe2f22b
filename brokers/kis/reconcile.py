"""After a lost answer: find the order, prove it absent, or keep its ticker blocked. Never guess, never send again.

KIS has no id of ours that would come back, so an order is recognised by what it is: ticker, side, shares, price, kind
and the time at which it was sent, under a number that is not of another order of ours. Looked at are its notices and
the broker's list, 1, 2, 4, 8, 15 and 30 seconds apart:

    exactly one match                                   adopted
    several                                             blocked, alert
    none after the last look,
      list complete, notices up all the time            proved absent: not sent
      list without rows (paper), every sum says no      the same
      else                                              blocked, alert; looked at again from time to time
An order of an earlier day is proved absent by that day's complete list: nothing of it can be on its way any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from brokers.kis.daily_list import DailyList, numbers_of, original_of, sent_at, side_of
from brokers.kis.desk import Desk
from brokers.kis.errors import KisError
from brokers.kis.messages import BalanceRow, DailyOrderRow, number_key
from brokers.kis.notice import Notice
from brokers.kis.notice_channel import Mark
from brokers.kis.order_alerts import order_absent, order_blocked, order_found
from brokers.kis.order_kinds import ORDER_KINDS
from engine.clock import session_of
from engine.events import OrderNotSent, OrderUnknown
from engine.order import UNRESOLVED, WORKING, Order, OrderKind, OrderStatus, Side

WAITS_SECONDS = (1, 2, 4, 8, 15, 30)
_AGAIN_SECONDS = 300
_CLOCK_DIFFERENCE = timedelta(seconds=3)
# An order from elsewhere (HTS, another program) carries another channel than those of this program.
_Channel = tuple[str, str]


class Found(NamedTuple):
    """One order at KIS that may be ours."""

    number: str
    branch: str
    certain: bool  # within the time in which ours was sent


@dataclass(slots=True, kw_only=True)
class Investigation:
    """One order whose answer was lost.

    Args:
        order: ours.
        kind: ORD_DVSN, "" if it is not known any more.
        price: won as sent, 0 = the kind has none; None = not known any more.
        sent_at: just before it was sent, by our clock.
        given_up_at: when we stopped waiting for the answer.
        mark: the notice channel when it was sent; None = before a restart.
        looks: how often it was looked for.
        next_at: when to look again.
        blocked: a person has been told.
    """

    order: Order
    kind: str
    price: int | None
    sent_at: datetime
    given_up_at: datetime
    mark: Mark | None
    looks: int = 0
    next_at: datetime
    blocked: bool = False

    @property
    def day(self) -> date:
        """The day on which it was sent."""
        return session_of(self.sent_at)


class Reconciler:
    """All investigations of one account. For one thread.

    Args:
        desk: of the account; it knows whose a number is, and adopts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._followed, self._books = desk.followed, desk.books
        self._open: dict[str, Investigation] = {}

    @property
    def investigations(self) -> tuple[Investigation, ...]:
        """Those that are not over."""
        return tuple(self._open.values())

    @property
    def undecided(self) -> bool:
        """Whether one of them may still be decided soon; a blocked one waits for a person or for better evidence."""
        return any(not each.blocked for each in self._open.values())

    def next_at(self) -> datetime | None:
        """When to call `step` again, None if there is nothing to look for."""
        return min((each.next_at for each in self._open.values()), default=None)

    def open(
        self,
        order: Order,
        *,
        kind: str,
        price: int | None,
        sent_at: datetime,
        given_up_at: datetime,
        mark: Mark | None,
    ) -> None:
        """Begin to look for an order."""
        self._open[order.id] = Investigation(
            order=order,
            kind=kind,
            price=price,
            sent_at=sent_at,
            given_up_at=given_up_at,
            mark=mark,
            next_at=given_up_at + timedelta(seconds=WAITS_SECONDS[0]),
        )

    def open_leftovers(self) -> None:
        """Begin to look for every order that an earlier process left without a number."""
        options = self._desk.rest.config.options
        patience = timedelta(seconds=options.connect_seconds + options.read_seconds)
        for found in self._books.unresolved_orders():
            if found.id in self._open:
                continue
            order = found
            if found.status is OrderStatus.INTENDED:
                text = "재시작: 응답 기록이 없음 · restart: no answer was recorded"
                order = self._books.record_outcome(
                    OrderUnknown(time=self._desk.clock.now(), order_id=order.id, text=text)
                )
            price = order.request.price if order.request.kind is OrderKind.LIMIT else None
            self._open[order.id] = Investigation(
                order=order,
                kind="",
                price=price,
                sent_at=order.intended_at,
                given_up_at=order.intended_at + patience,
                mark=None,
                next_at=self._desk.clock.now(),
            )

    def step(self) -> None:
        """Look for those whose time has come; call it when all notices that have arrived are taken."""
        now = self._desk.clock.now()
        for each in list(self._open.values()):
            if each.next_at <= now:
                self._look(each)

    # The work -----------------------------------------------------------------------------------------------

    def _look(self, case: Investigation) -> None:
        now = self._desk.clock.now()
        known = self._books.order(case.order.id)
        if known is None or known.status not in UNRESOLVED:  # a person has told what became of it
            del self._open[case.order.id]
            self._followed.settle_later(case.order)
            return
        case.looks += 1
        wait = WAITS_SECONDS[case.looks] if case.looks < len(WAITS_SECONDS) else _AGAIN_SECONDS
        case.next_at = now + timedelta(seconds=wait)
        is_last = case.looks >= len(WAITS_SECONDS) or case.day < now.date()
        listed = self._ask(case)
        found = self._matches(case, listed)
        if len(found) == 1 and found[0].certain:
            self._adopt(case, found[0])
        elif len(found) > 1 and is_last:
            numbers = ", ".join(each.number for each in found)
            self._block(case, f"여러 주문이 맞습니다({numbers})", f"several orders fit ({numbers})")
        elif is_last:
            self._conclude(case, listed, found)

    def _ask(self, case: Investigation) -> DailyList | None:
        request = case.order.request
        try:
            return self._desk.daily_list(case.day, request.ticker, request.side)
        except KisError:
            return None  # no evidence either way

    def _matches(self, case: Investigation, listed: DailyList | None) -> list[Found]:
        found: dict[int, Found] = {}
        for number, notice in self._followed.numbers.unclaimed(case.day).items():
            if self._notice_fits(case, notice):
                certain = self._in_time(case, notice.time)
                found[number] = Found(notice.order_number, notice.branch, certain)
        rows = listed.rows if listed is not None else ()
        known = self.known_numbers(listed) if listed is not None else set[int]()
        ours = {_channel_of(row) for row in rows if number_key(row.order_number) in known} - {("", "")}
        for row in rows:
            number = number_key(row.order_number)
            if number in known or not self._row_fits(case, row):
                found.pop(number, None)
                continue
            if ours and _channel_of(row) not in ours:
                continue  # made by hand, or by another program
            found[number] = Found(row.order_number.strip(), row.branch, self._in_time(case, sent_at(row)))
        return [found[number] for number in sorted(found)]

    def _row_fits(self, case: Investigation, row: DailyOrderRow) -> bool:
        request = case.order.request
        return (
            original_of(row) is None
            and row.ticker.strip() == request.ticker
            and side_of(row) is request.side
            and row.quantity == request.quantity
            and (not case.price or row.price == case.price)
            and _kind_fits(case, row.kind_code.strip())
        )

    def _notice_fits(self, case: Investigation, notice: Notice) -> bool:
        request = case.order.request
        return (
            notice.ticker.removeprefix("A") == request.ticker
            and notice.side is request.side
            and notice.order_quantity == request.quantity
            and (not case.price or notice.order_price in (0, case.price))
            and _kind_fits(case, notice.order_kind)
        )

    def _in_time(self, case: Investigation, time: datetime) -> bool:
        """Whether KIS's time lies where ours was sent; its clock may differ, and by how much its answers tell."""
        earliest, latest = case.sent_at - _CLOCK_DIFFERENCE, case.given_up_at + _CLOCK_DIFFERENCE
        difference = self._desk.rest.clock_difference or timedelta(0)
        return earliest <= time <= latest or earliest <= time - difference <= latest

    def known_numbers(self, listed: DailyList) -> set[int]:
        """Numbers of orders that are ours for certain; one known number makes all numbers of its chain known."""
        known: set[int] = set()
        for row in listed.rows:
            number = number_key(row.order_number)
            if number not in known and self._followed.numbers.knows(listed.day, number):
                known |= numbers_of(listed.chain(number))
        return known

    def _conclude(self, case: Investigation, listed: DailyList | None, found: list[Found]) -> None:
        """Nothing fits after the last look: absent, if everything that could contradict has been heard."""
        if found:
            self._block(
                case,
                f"시각만 다른 주문 {found[0].number}이 있습니다",
                f"order {found[0].number} fits, except for its time",
            )
        elif listed is None:
            self._block(case, "주문 내역을 조회하지 못했습니다", "the list of orders could not be had")
        elif not self._is_past(case) and not self._desk.channel.unbroken_since(case.mark):
            self._block(
                case,
                "주문 내역에 없지만 체결통보가 끊겼었습니다",
                "it is not listed, but the notices were not up all the time",
            )
        elif not listed.is_whole and not self._sums_say_no(case, listed):
            self._block(
                case,
                "주문 내역이 비어 있고, 합계나 잔고는 주문이 있다고 합니다",
                "the list has no rows, and its sums or the balance say that there is such an order",
            )
        else:
            self._absent(case)

    def _is_past(self, case: Investigation) -> bool:
        return case.day < self._desk.clock.now().date()

    def _sums_say_no(self, case: Investigation, listed: DailyList) -> bool:
        """On paper the rows may be missing: whether every sum equals what is known without this order.

        Looked at: shares ordered and filled of the ticker and side, shares bought or sold today, and for a sell the
        shares that open sells hold back.
        """
        request = case.order.request
        ours = [
            other
            for other in self._books.orders_of(case.day)
            if (other.request.ticker, other.request.side) == (request.ticker, request.side) and other.order_number
        ]
        # Those whose outcome is not known, and refused ones, of which KIS does not say whether its sums hold them.
        if any(
            other.id != case.order.id and other.status in (OrderStatus.UNKNOWN, OrderStatus.REFUSED) for other in ours
        ):
            return False
        if listed.filled != sum(other.filled for other in ours):
            return False
        if listed.ordered != sum(other.request.quantity for other in ours):
            return False
        return case.day < self._desk.clock.now().date() or self._balance_says_no(case, ours)

    def _balance_says_no(self, case: Investigation, ours: list[Order]) -> bool:
        request = case.order.request
        try:
            rows = self._desk.rest.rows("inquire_balance", BalanceRow)
        except KisError:
            return False
        row = next((each for each in rows if each.ticker.strip() == request.ticker), None)
        traded = sum(other.filled for other in ours)
        if request.side is Side.BUY:
            return (row.bought_today or 0 if row else 0) == traded
        if row is None:
            return traded == 0
        waiting = sum(other.remaining for other in ours if other.status in WORKING)
        return (row.sold_today or 0) == traded and row.quantity - row.sellable == waiting

    # The three ends -----------------------------------------------------------------------------------------

    def _adopt(self, case: Investigation, found: Found) -> None:
        del self._open[case.order.id]
        self._followed.accept(case.order.id, found.number, branch=found.branch, kind=case.kind, tell=True)
        self._followed.settle_later(case.order)
        self._books.alert(order_found(case.order, found.number))

    def _absent(self, case: Investigation) -> None:
        del self._open[case.order.id]
        text = "KIS에 없음을 확인 · proved absent at KIS"
        self._followed.book(OrderNotSent(time=self._desk.clock.now(), order_id=case.order.id, text=text))
        self._books.alert(order_absent(case.order))

    def _block(self, case: Investigation, korean: str, english: str) -> None:
        if case.blocked:
            return
        case.blocked = True
        self._books.alert(order_blocked(case.order, korean, english))


def _kind_fits(case: Investigation, told: str) -> bool:
    if not told or told not in ORDER_KINDS:
        return True
    if case.kind:
        return told == case.kind
    return ORDER_KINDS[told].has_price == (case.order.request.price is not None)


def _channel_of(row: DailyOrderRow) -> _Channel:
    return row.channel.strip(), row.material_code.strip()
