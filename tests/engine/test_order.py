"""An order moves only forward, and only risk can approve one."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.errors import BadInput, BrokenInvariant
from engine.matching.arrays import REFUSAL_NAMES
from engine.order import (
    ACTIVE,
    NEXT,
    TERMINAL,
    UNRESOLVED,
    WORKING,
    Order,
    OrderKind,
    OrderRequest,
    OrderStatus,
    RefusalReason,
    Side,
)
from tests.builders_ledger import START, make_request


def test_every_status_is_terminal_or_active_and_active_is_working_or_unresolved() -> None:
    assert set(OrderStatus) == TERMINAL | ACTIVE
    assert not TERMINAL & ACTIVE
    assert WORKING | UNRESOLVED == ACTIVE


@pytest.mark.parametrize(("terminal", "other"), list(product(sorted(TERMINAL, key=str), OrderStatus)))
def test_a_terminal_order_never_moves(terminal: OrderStatus, other: OrderStatus) -> None:
    order = Order(id="o1", request=make_request(), intended_at=START, status=terminal, done_at=START)
    with pytest.raises(BrokenInvariant, match="cannot become"):
        order.moved(other, START)


@given(st.lists(st.sampled_from(OrderStatus), max_size=12))
def test_an_order_is_done_exactly_when_it_is_terminal(statuses: list[OrderStatus]) -> None:
    order = Order(id="o1", request=make_request(), intended_at=START)
    for status in statuses:
        if status in NEXT[order.status]:
            order = order.moved(status, START)
    assert (order.done_at is not None) == (order.status in TERMINAL) == (not order.is_active)


def test_no_move_leads_back_to_an_intent_or_out_of_the_venue_into_the_unknown() -> None:
    reachable = {status: NEXT[status] for status in OrderStatus}
    assert all(OrderStatus.INTENDED not in after for after in reachable.values())
    assert all(OrderStatus.UNKNOWN not in reachable[status] for status in WORKING)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quantity": 0}, "at least 1"),
        ({"quantity": -3}, "at least 1"),
        ({"kind": OrderKind.LIMIT}, "needs a price"),
        ({"kind": OrderKind.STOP, "price": 0}, "needs a price"),
        ({"price": 70_000}, "has no price"),
    ],
)
def test_an_impossible_request_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make_request(**values)


def test_an_order_cannot_fill_more_than_was_asked() -> None:
    with pytest.raises(BrokenInvariant, match="counted twice"):
        Order(id="o1", request=make_request(quantity=10), intended_at=START, filled=11)


def test_average_price_is_unknown_before_the_first_fill() -> None:
    order = Order(id="o1", request=make_request(), intended_at=START)
    assert order.average_price is None
    filled = order.moved(OrderStatus.PARTLY_FILLED, START, filled=4, filled_amount=280_002)
    assert filled.average_price == 70_000.5
    assert filled.remaining == 6


def test_sides_have_the_signs_of_the_kernels() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


def test_refusal_reasons_hold_every_code_of_the_kernels() -> None:
    assert set(REFUSAL_NAMES[1:]) <= {reason.value for reason in RefusalReason}


def test_only_risk_builds_an_approval() -> None:
    root = Path(engine.__file__).parents[1]
    builders = []
    for package in ("engine", "brokers", "strategies"):
        for path in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _called(node) == "Approved":
                    builders.append(path.relative_to(root).as_posix())
    assert set(builders) <= {"engine/risk.py"}


def _called(node: ast.Call) -> str:
    function = node.func.value if isinstance(node.func, ast.Subscript) else node.func
    return getattr(function, "id", getattr(function, "attr", ""))


def test_an_unchanged_request_is_equal_and_hashable() -> None:
    assert make_request() == make_request()
    assert len({make_request(), make_request()}) == 1
    assert isinstance(make_request(), OrderRequest)
