"""What notices and the broker's list say about orders, as messages; `notices` makes them.

They know the venue's order numbers only. Whose order a number is, and what engine event follows, the broker decides:
a notice may come before the answer that tells us the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import TypeAlias

from brokers.kis.notice import Notice
from engine.clock import require_aware
from engine.errors import BadInput
from engine.order import Side


class Doubt(Enum):
    """What notices alone cannot tell."""

    EQUAL_FILLS = "a fill equal to one already counted, in the same second: a second fill, or the first one told twice"
    TOO_MANY_SHARES = "more shares than the order has"
    PERHAPS_SETTLED = "a fill of about the time of the broker's list, which may hold it already"
    NO_ORIGINAL = "an amend or a cancel that does not name the order it belongs to"
    NO_PRICE = "a fill without shares or without a price"
    UNDOCUMENTED = "a combination of codes that is in no list"
    LIST_BEHIND = "the broker's list has fewer shares than the notices: it is late, ask again"
    AMOUNT_DIFFERS = "the broker's list has the same shares for another amount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """KIS has the order. For an amend or a cancel: the request only, nothing has changed yet."""

    number: int
    request: str
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """Shares changed hands.

    Args:
        number: of the order, as an int.
        key: names this execution for ever, from the day, the number and the shares before it.
        ticker, side, quantity, price: of this fill; int won.
        time: of the exchange; of the broker's list where no notice came.
        total: shares of the order filled so far, this fill included.
        from_list: it was found in the broker's list and not by a notice; its price may be an average to the won.
    """

    number: int
    key: str
    ticker: str
    side: Side
    quantity: int
    price: int
    time: datetime
    total: int
    from_list: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    """The rest of `original` goes on under `number`, for `quantity` shares at `price` won (0 = market)."""

    number: int
    original: int
    quantity: int
    price: int
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The rest of the order `number` is withdrawn.

    Args:
        number: the order that ended.
        quantity: shares cancelled as the notice says; its meaning is not documented, so it is a claim.
        is_settled: filled and cancelled shares add up to the order. Otherwise fills may still be on their way, and
            the broker's list has to say how many before the order is closed.
        by_condition: the rest of an IOC or FOK order; otherwise on request.
        notice: the confirmation.
    """

    number: int
    quantity: int
    is_settled: bool
    by_condition: bool
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedByExchange:
    """The exchange said no after KIS had accepted. For an amend or a cancel the original order lives on.

    Args:
        number: what was refused.
        original: the order it was meant for; None for a new order.
    """

    number: int
    original: int | None
    request: str
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """Something was not counted; the broker's list has to decide (`NoticeBook.settle`).

    Args:
        number: the order.
        why: what cannot be told.
        notice: the one in question, None if the list is.
    """

    number: int
    why: Doubt
    notice: Notice | None = None


OrderNews: TypeAlias = Received | Filled | Amended | Cancelled | RefusedByExchange | InDoubt


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTotal:
    """One order as the broker's list (or the balance) has it.

    Args:
        number: as an int.
        ticker, side: of the order.
        order_quantity: shares asked for.
        filled: shares filled.
        amount: won of all of them, without costs.
        as_of: when the list was asked for, by our clock.
        day: of the order; None = the day of `as_of`.
    """

    number: int
    ticker: str
    side: Side
    order_quantity: int
    filled: int
    amount: int
    as_of: datetime
    day: date | None = None

    def __post_init__(self) -> None:
        require_aware(self.as_of, "ListedTotal.as_of")
        if not 0 <= self.filled <= self.order_quantity or self.amount < 0 or bool(self.filled) != bool(self.amount):
            raise BadInput(
                f"Order {self.number} in the broker's list: {self.filled:,} of {self.order_quantity:,} shares for "
                f"{self.amount:,} won. Shares filled cannot exceed the order, and both or neither are 0."
            )
