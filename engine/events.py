"""Everything that can happen, as messages, and the order of what happens at one instant.

Events sort by `(time, rank, sequence)`: at the same instant a market status comes before a corporate action,
then fills and other news of orders, then market data, then timers, then finished plans. A new fact is a new
message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum
from typing import Any, NamedTuple, TypeAlias

from engine.clock import from_nanoseconds, require_aware
from engine.errors import BadInput
from engine.fill import Fill
from engine.order import OrderRequest, RefusalReason


class Rank(IntEnum):
    """Who goes first at one instant."""

    MARKET_STATUS = 0
    CORPORATE_ACTION = 1
    FILL = 2
    SLICE = 3
    TIMER = 4
    PLAN_READY = 5


class Phase(Enum):
    """What a market, or one instrument, is doing."""

    CLOSED = "closed"
    OPENING_AUCTION = "opening auction"
    CONTINUOUS = "continuous"
    VOLATILITY_INTERRUPTION = "volatility interruption"
    CLOSING_AUCTION = "closing auction"
    AFTER_HOURS = "after hours"
    HALTED = "halted"
    CIRCUIT_BREAKER = "circuit breaker"


class ActionKind(Enum):
    """What a corporate action does."""

    RATIO = "ratio"  # split, reverse split, bonus issue: the number of shares changes
    CASH = "cash"  # distribution: the number stays, cash comes in


class CashReason(Enum):
    """Why cash moved without a trade."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    COST_ADJUSTMENT = "cost adjustment"  # the broker's day totals against our estimated costs
    INTEREST = "interest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Base of all events: when it happened (aware) and a running number that breaks ties."""

    time: datetime
    sequence: int = 0

    def __post_init__(self) -> None:
        require_aware(self.time, type(self).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStatus(Message):
    """A market or one instrument changes phase; ticker "" means the whole market."""

    phase: Phase
    ticker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction(Message):
    """Takes effect before the session opens.

    Args:
        ticker: KRX short code.
        kind: ratio or cash.
        numerator: new shares for `denominator` old ones; 1 for cash.
        denominator: see numerator.
        cash: won per share for a distribution, 0 for a ratio.
        fraction_price: won per new share at which fractions of shares are paid out (the base price of the
            day).
    """

    ticker: str
    kind: ActionKind
    numerator: int = 1
    denominator: int = 1
    cash: int = 0
    fraction_price: int = 0

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if min(self.numerator, self.denominator) <= 0 or min(self.cash, self.fraction_price) < 0:
            raise BadInput(
                f"Corporate action of {self.ticker} on {self.time.date()}: ratio "
                f"{self.numerator}:{self.denominator}, cash {self.cash}, fractions at {self.fraction_price}. "
                f"Ratios are positive, cash is not negative."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended(Message):
    """An order is about to be sent. The ledger commits this first."""

    order_id: str
    request: OrderRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted(Message):
    """The venue has the order; `order_number` is its own number, as received."""

    order_id: str
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused(Message):
    """Risk or the venue said no; `code` and `text` are the venue's own words."""

    order_id: str
    reason: RefusalReason
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUnknown(Message):
    """The order was sent and no answer came. Its ticker may not trade until it is found or proved absent."""

    order_id: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotSent(Message):
    """The broker was unavailable before the order left, or a reconciliation proved that it never arrived."""

    order_id: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended(Message):
    """The rest of an order has a new price or quantity, and on some venues a new number.

    Args:
        order_id: our id, which stays.
        quantity: total shares of the order from now on, those already filled included.
        price: won per share; None for market.
        order_number: the venue's new number, "" if it keeps the old one.
    """

    order_id: str
    quantity: int
    price: int | None = None
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Message):
    """The rest of the order is withdrawn, confirmed by the venue."""

    order_id: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired(Message):
    """The day ended with a rest unfilled."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CashMoved(Message):
    """Cash came in (positive) or went out (negative) without a trade; int won."""

    reason: CashReason
    amount: int
    text: str = ""

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        wrong = {CashReason.DEPOSIT: self.amount < 0, CashReason.WITHDRAWAL: self.amount > 0}
        if wrong.get(self.reason, False):
            raise BadInput(f"A {self.reason.value} of {self.amount:,} won has the wrong sign.")


class Slice(NamedTuple):
    """All bars that close at one instant; the columns stay in the panel, which the broker holds.

    A named tuple, because there is one for every bar: it costs a third of what a checked message costs.

    Args:
        row: row of the panel.
        closed_at_ns: UTC nanoseconds at which the bars closed.
    """

    row: int
    closed_at_ns: int
    sequence: int = 0

    @property
    def time(self) -> datetime:
        """The instant of the close, in Asia/Seoul."""
        return from_nanoseconds(self.closed_at_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer(Message):
    """The timetable reached a point, such as "decision" or "day end"."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReady(Message):
    """A slow planner answered. Risk is checked now, with fresh prices; after `deadline` the plan is void.

    Args:
        decision_id: the cycle it belongs to.
        plan: what the planner proposes; None when it failed.
        deadline: aware.
        failure: why there is no plan, "" otherwise.
    """

    decision_id: str
    plan: Any
    deadline: datetime
    failure: str = ""

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        require_aware(self.deadline, "PlanReady.deadline")


OrderEvent: TypeAlias = (
    OrderIntended
    | OrderAccepted
    | OrderRefused
    | OrderUnknown
    | OrderNotSent
    | OrderAmended
    | OrderCancelled
    | OrderExpired
)
Event: TypeAlias = MarketStatus | CorporateAction | Fill | OrderEvent | CashMoved | Slice | Timer | PlanReady

RANK: Mapping[type, Rank] = {
    MarketStatus: Rank.MARKET_STATUS,
    CorporateAction: Rank.CORPORATE_ACTION,
    CashMoved: Rank.CORPORATE_ACTION,
    Fill: Rank.FILL,
    OrderIntended: Rank.FILL,
    OrderAccepted: Rank.FILL,
    OrderRefused: Rank.FILL,
    OrderUnknown: Rank.FILL,
    OrderNotSent: Rank.FILL,
    OrderAmended: Rank.FILL,
    OrderCancelled: Rank.FILL,
    OrderExpired: Rank.FILL,
    Slice: Rank.SLICE,
    Timer: Rank.TIMER,
    PlanReady: Rank.PLAN_READY,
}


def sort_key(event: Event) -> tuple[datetime, Rank, int]:
    """The place of an event in replay: time, rank, sequence."""
    return event.time, RANK[type(event)], event.sequence


def in_order(events: Iterable[Event]) -> list[Event]:
    """The events as a replay delivers them; equal keys keep their order."""
    return sorted(events, key=sort_key)
