"""Which number at KIS is which order of ours, and what was told of numbers that are nobody's yet.

KIS counts anew every day, so a number is known by its day. An order has two numbers while an amend of it waits for its
confirmation, and more after several; news of a number that is nobody's waits, because it may be of an order whose
answer was lost.
"""

from __future__ import annotations

from datetime import date

from brokers.kis.books import Books
from brokers.kis.notice import Notice
from brokers.kis.order_news import OrderNews
from engine.order import Order

Number = tuple[date, int]


class OrderNumbers:
    """Numbers, branches and kinds of the orders of one account.

    Args:
        books: the ledger.
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self._ids: dict[Number, str] = {}
        self._branches: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._amending: dict[str, tuple[str, int]] = {}  # amend accepted by KIS, not confirmed: coming number, price
        self._one_number: set[str] = set()  # orders that certainly have one number only: accepted here, never amended
        self._unclaimed: dict[Number, list[OrderNews]] = {}
        self._strangers: dict[Number, Notice] = {}  # the first notice of each number that is nobody's

    def owner(self, day: date, number: int) -> str | None:
        """Our id of the order that has this number; None if it is nobody's."""
        return self._ids.get((day, number))

    def knows(self, day: date, number: int) -> bool:
        """Whether a number is of one of our orders."""
        return (day, number) in self._ids

    def find(self, order_number: str) -> Order | None:
        """The order that has this number: of today, else the last one that the ledger knows."""
        text = order_number.strip()
        if not (text.isascii() and text.isdigit()):
            return None
        number = int(text)
        days = sorted({day for day, known in self._ids if known == number}, reverse=True)
        return self._books.order(self._ids[days[0], number]) if days else None

    def learn(self, day: date, number: int, order_id: str) -> None:
        """A number is of this order."""
        self._ids[day, number] = order_id

    def forget(self, day: date, number: int) -> None:
        """A number will not be used."""
        self._ids.pop((day, number), None)

    def forget_before(self, day: date) -> None:
        """Drop what is known of numbers of earlier days; those of our orders can be learnt again from the ledger."""
        self._ids = {number: order_id for number, order_id in self._ids.items() if number[0] >= day}
        self._unclaimed = {number: news for number, news in self._unclaimed.items() if number[0] >= day}
        self._strangers = {number: notice for number, notice in self._strangers.items() if number[0] >= day}
        ours = set(self._ids.values())
        self._branches = {order_id: branch for order_id, branch in self._branches.items() if order_id in ours}
        self._kinds = {order_id: kind for order_id, kind in self._kinds.items() if order_id in ours}
        self._amending = {order_id: coming for order_id, coming in self._amending.items() if order_id in ours}
        self._one_number &= ours

    # Where it went ------------------------------------------------------------------------------------------

    def sent_with(self, order_id: str, branch: str, kind: str) -> None:
        """KIS took an order under its one number: ORGNO and ORD_DVSN."""
        self._branches[order_id], self._kinds[order_id] = branch.strip(), kind
        self._one_number.add(order_id)

    def is_at(self, order_id: str, branch: str) -> None:
        """ORGNO of an order, as the list has it."""
        self._branches[order_id] = branch

    def branch_of(self, order_id: str) -> str:
        """ORGNO of an order, "" if it was never told."""
        return self._branches.get(order_id, "")

    def kind_of(self, order_id: str) -> str:
        """ORD_DVSN with which an order was sent, "" if that is not known any more."""
        return self._kinds.get(order_id, "")

    # Two numbers of one order -------------------------------------------------------------------------------

    def has_one_number(self, order_id: str) -> bool:
        """Whether an order certainly has one number only."""
        return order_id in self._one_number

    def may_move(self, order_id: str) -> None:
        """An amend is about to be sent: whatever becomes of it, the order may have two numbers from now on."""
        self._one_number.discard(order_id)

    def expect(self, order_id: str, order_number: str, price: int) -> None:
        """KIS took an amend of the whole rest to a price; until it is confirmed, the order has two numbers."""
        self._amending[order_id] = order_number, price

    def expected(self, order_id: str) -> tuple[str, int] | None:
        """Coming number and price of an amend that waits for its confirmation."""
        return self._amending.get(order_id)

    def has_moved(self, order_id: str) -> None:
        """No amend waits any more."""
        self._amending.pop(order_id, None)

    def is_amending(self, order_id: str) -> bool:
        """Whether an amend waits for its confirmation."""
        return order_id in self._amending

    def current_number(self, order: Order) -> str:
        """The number by which the rest of an order is reached now."""
        return self._amending.get(order.id, (order.order_number, 0))[0]

    # Numbers that are nobody's ------------------------------------------------------------------------------

    def keep(self, day: date, number: int, news: OrderNews) -> None:
        """News of a number that is nobody's: it counts when the number becomes ours."""
        self._unclaimed.setdefault((day, number), []).append(news)

    def note_stranger(self, day: date, notice: Notice) -> None:
        """A new order under a number that is nobody's."""
        self._strangers.setdefault((day, notice.number), notice)

    def unclaimed(self, day: date) -> dict[int, Notice]:
        """New orders under numbers that are nobody's, with the first notice of each."""
        return {number: notice for (told_on, number), notice in self._strangers.items() if told_on == day}

    def claimed(self, day: date, number: int) -> list[OrderNews]:
        """A number has become ours: what was told of it before."""
        self._strangers.pop((day, number), None)
        return self._unclaimed.pop((day, number), [])
