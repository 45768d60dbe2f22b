"""Call auctions (단일가매매): assumed price of market orders, matched price, sharing at a limit price.

Source: KOSPI Business Regulation §22 and §23, Enforcement Rules §34 and §36 (2026); the wording for off-grid
last prices is in force since 2025-03-04.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from engine.errors import DataError
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import PriceRange
from engine.krx.tick_size import grid_above, grid_below, is_on_grid, ticks_away


class Side(Enum):
    """Side of an order: +1 buys, -1 sells."""

    BUY = 1
    SELL = -1


@dataclass(frozen=True, slots=True)
class AuctionOrder:
    """One order that takes part.

    Attributes:
        side: buy or sell.
        quantity: shares, positive.
        price_won: limit price; None = market order.
    """

    side: Side
    quantity: int
    price_won: int | None = None


@dataclass(frozen=True, slots=True)
class AuctionPrice:
    """Result of a call auction: price in won and matched shares."""

    price_won: int
    quantity: int


@dataclass(frozen=True, slots=True)
class AuctionTerms:
    """What decides a call auction besides its orders.

    Attributes:
        last_price_won: last trade; the base price before a first price.
        limits: limit prices of the day.
        day, kind: decide the price grid.
    """

    last_price_won: int
    limits: PriceRange
    day: date
    kind: InstrumentClass


def market_order_price(side: Side, orders: Sequence[AuctionOrder], terms: AuctionTerms) -> int:
    """The price at which the auction counts the market orders of one side.

    Buys: the highest of one tick above the best buy limit, the highest sell limit and the last price; sells
    mirror it; always inside the day's limits. With market orders only it is the last price, moved one tick
    toward the larger side.

    Args:
        side: whose market orders are priced.
        orders: all orders of the auction.
        terms: last price, limits and grid.

    Source: KOSPI Business Regulation §23(3).
    """
    last, day, kind = terms.last_price_won, terms.day, terms.kind
    limit_prices = [(order.side, order.price_won) for order in orders if order.price_won is not None]
    if not limit_prices:
        surplus = sum(order.side.value * order.quantity for order in orders)
        if surplus == 0:
            return grid_above(last, day, kind)
        # An off-grid last price is rounded against the larger side before it steps one tick.
        larger = 1 if surplus > 0 else -1
        start = (grid_below if larger > 0 else grid_above)(last, day, kind)
        return _inside(ticks_away(start, larger, day, kind), terms.limits)
    most = max if side is Side.BUY else min
    candidates = [(grid_above if side is Side.BUY else grid_below)(last, day, kind)]
    own = [price for owner, price in limit_prices if owner is side]
    other = [price for owner, price in limit_prices if owner is not side]
    if own:
        candidates.append(ticks_away(most(own), side.value, day, kind))
    if other:
        candidates.append(most(other))
    return _inside(most(candidates), terms.limits)


def call_auction(orders: Sequence[AuctionOrder], terms: AuctionTerms) -> AuctionPrice | None:
    """The matched price of a call auction, or None when no buy meets a sell.

    At the matched price every buy above it and every sell below it trades in full, and so does one side at
    the price. Where a whole range of prices does that: the last price if it is in the range and on the grid;
    the end of the range that is nearer if the last price lies outside; the next grid price above if it lies
    between two grid prices.

    Args:
        orders: limit orders on the grid and inside the limits, and market orders.
        terms: last price, limits and grid.

    Source: KOSPI Business Regulation §23(4) and (5).

    Example:
        >>> terms = AuctionTerms(
        ...     10_040, PriceRange(7_000, 13_000), date(2024, 1, 2), InstrumentClass.KOSPI_STOCK
        ... )
        >>> call_auction([AuctionOrder(Side.BUY, 100, 10_100), AuctionOrder(Side.SELL, 100, 10_000)], terms)
        AuctionPrice(price_won=10040, quantity=100)
    """
    bids, asks = _sizes(Side.BUY, orders, terms), _sizes(Side.SELL, orders, terms)
    prices = sorted(bids.keys() | asks.keys())
    demand = {price: sum(size for bid, size in bids.items() if bid >= price) for price in prices}
    supply = {price: sum(size for ask, size in asks.items() if ask <= price) for price in prices}
    # Demand above a price only falls and supply up to it only grows: both ends of the range are order prices.
    lowest = next((price for price in prices if demand[price] - bids.get(price, 0) <= supply[price]), 0)
    highest = next((price for price in reversed(prices) if supply[price] - asks.get(price, 0) <= demand[price]), 0)
    quantity = min(demand.get(lowest, 0), supply.get(lowest, 0))
    if quantity == 0:
        return None
    if lowest < terms.last_price_won < highest:
        return AuctionPrice(grid_above(terms.last_price_won, terms.day, terms.kind), quantity)
    return AuctionPrice(lowest if terms.last_price_won <= lowest else highest, quantity)


def share_at_limit(
    quantities: Sequence[int],
    available: int,
    rounds: Sequence[int] = (100,),
    unit: int = 1,
) -> list[int]:
    """Shares for each order when an opening auction prices at the limit (동시호가): time does not count.

    Larger orders come first, equal ones in order of arrival. Each round gives every order up to so many
    units; then half of what is left of it, then all of it, until nothing is available.

    Args:
        quantities: shares of each order, in order of arrival.
        available: shares on the other side.
        rounds: units per order in the first rounds: (100,) since 2023-01-25; (100, 500, 1000, 2000) before
            (KOSPI from 2014-06-02); (10, 50, 100, 200) on KOSPI earlier. Read as totals that an order has
            reached after the round.
        unit: shares per trading unit.

    Example:
        >>> share_at_limit([50, 1_000, 400], 800)
        [50, 550, 200]
    """
    if min(quantities, default=1) <= 0 or available < 0:
        raise DataError("Quantities of orders must be positive and the available quantity must not be negative.")
    order = sorted(range(len(quantities)), key=lambda number: -quantities[number])
    given = [0] * len(quantities)
    half = -1
    for target in (*(units * unit for units in rounds), half, None):
        for number in order:
            rest = quantities[number] - given[number]
            if target == half:
                part = min(rest, -(-rest // (2 * unit)) * unit)
            else:
                part = rest if target is None else max(min(rest, target - given[number]), 0)
            part = min(part, available)
            given[number] += part
            available -= part
    return given


def _sizes(side: Side, orders: Sequence[AuctionOrder], terms: AuctionTerms) -> dict[int, int]:
    """Shares per price of one side; market orders at their assumed price."""
    sizes: dict[int, int] = {}
    for order in orders:
        if order.side is not side:
            continue
        if order.quantity <= 0:
            raise DataError(f"An order of {order.quantity:,} shares cannot take part in a call auction.")
        price = order.price_won
        if price is None:
            price = market_order_price(side, orders, terms)
        elif not terms.limits.lower <= price <= terms.limits.upper or not is_on_grid(price, terms.day, terms.kind):
            raise DataError(
                f"{price:,} won is off the tick or outside {terms.limits.lower:,} to {terms.limits.upper:,} "
                f"won on {terms.day}; the exchange refuses such an order."
            )
        sizes[price] = sizes.get(price, 0) + order.quantity
    return sizes


def _inside(price_won: int, limits: PriceRange) -> int:
    return min(max(price_won, limits.lower), limits.upper)
