"""What the journal amounts to: active orders, holdings and cash. Live state and replay use this one fold.

`step` looks, and changes nothing; `adopt` takes what it returned. Between the two the ledger commits to
disk, so memory
is never ahead of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.account import Totals, check_identity
from engine.errors import BadInput, BrokenInvariant
from engine.events import (
    ActionKind,
    CashMoved,
    CashReason,
    CorporateAction,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderIntended,
    OrderNotSent,
    OrderRefused,
    OrderUnknown,
    Slice,
)
from engine.fill import Fill
from engine.ledger.canonical import canonical_json
from engine.ledger.codec import order_from_plain
from engine.order import UNRESOLVED, WORKING, Order, OrderKind, OrderStatus
from engine.position import Position, apply_fill, apply_ratio

NO_MONEY = Totals(cash=0)
Archive = Callable[[str], Order | None]

# States in which the venue has, or had, the order.
_AT_VENUE = WORKING | {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED}


def no_archive(order_id: str) -> Order | None:
    """The archive of a fold that keeps every order in memory."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one event does.

    Args:
        totals: the cash side afterwards.
        order: the order afterwards; None if the event concerns none.
        position: the holding afterwards; None if it concerns none.
        realised: won of profit, before costs.
        is_news: False when the ledger had been told before; nothing changes then.
    """

    totals: Totals
    order: Order | None = None
    position: Position | None = None
    realised: int = 0
    is_news: bool = True


@dataclass(slots=True)
class LedgerState:
    """The fold of the journal.

    Args:
        orders: active orders by id.
        positions: holdings by ticker, flat ones left out.
        totals: cash, all of it counted as settled (the deposit of D+2), and the running totals.
        finished: orders in a terminal state, in a fold that keeps them; a live ledger looks them up in the file.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    totals: Totals = NO_MONEY
    finished: dict[str, Order] = field(default_factory=dict)

    def step(self, event: Event, archive: Archive = no_archive) -> Change:
        """What `event` would do; `archive` finds orders that are finished and no longer in memory."""
        if isinstance(event, Slice):
            raise BadInput("Market data is not part of the ledger's state.")
        if isinstance(event, Fill):
            change = self._fill(event, self._order(event.order_id, archive))
        elif isinstance(event, CorporateAction):
            change = self._corporate_action(event)
        elif isinstance(event, CashMoved):
            change = Change(totals=_move_cash(self.totals, event))
        elif isinstance(event, OrderIntended):
            change = self._intend(event, archive)
        elif isinstance(event, _ORDER_NEWS):
            order = self._order(event.order_id, archive)
            after = _order_after(order, event)
            change = Change(totals=self.totals, order=after, is_news=after is not order)
        else:  # market status, timers and plans are remembered, but move nothing
            change = Change(totals=self.totals)
        check_identity(change.totals, f"{type(event).__name__} at {event.time.isoformat()}")
        return change

    def adopt(self, change: Change, *, keep_finished: bool = False) -> None:
        """Take over what `step` returned; finished orders leave memory unless `keep_finished`."""
        self.totals = change.totals
        if change.order is not None:
            if change.order.is_active:
                self.orders[change.order.id] = change.order
            else:
                self.orders.pop(change.order.id, None)
                if keep_finished:
                    self.finished[change.order.id] = change.order
        if change.position is not None:
            if change.position.quantity:
                self.positions[change.position.ticker] = change.position
            else:
                self.positions.pop(change.position.ticker, None)

    def copy(self) -> LedgerState:
        """An independent copy; the values inside are immutable."""
        return LedgerState(dict(self.orders), dict(self.positions), self.totals, dict(self.finished))

    def to_json(self) -> str:
        """Canonical text, for checkpoints."""
        return canonical_json({"orders": self.orders, "positions": self.positions, "totals": self.totals})

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> LedgerState:
        """The state that `to_json` wrote, after parsing."""
        return cls(
            {order_id: order_from_plain(order) for order_id, order in values["orders"].items()},
            {ticker: Position(**position) for ticker, position in values["positions"].items()},
            Totals(**values["totals"]),
        )

    def _known(self, order_id: str, archive: Archive) -> Order | None:
        return self.orders.get(order_id) or self.finished.get(order_id) or archive(order_id)

    def _order(self, order_id: str, archive: Archive) -> Order:
        order = self._known(order_id, archive)
        if order is None:
            raise BrokenInvariant(
                f"News of the order {order_id}, which the ledger never intended. Orders placed by hand are "
                f"not booked here; if it is ours, the journal is incomplete."
            )
        return order

    def _intend(self, event: OrderIntended, archive: Archive) -> Change:
        if self._known(event.order_id, archive) is not None:
            raise BrokenInvariant(f"The order id {event.order_id} is used twice. Each intent needs a new one.")
        for other in self.orders.values():
            if other.status is OrderStatus.UNKNOWN and other.request.ticker == event.request.ticker:
                raise BrokenInvariant(
                    f"Order {event.order_id} for {event.request.ticker} was intended while nobody knows "
                    f"whether order {other.id} reached the venue. Find that one, or prove it absent, first."
                )
        order = Order(id=event.order_id, request=event.request, intended_at=event.time)
        return Change(totals=self.totals, order=order)

    def _fill(self, event: Fill, order: Order) -> Change:
        if (event.ticker, event.side) != (order.request.ticker, order.request.side):
            raise BrokenInvariant(
                f"Fill {event.key} ({event.side.value} {event.ticker}) does not belong to order {order.id} "
                f"({order.request.side.value} {order.request.ticker})."
            )
        filled = order.filled + event.quantity
        is_complete = filled >= order.request.quantity
        after = order.moved(
            OrderStatus.FILLED if is_complete else OrderStatus.PARTLY_FILLED,
            event.time,
            filled=filled,
            filled_amount=order.filled_amount + event.amount,
        )
        held = self.positions.get(event.ticker) or Position(ticker=event.ticker)
        position, realised = apply_fill(held, event)
        totals = replace(
            self.totals,
            cash=self.totals.cash + event.cash_change,
            holdings_cost=self.totals.holdings_cost + position.cost - held.cost,
            realised=self.totals.realised + realised,
            fees=self.totals.fees + event.fee,
            taxes=self.totals.taxes + event.taxes,
        )
        return Change(totals=totals, order=after, position=position, realised=realised)

    def _corporate_action(self, event: CorporateAction) -> Change:
        held = self.positions.get(event.ticker)
        if held is None:
            return Change(totals=self.totals)
        if event.kind is ActionKind.RATIO:
            after, cash, realised = apply_ratio(held, event.numerator, event.denominator, event.fraction_price)
        else:
            after, cash = held, held.quantity * event.cash
            realised = cash
        totals = replace(
            self.totals,
            cash=self.totals.cash + cash,
            holdings_cost=self.totals.holdings_cost + after.cost - held.cost,
            realised=self.totals.realised + realised,
        )
        return Change(totals=totals, position=after, realised=realised)


