"""The risk check of one proposal: hard limits of the configuration, tightened by rules. A refusal is a value."""

from __future__ import annotations

from engine.kernel_cache import inline, inner
from engine.matching.arrays import (
    ACCEPTED,
    BUY,
    BUYS_BLOCKED,
    BUYS_DAY,
    BUYS_SENT,
    CONFIG_ALLOW_MANAGED,
    CONFIG_ALLOW_WARNED,
    CONFIG_MAX_BUYS,
    CONFIG_MAX_DISTANCE,
    CONFIG_MAX_GROSS,
    CONFIG_MAX_ORDER,
    CONFIG_MIN_ORDER,
    CONFIG_MIN_SHARE,
    CONFIG_OPTIMISTIC,
    CONFIG_STREAK_PAUSE,
    DAY_LOSS_HIT,
    EQUITY,
    HALTED,
    HELD,
    HOLDINGS_VALUE,
    INSTRUMENT_RESTRICTED,
    INSTRUMENT_SECTOR,
    LIMIT,
    LIMIT_POSITIONS,
    LIMIT_SECTOR,
    LIMIT_WEIGHT,
    LIQUIDATION,
    MANAGED,
    OPEN_COUNT,
    ORDER_COL,
    ORDER_SIDE,
    PENDING_NAMES,
    PENDING_VALUE,
    POSITION_PENDING_BUY,
    POSITION_PENDING_SELL,
    POSITION_PENDING_VALUE,
    POSITION_QUANTITY,
    PPB,
    PRESENT,
    PROPOSAL_BLOCK,
    PROPOSAL_COL,
    PROPOSAL_KIND,
    PROPOSAL_PRICE,
    PROPOSAL_QUANTITY,
    PROPOSAL_RELATIVE,
    PROPOSAL_SIDE,
    PROPOSAL_WEIGHT_CAP,
    REFUSED_CASH,
    REFUSED_DAY_LOSS,
    REFUSED_GROSS,
    REFUSED_HALTED,
    REFUSED_NOT_HELD,
    REFUSED_NOT_TRADABLE,
    REFUSED_ORDER_VALUE,
    REFUSED_POSITIONS,
    REFUSED_PRICE,
    REFUSED_QUANTITY,
    REFUSED_RATE,
    REFUSED_RESTRICTED,
    REFUSED_SECTOR,
    REFUSED_STREAK,
    REFUSED_TOO_FAR,
    REFUSED_TOO_SMALL,
    REFUSED_WARNED,
    REFUSED_WEIGHT,
    STOP,
    STREAK_ROW,
    TRADED,
    UNTRADABLE,
    WARNING,
)
from engine.matching.costs import part
from engine.matching.fills import affordable
from engine.matching.grid import mark_price, next_day, tick_at, whole_units
from engine.matching.orders import accept, first_part, order_day, orderable_cash, reserve_per_share


@inner
def check(market, book, row, proposal):
    """Decide on one proposal. Returns (code, quantity): ACCEPTED with the quantity allowed, or a refusal and 0."""
    buying = proposal[PROPOSAL_SIDE] == BUY
    if buying:
        verdict = blocked(book.account)
        if verdict == ACCEPTED and paused(market, book.account, row):
            verdict = REFUSED_STREAK
        if verdict != ACCEPTED:
            return verdict, 0
        if slots_taken(book.account) and is_new_name(book, proposal[PROPOSAL_COL]):
            return REFUSED_POSITIONS, 0
    if proposal[PROPOSAL_QUANTITY] <= 0:
        return REFUSED_QUANTITY, 0
    price = proposal[PROPOSAL_PRICE]
    priced = proposal[PROPOSAL_KIND] == LIMIT or proposal[PROPOSAL_KIND] == STOP
    if priced and proposal[PROPOSAL_RELATIVE] == 0:
        col = proposal[PROPOSAL_COL]
        if price <= 0 or price % tick_at(market, next_day(market, row), col, price) != 0:
            return REFUSED_PRICE, 0
    if buying:
        return check_buy(market, book, row, proposal)
    return check_sell(market, book, row, proposal)


