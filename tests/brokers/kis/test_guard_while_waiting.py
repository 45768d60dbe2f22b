"""A stop that is passed while KIS lets us wait for an answer is sold now, not after the answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.kis.beside import beside
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.frames import format_data
from brokers.kis.realtime import Trade
from brokers.kis.realtime_fields import TRADE
from brokers.kis.stream_intake import MarketNews
from engine.broker import Accepted
from engine.fill import Fill
from engine.order import OrderStatus, Side
from tests.builders_kis_stream import make_trade
from tests.kis_venue import AccountAtKis, VenueOrder, account_at_kis
from tests.scripted_kis import Reply, Seen

STOP = 70_000
WAIT = 30.0


class Stop:
    """Sells 000660 once, when it trades below the stop."""

    def __init__(self, account: AccountAtKis) -> None:
        self._account = account
        self._passed = False
        self.outcomes: list[object] = []

    def hear(self, news: MarketNews) -> None:
        self._passed |= isinstance(news, Trade) and news.price < STOP

    def act(self) -> None:
        if self._passed and not self.outcomes:
            self.outcomes.append(None)
            self.outcomes[0] = self._account.submit(5, Side.SELL, None, ticker="000660")


@pytest.fixture(params=["paper", "live"])
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountAtKis]:
    with account_at_kis(tmp_path, request.param) as opened:
        opened.broker.subscribe(["000660"])
        yield opened


def watch(account: AccountAtKis) -> Stop:
    """Hold 000660 and guard it."""
    bought = account.submit(5, ticker="000660")
    account.venue.fill(int(bought.order_number), 5)
    account.hear()
    stop = Stop(account)
    account.broker.intake.on_market = stop.hear
    account.broker.guard_while_waiting(stop.act)
    return stop


def fall(account: AccountAtKis) -> None:
    account.venue.stream.send(format_data(TRADE, [make_trade(ticker="000660", price=STOP - 100).to_fields()]))


def held_up(account: AccountAtKis, name: str, taken: threading.Event) -> None:
    """From now on a call is answered only when a sell has come in; what it answers is what was true before that."""
    path = ENDPOINTS[name].path
    answer = {"inquire_daily_ccld": account.venue._daily_list, "inquire_balance": account.venue._balance}[name]

    def late(seen: Seen) -> Reply:
        reply = answer(seen)
        fall(account)
        assert taken.wait(WAIT), "nobody guarded while this call waited"
        account.venue.host.on(path, answer)
        return reply

    account.venue.host.on(path, late)


def sells(account: AccountAtKis) -> threading.Event:
    """Set when a sell has arrived, which fills at once."""
    taken = threading.Event()

    def fill(order: VenueOrder) -> None:
        if order.side is Side.SELL:
            account.venue.fill(order.number, order.quantity)
            taken.set()

    account.venue.on_order = fill
    return taken


@pytest.mark.parametrize("name", ["inquire_daily_ccld", "inquire_balance"])
def test_a_stop_is_sold_while_a_question_waits_for_its_answer(account: AccountAtKis, name: str) -> None:
    stop = watch(account)
    held_up(account, name, sells(account))
    if name == "inquire_balance":
        assert [(held.ticker, held.quantity) for held in account.broker.positions()] == [("000660", 5)]
    else:
        account.broker.open_orders()
    assert isinstance(stop.outcomes[0], Accepted)
    account.hear()
    assert [(fill.side, fill.quantity) for fill in account.of(Fill)] == [(Side.BUY, 5), (Side.SELL, 5)]
    assert {order.status for order in account.broker.orders(account.clock.now().date())} == {OrderStatus.FILLED}
    assert account.alerts() == [], "an order that was sent while a list was on its way is not missing in it"


def test_a_stop_is_sold_while_another_order_waits_for_its_answer(account: AccountAtKis) -> None:
    stop, taken = watch(account), sells(account)

    def fill_late(order: VenueOrder) -> None:
        if order.side is Side.BUY:
            fall(account)
            account.venue.on_order = fill_at_once
            assert taken.wait(WAIT), "nobody guarded while this order waited"

    fill_at_once = account.venue.on_order
    account.venue.on_order = fill_late
    bought = account.submit(10)
    assert isinstance(bought, Accepted)
    assert isinstance(stop.outcomes[0], Accepted)
    account.hear()
    numbers = [order.order_number for order in account.broker.orders(account.clock.now().date())]
    assert set(numbers[1:]) == {bought.order_number, stop.outcomes[0].order_number}
    assert len([seen for seen in account.venue.host.seen if seen.path.endswith("order-cash")]) == len(numbers) == 3


def test_what_the_stream_says_of_orders_waits_until_the_call_is_over(account: AccountAtKis) -> None:
    watch(account)
    number = account.submit(10).order_number
    seen_meanwhile = []

    def filled_meanwhile(seen: Seen) -> Reply:
        reply = account.venue._daily_list(seen)
        account.venue.fill(int(number), 10)
        fall(account)
        assert taken.wait(WAIT)
        return reply

    taken = sells(account)
    account.venue.host.on(ENDPOINTS["inquire_daily_ccld"].path, filled_meanwhile, account.venue._daily_list)
    original = account.broker.followed.take
    account.broker.followed.take = lambda notice: (seen_meanwhile.append(taken.is_set()), original(notice))[1]
    account.broker.open_orders()
    account.hear()
    assert seen_meanwhile and all(seen_meanwhile), "the books change only when the call is over"
    assert sorted(fill.quantity for fill in account.of(Fill)) == [5, 5, 10]


def test_an_error_of_the_call_reaches_whoever_asked() -> None:
    def fails() -> None:
        raise ValueError("of the call")

    with pytest.raises(ValueError, match="of the call"):
        beside(fails, lambda: None)
