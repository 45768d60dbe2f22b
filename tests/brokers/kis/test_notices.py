"""News from notices: every event of the table, repetitions, any order of arrival, and what the list settles."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.kis.notice import AMEND, CANCEL, CONFIRMED, REST_CANCELLED, Notice
from brokers.kis.notices import NoticeBook, OrderTotals
from brokers.kis.order_news import (
    Amended,
    Cancelled,
    Doubt,
    Filled,
    InDoubt,
    ListedTotal,
    Received,
    RefusedByExchange,
)
from engine.errors import BadInput
from engine.order import Side
from tests.builders_kis_stream import NINE, make_fill, make_notice

DAY, NUMBER = NINE.date(), 117_057


def listed(filled: int, amount: int, seconds: int = 60, order_quantity: int = 10) -> ListedTotal:
    return ListedTotal(
        number=NUMBER,
        ticker="005930",
        side=Side.BUY,
        order_quantity=order_quantity,
        filled=filled,
        amount=amount,
        as_of=NINE + timedelta(seconds=seconds),
    )


def totals(book: NoticeBook, number: int = NUMBER) -> OrderTotals:
    order = book.order(DAY, number)
    assert order is not None
    return order


def test_a_receipt_and_fills_make_an_order() -> None:
    book = NoticeBook("12345678-01")
    (received,) = book.apply(make_notice())
    (first,) = book.apply(make_fill(4))
    (second,) = book.apply(make_fill(6, seconds=1, price=71_800))
    assert isinstance(received, Received)
    assert isinstance(first, Filled)
    assert isinstance(second, Filled)
    assert (first.quantity, first.total, second.total) == (4, 4, 10)
    assert first.key != second.key
    assert totals(book).amount == 4 * 71_900 + 6 * 71_800
    assert totals(book).is_settled


def test_a_fill_may_come_before_the_receipt() -> None:
    book = NoticeBook("12345678-01")
    assert isinstance(book.apply(make_fill(10))[0], Filled)
    assert isinstance(book.apply(make_notice())[0], Received)
    assert totals(book).is_settled


def test_a_repeated_receipt_is_no_news() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_notice())
    assert book.apply(make_notice()) == ()
    assert book.repeated == 1


def test_notices_of_another_account_are_left_out() -> None:
    book = NoticeBook("87654321-01")
    assert book.apply(make_fill(10)) == ()
    assert (book.foreign, book.order(DAY, NUMBER)) == (1, None)


def test_an_amend_goes_on_under_a_new_number() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_notice())
    amend = make_notice(order_number="0000117060", original_number="0000117057", request=AMEND, price=71_500)
    (requested,) = book.apply(amend)
    (confirmed,) = book.apply(replace(amend, step=CONFIRMED))
    assert isinstance(requested, Received)
    assert requested.request == AMEND
    assert isinstance(confirmed, Amended)
    assert (confirmed.original, confirmed.number, confirmed.price) == (NUMBER, 117_060, 71_500)
    assert book.latest_number(DAY, NUMBER) == 117_060
    assert isinstance(book.apply(make_fill(10, order_number="117060"))[0], Filled)
    assert totals(book, 117_060).is_settled


def test_a_cancel_is_settled_when_the_shares_add_up() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_notice())
    book.apply(make_fill(4))
    cancel = make_notice(
        order_number="117061", original_number="117057", request=CANCEL, step=CONFIRMED, quantity=6, price=0
    )
    (cancelled,) = book.apply(cancel)
    assert isinstance(cancelled, Cancelled)
    assert (cancelled.number, cancelled.quantity, cancelled.is_settled) == (NUMBER, 6, True)


def test_a_cancel_that_overtakes_a_fill_is_not_settled_until_the_fill_is_there() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_notice())
    cancel = make_notice(order_number="117061", original_number="117057", request=CANCEL, step=CONFIRMED, quantity=6)
    (cancelled,) = book.apply(cancel)
    assert isinstance(cancelled, Cancelled)
    assert not cancelled.is_settled
    book.apply(make_fill(4))
    assert totals(book).is_settled


def test_the_rest_of_an_ioc_order_is_cancelled_by_its_condition() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_fill(4, condition="1"))
    (cancelled,) = book.apply(make_notice(step=REST_CANCELLED, condition="1", quantity=6))
    assert isinstance(cancelled, Cancelled)
    assert cancelled.by_condition
    assert cancelled.is_settled


def test_a_refusal_by_the_exchange_ends_a_new_order_and_leaves_the_original_of_a_cancel() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_notice())
    (refused,) = book.apply(
        make_notice(order_number="117062", original_number="117057", request=CANCEL, refused=True, step="")
    )
    assert isinstance(refused, RefusedByExchange)
    assert refused.original == NUMBER
    assert not totals(book).refused
    book.apply(make_notice(refused=True))
    assert totals(book).refused
    assert totals(book).is_settled


def test_an_equal_fill_is_in_doubt_until_the_list_tells_that_it_was_a_second_one() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_fill(3))
    (doubt,) = book.apply(make_fill(3))
    assert isinstance(doubt, InDoubt)
    assert doubt.why is Doubt.EQUAL_FILLS
    assert totals(book).filled == 3
    assert not totals(book).is_settled
    (fill,) = book.settle(listed(6, 6 * 71_900))
    assert isinstance(fill, Filled)
    assert (fill.quantity, fill.total, fill.from_list) == (3, 6, False)
    assert book.in_doubt() == ()


def test_an_equal_fill_is_dropped_when_the_list_has_it_once() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_fill(3))
    book.apply(make_fill(3))
    assert book.settle(listed(3, 3 * 71_900)) == ()
    assert (totals(book).filled, book.in_doubt(), book.repeated) == (3, (), 1)


def test_an_equal_fill_that_does_not_fit_into_the_order_was_told_twice() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_fill(6))
    assert book.apply(make_fill(6)) == ()
    assert (totals(book).filled, book.repeated) == (6, 1)


def test_a_doubt_ends_when_other_fills_leave_no_room_for_it() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_fill(4))
    book.apply(make_fill(4))
    book.apply(make_fill(6, seconds=2))
    assert (totals(book).filled, book.in_doubt()) == (10, ())
    assert totals(book).is_settled


def test_fills_that_no_notice_told_are_made_up_to_the_won() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_fill(3))
    news = book.settle(listed(10, 3 * 71_900 + 500_004))
    assert [(fill.quantity, fill.price, fill.from_list) for fill in news if isinstance(fill, Filled)] == [
        (1, 71_430, True),
        (6, 71_429, True),
    ]
    assert totals(book).amount == 3 * 71_900 + 500_004


def test_a_notice_that_comes_after_the_list_is_not_counted_again() -> None:
    book = NoticeBook("12345678-01")
    book.settle(listed(6, 6 * 71_900, order_quantity=20))
    assert book.apply(make_fill(6, seconds=5, order_quantity=20)) == ()
    assert totals(book).filled == 6
    (later,) = book.apply(make_fill(6, seconds=90, order_quantity=20))
    assert isinstance(later, Filled)
    assert totals(book).filled == 12


def test_a_fill_at_the_time_of_the_list_is_in_doubt() -> None:
    book = NoticeBook("12345678-01")
    book.settle(listed(6, 6 * 71_900, order_quantity=20))
    (doubt,) = book.apply(make_fill(5, seconds=61, order_quantity=20))
    assert isinstance(doubt, InDoubt)
    assert doubt.why is Doubt.PERHAPS_SETTLED
    (fill,) = book.settle(listed(11, 11 * 71_900, seconds=70, order_quantity=20))
    assert isinstance(fill, Filled)
    assert fill.time == NINE + timedelta(seconds=61)


def test_a_list_that_is_behind_or_differs_changes_nothing() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_fill(6))
    (behind,) = book.settle(listed(3, 3 * 71_900))
    (differs,) = book.settle(listed(6, 6 * 71_800))
    assert isinstance(behind, InDoubt)
    assert isinstance(differs, InDoubt)
    assert (behind.why, differs.why) == (Doubt.LIST_BEHIND, Doubt.AMOUNT_DIFFERS)
    assert (totals(book).filled, totals(book).amount) == (6, 6 * 71_900)


def test_after_a_restart_the_fills_of_the_ledger_are_not_counted_again() -> None:
    book = NoticeBook("12345678-01")
    book.restore(DAY, NUMBER, 10, [(NINE, 4, 71_900)])
    assert book.settle(listed(4, 4 * 71_900)) == ()
    assert book.apply(make_fill(4)) == ()
    (fill,) = book.apply(make_fill(6, seconds=90))
    assert isinstance(fill, Filled)
    assert fill.key.endswith("-4+6")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"step": "7"}, Doubt.UNDOCUMENTED),
        ({"filled": True, "refused": True}, Doubt.UNDOCUMENTED),
        ({"filled": True, "price": 0}, Doubt.NO_PRICE),
        ({"request": CANCEL, "step": CONFIRMED}, Doubt.NO_ORIGINAL),
        ({"filled": True, "quantity": 11}, Doubt.TOO_MANY_SHARES),
    ],
)
def test_what_cannot_be_told_is_said(change: dict, why: Doubt) -> None:
    (doubt,) = NoticeBook("12345678-01").apply(make_notice(**change))
    assert isinstance(doubt, InDoubt)
    assert doubt.why is why


def test_a_list_that_contradicts_itself_is_bad_input() -> None:
    with pytest.raises(BadInput, match="11 of 10 shares"):
        listed(11, 71_900)


def test_numbers_of_another_day_are_other_orders() -> None:
    book = NoticeBook("12345678-01")
    book.apply(make_fill(10))
    book.apply(make_fill(10, seconds=86_400))
    tomorrow = DAY + timedelta(days=1)
    assert book.order(tomorrow, NUMBER) is not None
    book.forget_before(tomorrow)
    assert book.order(DAY, NUMBER) is None
    assert book.order(tomorrow, NUMBER) is not None


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Notice], int, int]:
    """An order of 10 shares, its fills, perhaps a cancel of the rest, and how often each notice is told."""
    fills, left = [], 10
    while left and draw(st.booleans()):
        quantity = draw(st.integers(1, left))
        fills.append(make_fill(quantity, draw(st.integers(0, 2)), draw(st.sampled_from([71_900, 71_800]))))
        left -= quantity
    notices = [make_notice(), *fills]
    if left and draw(st.booleans()):
        notices.append(
            make_notice(order_number="117061", original_number="117057", request=CANCEL, step=CONFIRMED, quantity=left)
        )
    told = [notice for notice in notices for _ in range(draw(st.integers(1, 3)))]
    amount = sum(fill.quantity * fill.price for fill in fills)
    return draw(st.permutations(told)), sum(fill.quantity for fill in fills), amount


@given(story=stories())
def test_any_order_and_any_repetition_settle_to_the_truth(story: tuple[list[Notice], int, int]) -> None:
    told, filled, amount = story
    book = NoticeBook("12345678-01")
    news = [item for notice in told for item in book.apply(notice)]
    order = totals(book)
    assert order.filled <= filled
    news += book.settle(listed(filled, amount))
    assert (order.filled, order.amount, book.in_doubt()) == (filled, amount, ())
    counted = [item for item in news if isinstance(item, Filled)]
    assert sum(fill.quantity for fill in counted) == filled
    assert sum(fill.quantity * fill.price for fill in counted) == amount
    assert len({fill.key for fill in counted}) == len(counted)
    assert [fill for fill in counted if fill.from_list] == []
    for notice in told:
        book.apply(notice)
    assert (order.filled, order.amount) == (filled, amount)


@given(story=stories(), data=st.data())
def test_the_order_of_arrival_does_not_change_what_is_known(
    story: tuple[list[Notice], int, int], data: st.DataObject
) -> None:
    told, _, _ = story
    again = data.draw(st.permutations(told))
    books = NoticeBook("12345678-01"), NoticeBook("12345678-01")
    for book, notices in zip(books, (told, again), strict=True):
        for notice in notices:
            book.apply(notice)
    first, second = (totals(book) for book in books)
    assert (first.filled, first.amount, first.cancelled) == (second.filled, second.amount, second.cancelled)
    assert (first.is_settled, len(first.doubts)) == (second.is_settled, len(second.doubts))
