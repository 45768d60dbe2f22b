"""Holdings keep cost and shares; nothing is lost to rounding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.account import Totals, check_identity
from engine.errors import BadInput, BrokenInvariant
from engine.order import Side
from engine.position import Position, apply_fill, apply_ratio
from tests.builders_ledger import make_fill

FLAT = Position(ticker="005930")
trades = st.lists(st.tuples(st.booleans(), st.integers(1, 500), st.integers(1, 300_000)), max_size=30)


@given(trades)
def test_realised_profit_and_cost_add_up_to_the_cash(steps: list[tuple[bool, int, int]]) -> None:
    position, cash, realised = FLAT, 0, 0
    for is_sell, quantity, price in steps:
        shares = min(quantity, position.quantity) if is_sell else quantity
        if shares == 0:
            continue
        side = Side.SELL if is_sell else Side.BUY
        fill = make_fill("o", side=side, quantity=shares, price=price, fee=0)
        position, profit = apply_fill(position, fill)
        cash, realised = cash + fill.cash_change, realised + profit
        assert position.cost - realised == -cash
    if position.quantity == 0:
        assert position.cost == 0
        assert realised == cash


def test_a_sell_takes_its_share_of_the_cost_and_the_last_share_the_rest() -> None:
    position = Position(ticker="005930", quantity=3, cost=100)
    position, first = apply_fill(position, make_fill("o", side=Side.SELL, quantity=1, price=50))
    assert (position.cost, first) == (67, 17)
    position, rest = apply_fill(position, make_fill("o", side=Side.SELL, quantity=2, price=50))
    assert (position.quantity, position.cost, rest) == (0, 0, 33)


def test_fifteen_percent_is_exactly_fifteen_percent() -> None:
    for average in range(1_000, 200_000, 20):
        position = Position(ticker="005930", quantity=7, cost=7 * average)
        assert position.pnl(average * 115 // 100) == 0.15


def test_more_than_is_held_cannot_be_sold() -> None:
    position = Position(ticker="005930", quantity=5, cost=100)
    with pytest.raises(BrokenInvariant, match="only 5 are held"):
        apply_fill(position, make_fill("o", side=Side.SELL, quantity=6))


def test_a_fill_of_another_ticker_is_refused() -> None:
    with pytest.raises(BrokenInvariant, match="applied to the position"):
        apply_fill(FLAT, make_fill("o", ticker="000660"))


@given(st.integers(0, 10**7), st.integers(1, 60), st.integers(1, 60), st.integers(0, 10**6))
def test_a_ratio_keeps_whole_shares_and_pays_the_fraction(
    quantity: int, numerator: int, denominator: int, price: int
) -> None:
    position = Position(ticker="005930", quantity=quantity, cost=quantity * 777)
    after, cash, realised = apply_ratio(position, numerator, denominator, price)
    assert after.quantity == quantity * numerator // denominator
    assert 0 <= cash <= price
    assert after.cost - realised + cash == position.cost


def test_a_split_without_fractions_only_changes_the_count() -> None:
    after, cash, realised = apply_ratio(Position(ticker="005930", quantity=3, cost=7_950_000), 50, 1, 53_000)
    assert (after.quantity, after.cost, cash, realised) == (150, 7_950_000, 0, 0)


def test_an_impossible_ratio_is_refused() -> None:
    with pytest.raises(BadInput, match="must be positive"):
        apply_ratio(FLAT, 0, 1, 100)


@pytest.mark.parametrize(("quantity", "cost"), [(-1, 0), (1, -1), (0, 1)])
def test_an_impossible_position_cannot_be_made(quantity: int, cost: int) -> None:
    with pytest.raises(BrokenInvariant, match="no short selling"):
        Position(ticker="005930", quantity=quantity, cost=cost)


def test_the_identity_names_where_the_books_are_off_and_by_how_much() -> None:
    right = Totals(cash=50, payable=10, holdings_cost=70, deposits=100, realised=15, fees=3, taxes=2)
    check_identity(right, "after the test")
    wrong = Totals(cash=51, payable=10, holdings_cost=70, deposits=100, realised=15, fees=3, taxes=2)
    with pytest.raises(BrokenInvariant, match=r"after the test: the books are off by \+1 won"):
        check_identity(wrong, "after the test")
