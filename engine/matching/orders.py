"""Accepting, reserving, closing: the life of an order inside the book."""

from __future__ import annotations

from engine.kernel_cache import inline, inner
from engine.matching.arrays import (
    ACCEPTED,
    BUY,
    BUYS_DAY,
    BUYS_SENT,
    CASH,
    CONFIG_LATENCY_BARS,
    CONFIG_LATENCY_POINT,
    CONFIG_OPTIMISTIC,
    CONFIG_PAPER,
    FIRST_OF_SESSION,
    LIMIT,
    OPEN_COUNT,
    ORDER_ASKED,
    ORDER_COL,
    ORDER_COUNT,
    ORDER_DONE_ROW,
    ORDER_EACH,
    ORDER_FILLED,
    ORDER_FROM_POINT,
    ORDER_FROM_ROW,
    ORDER_ID,
    ORDER_KIND,
    ORDER_MARK,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_RELATIVE,
    ORDER_RESERVED,
    ORDER_ROW,
    ORDER_RULE,
    ORDER_RULES_HIGH,
    ORDER_RULES_LOW,
    ORDER_SIDE,
    ORDER_STATUS,
    PAYABLE,
    PENDING_NAMES,
    PENDING_VALUE,
    POINTS,
    POSITION_PENDING_BUY,
    POSITION_PENDING_SELL,
    POSITION_PENDING_VALUE,
    POSITION_QUANTITY,
    PROPOSAL_COL,
    PROPOSAL_KIND,
    PROPOSAL_PRICE,
    PROPOSAL_QUANTITY,
    PROPOSAL_RELATIVE,
    PROPOSAL_RULE,
    PROPOSAL_RULES_HIGH,
    PROPOSAL_RULES_LOW,
    PROPOSAL_SIDE,
    RECEIVABLE,
    RESERVED,
    STATUS_OPEN,
    STATUS_REFUSED,
)
from engine.matching.costs import fee_to_reserve
from engine.matching.grid import mark_price, next_day, reserve_price
from engine.matching.table import clear


@inner
def spare_proposal(book):
    """A cleared proposal for orders that no plan asks for: guarded levels, delistings."""
    proposal = book.proposals[-1 + book.proposals.height]
    clear(proposal)
    return proposal


@inner
def orderable_cash(account):
    """Money that a new purchase may use: settled and unsettled cash less what open purchases have reserved."""
    return account[CASH] + account[RECEIVABLE] - account[PAYABLE] - account[RESERVED]


@inner
def reserve_per_share(market, row, proposal):
    """Price at which a purchase reserves cash: its limit, or the next session's upper limit."""
    if proposal[PROPOSAL_KIND] == LIMIT and proposal[PROPOSAL_RELATIVE] == 0:
        return proposal[PROPOSAL_PRICE]
    return reserve_price(market, row, proposal[PROPOSAL_COL])


@inner
def write_order(book, row, proposal, quantity, status, reason, from_row, from_point):
    """Append an order row and return its index; the caller made sure that there is room."""
    account = book.account
    index = account[ORDER_COUNT]
    account[ORDER_COUNT] += 1
    order = book.orders[index]
    clear(order)
    order[ORDER_ID] = index + 1
    order[ORDER_ROW] = row
    order[ORDER_COL] = proposal[PROPOSAL_COL]
    order[ORDER_SIDE] = proposal[PROPOSAL_SIDE]
    order[ORDER_KIND] = proposal[PROPOSAL_KIND]
    order[ORDER_PRICE] = proposal[PROPOSAL_PRICE]
    order[ORDER_RELATIVE] = proposal[PROPOSAL_RELATIVE]
    order[ORDER_ASKED] = proposal[PROPOSAL_QUANTITY]
    order[ORDER_QUANTITY] = quantity
    order[ORDER_STATUS] = status
    order[ORDER_REASON] = reason
    order[ORDER_RULE] = proposal[PROPOSAL_RULE]
    order[ORDER_RULES_LOW] = proposal[PROPOSAL_RULES_LOW]
    order[ORDER_RULES_HIGH] = proposal[PROPOSAL_RULES_HIGH]
    order[ORDER_FROM_ROW] = from_row
    order[ORDER_FROM_POINT] = from_point
    order[ORDER_DONE_ROW] = row if status == STATUS_REFUSED else -1
    return index


