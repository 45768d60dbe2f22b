"""Call auctions: matched price, market orders, sharing at the limit price."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.krx.auction import (
    AuctionOrder,
    AuctionPrice,
    AuctionTerms,
    Side,
    call_auction,
    market_order_price,
    share_at_limit,
)
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import PriceRange

DAY = date(2026, 1, 5)
LIMITS = PriceRange(7_000, 13_000)  # tick 10 throughout


def terms(last_price_won: int = 10_000) -> AuctionTerms:
    return AuctionTerms(last_price_won, LIMITS, DAY, InstrumentClass.KOSPI_STOCK)


def buy(quantity: int, price_won: int | None = None) -> AuctionOrder:
    return AuctionOrder(Side.BUY, quantity, price_won)


def sell(quantity: int, price_won: int | None = None) -> AuctionOrder:
    return AuctionOrder(Side.SELL, quantity, price_won)


@pytest.mark.parametrize(
    ("last_price", "price"),
    [
        (10_040, 10_040),  # in the range
        (10_100, 10_100),
        (9_500, 10_000),  # below: nearest is the lower end
        (12_000, 10_100),  # above: nearest is the upper end
        (10_045, 10_050),  # off the grid inside the range: the next one above
    ],
)
def test_a_range_of_prices_is_settled_by_the_last_price(last_price: int, price: int) -> None:
    orders = [buy(100, 10_100), sell(100, 10_000)]
    assert call_auction(orders, terms(last_price)) == AuctionPrice(price, 100)


def test_the_larger_side_pulls_the_price_to_its_limit() -> None:
    assert call_auction([buy(200, 10_100), sell(100, 10_000)], terms()) == AuctionPrice(10_100, 100)
    assert call_auction([buy(100, 10_100), sell(200, 10_000)], terms()) == AuctionPrice(10_000, 100)


def test_the_price_has_the_largest_volume() -> None:
    orders = [
        buy(50, 10_200),
        buy(100, 10_100),
        buy(300, 9_900),
        sell(120, 9_800),
        sell(40, 10_050),
        sell(90, 10_150),
    ]
    assert call_auction(orders, terms()) == AuctionPrice(10_050, 150)


@pytest.mark.parametrize("orders", [[], [buy(5, 10_000)], [buy(5, 9_990), sell(5, 10_000)], [sell(1, 7_000)]])
def test_without_crossing_orders_there_is_no_price(orders: list[AuctionOrder]) -> None:
    assert call_auction(orders, terms()) is None


def test_market_orders_only_trade_at_the_last_price_or_one_tick_toward_the_larger_side() -> None:
    assert call_auction([buy(10), sell(10)], terms()) == AuctionPrice(10_000, 10)
    assert call_auction([buy(30), sell(10)], terms()) == AuctionPrice(10_010, 10)
    assert call_auction([buy(10), sell(30)], terms()) == AuctionPrice(9_990, 10)
    assert call_auction([buy(30), sell(10)], terms(13_000)) == AuctionPrice(13_000, 10)


def test_a_market_order_counts_one_tick_beyond_its_own_side_the_best_other_side_or_the_last_price() -> None:
    assert market_order_price(Side.BUY, [buy(1, 10_300), sell(1, 10_100)], terms()) == 10_310
    assert market_order_price(Side.BUY, [buy(1, 9_000), sell(1, 10_500)], terms()) == 10_500
    assert market_order_price(Side.BUY, [buy(1, 9_000)], terms()) == 10_000
    assert market_order_price(Side.BUY, [buy(1, 13_000)], terms()) == 13_000  # inside the limits
    assert market_order_price(Side.SELL, [sell(1, 9_700), buy(1, 9_900)], terms()) == 9_690
    assert market_order_price(Side.SELL, [sell(1, 11_000), buy(1, 9_500)], terms()) == 9_500


sides = st.sampled_from(list(Side))
limit_orders = st.lists(
    st.builds(AuctionOrder, sides, st.integers(1, 500), st.integers(980, 1_020).map(lambda step: step * 10)),
    max_size=12,
)


@settings(deadline=None)  # the first call compiles
@given(limit_orders, st.integers(970, 1_030).map(lambda step: step * 10))
def test_the_price_equals_a_search_over_the_whole_grid(orders: list[AuctionOrder], last: int) -> None:
    def total(side: Side, condition: object) -> int:
        return sum(
            order.quantity
            for order in orders
            if order.side is side and condition(order.price_won)  # type: ignore[operator]
        )

    matched = []
    for price in range(7_000, 13_010, 10):
        above, at_or_above = (
            total(Side.BUY, lambda bid, p=price: bid > p),
            total(Side.BUY, lambda bid, p=price: bid >= p),
        )
        below, at_or_below = (
            total(Side.SELL, lambda ask, p=price: ask < p),
            total(Side.SELL, lambda ask, p=price: ask <= p),
        )
        if above <= at_or_below and below <= at_or_above and min(at_or_above, at_or_below) > 0:
            matched.append((abs(price - last), price, min(at_or_above, at_or_below)))
    result = call_auction(orders, terms(last))
    assert result == (AuctionPrice(*min(matched)[1:]) if matched else None)


@pytest.mark.parametrize("order", [buy(10, 10_005), buy(10, 13_010), sell(0, 10_000)])
def test_orders_that_the_exchange_refuses_cannot_take_part(order: AuctionOrder) -> None:
    with pytest.raises(BadInput):
        call_auction([order, sell(10, 9_000)], terms())


def test_at_the_limit_larger_orders_come_first_and_time_does_not_count() -> None:
    assert share_at_limit([10, 500, 200], 150) == [0, 100, 50]
    # 100 each (the small one all of it), then half of the rest, largest first, then the rest.
    assert share_at_limit([50, 1_000, 400], 800) == [50, 550, 200]
    assert share_at_limit([30, 30], 40) == [30, 10]
    assert share_at_limit([1_000], 5_000, rounds=(10, 50, 100, 200), unit=10) == [1_000]


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(1, 5_000), max_size=8), st.integers(0, 20_000))
def test_sharing_gives_away_all_that_is_there_and_no_more_than_was_asked(quantities: list[int], available: int) -> None:
    given_shares = share_at_limit(quantities, available)
    assert sum(given_shares) == min(available, sum(quantities))
    assert all(0 <= part <= asked for part, asked in zip(given_shares, quantities, strict=True))
    ranked = sorted(zip(quantities, given_shares, strict=True), reverse=True)
    assert [part for _, part in ranked] == sorted(given_shares, reverse=True)
