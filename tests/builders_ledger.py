"""Builders of ledgers and of events that make sense together, from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.clock import KST, SimulatedClock
from engine.events import (
    ActionKind,
    CashMoved,
    CashReason,
    CorporateAction,
    Event,
    MarketStatus,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderIntended,
    OrderNotSent,
    OrderRefused,
    OrderUnknown,
    Phase,
    Timer,
)
from engine.fill import Fill
from engine.ledger.ledger import Ledger, open_ledger
from engine.order import (
    UNRESOLVED,
    WORKING,
    Approved,
    Order,
    OrderKind,
    OrderRequest,
    OrderStatus,
    RefusalReason,
    Side,
)

START = datetime(2024, 5, 2, 9, 0, tzinfo=KST)
TICKERS = ("005930", "000660", "0000J0")


def make_clock(start: datetime = START) -> SimulatedClock:
    """A clock that stands at the opening of a session."""
    return SimulatedClock(start)


def make_ledger(folder: Path, clock: SimulatedClock | None = None, deposit: int = 0) -> Ledger:
    """An open ledger in `folder`, with cash if asked for."""
    ledger = open_ledger(folder / "ledger.db", clock or make_clock())
    if deposit:
        ledger.append(CashMoved(time=ledger.clock.now(), reason=CashReason.DEPOSIT, amount=deposit))
    return ledger


def make_request(**changes: Any) -> OrderRequest:
    """A market order for ten shares."""
    values: dict[str, Any] = {"ticker": "005930", "side": Side.BUY, "quantity": 10}
    return OrderRequest(**(values | changes))


def approve(request: OrderRequest) -> Approved[OrderRequest]:
    """The request as if risk had checked it."""
    return Approved(value=request, checked_at=START)


def make_fill(order_id: str, key: str = "1", **changes: Any) -> Fill:
    """Ten shares at 70,000 won."""
    values: dict[str, Any] = {
        "time": START,
        "order_id": order_id,
        "key": f"{order_id}/{key}",
        "ticker": "005930",
        "side": Side.BUY,
        "quantity": 10,
        "price": 70_000,
        "fee": 98,
    }
    return Fill(**(values | changes))


def buy(ledger: Ledger, **changes: Any) -> Order:
    """An order that was intended, accepted and filled at once; `changes` go to the request."""
    request = make_request(**changes)
    now = ledger.clock.now()
    order = ledger.record_intent(approve(request))
    ledger.record_outcome(OrderAccepted(time=now, order_id=order.id, order_number=f"N{order.id}"))
    ledger.append(make_fill(order.id, time=now, ticker=request.ticker, side=request.side, quantity=request.quantity))
    found = ledger.order(order.id)
    assert found is not None
    return found


@dataclass
class Market:
    """A broker's account in the mind of the test: what may happen next to orders, shares and cash.

    It books by itself, with plain arithmetic, so that the ledger's fold has something to be compared with.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    cash: int = 0
    fills: int = 0
    clock: datetime = START

    def events(self, choices: list[int]) -> Iterator[Event]:
        """One possible event for each choice; some are told twice."""
        for number, choice in enumerate(choices):
            self.clock += timedelta(seconds=choice % 3)
            event = self._next(number, choice)
            yield event
            if choice % 11 == 0 and not isinstance(event, OrderIntended | CashMoved | CorporateAction):
                yield event

    def _next(self, number: int, choice: int) -> Event:
        if self.cash == 0:
            return self._deposit(1_000_000_000)
        active = [order for order in self.orders.values() if order.is_active]
        what = choice % 17
        if what < 4 or not active:
            return self._intend(number, choice)
        order = active[choice % len(active)]
        if what < 9:
            return self._news(order, choice)
        if what < 13:
            return self._fill(order, choice)
        if what == 13:
            return self._action(choice)
        if what == 14:
            return self._adjust(choice)
        if what == 15:
            return MarketStatus(time=self.clock, phase=Phase.CONTINUOUS, ticker=order.request.ticker)
        return Timer(time=self.clock, name="decision")

    def _deposit(self, amount: int) -> Event:
        self.cash += amount
        return CashMoved(time=self.clock, reason=CashReason.DEPOSIT, amount=amount)

    def _adjust(self, choice: int) -> Event:
        amount = choice % 21 - 10
        self.cash += amount
        return CashMoved(time=self.clock, reason=CashReason.COST_ADJUSTMENT, amount=amount)

    def _intend(self, number: int, choice: int) -> Event:
        unknown = {o.request.ticker for o in self.orders.values() if o.status is OrderStatus.UNKNOWN}
        free = [ticker for ticker in TICKERS if ticker not in unknown]
        if not free:
            return Timer(time=self.clock, name="all blocked")
        ticker = free[choice % len(free)]
        promised = sum(
            order.remaining
            for order in self.orders.values()
            if order.is_active and order.request.ticker == ticker and order.request.side is Side.SELL
        )
        spare = self.held.get(ticker, 0) - promised
        side = Side.SELL if spare > 0 and choice % 2 else Side.BUY
        quantity = min(spare, choice % 40 + 1) if side is Side.SELL else choice % 40 + 1
        kind = OrderKind.LIMIT if choice % 5 == 0 else OrderKind.MARKET
        request = OrderRequest(
            ticker=ticker,
            side=side,
            quantity=quantity,
            kind=kind,
            price=50_000 if kind is OrderKind.LIMIT else None,
            rule_ids=("rule-a",),
        )
        order_id = f"o{number}"
        self.orders[order_id] = Order(id=order_id, request=request, intended_at=self.clock)
        return OrderIntended(time=self.clock, order_id=order_id, request=request)

    def _news(self, order: Order, choice: int) -> Event:
        time = self.clock
        if order.status in UNRESOLVED:
            if choice % 4 == 0 and order.status is OrderStatus.INTENDED:
                self._move(order, OrderStatus.UNKNOWN)
                return OrderUnknown(time=time, order_id=order.id, text="no answer")
            if choice % 4 == 1:
                self._move(order, OrderStatus.NOT_SENT)
                return OrderNotSent(time=time, order_id=order.id)
            if choice % 4 == 2:
                self._move(order, OrderStatus.REFUSED)
                return OrderRefused(
                    time=time, order_id=order.id, reason=RefusalReason.VENUE, code="APBK0952", text="한도"
                )
            self._move(order, OrderStatus.OPEN)
            return OrderAccepted(time=time, order_id=order.id, order_number=f"N{order.id}")
        if choice % 3 == 0:
            self._move(order, OrderStatus.CANCELLED)
            return OrderCancelled(time=time, order_id=order.id)
        if choice % 3 == 1:
            self._move(order, OrderStatus.EXPIRED)
            return OrderExpired(time=time, order_id=order.id)
        quantity = order.filled + max(1, order.remaining // 2)
        request = make_request(
            ticker=order.request.ticker,
            side=order.request.side,
            quantity=quantity,
            kind=OrderKind.LIMIT,
            price=51_000,
            rule_ids=order.request.rule_ids,
        )
        self.orders[order.id] = Order(
            id=order.id,
            request=request,
            intended_at=order.intended_at,
            status=order.status,
            filled=order.filled,
            filled_amount=order.filled_amount,
        )
        return OrderAmended(time=time, order_id=order.id, quantity=quantity, price=51_000)

    def _fill(self, order: Order, choice: int) -> Event:
        shares = choice % order.remaining + 1
        price, fee = 50_000 + choice % 1_000, choice % 90
        sell = order.request.side is Side.SELL
        stt = price * shares // 1_000 if sell else 0
        self.fills += 1
        filled = order.filled + shares
        done = filled == order.request.quantity
        self._move(order, OrderStatus.FILLED if done else OrderStatus.PARTLY_FILLED, filled=filled)
        sign = -1 if sell else 1
        self.held[order.request.ticker] = self.held.get(order.request.ticker, 0) + sign * shares
        self.cash -= sign * price * shares + fee + stt
        return Fill(
            time=self.clock,
            order_id=order.id,
            key=f"f{self.fills}",
            ticker=order.request.ticker,
            side=order.request.side,
            quantity=shares,
            price=price,
            fee=fee,
            stt=stt,
        )

    def _action(self, choice: int) -> Event:
        ticker = TICKERS[choice % len(TICKERS)]
        held = self.held.get(ticker, 0)
        if choice % 2:
            self.cash += held * 361
            return CorporateAction(time=self.clock, ticker=ticker, kind=ActionKind.CASH, cash=361)
        # A bonus issue only adds shares, so that open sells stay covered.
        shares, rest = divmod(held * 23, 20)
        self.held[ticker] = shares
        self.cash += rest * 40_000 // 20
        return CorporateAction(
            time=self.clock,
            ticker=ticker,
            kind=ActionKind.RATIO,
            numerator=23,
            denominator=20,
            fraction_price=40_000,
        )

    def _move(self, order: Order, status: OrderStatus, **changes: Any) -> None:
        self.orders[order.id] = order.moved(status, self.clock, **changes)

    @property
    def working(self) -> set[str]:
        """Ids of orders that can still fill at the venue."""
        return {name for name, order in self.orders.items() if order.status in WORKING}