@inner
def accept(market, book, row, proposal, quantity, sent, from_row, from_point):
    """Put an approved order into the book: reserve its cash or shares. Returns its index.

    `row` is the last bar whose close is known, `sent` the bar in or after which the order leaves.
    """
    index = write_order(book, sent, proposal, quantity, STATUS_OPEN, ACCEPTED, from_row, from_point)
    account, col = book.account, proposal[PROPOSAL_COL]
    position = book.positions[col]
    if proposal[PROPOSAL_SIDE] == BUY:
        if market.config[CONFIG_OPTIMISTIC] == 0:
            each = reserve_per_share(market, row, proposal)
            reserved = each * quantity + fee_to_reserve(market, col, each * quantity)
            book.orders[index, ORDER_EACH] = each
            book.orders[index, ORDER_RESERVED] = reserved
            account[RESERVED] += reserved
        if position[POSITION_QUANTITY] == 0 and position[POSITION_PENDING_BUY] == 0:
            account[PENDING_NAMES] += 1
        position[POSITION_PENDING_BUY] += quantity
        mark = mark_price(market, row, col)
        book.orders[index, ORDER_MARK] = mark
        position[POSITION_PENDING_VALUE] += mark * quantity
        account[PENDING_VALUE] += mark * quantity
        day = order_day(market, row)
        if account[BUYS_DAY] != day:
            account[BUYS_DAY], account[BUYS_SENT] = day, 0
        account[BUYS_SENT] += 1
    else:
        position[POSITION_PENDING_SELL] += quantity
    book.open[account[OPEN_COUNT]] = index
    account[OPEN_COUNT] += 1
    return index


@inline
def order_day(market, row):
    """Session for which an order counts that is sent while `row` is the last bar known; −1 is before all bars."""
    return next_day(market, row) if row >= 0 else 0


@inner
def first_part(market, row, point):
    """First bar and point of the path in which an order sent now takes part.

    `point` −1: sent after the close of `row`; else sent at that point inside `row`, it takes part from the next one.
    The paper account takes no order before the opening price: what would meet that price goes out right behind it.
    """
    config = market.config
    late = config[CONFIG_LATENCY_POINT]
    if point >= 0 and point + 1 + late < POINTS and config[CONFIG_LATENCY_BARS] == 0:
        return row, point + 1 + late
    bar = row + 1 + config[CONFIG_LATENCY_BARS]
    first = late if point < 0 else 0
    if opens_before_orders(market, bar):
        first = min(first + 1, POINTS - 1)
    return bar, first


@inner
def opens_before_orders(market, row):
    """Whether the first price of a bar is made before the venue takes the orders of that session."""
    if market.config[CONFIG_PAPER] == 0 or row >= market.moment.size:
        return False
    return (market.moment[row] & FIRST_OF_SESSION) != 0


@inner
def cash_freed(order, quantity, amount, fee):
    """Reserved cash that a fill of a purchase gives back: what it set aside for these shares, and never less than
    they cost while there is any, so that a fill takes nothing from other orders."""
    if quantity == order[ORDER_QUANTITY] - order[ORDER_FILLED]:
        return order[ORDER_RESERVED]
    return min(order[ORDER_RESERVED], max(order[ORDER_EACH] * quantity, amount) + fee)


@inner
def release(book, order, quantity, freed):
    """Take `quantity` shares and `freed` cash out of what the order still holds back."""
    account = book.account
    col = order[ORDER_COL]
    position = book.positions[col]
    if order[ORDER_SIDE] == BUY:
        order[ORDER_RESERVED] -= freed
        account[RESERVED] -= freed
        value = order[ORDER_MARK] * quantity
        position[POSITION_PENDING_VALUE] -= value
        account[PENDING_VALUE] -= value
        position[POSITION_PENDING_BUY] -= quantity
        if position[POSITION_PENDING_BUY] == 0 and position[POSITION_QUANTITY] == 0:
            account[PENDING_NAMES] -= 1
    else:
        position[POSITION_PENDING_SELL] -= quantity


@inner
def close_order(book, index, row, status):
    """Move an open order to a terminal state and give back what it held."""
    order = book.orders[index]
    remaining = order[ORDER_QUANTITY] - order[ORDER_FILLED]
    if remaining > 0:
        release(book, order, remaining, order[ORDER_RESERVED])
    order[ORDER_STATUS] = status
    order[ORDER_DONE_ROW] = row


@inner
def sweep(book):
    """Drop orders that are no longer open from the list of open orders, keeping the order of acceptance."""
    account = book.account
    kept = 0
    for place in range(account[OPEN_COUNT]):
        index = book.open[place]
        if book.orders[index, ORDER_STATUS] == STATUS_OPEN:
            book.open[kept] = index
            kept += 1
    account[OPEN_COUNT] = kept
