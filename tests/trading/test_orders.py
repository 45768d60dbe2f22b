"""Orders that cannot leave: a purchase is tried again while its news is fresh, a sell until it is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from engine.broker import Accepted, Outcome, Unavailable
from engine.clock import SimulatedClock
from engine.operating.state import Action, Proposal
from engine.order import Approved, OrderKind, OrderRequest, Side
from engine.trading.order_gate import OrderGates
from engine.trading.orders import OrderDesk
from engine.trading.ports import Venue
from engine.trading.texts import TOO_LATE
from engine.trading.timetable import Timetable
from tests.builders_ledger import make_ledger
from tests.builders_panel import flat, make_panel

DAY = Timetable(before_open=True).day_of(date(2024, 5, 2))


class Unreachable:
    """A venue that cannot be reached until it is let go; remembers what it was asked to send."""

    def __init__(self) -> None:
        self.asked: list[OrderRequest] = []
        self.answer: Outcome = Unavailable(text="the line is down")

    def submit(self, order: Approved[OrderRequest]) -> Outcome:
        self.asked.append(order.value)
        return self.answer


class Told:
    """Sentences for people, by what they are about."""

    def __init__(self) -> None:
        self.parameters: list[dict[str, Any]] = []

    def __call__(self, *_: object, **parameters: Any) -> None:
        self.parameters.append(parameters)


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    clock, venue, told = SimulatedClock(DAY.decide), Unreachable(), Told()
    with make_ledger(tmp_path, clock, deposit=1_000_000) as ledger:
        nothing = OrderGates()
        orders = OrderDesk(ledger, cast("Venue", venue), clock, nothing, told, told, touch=False, oversight=nothing)
        panel = make_panel({"005930": flat(10_000, 3)})
        orders.open("2024-05-01T15:30", panel, DAY, sends=True)
        yield orders, clock, venue, told


def planned(side: Side, clock: SimulatedClock) -> Approved[Proposal]:
    action = Action(ticker="005930", name="삼성전자", side=side, quantity=10)
    return Approved(value=Proposal(action=action, place=0), checked_at=clock.now())


def try_until(orders: OrderDesk, clock: SimulatedClock, end: Callable[[], bool]) -> None:
    while not end():
        clock.advance(timedelta(minutes=1))
        orders.act(cast("Any", object()))  # levels of purchases do not look at the account


def test_a_purchase_that_could_not_leave_is_tried_until_its_news_is_old_and_then_dropped(desk: Any) -> None:
    orders, clock, venue, told = desk
    assert isinstance(orders.submit(planned(Side.BUY, clock)), Unavailable)
    try_until(orders, clock, lambda: clock.now() > DAY.buy_until + timedelta(minutes=2))
    asked = len(venue.asked)
    assert asked > 10
    venue.answer = Accepted(order_number="1")
    try_until(orders, clock, lambda: clock.now() > DAY.closes)
    assert len(venue.asked) == asked, "what was decided on yesterday's close is not bought in the afternoon"
    assert told.parameters[-1] == {"ticker": "005930", "why": TOO_LATE}


def test_a_sell_that_could_not_leave_is_tried_until_it_has_left_and_goes_once(desk: Any) -> None:
    orders, clock, venue, _ = desk
    orders.submit(planned(Side.SELL, clock))
    try_until(orders, clock, lambda: clock.now() > DAY.buy_until + timedelta(hours=1))
    asked = len(venue.asked)
    venue.answer = Accepted(order_number="1")
    try_until(orders, clock, lambda: clock.now() > DAY.closes)
    assert len(venue.asked) == asked + 1


def test_a_price_that_counts_from_the_open_waits_for_the_open_of_its_day(desk: Any) -> None:
    orders, clock, venue, _ = desk
    venue.answer = Accepted(order_number="1")
    clock.advance_to(DAY.closes + timedelta(seconds=2))
    orders.forget()
    orders.on_trade("005930", 10_500, 10_400)  # the closing auction comes after the end of the day
    tomorrow = Timetable(before_open=True).day_of(date(2024, 5, 3))
    clock.advance_to(tomorrow.decide)
    orders.open("2024-05-02T15:30", make_panel({"005930": flat(10_000, 3)}), tomorrow, sends=True)
    action = Action(
        ticker="005930", name="", side=Side.BUY, quantity=10, kind=OrderKind.LIMIT, price=-300, from_open=True
    )
    orders.submit(Approved(value=Proposal(action=action, place=0), checked_at=clock.now()))
    orders.on_price("005930", 10_500)
    orders.act(cast("Any", object()))
    assert venue.asked == [], "yesterday's open says nothing"
    clock.advance_to(tomorrow.opens + timedelta(seconds=1))
    orders.on_trade("005930", 10_210, 10_200)
    orders.act(cast("Any", object()))
    assert [(request.kind, request.price) for request in venue.asked] == [(OrderKind.LIMIT, 9_900)]
