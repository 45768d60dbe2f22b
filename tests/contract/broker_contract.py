"""What every broker must do, whatever stands behind it: history, a paper account, a live one.

A broker's own test file makes a subclass and says how its world begins:

    class TestReplayBroker(BrokerContract):
        def open_world(self, **config) -> World: ...

Every world: ten million won, three quiet listed names, the market closed after a first session.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date, datetime

from engine.broker import Accepted, Broker, RefusedByVenue
from engine.events import Event, sort_key
from engine.fill import Fill
from engine.order import TERMINAL, WORKING, Approved, OrderKind, OrderRequest, OrderStatus, RefusalReason, Side

CASH = 10_000_000
NAMES = ("000010", "000020", "000030")
PRICE = 10_000  # of every name, in every session that has begun quietly


class World(ABC):
    """A broker together with the time that passes around it."""

    broker: Broker

    @property
    @abstractmethod
    def today(self) -> date:
        """The session whose close is the last thing known."""

    @property
    @abstractmethod
    def now(self) -> datetime:
        """The time of the broker."""

    @property
    def order_day(self) -> date:
        """The day under which an order that is sent next is listed."""
        return self.today

    def before_orders(self) -> None:  # noqa: B027  (most venues take orders at any time)
        """Go to a time at which the venue takes orders."""

    @abstractmethod
    def next_session(self) -> list[Event]:
        """Let one session pass; its events in the order in which the broker told them."""


def order(side: Side, quantity: int, ticker: str = NAMES[0], price: int | None = None) -> OrderRequest:
    """A market order, or a limit order where a price is given."""
    kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
    return OrderRequest(ticker=ticker, side=side, quantity=quantity, kind=kind, price=price)


class BrokerContract(ABC):
    """The tests; each begins with a fresh world."""

    @abstractmethod
    def open_world(self) -> World:
        """A fresh world after its first session."""

    def submit(self, world: World, request: OrderRequest) -> str:
        """Send and expect to be accepted; returns the venue's number."""
        world.before_orders()
        answer = world.broker.submit(Approved(value=request, checked_at=world.now))
        assert isinstance(answer, Accepted), answer
        return answer.order_number

    def refusal(self, world: World, request: OrderRequest) -> RefusedByVenue:
        """Send and expect to be refused."""
        world.before_orders()
        answer = world.broker.submit(Approved(value=request, checked_at=world.now))
        assert isinstance(answer, RefusedByVenue), answer
        return answer

    def bought(self, world: World, quantity: int = 100) -> list[Event]:
        """Buy at the market and let the session pass."""
        self.submit(world, order(Side.BUY, quantity))
        return world.next_session()

    # Accounts.

    def test_fresh_account_has_its_cash_and_nothing_else(self):
        world = self.open_world()
        account = world.broker.account()
        assert (account.deposit, account.deposit_d1, account.deposit_d2, account.orderable) == (CASH,) * 4
        assert list(world.broker.positions()) == []
        assert list(world.broker.open_orders()) == []

    def test_open_purchase_reserves_cash_and_a_cancelled_one_gives_it_back(self):
        world = self.open_world()
        number = self.submit(world, order(Side.BUY, 100, price=PRICE - 100))
        assert world.broker.account().orderable <= CASH - 100 * (PRICE - 100)
        assert world.broker.account().deposit == CASH
        assert isinstance(world.broker.cancel(number), Accepted)
        assert world.broker.account().orderable == CASH

    def test_purchase_leaves_the_deposit_two_sessions_later(self):
        world = self.open_world()
        self.bought(world)
        paid = CASH - world.broker.account().deposit_d2
        assert 100 * PRICE <= paid <= 100 * PRICE * 1.01
        assert (world.broker.account().deposit, world.broker.account().deposit_d1) == (CASH, CASH)
        world.next_session()
        assert (world.broker.account().deposit, world.broker.account().deposit_d1) == (CASH, CASH - paid)
        world.next_session()
        assert world.broker.account().deposit == CASH - paid

    def test_proceeds_of_a_sell_can_be_used_at_once(self):
        world = self.open_world()
        self.bought(world)
        before = world.broker.account().orderable
        self.submit(world, order(Side.SELL, 100))
        world.next_session()
        assert before < world.broker.account().orderable <= CASH

    # Positions.

    def test_filled_purchase_is_a_position_with_its_cost(self):
        world = self.open_world()
        self.bought(world)
        (position,) = world.broker.positions()
        assert (position.ticker, position.quantity, position.cost) == (NAMES[0], 100, 100 * PRICE)
        assert world.broker.sellable(NAMES[0]) == 100

    def test_sold_out_position_is_gone(self):
        world = self.open_world()
        self.bought(world)
        self.submit(world, order(Side.SELL, 100))
        world.next_session()
        assert list(world.broker.positions()) == []
        assert world.broker.sellable(NAMES[0]) == 0

    # Orders.

    def test_accepted_order_is_listed_until_it_is_done(self):
        world = self.open_world()
        sent_on = world.order_day
        number = self.submit(world, order(Side.BUY, 100))
        (waiting,) = world.broker.open_orders()
        assert (waiting.order_number, waiting.remaining) == (number, 100)
        assert waiting.status in WORKING
        assert [each.order_number for each in world.broker.orders(sent_on)] == [number]
        world.next_session()
        assert list(world.broker.open_orders()) == []
        (done,) = world.broker.orders(sent_on)
        assert (done.status, done.filled, done.filled_amount) == (OrderStatus.FILLED, 100, 100 * PRICE)
        assert done.done_at is not None
        assert done.done_at >= done.intended_at

    def test_order_numbers_differ(self):
        world = self.open_world()
        numbers = [self.submit(world, order(Side.BUY, 1, ticker)) for ticker in NAMES]
        assert len(set(numbers)) == len(NAMES)

    def test_limit_that_the_market_does_not_reach_expires_with_its_day(self):
        world = self.open_world()
        sent_on = world.order_day
        self.submit(world, order(Side.BUY, 100, price=PRICE - 2_000))
        world.next_session()
        assert list(world.broker.open_orders()) == []
        assert [each.status for each in world.broker.orders(sent_on)] == [OrderStatus.EXPIRED]
        assert world.broker.account().orderable == CASH

    def test_cancelled_order_never_fills(self):
        world = self.open_world()
        sent_on = world.order_day
        number = self.submit(world, order(Side.BUY, 100))
        assert isinstance(world.broker.cancel(number), Accepted)
        assert list(world.broker.open_orders()) == []
        assert not [event for event in world.next_session() if isinstance(event, Fill)]
        assert [each.status for each in world.broker.orders(sent_on)] == [OrderStatus.CANCELLED]

    def test_cancelling_too_late_or_what_does_not_exist_is_a_refusal(self):
        world = self.open_world()
        number = self.submit(world, order(Side.BUY, 100))
        world.next_session()
        assert isinstance(world.broker.cancel(number), RefusedByVenue)
        assert isinstance(world.broker.cancel("999999"), RefusedByVenue)

    def test_amended_order_has_the_new_price_and_quantity(self):
        world = self.open_world()
        number = self.submit(world, order(Side.BUY, 100, price=PRICE - 2_000))
        answer = world.broker.amend(number, quantity=60, price=PRICE + 100)
        assert isinstance(answer, Accepted)
        (waiting,) = world.broker.open_orders()
        assert (waiting.order_number, waiting.remaining, waiting.request.price) == (
            answer.order_number,
            60,
            PRICE + 100,
        )
        fills = [event for event in world.next_session() if isinstance(event, Fill)]
        assert [(fill.quantity, fill.price) for fill in fills] == [(60, PRICE)]

    def test_refused_amendment_leaves_the_order_as_it_was(self):
        world = self.open_world()
        number = self.submit(world, order(Side.BUY, 100, price=PRICE - 100))
        for changes in ({"quantity": 101}, {"price": PRICE - 1}):  # more than is open; off the tick of 10
            assert isinstance(world.broker.amend(number, **changes), RefusedByVenue)
        (waiting,) = world.broker.open_orders()
        assert (waiting.order_number, waiting.remaining, waiting.request.price) == (number, 100, PRICE - 100)

    def test_amending_what_is_done_or_does_not_exist_is_a_refusal(self):
        world = self.open_world()
        number = self.submit(world, order(Side.BUY, 100))
        world.next_session()
        assert isinstance(world.broker.amend(number, quantity=1), RefusedByVenue)
        assert isinstance(world.broker.amend("999999", quantity=1), RefusedByVenue)

    def test_orders_that_the_account_cannot_cover_are_refused_and_leave_no_trace(self):
        world = self.open_world()
        assert self.refusal(world, order(Side.SELL, 1)).reason is RefusalReason.NOT_HELD
        assert self.refusal(world, order(Side.BUY, 2_000)).reason is RefusalReason.NOT_ENOUGH_CASH
        assert self.refusal(world, order(Side.BUY, 2_000, price=PRICE)).reason is RefusalReason.NOT_ENOUGH_CASH
        assert list(world.broker.open_orders()) == []
        assert world.broker.account().orderable == CASH

    def test_shares_are_sold_once(self):
        world = self.open_world()
        self.bought(world)
        self.submit(world, order(Side.SELL, 60))
        assert world.broker.sellable(NAMES[0]) == 40
        assert self.refusal(world, order(Side.SELL, 41)).reason is RefusalReason.NOT_HELD
        self.submit(world, order(Side.SELL, 40))
        assert world.broker.sellable(NAMES[0]) == 0

    def test_unknown_ticker_is_refused(self):
        world = self.open_world()
        assert isinstance(self.refusal(world, order(Side.BUY, 1, "999990")), RefusedByVenue)

    def test_buyable_is_what_an_order_may_ask_for(self):
        world = self.open_world()
        for price in (None, PRICE):
            most = world.broker.buyable(NAMES[1], price)
            assert most > 0
            assert (
                self.refusal(world, order(Side.BUY, most + 1, NAMES[1], price)).reason is RefusalReason.NOT_ENOUGH_CASH
            )
            number = self.submit(world, order(Side.BUY, most, NAMES[1], price))
            assert world.broker.buyable(NAMES[2], price) == 0
            world.broker.cancel(number)

    def test_market_order_reserves_more_than_its_price(self):
        world = self.open_world()
        assert world.broker.buyable(NAMES[0]) < world.broker.buyable(NAMES[0], PRICE)

    # Fills and events.

    def test_each_fill_is_told_once_and_stays_in_the_list_of_its_day(self):
        world = self.open_world()
        told = [event for event in self.bought(world) if isinstance(event, Fill)]
        assert sum(fill.quantity for fill in told) == 100
        assert len({fill.key for fill in told}) == len(told)
        assert list(world.broker.fills(world.today)) == told
        assert [event for event in world.next_session() if isinstance(event, Fill)] == []

    def test_fill_names_its_order_and_moves_cash_by_its_amount_and_costs(self):
        world = self.open_world()
        sent_on = world.order_day
        number = self.submit(world, order(Side.BUY, 100))
        fills = [event for event in world.next_session() if isinstance(event, Fill)]
        (sent,) = world.broker.orders(sent_on)
        assert sent.order_number == number
        assert {fill.order_id for fill in fills} == {sent.id}
        assert world.broker.account().deposit_d2 == CASH + sum(fill.cash_change for fill in fills)

    def test_events_come_in_order_of_time_and_rank(self):
        world = self.open_world()
        events: list[Event] = []
        for _ in range(3):
            self.submit(world, order(Side.BUY, 1))
            events += world.next_session()
        keys = [sort_key(event)[:2] for event in events]
        assert keys == sorted(keys)
        assert all(event.time.tzinfo is not None for event in events)

    def test_terminal_orders_stay_as_they_are(self):
        world = self.open_world()
        sent_on = world.order_day
        filled = self.submit(world, order(Side.BUY, 10))
        cancelled = self.submit(world, order(Side.BUY, 10, NAMES[1]))
        world.broker.cancel(cancelled)
        self.submit(world, order(Side.BUY, 10, NAMES[2], PRICE - 2_000))
        world.next_session()
        before = list(world.broker.orders(sent_on))
        assert all(each.status in TERMINAL for each in before)
        world.broker.cancel(filled)
        world.broker.amend(cancelled, quantity=5)
        world.next_session()
        assert list(world.broker.orders(sent_on)) == before

    # Market data.

    def test_quotes_leave_out_what_they_do_not_know(self):
        world = self.open_world()
        quotes = world.broker.quotes([*NAMES, "999990"])
        assert [quote.ticker for quote in quotes] == list(NAMES)
        assert all(quote.price == PRICE and quote.volume > 0 for quote in quotes)

    def test_history_ends_with_the_last_known_bar(self):
        world = self.open_world()
        for _ in range(2):
            bars = world.broker.history(NAMES[0], "1d", date(2000, 1, 1), date(2099, 12, 31))
            assert bars["time"][-1].date() == world.today
            assert bars.columns == ["time", "open", "high", "low", "close", "volume"]
            world.next_session()

    def test_rankings_are_ordered_and_no_longer_than_asked(self):
        world = self.open_world()
        world.next_session()
        fallen: Sequence = world.broker.rankings("decline", 2)
        changes = [quote.change_rate or 0 for quote in fallen]
        assert len(fallen) <= 2
        assert changes == sorted(changes)
        grown: Sequence = world.broker.rankings("volume_growth", 2)
        growths = [quote.volume_growth or 0 for quote in grown]
        assert growths == sorted(growths, reverse=True)