@inner
def send(market, book, row, proposal):
    """risk → order after the close of `row`: returns the code; a refusal is counted, never sent."""
    code, quantity = check(market, book, row, proposal)
    if code != ACCEPTED:
        book.refusals[code] += 1
        return code
    from_row, from_point = first_part(market, row, -1)
    accept(market, book, row, proposal, quantity, row, from_row, from_point)
    return code


@inner
def blocked(account):
    """The code with which every purchase is refused now, ACCEPTED if none is."""
    if account[HALTED] == 1:
        return REFUSED_HALTED
    if account[DAY_LOSS_HIT] == 1:
        return REFUSED_DAY_LOSS
    return account[BUYS_BLOCKED]


@inline
def paused(market, account, row):
    """Whether an order sent after `row` falls into the sessions without purchases that follow a losing streak."""
    reached = account[STREAK_ROW]
    return reached >= 0 and next_day(market, row) <= market.session[reached] + market.config[CONFIG_STREAK_PAUSE]


@inner
def slots_taken(account):
    """Whether as many names are held and pending as the limit allows."""
    return account[HELD] + account[PENDING_NAMES] >= account[LIMIT_POSITIONS]


@inner
def is_new_name(book, col):
    """Whether the instrument is neither held nor being bought."""
    position = book.positions[col]
    return position[POSITION_QUANTITY] == 0 and position[POSITION_PENDING_BUY] == 0


@inner
def check_sell(market, book, row, proposal):
    """A sell needs shares that no other open order sells; nothing else may stop it."""
    position = book.positions[proposal[PROPOSAL_COL]]
    free = position[POSITION_QUANTITY] - position[POSITION_PENDING_SELL]
    if free <= 0:
        return REFUSED_NOT_HELD, 0
    return ACCEPTED, min(proposal[PROPOSAL_QUANTITY], free)


