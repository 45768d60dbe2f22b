"""The broker against a venue on loopback: account, prices, orders from the answer to the last fill."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from brokers.kis.costs import estimated_costs
from engine.broker import Accepted, RefusedByVenue, Unknown
from engine.events import OrderAmended, OrderCancelled, OrderRefused
from engine.fill import Fill
from engine.krx.instrument_class import InstrumentClass
from engine.order import OrderKind, OrderStatus, RefusalReason, Side
from engine.position import Position
from tests.kis_venue import CASH, PRICE, TICKER, AccountAtKis, account_at_kis


@pytest.fixture(params=["paper", "live"])
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountAtKis]:
    with account_at_kis(tmp_path, request.param) as opened:
        yield opened


def test_account_shows_cash_by_settlement_day_and_what_can_be_ordered(account):
    snapshot = account.broker.account()
    assert (snapshot.deposit, snapshot.deposit_d1, snapshot.deposit_d2, snapshot.orderable) == (CASH,) * 4


def test_sold_out_rows_of_the_balance_are_no_positions(account):
    account.venue.holdings |= {TICKER: (10, 10 * PRICE), "000660": (0, 0)}
    assert list(account.broker.positions()) == [Position(ticker=TICKER, quantity=10, cost=10 * PRICE)]
    assert account.broker.sellable(TICKER) == 10
    assert account.broker.sellable("000660") == 0


def test_accepted_order_is_open_under_the_number_of_kis(account):
    answer = account.submit(10)
    assert isinstance(answer, Accepted), answer
    (order,) = account.broker.open_orders()
    assert (order.order_number, order.status, order.remaining) == (answer.order_number, OrderStatus.OPEN, 10)
    assert account.venue.text(117_057) == answer.order_number


def test_fill_is_told_once_and_booked_with_its_costs(account):
    account.submit(10)
    account.venue.fill(117_057, 4)
    account.venue.fill(117_057, 6, PRICE + 100)
    account.hear()
    fills = account.of(Fill)
    assert [(fill.quantity, fill.price) for fill in fills] == [(4, PRICE), (6, PRICE + 100)]
    assert sum(fill.fee for fill in fills) == (10 * PRICE + 600) * 140_527 // 1_000_000_000
    assert account.only.status is OrderStatus.FILLED
    assert list(account.broker.fills(account.clock.now().date())) == fills
    assert account.ledger.positions[TICKER].quantity == 10


def test_cancelled_order_is_closed_when_kis_confirms_it(account):
    number = account.submit(10).order_number
    assert isinstance(account.broker.cancel(number), Accepted)
    account.hear()
    assert [event.order_id for event in account.of(OrderCancelled)] == [account.only.id]
    assert list(account.broker.open_orders()) == []
    assert isinstance(account.broker.cancel(number), RefusedByVenue)


def test_cancel_without_a_notice_is_found_in_the_list(account):
    number = account.submit(10).order_number
    account.venue.confirms = False
    account.broker.cancel(number)
    account.let_pass(2)
    assert account.only.status is OrderStatus.CANCELLED


def test_cancel_of_an_order_that_kis_has_filled_is_refused_and_the_fill_is_found(account):
    number = account.submit(10).order_number
    account.venue.fill(117_057, 10, tell=0)
    answer = account.broker.cancel(number)
    assert isinstance(answer, RefusedByVenue)
    account.let_pass(2)
    assert account.only.status is OrderStatus.FILLED
    assert [(fill.quantity, fill.price) for fill in account.of(Fill)] == [(10, PRICE)]


def test_amend_goes_on_under_a_new_number_and_cancel_follows_it(account):
    first = account.submit(10).order_number
    answer = account.broker.amend(first, price=PRICE - 200)
    assert isinstance(answer, Accepted)
    assert answer.order_number != first
    account.hear()
    (waiting,) = account.broker.open_orders()
    assert (waiting.order_number, waiting.request.price, waiting.remaining) == (answer.order_number, PRICE - 200, 10)
    assert [event.order_number for event in account.of(OrderAmended)] == [answer.order_number]
    assert isinstance(account.broker.cancel(first), Accepted)  # the old number still means this order
    account.hear()
    assert account.only.status is OrderStatus.CANCELLED


def test_fewer_shares_are_a_cancel_of_the_difference(account):
    number = account.submit(10).order_number
    answer = account.broker.amend(number, quantity=6, price=PRICE + 100)
    assert isinstance(answer, Accepted)
    (waiting,) = account.broker.open_orders()
    assert (waiting.order_number, waiting.remaining, waiting.request.price) == (answer.order_number, 6, PRICE + 100)
    account.venue.fill(int(answer.order_number), 6, PRICE + 100)
    account.hear()
    assert (account.only.status, account.only.filled) == (OrderStatus.FILLED, 6)


def test_refused_amend_leaves_the_order_as_it_was(account):
    number = account.submit(10).order_number
    for changes in ({"quantity": 11}, {"quantity": 0}, {"price": PRICE + 1}, {"price": -1}, {}):
        assert isinstance(account.broker.amend(number, **changes), RefusedByVenue)
    (waiting,) = account.broker.open_orders()
    assert (waiting.order_number, waiting.remaining, waiting.request.price) == (number, 10, PRICE)


def test_exchange_may_refuse_what_kis_accepted(account):
    account.submit(10)
    account.venue.reject(117_057)
    account.hear()
    assert account.only.status is OrderStatus.REFUSED
    assert len(account.of(OrderRefused)) == 1


def test_order_of_a_number_that_is_not_ours_cannot_be_changed(account):
    account.venue.take(Side.BUY, 5, PRICE, channel="HTS")
    for number in ("117057", "999999", "", "abc"):
        assert isinstance(account.broker.cancel(number), RefusedByVenue)
        assert isinstance(account.broker.amend(number, quantity=1), RefusedByVenue)
    assert list(account.broker.open_orders()) == []


def test_unknown_names_are_left_out_of_quotes(tmp_path: Path):
    with account_at_kis(tmp_path, "paper", notices=False) as account:
        quotes = account.broker.quotes(["999990", TICKER])
    assert [(quote.ticker, quote.price, quote.previous_close) for quote in quotes] == [(TICKER, PRICE, PRICE + 100)]


@pytest.mark.parametrize("code", ["02", "05", "06", "07", "21", "27", "41", "99"])
def test_kinds_that_are_not_sent_are_refused_by_name(account, code):
    answer = account.submit(10, code=code)
    assert isinstance(answer, RefusedByVenue)
    assert code in answer.text
    assert account.venue.orders == {}
    assert list(account.broker.orders(account.clock.now().date())) == []


@pytest.mark.parametrize("code", ["03", "04", "11", "12", "13", "14", "15", "16"])
def test_other_kinds_are_sent_with_their_code(account, code):
    priced = code in ("11", "12")
    assert isinstance(account.submit(10, price=PRICE if priced else None, code=code), Accepted)
    (order,) = account.venue.orders.values()
    assert (order.kind, order.price) == (code, PRICE if priced else 0)


def test_stop_order_is_sent_with_its_level_and_the_limit_of_the_day(account):
    from engine.order import Approved, OrderRequest  # noqa: PLC0415

    request = OrderRequest(ticker=TICKER, side=Side.BUY, quantity=3, kind=OrderKind.STOP, price=75_000)
    assert isinstance(account.broker.submit(Approved(value=request, checked_at=account.clock.now())), Accepted)
    (sent,) = [seen for seen in account.venue.host.seen if seen.path.endswith("order-cash")]
    assert (sent.values["ORD_DVSN"], sent.values["CNDT_PRIC"], sent.values["ORD_UNPR"]) == ("22", "75000", "93400")


def test_costs_are_corrected_by_what_kis_charged_and_only_once(account):
    account.submit(10)
    account.venue.fill(117_057, 10)
    account.hear()
    before = account.ledger.totals
    account.venue.charged = 123
    event = account.broker.settle_costs(account.clock.now().date())
    assert event.amount == before.fees - 123
    assert (account.ledger.totals.fees, account.ledger.totals.cash) == (123, before.cash + event.amount)
    assert account.broker.settle_costs(account.clock.now().date()) is None
    account.venue.charged = 120
    assert account.broker.settle_costs(account.clock.now().date()).amount == 3


def test_costs_of_an_order_whose_fate_is_not_known_are_not_taken_for_somebody_elses(account):
    account.venue.lose.append("after")
    assert isinstance(account.submit(10), Unknown)
    account.venue.fill(117_057, 10, tell=0)
    before, day = account.ledger.totals, account.clock.now().date()
    fee = estimated_costs(Side.BUY, day, InstrumentClass.KOSPI_STOCK, 0, 10 * PRICE).fee
    account.venue.charged = fee
    event = account.broker.settle_costs(day)
    assert event is not None and event.amount == -fee
    assert account.ledger.totals.cash == before.cash - fee


def test_costs_of_orders_made_by_hand_are_not_ours(account):
    """KIS tells the costs of a day in one sum, those of what somebody traded in the app among them."""
    account.submit(10)
    account.venue.fill(117_057, 10)
    by_hand = account.venue.take(Side.BUY, 500, PRICE, channel="HTS")
    account.venue.fill(by_hand.number, 500)
    account.hear()
    before, day = account.ledger.totals, account.clock.now().date()
    theirs = estimated_costs(Side.BUY, day, InstrumentClass.KOSPI_STOCK, 0, 500 * PRICE).fee
    assert theirs > 0
    account.venue.charged = before.fees + theirs
    assert account.broker.settle_costs(day) is None
    account.venue.charged += 4  # what was charged for ours differs from the estimate
    event = account.broker.settle_costs(day)
    assert event is not None and event.amount == -4
    assert account.ledger.totals.cash == before.cash - 4


def test_a_fill_is_of_the_day_of_its_list_though_our_clock_has_gone_back_a_day(account, monkeypatch):
    account.submit(10)
    day = account.clock.now().date()
    account.venue.fill(117_057, 10, tell=0)
    right = type(account.clock).now
    with monkeypatch.context() as patched:
        patched.setattr(type(account.clock), "now", lambda clock: right(clock) - timedelta(days=1))
        account.broker.synchronise(day)
    (fill,) = account.broker.fills(day)
    assert (fill.time.date(), fill.quantity) == (day, 10)
    account.venue.charged = fill.fee
    assert account.broker.settle_costs(day) is None


def test_refusal_reason_names_the_unresolved_order(account):
    account.venue.lose.append("after")
    account.submit(10)
    answer = account.submit(10)
    assert isinstance(answer, RefusedByVenue)
    assert answer.reason is RefusalReason.UNRESOLVED_ORDER
    assert len(account.venue.orders) == 1
