"""Messages are immutable and checked, and simultaneous ones have one order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import KST
from engine.errors import BadInput
from engine.events import (
    RANK,
    ActionKind,
    CashMoved,
    CashReason,
    CorporateAction,
    Event,
    MarketStatus,
    OrderAccepted,
    Phase,
    PlanReady,
    Slice,
    Timer,
    in_order,
    sort_key,
)
from tests.builders_ledger import make_fill

NINE = datetime(2024, 5, 2, 9, 0, tzinfo=KST)


def one_of_each(time: datetime) -> list[Event]:
    """The events of one instant, in the order in which a replay must deliver them."""
    return [
        MarketStatus(time=time, phase=Phase.CONTINUOUS),
        CorporateAction(time=time, ticker="005930", kind=ActionKind.CASH, cash=361),
        make_fill("o1", time=time),
        Slice(row=0, closed_at_ns=int(time.timestamp()) * 1_000_000_000),
        Timer(time=time, name="decision"),
        PlanReady(time=time, decision_id="d1", plan=[], deadline=time + timedelta(minutes=1)),
    ]


@given(st.permutations(range(12)))
def test_simultaneous_events_sort_by_rank_whatever_their_order_was(order: list[int]) -> None:
    expected = one_of_each(NINE) + one_of_each(NINE + timedelta(seconds=1))
    assert [id(e) for e in in_order(expected[i] for i in order)] == [id(e) for e in expected]


@given(st.permutations(range(5)))
def test_equal_time_and_rank_go_by_sequence(order: list[int]) -> None:
    timers: list[Event] = [Timer(time=NINE, sequence=number, name="t") for number in order]
    assert [event.sequence for event in in_order(timers)] == [0, 1, 2, 3, 4]


def test_every_event_has_a_rank() -> None:
    assert set(get_args(Event)) == set(RANK)


def test_order_news_ranks_with_fills() -> None:
    accepted = OrderAccepted(time=NINE, order_id="o1")
    assert sort_key(accepted)[1] == sort_key(make_fill("o1"))[1]


@pytest.mark.parametrize("event", one_of_each(NINE), ids=lambda event: type(event).__name__)
def test_messages_cannot_be_changed(event: Event) -> None:
    with pytest.raises(AttributeError):
        event.time = NINE  # type: ignore[misc]


def test_a_message_needs_an_aware_time() -> None:
    with pytest.raises(BadInput, match="no time zone"):
        Timer(time=datetime(2024, 5, 2, 9, 0), name="t")  # noqa: DTZ001


@pytest.mark.parametrize(
    ("reason", "amount"), [(CashReason.DEPOSIT, -1), (CashReason.WITHDRAWAL, 1)], ids=["deposit", "withdrawal"]
)
def test_cash_with_the_wrong_sign_is_refused(reason: CashReason, amount: int) -> None:
    with pytest.raises(BadInput, match="wrong sign"):
        CashMoved(time=NINE, reason=reason, amount=amount)


@pytest.mark.parametrize("values", [{"numerator": 0}, {"denominator": -1}, {"cash": -5}, {"fraction_price": -1}])
def test_an_impossible_corporate_action_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(BadInput, match="Corporate action of 005930"):
        CorporateAction(time=NINE, ticker="005930", kind=ActionKind.RATIO, **values)
