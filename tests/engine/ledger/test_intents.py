"""Intents are on disk before an order leaves; what became of it is a fact of its own."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from engine.errors import BadInput, BrokenInvariant
from engine.events import (
    CashMoved,
    CashReason,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderNotSent,
    OrderRefused,
    OrderUnknown,
    Timer,
)
from engine.ledger.ledger import open_ledger
from engine.order import OrderKind, OrderStatus, RefusalReason, Side
from tests.builders_ledger import START, approve, buy, make_clock, make_fill, make_ledger, make_request


def test_an_intent_is_on_disk_when_record_intent_returns(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        order = ledger.record_intent(approve(make_request(rule_ids=("volume-surge",), decision_id="d1")))
        outsider = sqlite3.connect(tmp_path / "ledger.db")
        row = outsider.execute("SELECT order_id, status, rule_ids, decision_id FROM orders").fetchone()
        outsider.close()
    assert row == (order.id, "intended", '["volume-surge"]', "d1")


def test_the_file_waits_for_the_disk_at_each_commit(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        assert ledger.connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert ledger.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_order_ids_are_new_and_carry_the_day(tmp_path: Path) -> None:
    clock = make_clock()
    with make_ledger(tmp_path, clock) as ledger:
        ids = [ledger.record_intent(approve(make_request())).id for _ in range(3)]
    with open_ledger(tmp_path / "ledger.db", clock) as ledger:
        ids.append(ledger.record_intent(approve(make_request())).id)
    assert len(set(ids)) == 4
    assert all(order_id.startswith("20240502-") for order_id in ids)


def test_the_same_id_cannot_be_intended_twice(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        order = buy(ledger)
        with pytest.raises(BrokenInvariant, match="used twice"):
            ledger.record_intent(approve(make_request()), order.id)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (OrderAccepted(time=START, order_id="o1", order_number="0000117057"), OrderStatus.OPEN),
        (
            OrderRefused(time=START, order_id="o1", reason=RefusalReason.VENUE, code="APBK0952", text="한도 초과"),
            OrderStatus.REFUSED,
        ),
        (OrderUnknown(time=START, order_id="o1", text="no answer in 3 s"), OrderStatus.UNKNOWN),
        (OrderNotSent(time=START, order_id="o1", text="connection refused"), OrderStatus.NOT_SENT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_outcome_has_its_own_status(tmp_path: Path, outcome: object, status: OrderStatus) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.record_intent(approve(make_request()), "o1")
        order = ledger.record_outcome(outcome)  # type: ignore[arg-type]
        assert order.status is status
        assert ledger.record_outcome(outcome) == order  # type: ignore[arg-type]
        if status is OrderStatus.REFUSED:
            assert order.message == "APBK0952 한도 초과"
        if status is OrderStatus.OPEN:
            assert order.order_number == "0000117057"


def test_only_outcomes_are_outcomes(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger, pytest.raises(BadInput, match="not the outcome"):
        ledger.record_outcome(Timer(time=START, name="t"))  # type: ignore[arg-type]


def test_an_unknown_order_blocks_its_ticker_until_it_is_found(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.record_intent(approve(make_request()), "o1")
        ledger.record_outcome(OrderUnknown(time=START, order_id="o1"))
        assert ledger.blocked_tickers() == {"005930"}
        with pytest.raises(BrokenInvariant, match="nobody knows whether"):
            ledger.record_intent(approve(make_request()))
        ledger.record_intent(approve(make_request(ticker="000660")), "o2")
        ledger.record_outcome(OrderAccepted(time=START, order_id="o1", order_number="17"))
        assert [order.id for order in ledger.unresolved_orders()] == ["o2"]
        ledger.record_intent(approve(make_request()))


def test_an_unknown_order_that_is_proved_absent_frees_its_ticker(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.record_intent(approve(make_request()), "o1")
        ledger.record_outcome(OrderUnknown(time=START, order_id="o1"))
        ledger.record_outcome(OrderNotSent(time=START, order_id="o1", text="absent from the daily list"))
        assert ledger.blocked_tickers() == frozenset()


def test_a_fill_notice_may_overtake_the_answer(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.record_intent(approve(make_request()), "o1")
        ledger.append(make_fill("o1"))
        order = ledger.record_outcome(OrderAccepted(time=START, order_id="o1", order_number="17"))
        assert (order.status, order.order_number) == (OrderStatus.FILLED, "17")
        assert ledger.connection.execute("SELECT order_number FROM trades").fetchone() == ("17",)
        assert ledger.record_outcome(OrderUnknown(time=START, order_id="o1")) == order


def test_one_intent_cannot_have_two_numbers_at_the_venue(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.record_intent(approve(make_request()), "o1")
        ledger.record_outcome(OrderAccepted(time=START, order_id="o1", order_number="17"))
        with pytest.raises(BrokenInvariant, match="Two orders at the venue"):
            ledger.record_outcome(OrderAccepted(time=START, order_id="o1", order_number="18"))


@pytest.mark.parametrize(
    "ending",
    [
        OrderRefused(time=START, order_id="o1", reason=RefusalReason.VENUE),
        OrderNotSent(time=START, order_id="o1"),
    ],
    ids=["refused", "not sent"],
)
def test_an_order_that_is_not_at_the_venue_cannot_be_accepted_or_filled(tmp_path: Path, ending: object) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.record_intent(approve(make_request()), "o1")
        ledger.record_outcome(ending)  # type: ignore[arg-type]
        before = ledger.head
        for event in (OrderAccepted(time=START, order_id="o1"), make_fill("o1")):
            with pytest.raises(BrokenInvariant, match="cannot become"):
                ledger.append(event)
        assert ledger.head == before


def test_a_fill_is_booked_once_and_a_second_one_under_its_key_is_an_alarm(tmp_path: Path) -> None:
    with make_ledger(tmp_path, deposit=10_000_000) as ledger:
        ledger.record_intent(approve(make_request(quantity=20)), "o1")
        assert ledger.append(make_fill("o1", "1"))
        assert not ledger.append(make_fill("o1", "1"))
        assert ledger.positions["005930"].quantity == 10
        assert ledger.totals.cash == 10_000_000 - 700_000 - 98
        with pytest.raises(BrokenInvariant, match="One key must mean one execution"):
            ledger.append(make_fill("o1", "1", price=70_100))
        assert ledger.append(make_fill("o1", "2", price=70_100))
        assert ledger.positions["005930"].cost == 1_401_000


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (make_fill("o9"), "never intended"),
        (make_fill("o1", side=Side.SELL), "does not belong"),
        (make_fill("o1", ticker="000660"), "does not belong"),
        (make_fill("o1", quantity=11), "counted twice"),
    ],
)
def test_a_fill_that_cannot_be_ours_is_not_booked(tmp_path: Path, fill: object, message: str) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.record_intent(approve(make_request()), "o1")
        before = ledger.head, ledger.totals
        with pytest.raises(BrokenInvariant, match=message):
            ledger.append(fill)  # type: ignore[arg-type]
        assert (ledger.head, ledger.totals) == before


def test_numbers_of_compiled_code_are_booked_as_numbers(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.record_intent(approve(make_request(quantity=np.int64(10))), "o1")
        ledger.append(make_fill("o1", quantity=np.int64(10), price=np.int64(70_000), fee=np.int64(98)))
        kinds = ledger.connection.execute(
            "SELECT typeof(o.quantity), typeof(f.price), typeof(f.fee), typeof(t.price) FROM orders o "
            "JOIN fills f USING (run_id, order_id) JOIN trades t USING (trade_id)"
        ).fetchone()
        assert kinds == ("integer", "integer", "integer", "real")
        assert type(ledger.totals.cash) is int
        assert not ledger.append(make_fill("o1"))


def test_a_batch_with_one_wrong_event_books_none(tmp_path: Path) -> None:
    with make_ledger(tmp_path, deposit=1_000_000) as ledger:
        ledger.record_intent(approve(make_request()), "o1")
        before = ledger.head, ledger.totals, ledger.positions
        with pytest.raises(BrokenInvariant):
            ledger.append_all([make_fill("o1"), make_fill("o2")])
        assert (ledger.head, ledger.totals, ledger.positions) == before
        assert ledger.append_all([make_fill("o1")]) == 1


def test_an_amended_order_keeps_its_id_and_takes_the_new_number(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        request = make_request(kind=OrderKind.LIMIT, price=70_000)
        ledger.record_intent(approve(request), "o1")
        ledger.record_outcome(OrderAccepted(time=START, order_id="o1", order_number="17"))
        ledger.append(make_fill("o1", quantity=4))
        ledger.append(OrderAmended(time=START, order_id="o1", quantity=8, price=70_100, order_number="23"))
        (order,) = ledger.open_orders()
        assert (order.order_number, order.request.price, order.remaining) == ("23", 70_100, 4)
        with pytest.raises(BrokenInvariant, match="cannot be amended"):
            ledger.append(OrderAmended(time=START, order_id="o1", quantity=4, price=70_100))


def test_a_partly_filled_order_that_ends_keeps_its_trade(tmp_path: Path) -> None:
    clock = make_clock()
    with make_ledger(tmp_path, clock) as ledger:
        ledger.record_intent(approve(make_request()), "o1")
        ledger.record_outcome(OrderAccepted(time=START, order_id="o1", order_number="17"))
        ledger.append(make_fill("o1", "1", quantity=3, price=70_000))
        ledger.append(make_fill("o1", "2", quantity=1, price=70_400))
        clock.advance(timedelta(hours=6))
        ledger.append(OrderExpired(time=clock.now(), order_id="o1"))
        trade = ledger.connection.execute(
            "SELECT quantity, price, execution_status, action, created_at < updated_at FROM trades"
        ).fetchall()
        assert trade == [(4, 70_100.0, "expired", "BUY", 1)]
        assert not ledger.append(OrderExpired(time=clock.now(), order_id="o1"))
        with pytest.raises(BrokenInvariant, match="is expired and cannot become cancelled"):
            ledger.append(OrderCancelled(time=clock.now(), order_id="o1"))


def test_costs_settled_against_the_brokers_totals_are_booked_as_fees(tmp_path: Path) -> None:
    with make_ledger(tmp_path, deposit=1_000_000) as ledger:
        buy(ledger)
        ledger.append(CashMoved(time=START, reason=CashReason.COST_ADJUSTMENT, amount=-2, text="day total"))
        ledger.append(CashMoved(time=START, reason=CashReason.INTEREST, amount=120))
        assert ledger.totals.fees == 100
        assert ledger.totals.realised == 120
        assert ledger.totals.cash == 1_000_000 - 700_000 - 98 - 2 + 120


def test_an_intent_inside_another_transaction_is_refused_because_it_would_not_be_on_the_disk(tmp_path: Path) -> None:
    with make_ledger(tmp_path, deposit=10_000_000) as ledger:
        with ledger.writing(), pytest.raises(BrokenInvariant, match="inside a transaction"):
            ledger.record_intent(approve(make_request()))
        assert ledger.unresolved_orders() == []
        ledger.record_intent(approve(make_request()))
        assert len(ledger.unresolved_orders()) == 1
