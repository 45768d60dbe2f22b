"""Fees, taxes and slippage in integer arithmetic."""

from __future__ import annotations

import math

from engine.kernel_cache import inner
from engine.matching.arrays import (
    ACTION_LOCAL_TAX,
    ACTION_TAX,
    BUY,
    CONFIG_COST_PER_DAY,
    CONFIG_COST_STEP,
    CONFIG_COSTS_ON,
    CONFIG_FEE,
    CONFIG_RAW,
    CONFIG_SLIPPAGE_KIND,
    CONFIG_SLIPPAGE_SIZE,
    INSTRUMENT_CLASS,
    NEVER,
    ORDER_AMOUNT,
    ORDER_FEE,
    ORDER_RURAL,
    ORDER_TAX,
    PPB,
    SLIPPAGE_NONE,
    SLIPPAGE_RATE,
    SLIPPAGE_TICKS,
    VENUE_FIELDS,
    VENUE_RURAL,
    VENUE_TAX,
)
from engine.matching.grid import grid_down, grid_up, tick_at, today


@inner
def part(amount, rate):
    """floor(amount × rate / 10⁹) for amount, rate ≥ 0. Bound: the result is below 9.2e18."""
    whole, rest = amount // PPB, amount % PPB
    return whole * rate + rest * (rate // PPB) + rest * (rate % PPB) // PPB


@inner
def share_of(amount, shares, whole):
    """floor(amount × shares / whole), exact although the product may pass 2^63.

    Bound: 0 ≤ amount, whole < 2^62 and 0 ≤ shares ≤ whole, whole > 0.
    """
    if shares == 0 or amount <= NEVER // shares:
        return amount * shares // whole
    # Long multiplication, one binary digit of `shares` at a time, with the division carried along.
    result = rest = 0
    amount_whole, amount_rest = amount // whole, amount % whole
    for digit in range(61, -1, -1):
        result, rest = 2 * result, 2 * rest
        if (shares >> digit) & 1:
            result += amount_whole
            rest += amount_rest
        result += rest // whole
        rest %= whole
    return result


@inner
def rounded_cost(amount, rate, step):
    """A fee or tax, rounded down to `step` money units.

    Source: the direction is the usual "원 미만 절사" of Korean brokers; it is a parameter because brokers differ.
    """
    return part(amount, rate) // step * step


@inner
def fee_on(market, col, amount):
    """Commission on one order of this amount, in money units."""
    config = market.config
    if config[CONFIG_COSTS_ON] == 0:
        return 0
    rate = config[CONFIG_FEE + market.instruments[col, INSTRUMENT_CLASS]]
    return rounded_cost(amount, rate, config[CONFIG_COST_STEP])


@inner
def fee_to_reserve(market, col, amount):
    """Commission to keep ready for a purchase: where a day's sum is rounded, it may cost one rounding step more."""
    config = market.config
    extra = config[CONFIG_COST_STEP] if config[CONFIG_COSTS_ON] == 1 and config[CONFIG_COST_PER_DAY] == 1 else 0
    return fee_on(market, col, amount) + extra


@inner
def charged_so_far(market, book, order, col, side):
    """The sum on which costs are rounded, of the order or of the session: (amount, commission)."""
    if market.config[CONFIG_COST_PER_DAY] == 1:
        sums = book.day[2 * market.instruments[col, INSTRUMENT_CLASS] + (0 if side == BUY else 1)]
        return sums[0], sums[1]
    return book.orders[order, ORDER_AMOUNT], book.orders[order, ORDER_FEE]


@inner
def most_shares(market, col, price, money, amount, fee):
    """Most shares whose price and commission `money` can pay, on top of what (amount, fee) has already charged."""
    if money <= 0 or price <= 0:
        return 0
    low = max((money + fee - fee_on(market, col, amount + money)) // price, 0)
    high = money // price
    while low < high:
        middle = (low + high + 1) // 2
        if price * middle + fee_on(market, col, amount + price * middle) - fee <= money:
            low = middle
        else:
            high = middle - 1
    return low


@inner
def charge(market, book, row, order, col, side, amount):
    """Add `amount` to the order's (or session's) sum; returns what the new sum costs more: fee, tax, rural tax."""
    config = market.config
    if config[CONFIG_COSTS_ON] == 0:
        book.orders[order, ORDER_AMOUNT] += amount
        return 0, 0, 0
    kind = market.instruments[col, INSTRUMENT_CLASS]
    step = config[CONFIG_COST_STEP]
    if config[CONFIG_COST_PER_DAY] == 1:
        sums, offset = book.day[2 * kind + (0 if side == BUY else 1)], 0
    else:
        sums, offset = book.orders[order], ORDER_AMOUNT
    sums[offset] += amount
    total = sums[offset]
    fee = rounded_cost(total, config[CONFIG_FEE + kind], step)
    tax = rural = 0
    if side != BUY:
        day = today(market, row)
        tax = rounded_cost(total, market.venue[day, VENUE_FIELDS * kind + VENUE_TAX], step)
        rural = rounded_cost(total, market.venue[day, VENUE_FIELDS * kind + VENUE_RURAL], step)
    # Both layouts keep fee, tax and rural tax right behind the amount.
    fee_more = fee - sums[offset + 1]
    tax_more = tax - sums[offset + 2]
    rural_more = rural - sums[offset + 3]
    sums[offset + 1] = fee
    sums[offset + 2] = tax
    sums[offset + 3] = rural
    if config[CONFIG_COST_PER_DAY] == 1:
        book.orders[order, ORDER_AMOUNT] += amount
        book.orders[order, ORDER_FEE] += fee_more
        book.orders[order, ORDER_TAX] += tax_more
        book.orders[order, ORDER_RURAL] += rural_more
    return fee_more, tax_more, rural_more


@inner
def dividend_tax(market, action, gross):
    """Income tax and local income tax withheld from a dividend, each rounded down; 0 where costs are off."""
    config = market.config
    if config[CONFIG_COSTS_ON] == 0:
        return 0
    step = config[CONFIG_COST_STEP]
    return rounded_cost(gross, action[ACTION_TAX], step) + rounded_cost(gross, action[ACTION_LOCAL_TAX], step)


@inner
def slipped(market, row, col, side, price, quantity, volume):
    """Price after slippage, always against the trader and on the grid; the caller keeps it inside the limits.

    ticks: n ticks; rate: parts per billion of the price; root: rate × sqrt(quantity / volume).
    """
    config = market.config
    kind = config[CONFIG_SLIPPAGE_KIND]
    size = config[CONFIG_SLIPPAGE_SIZE]
    if kind == SLIPPAGE_NONE:
        return price
    if kind == SLIPPAGE_TICKS:
        away = size * tick_at(market, today(market, row), col, price)
    elif kind == SLIPPAGE_RATE:
        away = price - part(price, PPB - size)  # rounded up; the rate is at most 1
    else:
        away = math.ceil(price * (size / PPB) * math.sqrt(quantity / max(volume, 1)))
    if side == BUY:
        moved = price + away
        return grid_up(market, today(market, row), col, moved) if config[CONFIG_RAW] == 1 else moved
    moved = max(price - away, 1)
    return max(grid_down(market, today(market, row), col, moved), 1) if config[CONFIG_RAW] == 1 else moved
