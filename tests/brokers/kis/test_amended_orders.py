"""An order that goes on under another number: its price, its costs, and news of it in any order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.kis.notice import AMEND, CONFIRMED
from engine.broker import Accepted
from engine.events import OrderAmended
from engine.fill import Fill
from engine.order import OrderStatus
from tests.kis_venue import PRICE, AccountAtKis, account_at_kis

FIRST, SECOND = 117_057, 117_058
FEE_PPB = 140_527
NEW_PRICE = PRICE - 1_000


@pytest.fixture(params=["paper", "live"])
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountAtKis]:
    with account_at_kis(tmp_path, request.param) as opened:
        yield opened


def amend(account: AccountAtKis) -> None:
    answer = account.broker.amend(account.venue.text(FIRST), price=NEW_PRICE)
    assert answer == Accepted(order_number=account.venue.text(SECOND))


def confirm(account: AccountAtKis, shares: int) -> None:
    account.venue.tell(
        account.venue.orders[SECOND],
        request=AMEND,
        original_number=account.venue.text(FIRST),
        step=CONFIRMED,
        quantity=shares,
        order_quantity=shares,
    )


def test_a_fill_that_overtakes_the_confirmation_finds_the_order_at_its_new_price(account):
    account.submit(10)
    account.venue.confirms = False
    amend(account)
    account.venue.fill(SECOND, 10, NEW_PRICE)
    account.hear()
    order = account.only
    assert (order.request.price, order.status) == (NEW_PRICE, OrderStatus.FILLED)
    assert order.order_number == account.venue.text(SECOND)
    assert [type(event) for event in account.told if isinstance(event, OrderAmended | Fill)] == [OrderAmended, Fill]
    confirm(account, 10)
    account.let_pass(3)
    assert account.only == order


def test_a_part_filled_before_the_confirmation_does_not_make_it_doubtful(account):
    account.submit(10)
    account.venue.confirms = False
    amend(account)
    account.venue.fill(SECOND, 4, NEW_PRICE)
    confirm(account, 10)
    account.venue.fill(SECOND, 6, NEW_PRICE)
    account.hear()
    order = account.only
    assert (order.request.quantity, order.request.price, order.filled) == (10, NEW_PRICE, 10)
    assert order.filled_amount == 10 * NEW_PRICE


def test_costs_are_rounded_on_what_was_traded_under_each_number(account):
    account.submit(10)
    account.venue.fill(FIRST, 5)
    account.hear()
    amend(account)
    account.hear()
    account.venue.fill(SECOND, 2, NEW_PRICE)
    account.venue.fill(SECOND, 3, NEW_PRICE - 100)
    account.hear()
    first, second = 5 * PRICE, 2 * NEW_PRICE + 3 * (NEW_PRICE - 100)
    fees = [fill.fee for fill in account.of(Fill)]
    assert sum(fees) == first * FEE_PPB // 10**9 + second * FEE_PPB // 10**9
    assert sum(fees) < (first + second) * FEE_PPB // 10**9  # which is what one rounding would have made of it


def test_costs_go_on_where_they_stood_after_a_restart(account, tmp_path):
    account.submit(10)
    account.venue.fill(FIRST, 3)
    account.hear()
    account.broker.close()
    account.ledger.close()
    with account_at_kis(tmp_path, account.venue.environment, venue_of=account) as again:
        again.venue.fill(FIRST, 7, PRICE + 100)
        again.let_pass(3)
        fills = again.broker.fills(again.clock.now().date())
        amount = 3 * PRICE + 7 * (PRICE + 100)
        assert sum(fill.fee for fill in fills) == amount * FEE_PPB // 10**9
