"""A broker that runs for months keeps no order of long ago in memory, and knows each of them when it is asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from engine.fill import Fill
from engine.order import OrderStatus
from tests.kis_venue import PRICE, AccountAtKis, account_at_kis

DAYS = 20


def trade_every_day(account: AccountAtKis, days: int) -> list[int]:
    """One share a day is bought; the numbers at KIS."""
    numbers = []
    for _ in range(days):
        numbers.append(account.venue._next)
        account.submit(1)
        account.venue.fill(numbers[-1], 1)
        account.hear()
        account.clock.sleep(timedelta(days=1).total_seconds())
    return numbers


def remembered(account: AccountAtKis) -> tuple[int, ...]:
    """Sizes of what the broker keeps of its orders."""
    followed = account.broker.followed
    return len(followed.notices._orders), len(followed.numbers._ids), len(followed._traded), len(followed._restored)


@pytest.mark.parametrize("environment", ["paper", "live"])
def test_orders_of_long_ago_are_forgotten_and_found_again(tmp_path: Path, environment: str) -> None:
    with account_at_kis(tmp_path, environment) as account:
        first, *_ = trade_every_day(account, DAYS)
        assert max(remembered(account)) <= 12
        assert len(account.of(Fill)) == DAYS
        long_ago = account.venue.orders[first].sent_at.date()
        account.broker.synchronise(long_ago)
        account.hear()
        assert len(account.of(Fill)) == DAYS  # the list tells what the ledger has
        assert account.broker.orders(long_ago)[0].status is OrderStatus.FILLED


def test_an_order_that_is_not_closed_is_not_forgotten(tmp_path: Path) -> None:
    with account_at_kis(tmp_path, "paper") as account:
        number = account.venue._next
        account.submit(2)
        open_order = account.venue.orders[number]
        trade_every_day(account, DAYS)
        open_order.filled, open_order.amount = 2, 2 * PRICE
        account.broker.open_orders()
        account.hear()
        assert account.ledger.positions["005930"].quantity == DAYS + 2
