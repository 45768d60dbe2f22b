"""Every way in which an answer or a notice gets lost, on loopback connections: found, proved absent, or blocked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from brokers.kis_account import LedgerBooks
from engine.broker import Accepted, RefusedByVenue, Unavailable, Unknown
from engine.events import OrderAccepted, OrderCancelled, OrderNotSent, OrderRefused
from engine.fill import Fill
from engine.order import Approved, OrderKind, OrderRequest, OrderStatus, RefusalReason, Side
from tests.kis_venue import OURS, PRICE, TICKER, AccountAtKis, account_at_kis

ALL_LOOKS = 70  # seconds, more than the last look


@pytest.fixture(params=["paper", "live"])
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountAtKis]:
    with account_at_kis(tmp_path, request.param) as opened:
        yield opened


def sent(account: AccountAtKis) -> int:
    """How often an order left."""
    return len([seen for seen in account.venue.host.seen if seen.path.endswith("order-cash")])


def test_order_whose_answer_is_lost_is_found_in_the_list(account):
    account.venue.lose.append("after")
    assert isinstance(account.submit(10), Unknown)
    assert account.only.status is OrderStatus.UNKNOWN
    account.let_pass(3)
    assert (account.only.status, account.only.order_number) == (OrderStatus.OPEN, account.venue.text(117_057))
    assert [event.order_number for event in account.of(OrderAccepted)] == [account.venue.text(117_057)]
    assert sent(account) == 1
    assert account.alerts() == ["kis_order_unknown", "kis_order_found"]


def test_order_that_never_arrived_is_proved_absent_and_may_be_sent_again(account):
    account.venue.lose.append("before")
    assert isinstance(account.submit(10), Unknown)
    account.let_pass(50)
    assert account.only.status is OrderStatus.UNKNOWN  # not before the last look
    account.let_pass(ALL_LOOKS - 50)
    assert account.only.status is OrderStatus.NOT_SENT
    assert len(account.of(OrderNotSent)) == 1
    assert isinstance(account.submit(10), Accepted)


def test_without_notices_a_missing_order_keeps_its_ticker_blocked(tmp_path: Path):
    with account_at_kis(tmp_path, "live", notices=False) as account:
        account.venue.lose.append("before")
        account.submit(10)
        account.let_pass(ALL_LOOKS)
        assert account.only.status is OrderStatus.UNKNOWN
        assert account.alerts() == ["kis_order_unknown", "kis_order_blocked"]
        answer = account.submit(5)
        assert isinstance(answer, RefusedByVenue)
        assert answer.reason is RefusalReason.UNRESOLVED_ORDER
        account.let_pass(600, step=10)
        assert account.alerts() == ["kis_order_unknown", "kis_order_blocked"]  # a person is told once
        assert sent(account) == 1


def test_break_of_the_stream_during_the_search_blocks_too(account):
    account.venue.lose.append("before")
    account.submit(10)
    account.let_pass(5)
    sessions = account.venue.stream.sessions
    account.venue.stream.cut()
    account.venue.stream.wait_for(lambda: account.venue.stream.sessions > sessions)
    account.let_pass(ALL_LOOKS)
    assert account.only.status is OrderStatus.UNKNOWN
    assert account.alerts()[-1] == "kis_order_blocked"


def test_blocked_order_that_shows_up_after_all_is_adopted(tmp_path: Path):
    with account_at_kis(tmp_path, "live", notices=False) as account:
        account.venue.lose.append("before")
        account.submit(10)
        at = account.clock.now()
        account.let_pass(ALL_LOOKS)
        account.venue.take(Side.BUY, 10, PRICE).sent_at = at  # KIS was slow to list it
        account.let_pass(310, step=10)
        assert account.only.status is OrderStatus.OPEN


def test_of_two_equal_orders_the_one_with_an_answer_is_not_taken_for_the_other(account):
    first = account.submit(10).order_number
    account.venue.lose.append("after")
    assert isinstance(account.submit(10), Unknown)
    account.let_pass(3)
    numbers = [order.order_number for order in LedgerBooks(account.ledger).orders_of(account.clock.now().date())]
    assert numbers == [first, account.venue.text(117_058)]


def test_two_orders_that_fit_are_never_chosen_between(account):
    account.venue.lose.append("after")
    account.venue.on_order = lambda order: account.venue.take(Side.BUY, 10, PRICE)
    account.submit(10)
    account.let_pass(ALL_LOOKS)
    assert account.only.status is OrderStatus.UNKNOWN
    assert account.alerts()[-1] == "kis_order_blocked"


def test_order_made_by_hand_at_the_same_moment_is_told_apart_by_its_channel(account):
    account.submit(3)  # shows which channel is ours
    account.venue.lose.append("before")
    account.submit(10)
    account.venue.take(Side.BUY, 10, PRICE, channel="HTS")
    account.let_pass(ALL_LOOKS)
    statuses = {
        order.request.quantity: order.status
        for order in LedgerBooks(account.ledger).orders_of(account.clock.now().date())
    }
    assert statuses == {3: OrderStatus.OPEN, 10: OrderStatus.NOT_SENT}


def test_equal_order_of_an_hour_ago_is_not_adopted_and_not_ignored(account):
    account.venue.take(Side.BUY, 10, PRICE, channel=OURS).sent_at = account.clock.now() - timedelta(hours=1)
    account.venue.lose.append("before")
    account.submit(10)
    account.let_pass(ALL_LOOKS)
    assert account.only.status is OrderStatus.UNKNOWN
    assert account.alerts()[-1] == "kis_order_blocked"


@pytest.mark.parametrize("times", [1, 2])
def test_notice_and_fill_before_the_answer(account, times):
    def overtake(order):
        for _ in range(times):
            account.venue.tell(order)
        account.venue.fill(order.number, 4, tell=1)

    account.venue.on_order = overtake
    assert isinstance(account.submit(10), Accepted)
    account.hear()
    assert (account.only.status, account.only.filled) == (OrderStatus.PARTLY_FILLED, 4)


def test_notice_and_fill_of_an_order_whose_answer_is_lost_count_once_it_is_found(account):
    def overtake(order):
        account.venue.tell(order)
        account.venue.fill(order.number, 4)

    account.venue.on_order = overtake
    account.venue.lose.append("after")
    account.submit(10)
    account.hear()
    assert account.of(Fill) == []  # whose it is, is not known yet
    account.let_pass(3)
    assert (account.only.status, account.only.filled) == (OrderStatus.PARTLY_FILLED, 4)
    account.venue.fill(117_057, 6)
    account.let_pass(2)  # so soon after the list, the list is asked whether it knew this fill already
    assert account.only.status is OrderStatus.FILLED
    assert sum(fill.quantity for fill in account.of(Fill)) == 10


def test_fill_told_twice_counts_once(account):
    account.submit(10)
    account.venue.fill(117_057, 4, tell=2)
    account.hear()
    account.let_pass(5)
    assert account.only.filled == 4
    account.venue.fill(117_057, 4, tell=1)  # an equal one, a second one
    account.let_pass(5)
    assert account.only.filled == 8


def test_fill_that_no_notice_tells_is_found_when_the_day_ends(account):
    account.submit(10)
    account.venue.fill(117_057, 10, tell=0)
    account.hear()
    assert account.only.filled == 0
    (fill,) = account.broker.fills(account.clock.now().date())
    assert (fill.quantity, fill.price) == (10, PRICE)


def test_cancel_that_races_a_fill_loses_no_share(account):
    number = account.submit(10).order_number
    account.venue.fill(117_057, 4, tell=0)  # filled, the notice is late …
    account.broker.cancel(number)  # … and the confirmation of the cancel overtakes it
    account.hear()
    account.let_pass(2)
    assert (account.only.status, account.only.filled) == (OrderStatus.CANCELLED, 4)
    late = account.venue.orders[117_057]
    account.venue.tell(
        late,
        quantity=4,
        price=PRICE,
        filled=True,
        step="2",
        time=account.clock.now().replace(microsecond=0) - timedelta(seconds=4),
    )
    account.let_pass(5)
    assert [fill.quantity for fill in account.of(Fill)] == [4]
    assert len(account.of(OrderCancelled)) == 1


def test_rejection_by_the_exchange_without_a_notice_is_found_in_the_list(account):
    account.submit(10)
    account.venue.orders[117_057].rejected = 10
    assert list(account.broker.open_orders()) == []
    assert account.only.status is OrderStatus.REFUSED
    account.hear()
    assert len(account.of(OrderRefused)) == 1


def test_cancel_whose_answer_is_lost_is_settled_by_the_list(account):
    from tests.scripted_kis import Reply  # noqa: PLC0415

    number = account.submit(10).order_number
    carried_out = account.venue._change

    def lose(seen):
        carried_out(seen)
        return Reply(reset=True)

    account.venue.confirms = False
    account.venue.host.on("/uapi/domestic-stock/v1/trading/order-rvsecncl", lose)
    assert isinstance(account.broker.cancel(number), Unknown)
    account.let_pass(2)
    assert account.only.status is OrderStatus.CANCELLED


def test_unfilled_rest_expires_after_the_close(account):
    account.submit(10)
    account.venue.fill(117_057, 4)
    account.hear()
    account.clock.sleep(6.5 * 3600)  # 15:30: the closing auction may still fill it
    assert [order.status for order in account.broker.open_orders()] == [OrderStatus.PARTLY_FILLED]
    account.clock.sleep(15 * 60)
    assert list(account.broker.open_orders()) == []
    assert (account.only.status, account.only.filled) == (OrderStatus.EXPIRED, 4)


def test_nothing_is_sent_where_no_connection_comes_about(account):
    account.venue.host.close()
    assert isinstance(account.submit(10), Unavailable)
    assert account.only.status is OrderStatus.NOT_SENT
    assert isinstance(account.submit(10), Unavailable)  # nothing is blocked


# After a restart.


def test_intent_without_a_number_is_found_after_a_restart(tmp_path: Path):
    with account_at_kis(tmp_path) as before:
        before.venue.lose.append("after")
        before.submit(10)
        with account_at_kis(tmp_path, venue_of=before) as after:
            assert after.only.status is OrderStatus.OPEN
            after.clock.sleep(5)  # a notice of the moment of the list is left to the next list
            after.venue.fill(117_057, 10)
            after.hear()
            assert after.only.status is OrderStatus.FILLED


def test_what_an_order_found_at_the_start_has_filled_is_booked_before_anybody_compares_books(tmp_path: Path):
    with account_at_kis(tmp_path) as before:
        before.venue.lose.append("after")
        before.submit(10)
        before.broker.close()
        before.venue.fill(117_057, 10, tell=0)
        with account_at_kis(tmp_path, venue_of=before) as after:
            assert after.only.status is OrderStatus.FILLED
            assert after.ledger.positions[TICKER].quantity == 10


def test_process_that_dies_between_intent_and_sending_leaves_a_blocked_ticker(tmp_path: Path):
    with account_at_kis(tmp_path) as before:
        request = OrderRequest(ticker=TICKER, side=Side.BUY, quantity=10, kind=OrderKind.LIMIT, price=PRICE)
        before.ledger.record_intent(Approved(value=request, checked_at=before.clock.now()))
        with account_at_kis(tmp_path, venue_of=before) as after:
            assert after.only.status is OrderStatus.UNKNOWN  # the notices were down meanwhile: no proof
            assert after.alerts() == ["kis_order_blocked"]
            after.clock.sleep(24 * 3600)
        with account_at_kis(tmp_path, venue_of=before) as next_day:
            (order,) = LedgerBooks(next_day.ledger).orders_of((next_day.clock.now() - timedelta(days=1)).date())
            assert order.status is OrderStatus.NOT_SENT  # a day that is over, listed completely


def test_restarts_tell_of_the_same_blocked_order_once_and_again_when_something_changes(tmp_path: Path):
    with account_at_kis(tmp_path) as before:
        request = OrderRequest(ticker=TICKER, side=Side.BUY, quantity=10, kind=OrderKind.LIMIT, price=PRICE)
        before.ledger.record_intent(Approved(value=request, checked_at=before.clock.now()))
        for _ in range(3):
            with account_at_kis(tmp_path, venue_of=before) as after:
                assert after.only.status is OrderStatus.UNKNOWN
                assert after.alerts() == ["kis_order_blocked"]
                assert len(after.broker.reconciler.investigations) == 1, "the ticker stays blocked"
        other = OrderRequest(ticker="000660", side=Side.BUY, quantity=10, kind=OrderKind.LIMIT, price=PRICE)
        before.ledger.record_intent(Approved(value=other, checked_at=before.clock.now()))
        with account_at_kis(tmp_path, venue_of=before) as after:
            assert after.alerts() == ["kis_order_blocked"] * 2, "another order is another one"
        before.clock.sleep(600)
        before.venue.take(Side.BUY, 10, PRICE)  # by hand, in the app
        for _ in range(2):
            with account_at_kis(tmp_path, venue_of=before) as after:
                assert after.alerts() == ["kis_order_blocked"] * 3, "an order came that fits but for its time"


def test_fills_of_the_time_when_the_process_was_down_are_found_and_none_is_doubled(tmp_path: Path):
    with account_at_kis(tmp_path) as before:
        before.submit(10)
        before.venue.fill(117_057, 3)
        before.hear()
        assert before.only.filled == 3
        before.broker.close()
        before.venue.fill(117_057, 4, PRICE - 100, tell=0)
        with account_at_kis(tmp_path, venue_of=before) as after:
            assert (after.only.filled, after.only.filled_amount) == (7, 3 * PRICE + 4 * (PRICE - 100))
            after.venue.fill(117_057, 3, PRICE)
            after.hear()
            after.let_pass(5)
            assert after.only.status is OrderStatus.FILLED
            assert sum(fill.quantity for fill in after.broker.fills(after.clock.now().date())) == 10


def test_amend_that_was_confirmed_while_the_process_was_down_is_followed(tmp_path: Path):
    with account_at_kis(tmp_path) as before:
        number = before.submit(10).order_number
        before.venue.confirms = False
        before.venue.fill(117_057, 2)
        before.hear()
        before.broker.amend(number, price=PRICE - 100)
        before.broker.close()
        before.venue.fill(117_058, 5, PRICE - 100, tell=0)
        with account_at_kis(tmp_path, venue_of=before) as after:
            assert (after.only.order_number, after.only.filled, after.only.request.price) == ("117058", 7, PRICE - 100)
            assert isinstance(after.broker.cancel("117058"), Accepted)
            after.let_pass(3)
            assert (after.only.status, after.only.filled) == (OrderStatus.CANCELLED, 7)


def test_number_that_an_order_had_before_its_amend_is_still_ours_after_a_restart(tmp_path: Path):
    with account_at_kis(tmp_path) as before:
        number = before.submit(10).order_number
        before.broker.amend(number, price=PRICE - 100)
        before.hear()
        before.venue.lose.append("before")
        before.submit(10)  # the same order again, and it never arrives
        with account_at_kis(tmp_path, venue_of=before) as after:
            orders = LedgerBooks(after.ledger).orders_of(after.clock.now().date())
            assert [order.status for order in orders] == [OrderStatus.OPEN, OrderStatus.UNKNOWN]
            assert isinstance(after.broker.cancel(number), Accepted)  # by its first number


# Paper may answer a list without rows.


def test_list_without_rows_is_replaced_by_notices(tmp_path: Path):
    with account_at_kis(tmp_path) as account:
        account.venue.lists_rows = False
        account.venue.lose.append("after")
        account.venue.on_order = account.venue.tell
        account.submit(10)
        account.let_pass(3)
        assert account.only.status is OrderStatus.OPEN


@pytest.mark.parametrize(("arrives", "status"), [("before", OrderStatus.NOT_SENT), ("after", OrderStatus.UNKNOWN)])
def test_list_without_rows_and_notices_leaves_the_sums(tmp_path: Path, arrives: str, status: OrderStatus):
    with account_at_kis(tmp_path) as account:
        account.venue.lists_rows = False
        account.submit(3)
        account.venue.lose.append(arrives)
        account.submit(10)
        account.let_pass(ALL_LOOKS)
        found = [order.status for order in LedgerBooks(account.ledger).orders_of(account.clock.now().date())]
        assert found == [OrderStatus.OPEN, status]
        assert account.alerts()[-1] == ("kis_order_absent" if arrives == "before" else "kis_order_blocked")


def test_fill_without_a_notice_and_without_a_row_is_booked_from_the_sums_of_a_single_order(tmp_path: Path):
    with account_at_kis(tmp_path) as account:
        account.venue.lists_rows = False
        account.submit(10)
        account.venue.fill(117_057, 3)
        account.hear()
        account.venue.fill(117_057, 4, PRICE + 100, tell=0)
        account.broker.open_orders()
        assert (account.only.filled, account.only.filled_amount) == (7, 3 * PRICE + 4 * (PRICE + 100))


def test_sums_that_two_orders_share_are_left_to_a_person(tmp_path: Path):
    with account_at_kis(tmp_path) as account:
        account.venue.lists_rows = False
        account.submit(10)
        account.submit(10)
        account.venue.fill(117_057, 4, tell=0)
        account.broker.open_orders()
        orders = LedgerBooks(account.ledger).orders_of(account.clock.now().date())
        assert [order.filled for order in orders] == [0, 0]
        assert "kis_fills_not_assigned" in account.alerts()


def test_cancel_is_settled_by_notice_and_sums(tmp_path: Path):
    with account_at_kis(tmp_path) as account:
        account.venue.lists_rows = False
        number = account.submit(10).order_number
        account.venue.fill(117_057, 4, tell=0)
        account.broker.cancel(number)
        account.let_pass(3)
        assert (account.only.status, account.only.filled) == (OrderStatus.CANCELLED, 4)
