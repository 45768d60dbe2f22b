"""The broker's list of orders: is it whole, what may be concluded from a part of it, and whose row is whose."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from brokers.kis.daily_list import DailyList
from brokers.kis.messages import DailyOrderRow, DailyOrderTotals
from brokers.kis.wire import read
from engine.clock import KST
from engine.order import OrderStatus
from tests.kis_venue import PRICE, account_at_kis

DAY = date(2026, 11, 23)


def row(number: int, quantity: int = 10, filled: int = 0, original: int = 0, **changes: Any) -> DailyOrderRow:
    plain = DailyOrderRow(
        order_date=DAY,
        order_time=time(9, 0, 1),
        order_number=f"{number:010}",
        original_number=f"{original:010}" if original else "",
        side_code="02",
        ticker="005930",
        quantity=quantity,
        price=PRICE,
        filled=filled,
        filled_amount=filled * PRICE,
        cancelled_quantity=0,
        remaining=quantity - filled,
        rejected=0,
    )
    return replace(plain, **changes)


def listed(*rows: DailyOrderRow, ordered: int, filled: int = 0) -> DailyList:
    asked_at = datetime(2026, 11, 23, 10, 0, tzinfo=KST)
    return DailyList(day=DAY, asked_at=asked_at, rows=rows, ordered=ordered, filled=filled, amount=filled * PRICE)


NEW, OTHER = row(1), row(2, quantity=7)
AMEND = row(3, original=1, side_name="매수정정")
CANCEL = row(4, original=1, quantity=4, price=0, remaining=0, side_name="매수취소")
REFUSED = row(5, quantity=3, rejected=3, remaining=0)


@pytest.mark.parametrize(
    ("rows", "ordered"),
    [
        ((), 0),
        ((NEW, OTHER), 17),
        ((NEW, AMEND), 10),  # amends counted, or not
        ((NEW, AMEND), 20),
        ((NEW, CANCEL), 10),
        ((NEW, CANCEL), 14),
        ((NEW, REFUSED), 13),
        ((NEW, REFUSED), 10),
    ],
)
def test_a_list_whose_rows_make_up_its_sums_is_whole(rows: tuple[DailyOrderRow, ...], ordered: int) -> None:
    assert listed(*rows, ordered=ordered).is_whole


@pytest.mark.parametrize(("rows", "ordered"), [((), 10), ((NEW,), 17), ((NEW, AMEND), 27)])
def test_a_list_with_a_page_missing_is_not_whole(rows: tuple[DailyOrderRow, ...], ordered: int) -> None:
    assert not listed(*rows, ordered=ordered).is_whole


def test_rows_and_sums_of_different_instants_are_not_consistent() -> None:
    assert listed(row(1, filled=4), ordered=10, filled=4).is_consistent
    torn = listed(row(1, filled=4), ordered=10, filled=6)
    assert not torn.is_consistent
    assert not torn.is_whole


def test_an_order_whose_first_row_is_missing_has_no_chain() -> None:
    assert [one.order_number[-1] for one in listed(CANCEL, AMEND, NEW, ordered=10).chain(3)] == ["1", "3", "4"]
    assert listed(CANCEL, AMEND, ordered=10).chain(3) == ()
    assert listed(CANCEL, AMEND, ordered=10).chain(1) == ()


def test_an_average_with_any_number_of_digits_does_not_make_the_list_unreadable() -> None:
    values = {"tot_ord_qty": "103", "tot_ccld_qty": "103", "tot_ccld_amt": "3702100"}
    totals = read(DailyOrderTotals, {**values, "pchs_avg_pric": "35942.71844660194174757281553"}, "output2")
    assert totals.filled_amount == 3_702_100


def test_an_order_behind_a_page_that_came_empty_is_neither_missing_nor_absent(tmp_path: Path) -> None:
    with account_at_kis(tmp_path, "live") as account:
        account.submit(10)
        account.venue.lose.append("after")  # the second one is there, its answer was lost
        account.submit(7)
        account.hear()
        ours, lost = account.ledger.open_orders()[0], account.ledger.unresolved_orders()[0]
        account.venue.hidden.add(max(account.venue.orders))
        account.let_pass(70)
        assert account.order(lost.id).status is OrderStatus.UNKNOWN
        assert account.order(ours.id).status is OrderStatus.OPEN
        account.venue.hidden.clear()
        account.let_pass(310)
        assert account.order(lost.id).status is OrderStatus.OPEN


def test_a_fill_before_an_amend_is_booked_once_though_first_the_sums_tell_it_and_then_the_rows(tmp_path: Path) -> None:
    with account_at_kis(tmp_path) as account:
        account.venue.lists_rows = False
        number = account.submit(10).order_number
        account.venue.fill(int(number), 4, tell=0)
        account.venue.confirms = False
        account.broker.amend(number, price=PRICE + 100)
        account.hear()
        account.broker.open_orders()
        account.venue.lists_rows = True
        account.broker.open_orders()
        assert (account.only.filled, account.only.request.price) == (4, PRICE + 100)


def test_sums_that_may_hold_an_order_without_an_answer_are_not_booked_on_another_one(tmp_path: Path) -> None:
    with account_at_kis(tmp_path) as account:
        ours = account.submit(10).order_number
        account.venue.lose.append("after")
        account.submit(7)
        account.venue.lists_rows = False
        account.venue.fill(int(ours) + 1, 5, tell=0)
        account.broker.open_orders()
        assert [order.filled for order in account.ledger.open_orders()] == [0]
        account.venue.lists_rows = True
        account.let_pass(3)
        account.broker.open_orders()
        assert [order.filled for order in account.ledger.open_orders()] == [0, 5]


@pytest.mark.parametrize("told", [0, 1])
def test_fills_under_a_number_that_only_the_list_reveals_are_booked(tmp_path: Path, told: int) -> None:
    with account_at_kis(tmp_path) as account:
        venue, number = account.venue, int(account.submit(10).order_number)
        venue.orders[number].cancelled = 10  # an amend was carried out, and nobody told us
        new = venue.take(venue.orders[number].side, 10, PRICE + 100, original=number).number
        venue.fill(new, 4, tell=told)
        account.hear()
        account.broker.open_orders()
        assert (account.only.filled, account.only.order_number) == (4, venue.text(new))


def test_a_list_that_keeps_contradicting_itself_is_not_taken_and_a_person_is_told_once(tmp_path: Path) -> None:
    with account_at_kis(tmp_path, "live") as account:
        number = int(account.submit(10).order_number)
        account.venue.overstates = 1
        account.venue.fill(number, 4, tell=0)
        for _ in range(15):
            account.broker.open_orders()
        assert account.only.filled == 0
        assert account.alerts() == ["kis_list_contradicts"]
        account.venue.overstates = 0
        account.broker.open_orders()
        assert account.only.filled == 4
