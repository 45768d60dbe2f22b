"""Orders: what is asked for, what became of it, and the proof that risk has been checked.

Prices are int won per share. On an adjusted dataset they are in its price unit (won × price scale), as in
the kernels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Generic, TypeVar

from engine.clock import require_aware
from engine.errors import BadInput, BrokenInvariant

T = TypeVar("T")


class Side(Enum):
    """Which way shares move."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell, as the kernels count."""
        return 1 if self is Side.BUY else -1


class OrderKind(Enum):
    """How an order finds its price. A guard is an exit level that the engine, not the venue, watches."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    GUARD_STOP = "guard stop"
    GUARD_TARGET = "guard target"
    DELISTING = "delisting"  # booked by the replay when rows end at a known delisting; never sent

    @property
    def has_price(self) -> bool:
        """Whether the order names a price: a limit, or the level at which it becomes a market order."""
        return self not in (OrderKind.MARKET, OrderKind.DELISTING)


class OrderStatus(Enum):
    """Where an order stands. The named sets below group the states."""

    INTENDED = "intended"  # written down before it is sent; after a crash the same as UNKNOWN
    UNKNOWN = "unknown"  # sent, but no answer came: reconcile before its ticker may trade again
    OPEN = "open"
    PARTLY_FILLED = "partly filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"
    NOT_SENT = "not sent"  # the broker could not be reached, or a reconciliation proved the order absent


TERMINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.EXPIRED,
        OrderStatus.REFUSED,
        OrderStatus.NOT_SENT,
    }
)
ACTIVE = frozenset(OrderStatus) - TERMINAL
UNRESOLVED = frozenset({OrderStatus.INTENDED, OrderStatus.UNKNOWN})
WORKING = frozenset({OrderStatus.OPEN, OrderStatus.PARTLY_FILLED})

# A fill notice may overtake the answer to the order, so INTENDED and UNKNOWN may fill at once.
_ANSWERS = frozenset(
    {
        OrderStatus.OPEN,
        OrderStatus.PARTLY_FILLED,
        OrderStatus.FILLED,
        OrderStatus.REFUSED,
        OrderStatus.NOT_SENT,
    }
)
_ENDS = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED})
NEXT: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.INTENDED: _ANSWERS | {OrderStatus.UNKNOWN},
    OrderStatus.UNKNOWN: _ANSWERS,
    # The exchange may refuse an order that the broker had accepted.
    OrderStatus.OPEN: _ENDS | {OrderStatus.PARTLY_FILLED, OrderStatus.REFUSED},
    OrderStatus.PARTLY_FILLED: _ENDS | {OrderStatus.PARTLY_FILLED},
    **{status: frozenset() for status in TERMINAL},
}


class RefusalReason(Enum):
    """Why an order was not let through. The first group has the names of the kernels' codes."""

    NOT_TRADABLE = "not_tradable"
    BUYS_BLOCKED = "buys_blocked"
    DAY_LOSS_LIMIT = "day_loss_limit"
    HALTED = "halted"
    POSITION_COUNT_LIMIT = "position_count_limit"
    POSITION_WEIGHT_LIMIT = "position_weight_limit"
    SECTOR_LIMIT = "sector_limit"
    GROSS_EXPOSURE_LIMIT = "gross_exposure_limit"
    NOT_ENOUGH_CASH = "not_enough_cash"
    NOT_HELD = "not_held"
    QUANTITY_ZERO = "quantity_zero"
    BAD_PRICE = "bad_price"
    RISK_UNKNOWN = "risk_unknown"
    ORDER_VALUE_LIMIT = "order_value_limit"
    ORDER_TOO_SMALL = "order_too_small"
    ORDER_RATE_LIMIT = "order_rate_limit"
    PRICE_TOO_FAR = "price_too_far"
    LOSING_STREAK = "losing_streak"
    RESTRICTED = "restricted"
    WARNED_ISSUE = "warned_issue"

    # Only where orders leave one by one: event mode, paper and live.
    MARKET_CLOSED = "market_closed"
    STALE_DATA = "stale_data"
    STALE_PLAN = "stale_plan"
    UNRESOLVED_ORDER = "unresolved_order"  # an order of this ticker may or may not be at the venue
    AUTONOMY_LEVEL = "autonomy_level"
    TIME_UNKNOWN = "time_unknown"  # it is not known under which day an order would be filed
    VENUE = "venue"  # the broker or the exchange said no; its words are in the message


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What somebody wants to trade.

    Args:
        ticker: KRX short code.
        side: buy or sell.
        quantity: shares, at least 1.
        kind: how it finds its price.
        price: won per share; None exactly for market orders. The level of a stop, the limit of a limit order.
        rule_ids: the rules that asked for it, the deciding one first.
        decision_id: the cycle of the operating graph that planned it, "" outside the graph.
    """

    ticker: str
    side: Side
    quantity: int
    kind: OrderKind = OrderKind.MARKET
    price: int | None = None
    rule_ids: tuple[str, ...] = ()
    decision_id: str = ""

    def __post_init__(self) -> None:
        if self.quantity <= 0:
            raise BadInput(f"Cannot {self.side.value} {self.quantity} shares of {self.ticker}: ask for at least 1.")
        if self.kind.has_price and (self.price is None or self.price <= 0):
            raise BadInput(f"A {self.kind.value} order for {self.ticker} needs a price above 0 won, not {self.price}.")
        if not self.kind.has_price and self.price is not None:
            raise BadInput(
                f"A {self.kind.value} order for {self.ticker} has no price, but {self.price:,} won was "
                f"given. Use a limit order, or leave the price out."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request with an identity and a history; each change is a new value.

    Args:
        id: our own id, unique in the ledger; the venue has none that comes back.
        request: what was asked for.
        intended_at: when it was written down.
        status: where it stands.
        order_number: the venue's number as received, "" until it is known.
        filled: shares filled so far.
        filled_amount: won paid or received for them, without costs.
        reason: why it was refused, None otherwise.
        message: what the venue said, "" if nothing.
        done_at: when it reached a terminal state.
    """

    id: str
    request: OrderRequest
    intended_at: datetime
    status: OrderStatus = OrderStatus.INTENDED
    order_number: str = ""
    filled: int = 0
    filled_amount: int = 0
    reason: RefusalReason | None = None
    message: str = ""
    done_at: datetime | None = None

    def __post_init__(self) -> None:
        require_aware(self.intended_at, f"Order {self.id}")
        if not 0 <= self.filled <= self.request.quantity:
            raise BrokenInvariant(
                f"Order {self.id} for {self.request.quantity:,} shares of {self.request.ticker} would have "
                f"{self.filled:,} filled. A fill was counted twice or belongs to another order."
            )

    @property
    def remaining(self) -> int:
        """Shares not filled."""
        return self.request.quantity - self.filled

    @property
    def is_active(self) -> bool:
        """Whether it can still change."""
        return self.status in ACTIVE

    @property
    def average_price(self) -> float | None:
        """Won per filled share, for display; None before the first fill."""
        return self.filled_amount / self.filled if self.filled else None

    def moved(self, status: OrderStatus, at: datetime, **changes: object) -> Order:
        """The order in its next state; a forbidden move raises `BrokenInvariant`."""
        if status not in NEXT[self.status]:
            raise BrokenInvariant(
                f"Order {self.id} ({self.request.side.value} {self.request.quantity:,} "
                f"{self.request.ticker}) is {self.status.value} and cannot become {status.value} at "
                f"{at.isoformat()}. Reconcile the ledger with the broker before trading on."
            )
        done_at = at if status in TERMINAL else None
        return replace(self, status=status, done_at=done_at, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved(Generic[T]):
    """Proof that the hard limits were checked. Only `engine/risk.py` may build one; a test guards that."""

    value: T
    checked_at: datetime

    def __post_init__(self) -> None:
        require_aware(self.checked_at, "Approved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Generic[T]):
    """A request that was not let through, with the reason and the figures behind it."""

    value: T
    reason: RefusalReason
    message: str = ""