_ORDER_NEWS = (
    OrderAccepted,
    OrderRefused,
    OrderUnknown,
    OrderNotSent,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
)
_END = {
    OrderRefused: OrderStatus.REFUSED,
    OrderNotSent: OrderStatus.NOT_SENT,
    OrderCancelled: OrderStatus.CANCELLED,
    OrderExpired: OrderStatus.EXPIRED,
}


def _order_after(order: Order, event: Any) -> Order:
    """The order after news of it; the same object when the news is old."""
    if isinstance(event, OrderAccepted):
        return _accept(order, event)
    if isinstance(event, OrderAmended):
        return _amend(order, event)
    if isinstance(event, OrderUnknown):
        # A fill or a confirmation overtook the lost answer: the order is known to be there.
        if order.status is OrderStatus.UNKNOWN or order.status in _AT_VENUE:
            return order
        return order.moved(OrderStatus.UNKNOWN, event.time, message=event.text)
    end = _END[type(event)]
    if order.status is end:
        return order
    if isinstance(event, OrderRefused):
        words = " ".join(part for part in (event.code, event.text) if part)
        return order.moved(end, event.time, reason=event.reason, message=words)
    return order.moved(end, event.time, message=getattr(event, "text", "") or order.message)


def _accept(order: Order, event: OrderAccepted) -> Order:
    number = event.order_number
    if number and order.order_number and number != order.order_number:
        raise BrokenInvariant(
            f"Order {order.id} has the venue's number {order.order_number}, and now also {number}. "
            f"Two orders at the venue would answer to one intent: cancel by hand and reconcile."
        )
    if order.status in UNRESOLVED:
        return order.moved(OrderStatus.OPEN, event.time, order_number=number or order.order_number)
    if order.status not in _AT_VENUE:
        return order.moved(OrderStatus.OPEN, event.time)  # refused or not sent, yet accepted: raises
    if number and not order.order_number:
        return replace(order, order_number=number)  # the answer came after a fill notice
    return order


def _amend(order: Order, event: OrderAmended) -> Order:
    if order.status not in WORKING or event.quantity <= order.filled:
        raise BrokenInvariant(
            f"Order {order.id} is {order.status.value} with {order.filled:,} of "
            f"{order.request.quantity:,} shares filled; it cannot be amended to {event.quantity:,} shares."
        )
    kind = order.request.kind
    if event.price is None:
        kind = OrderKind.MARKET
    elif kind is OrderKind.MARKET:
        kind = OrderKind.LIMIT
    request = replace(order.request, kind=kind, quantity=event.quantity, price=event.price)
    after = replace(order, request=request, order_number=event.order_number or order.order_number)
    return order if after == order else after


def _move_cash(totals: Totals, event: CashMoved) -> Totals:
    cash = totals.cash + event.amount
    if event.reason is CashReason.COST_ADJUSTMENT:
        return replace(totals, cash=cash, fees=totals.fees - event.amount)
    if event.reason is CashReason.INTEREST:
        return replace(totals, cash=cash, realised=totals.realised + event.amount)
    return replace(totals, cash=cash, deposits=totals.deposits + event.amount)