@inner
def check_buy(market, book, row, proposal):
    """Every limit in turn; each may shrink the purchase; one that shrinks to nothing is refused for that limit."""
    account, config, col = book.account, market.config, proposal[PROPOSAL_COL]
    position = book.positions[col]
    if proposal[PROPOSAL_BLOCK] != 0:
        return proposal[PROPOSAL_BLOCK], 0
    state = market.state[row, col]
    if (state & PRESENT) == 0 or (state & TRADED) == 0 or state & (UNTRADABLE | LIQUIDATION):
        return REFUSED_NOT_TRADABLE, 0
    if (state & MANAGED) and config[CONFIG_ALLOW_MANAGED] == 0:
        return REFUSED_NOT_TRADABLE, 0
    if (state & WARNING) and config[CONFIG_ALLOW_WARNED] == 0:
        return REFUSED_WARNED, 0
    if market.instruments[col, INSTRUMENT_RESTRICTED] == 1:
        return REFUSED_RESTRICTED, 0
    if config[CONFIG_MAX_BUYS] > 0 and sent_today(market, account, row) >= config[CONFIG_MAX_BUYS]:
        return REFUSED_RATE, 0
    price = mark_price(market, row, col)
    equity = account[EQUITY]
    if equity <= 0 or price <= 0:
        return REFUSED_CASH, 0
    if config[CONFIG_MAX_DISTANCE] > 0 and distance(proposal, price) > part(price, config[CONFIG_MAX_DISTANCE]):
        return REFUSED_TOO_FAR, 0
    quantity = proposal[PROPOSAL_QUANTITY]
    cap = min(account[LIMIT_WEIGHT], proposal[PROPOSAL_WEIGHT_CAP])
    room = part(equity, cap) - price * position[POSITION_QUANTITY] - position[POSITION_PENDING_VALUE]
    quantity = min(quantity, max(room, 0) // price)
    if quantity <= 0:
        return REFUSED_WEIGHT, 0
    wanted = min(quantity, config[CONFIG_MAX_ORDER] // price)  # before it competes with other names for room and cash
    if account[LIMIT_SECTOR] < PPB:
        room = part(equity, account[LIMIT_SECTOR]) - sector_value(market, book, row, col)
        quantity = min(quantity, max(room, 0) // price)
        if quantity <= 0:
            return REFUSED_SECTOR, 0
    if config[CONFIG_MAX_GROSS] < PPB:  # at 100 % cash is the limit, and with optimistic funding it comes later
        room = part(equity, config[CONFIG_MAX_GROSS]) - account[HOLDINGS_VALUE] - account[PENDING_VALUE]
        quantity = min(quantity, max(room, 0) // price)
        if quantity <= 0:
            return REFUSED_GROSS, 0
    quantity = min(quantity, config[CONFIG_MAX_ORDER] // price)
    if quantity <= 0:
        return REFUSED_ORDER_VALUE, 0
    if config[CONFIG_OPTIMISTIC] == 0:
        quantity = min(
            quantity,
            affordable(market, col, reserve_per_share(market, row, proposal), orderable_cash(account)),
        )
    quantity = whole_units(market, row, col, quantity)
    if quantity <= 0:
        return REFUSED_CASH, 0
    if too_small(config, price, quantity, wanted):
        return REFUSED_TOO_SMALL, 0
    return ACCEPTED, quantity


@inline
def sent_today(market, account, row):
    """Purchases sent so far for the session that an order sent after `row` would meet."""
    return account[BUYS_SENT] if account[BUYS_DAY] == order_day(market, row) else 0


@inline
def distance(proposal, price):
    """How far the price that a proposal names lies from the last one; an offset counts from an opening price to come.

    0 for a market order.
    """
    if proposal[PROPOSAL_KIND] != LIMIT and proposal[PROPOSAL_KIND] != STOP:
        return 0
    return abs(proposal[PROPOSAL_PRICE] - (0 if proposal[PROPOSAL_RELATIVE] == 1 else price))


@inner
def too_small(config, price, quantity, wanted):
    """Whether a purchase is less than the least money in one, or than the least share of what was `wanted`.

    Without this the last of the cash buys a few shares, which then take the place of a whole position.
    """
    least = wanted - part(wanted, PPB - config[CONFIG_MIN_SHARE])  # rounded up
    return price * quantity < config[CONFIG_MIN_ORDER] or quantity < least


@inner
def covered(market, book, row, proposal, quantity):
    """Whether shares or cash cover an order of this quantity, as a venue asks whoever approved it: a code."""
    col = proposal[PROPOSAL_COL]
    if proposal[PROPOSAL_SIDE] != BUY:
        free = book.positions[col, POSITION_QUANTITY] - book.positions[col, POSITION_PENDING_SELL]
        return ACCEPTED if quantity <= free else REFUSED_NOT_HELD
    if market.config[CONFIG_OPTIMISTIC] == 1:
        return ACCEPTED
    each = reserve_per_share(market, row, proposal)
    return ACCEPTED if quantity <= affordable(market, col, each, orderable_cash(book.account)) else REFUSED_CASH


@inner
def sector_value(market, book, row, col):
    """Money in holdings and open purchases of the instrument's sector; an unknown sector is a sector of its own."""
    sector = market.instruments[col, INSTRUMENT_SECTOR]
    account = book.account
    value = 0
    for place in range(account[HELD]):
        other = book.held[place]
        if market.instruments[other, INSTRUMENT_SECTOR] == sector:
            position = book.positions[other]
            value += mark_price(market, row, other) * position[POSITION_QUANTITY] + position[POSITION_PENDING_VALUE]
    for place in range(account[OPEN_COUNT]):
        order = book.orders[book.open[place]]
        other = order[ORDER_COL]
        same = market.instruments[other, INSTRUMENT_SECTOR] == sector
        pending_only = order[ORDER_SIDE] == BUY and book.positions[other, POSITION_QUANTITY] == 0
        # Each pending name counts once, at its first open order.
        if same and pending_only and first_open_buy(book, place, other):
            value += book.positions[other, POSITION_PENDING_VALUE]
    return value


@inner
def first_open_buy(book, place, col):
    """Whether no earlier open order buys the same instrument."""
    for earlier in range(place):
        order = book.orders[book.open[earlier]]
        if order[ORDER_SIDE] == BUY and order[ORDER_COL] == col:
            return False
    return True
