"""From notices of the account to news of its orders: pure state, whatever order they come in, and however often.

KIS gives fills no identity: "two fills of 10 shares at 71,900 won in one second" and "one such fill, told twice" look
the same. So a fill equal to one already counted is never counted on a guess:
1. it would exceed the order: it was told twice, nothing happens;
2. otherwise it is `InDoubt`, and waits until the broker's list (`settle`) says how many shares the order has.

Other notices are told apart by number, request and step; a repetition changes nothing. A cancel may be confirmed
before the last fill is told: `Cancelled.is_settled` says whether the shares add up.

Source: codes of H0STCNI0 in the API workbook of 2026-09-11; how they combine is not documented there, see `apply`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import combinations

from brokers.kis.notice import AMEND, CANCEL, CONFIRMED, NEW, RECEIVED, REST_CANCELLED, Notice
from brokers.kis.order_news import (
    Amended,
    Cancelled,
    Doubt,
    Filled,
    InDoubt,
    ListedTotal,
    OrderNews,
    Received,
    RefusedByExchange,
)
from engine.clock import session_of
from engine.order import Side

# KIS's clock and ours may differ by this much; what happened this close to a list may be in it or not.
CLOCK_DIFFERENCE = timedelta(seconds=3)
_MOST_DOUBTS_SEARCHED = 12

_FillLook = tuple[datetime, int, int]


@dataclass(slots=True)
class OrderTotals:
    """What is known of one order number.

    Attributes:
        number, day: its identity.
        ticker, side: of the order.
        order_quantity: shares asked for, 0 while unknown.
        filled, amount: shares and won of the fills that count.
        received, refused: whether KIS has told so.
        cancelled: its rest was withdrawn.
        cancelled_quantity: shares of that, as told.
        replaced_by: number under which an amend goes on, None otherwise.
        original: number that this one amends or cancels.
        doubts: fills that do not count yet.
    """

    number: int
    day: date
    ticker: str = ""
    side: Side | None = None
    order_quantity: int = 0
    filled: int = 0
    amount: int = 0
    received: bool = False
    refused: bool = False
    cancelled: bool = False
    cancelled_quantity: int = 0
    replaced_by: int | None = None
    original: int | None = None
    doubts: list[Notice] = field(default_factory=list)
    _looks: dict[_FillLook, int] = field(default_factory=dict, repr=False)
    _steps: set[tuple[str, ...]] = field(default_factory=set, repr=False)
    _unexplained: int = field(default=0, repr=False)  # shares known from the list only: their notices may come yet
    _settled_until: datetime | None = field(default=None, repr=False)

    @property
    def is_settled(self) -> bool:
        """Whether nothing more can come: every share is filled or cancelled, or the order was refused."""
        if self.doubts:
            return False
        return self.refused or 0 < self.order_quantity == self.filled + self.cancelled_quantity


class NoticeBook:
    """All orders of one account as its notices tell them.

    Args:
        account: CANO, with or without the product code. KIS notifies all accounts of an HTS id: others are left out.
    """

    def __init__(self, account: str) -> None:
        self._account = "".join(filter(str.isdigit, account))
        self._orders: dict[tuple[date, int], OrderTotals] = {}
        self.repeated = 0  # notices that were certainly told before
        self.foreign = 0  # notices of other accounts

    def order(self, day: date, number: int) -> OrderTotals | None:
        """What is known of an order number of that day."""
        return self._orders.get((day, number))

    def in_doubt(self) -> tuple[OrderTotals, ...]:
        """Orders for which the broker's list has to be asked."""
        return tuple(order for order in self._orders.values() if order.doubts)

    def latest_number(self, day: date, number: int) -> int:
        """The number under which an order goes on after all its amends."""
        seen = {number}
        while (order := self.order(day, number)) and order.replaced_by and order.replaced_by not in seen:
            number = order.replaced_by
            seen.add(number)
        return number

    def forget_before(self, day: date) -> None:
        """Drop the orders of earlier days: numbers begin anew each day."""
        self._orders = {key: order for key, order in self._orders.items() if key[0] >= day}

    def restore(
        self, day: date, number: int, order_quantity: int, fills: Iterable[tuple[datetime, int, int]] = ()
    ) -> None:
        """After a restart: an order and its fills (time, shares, won) as the ledger has them."""
        order = self._at(day, number)
        order.order_quantity = order_quantity
        for time, quantity, price in fills:
            order.filled += quantity
            order.amount += quantity * price
            look = (time, quantity, price)
            order._looks[look] = order._looks.get(look, 0) + 1

    def apply(self, notice: Notice) -> tuple[OrderNews, ...]:
        """The news in a notice; empty if it tells nothing new.

        fill                CNTG_YN 2, RFUS_YN 0
        refused             CNTG_YN 1, RFUS_YN 1
        received            CNTG_YN 1, ACPT_YN 1; for a new order also ACPT_YN 2
        amend confirmed     CNTG_YN 1, ACPT_YN 2, RCTF_CLS 1, original number
        cancel confirmed    CNTG_YN 1, ACPT_YN 2, RCTF_CLS 2, original number
        IOC, FOK rest       CNTG_YN 1, ACPT_YN 3, RCTF_CLS 0
        """
        if not self._is_mine(notice):
            self.foreign += 1
            return ()
        order = self._at(session_of(notice.time), notice.number)
        if notice.filled and not notice.refused:
            return self._fill(order, notice)
        step = (notice.request, notice.step, str(notice.refused), str(notice.filled))
        if step in order._steps:
            self.repeated += 1
            return ()
        order._steps.add(step)
        order.original = notice.original or order.original
        if notice.request == NEW:
            self._describe(order, notice)
        if notice.filled:
            return (InDoubt(number=order.number, why=Doubt.UNDOCUMENTED, notice=notice),)
        if notice.refused:
            order.refused = True
            return (
                RefusedByExchange(number=order.number, original=notice.original, request=notice.request, notice=notice),
            )
        return self._step(order, notice)

    def settle(self, listed: ListedTotal) -> tuple[OrderNews, ...]:
        """Bring an order to what the broker's list says, and resolve what was in doubt.

        Fills that the list has and no notice told are made up so that shares and won agree with the list: in doubt
        ones first, the rest at its average price, in two parts where the won do not divide.
        """
        order = self._at(listed.day or session_of(listed.as_of), listed.number)
        order.ticker, order.side, order.received = listed.ticker, listed.side, True
        order.order_quantity = max(order.order_quantity, listed.order_quantity)
        shares, won = listed.filled - order.filled, listed.amount - order.amount
        if shares < 0:
            return (InDoubt(number=order.number, why=Doubt.LIST_BEHIND),)
        if (shares == 0) != (won == 0) or won < shares:
            return (InDoubt(number=order.number, why=Doubt.AMOUNT_DIFFERS),)
        news: list[OrderNews] = []
        explained = _subset(order.doubts, shares, won)
        for notice in explained:
            news.append(self._count(order, notice.quantity, notice.price, notice.time))
            shares -= notice.quantity
        if shares:
            won = listed.amount - order.amount
            low, dearer = divmod(won, shares)
            for quantity, price in ((dearer, low + 1), (shares - dearer, low)):
                if quantity:
                    news.append(self._count(order, quantity, price, listed.as_of, from_list=True))
            order._unexplained += shares
        order._settled_until = max(order._settled_until or listed.as_of, listed.as_of)
        # Whatever is older than the list is in it, or was told twice.
        left = [notice for notice in order.doubts if not any(notice is used for used in explained)]
        order.doubts = [notice for notice in left if notice.time > listed.as_of - CLOCK_DIFFERENCE]
        self.repeated += len(left) - len(order.doubts)
        self._drop_impossible(order)
        return tuple(news)

    def _at(self, day: date, number: int) -> OrderTotals:
        return self._orders.setdefault((day, number), OrderTotals(number, day))

    def _is_mine(self, notice: Notice) -> bool:
        told = "".join(filter(str.isdigit, notice.account))
        length = min(len(told), len(self._account))
        return told[:length] == self._account[:length]

    @staticmethod
    def _describe(order: OrderTotals, notice: Notice) -> None:
        order.ticker, order.side, order.received = notice.ticker, notice.side, True
        order.order_quantity = max(order.order_quantity, notice.order_quantity)

    def _fill(self, order: OrderTotals, notice: Notice) -> tuple[OrderNews, ...]:
        self._describe(order, notice)
        if notice.quantity <= 0 or notice.price <= 0:
            return (InDoubt(number=order.number, why=Doubt.NO_PRICE, notice=notice),)
        look = (notice.time, notice.quantity, notice.price)
        too_many = 0 < order.order_quantity < order.filled + notice.quantity
        settled = order._settled_until
        if settled is not None and notice.time <= settled + CLOCK_DIFFERENCE:
            return self._already_listed(order, notice, settled)
        if look in order._looks:
            if too_many:
                self.repeated += 1
                return ()
            return self._doubt(order, notice, Doubt.EQUAL_FILLS)
        if too_many:
            return self._doubt(order, notice, Doubt.TOO_MANY_SHARES)
        order._looks[look] = 1
        news = self._count(order, notice.quantity, notice.price, notice.time)
        self._drop_impossible(order)
        return (news,)

    def _already_listed(self, order: OrderTotals, notice: Notice, settled: datetime) -> tuple[OrderNews, ...]:
        """A fill that is older than the last list: the list holds it, unless it was late itself."""
        look = (notice.time, notice.quantity, notice.price)
        if notice.time <= settled - CLOCK_DIFFERENCE:
            if notice.quantity <= order._unexplained:
                order._unexplained -= notice.quantity  # the list had it, now its notice is here
                order._looks[look] = order._looks.get(look, 0) + 1
                return ()
            if look in order._looks:
                self.repeated += 1
                return ()
        return self._doubt(order, notice, Doubt.PERHAPS_SETTLED)

    @staticmethod
    def _doubt(order: OrderTotals, notice: Notice, why: Doubt) -> tuple[OrderNews, ...]:
        order.doubts.append(notice)
        return (InDoubt(number=order.number, why=why, notice=notice),)

    def _drop_impossible(self, order: OrderTotals) -> None:
        """Doubtful fills that no longer fit into the order were told twice."""
        if not order.order_quantity:
            return
        possible = [notice for notice in order.doubts if order.filled + notice.quantity <= order.order_quantity]
        self.repeated += len(order.doubts) - len(possible)
        order.doubts = possible

    @staticmethod
    def _count(order: OrderTotals, quantity: int, price: int, time: datetime, from_list: bool = False) -> Filled:
        assert order.side is not None
        key = f"kis-{order.day:%Y%m%d}-{order.number}-{order.filled}+{quantity}"
        order.filled += quantity
        order.amount += quantity * price
        return Filled(
            number=order.number,
            key=key,
            ticker=order.ticker,
            side=order.side,
            quantity=quantity,
            price=price,
            time=time,
            total=order.filled,
            from_list=from_list,
        )

    def _step(self, order: OrderTotals, notice: Notice) -> tuple[OrderNews, ...]:
        if notice.step == RECEIVED or (notice.request == NEW and notice.step == CONFIRMED):
            return (Received(number=order.number, request=notice.request, notice=notice),)
        if notice.request == NEW and notice.step == REST_CANCELLED:
            return (self._cancel(order, notice, by_condition=True),)
        if notice.request in (AMEND, CANCEL) and notice.step == CONFIRMED:
            if notice.original is None:
                return (InDoubt(number=order.number, why=Doubt.NO_ORIGINAL, notice=notice),)
            original = self._at(order.day, notice.original)
            if notice.request == CANCEL:
                return (self._cancel(original, notice, by_condition=False),)
            self._describe(order, notice)
            order.order_quantity = order.order_quantity or notice.quantity
            original.replaced_by = order.number
            price = notice.price or notice.order_price
            return (
                Amended(
                    number=order.number,
                    original=original.number,
                    quantity=order.order_quantity,
                    price=price,
                    notice=notice,
                ),
            )
        return (InDoubt(number=order.number, why=Doubt.UNDOCUMENTED, notice=notice),)

    @staticmethod
    def _cancel(order: OrderTotals, notice: Notice, by_condition: bool) -> Cancelled:
        order.cancelled, order.cancelled_quantity = True, notice.quantity
        return Cancelled(
            number=order.number,
            quantity=notice.quantity,
            is_settled=order.is_settled,
            by_condition=by_condition,
            notice=notice,
        )


def _subset(doubts: list[Notice], shares: int, won: int) -> tuple[Notice, ...]:
    """Doubtful fills that together are exactly so many shares and won; none if no such set exists."""
    searched = doubts[:_MOST_DOUBTS_SEARCHED]
    for size in range(1, len(searched) + 1):
        for group in combinations(searched, size):
            quantity = sum(notice.quantity for notice in group)
            if quantity == shares and sum(notice.quantity * notice.price for notice in group) == won:
                return group
    return ()
