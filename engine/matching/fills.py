"""How orders meet a bar: the one fill rule of Geoul.

A bar is replayed as a fixed path of four points: opening auction, low, high, closing auction (high first by option).
An order takes part from its first point on.

* Opening auction: market orders trade at the open; a buy limit at or above it and a sell limit at or below it trade
  at the open; a stop that the open has reached or jumped over trades at the open.
* Between two points the price passes every level of the segment. A limit trades at its price once the path goes
  beyond it (touching is not filling; `touch` is an option). A stop trades at its level once the path touches it.
  A market order that arrives inside the bar trades at the next point, and so does a stop that is set off already.
* A stop that is set off stays set off: what volume leaves of it trades as a market order.
* Guarded levels (stop loss, profit target) send a sell when the path reaches them and trade by the same rules.
* Nobody sells in a bar locked at its upper limit, nobody buys in one locked at its lower limit; no volume, no fills.
* All orders of one instrument share one participation budget per bar, used up along the path.

Bias: ignores the queue at a price level; a daily bar's low always comes before its high unless configured otherwise.
"""

from __future__ import annotations

from engine.kernel_cache import inner
from engine.matching.arrays import (
    ARM_COL,
    ARM_COUNT,
    ARM_DIRECTION,
    ARM_EXIT,
    ARM_LEVEL,
    ARM_RULE,
    BUY,
    CONFIG_HIGH_FIRST,
    CONFIG_PARTICIPATION,
    CONFIG_SLIPPAGE_KIND,
    CONFIG_TOUCH,
    CONSECUTIVE_LOSSES,
    DUE_IN,
    DUE_OUT,
    FEES,
    FILL_BUY_FEES,
    FILL_COL,
    FILL_COST,
    FILL_COUNT,
    FILL_FEE,
    FILL_ORDER,
    FILL_POINT,
    FILL_POSITION,
    FILL_PRICE,
    FILL_QUANTITY,
    FILL_REALISED,
    FILL_ROW,
    FILL_RURAL,
    FILL_SIDE,
    FILL_SLIPPAGE,
    FILL_TAX,
    GUARD_STOP,
    GUARD_TARGET,
    HELD,
    HOLDINGS_COST,
    LIMIT,
    LIMIT_STREAK,
    MARKET,
    OPEN_COUNT,
    ORDER_COL,
    ORDER_DONE_ROW,
    ORDER_FILLED,
    ORDER_FROM_POINT,
    ORDER_FROM_ROW,
    ORDER_ID,
    ORDER_KIND,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_RELATIVE,
    ORDER_RESERVED,
    ORDER_RULES_HIGH,
    ORDER_RULES_LOW,
    ORDER_SET_OFF,
    ORDER_SIDE,
    ORDER_STATUS,
    PATH_SPLIT_DAYS,
    PAYABLE,
    PENDING_NAMES,
    POSITION_BUDGET_ROW,
    POSITION_BUDGET_USED,
    POSITION_BUY_FEES,
    POSITION_COST,
    POSITION_COUNT,
    POSITION_LAST_EXIT,
    POSITION_NET,
    POSITION_NUMBER,
    POSITION_OPENED_ROW,
    POSITION_PEAK,
    POSITION_PENDING_BUY,
    POSITION_PENDING_SELL,
    POSITION_QUANTITY,
    PPB,
    PROPOSAL_COL,
    PROPOSAL_KIND,
    PROPOSAL_PRICE,
    PROPOSAL_QUANTITY,
    PROPOSAL_RULE,
    PROPOSAL_RULES_HIGH,
    PROPOSAL_RULES_LOW,
    PROPOSAL_SIDE,
    REALISED,
    RECEIVABLE,
    RURAL_TAXES,
    SELL,
    SLIPPAGE,
    SLIPPAGE_NONE,
    STATUS_FILLED,
    STATUS_OPEN,
    STOP,
    STREAK_ROW,
    TAXES,
)
from engine.matching.costs import charge, charged_so_far, fee_to_reserve, most_shares, part, share_of, slipped
from engine.matching.grid import grid_down, grid_up, limits_at, locked_side, today, trades_on
from engine.matching.orders import (
    accept,
    cash_freed,
    opens_before_orders,
    orderable_cash,
    release,
    spare_proposal,
)
from engine.matching.table import clear

SETTLEMENT_SESSIONS = 2  # T+2 in exchange sessions. Source: KRX business regulation, settlement


@inner
def path_price(market, row, col, point):
    """Price at a point of the bar's path."""
    if point == 0:
        return market.open[row, col]
    if point == 3:
        return market.close[row, col]
    if (point == 1) == (market.config[CONFIG_HIGH_FIRST] == 0):
        return market.low[row, col]
    return market.high[row, col]


@inner
def meets(market, point, side, kind, level, before, now, waited):
    """Price at which an order trades at this point, 0 if it does not.

    `before` and `now` are the path's prices at the point before and at this one; `waited` tells whether the order was
    there at the point before. `side` mirrors everything.
    """
    if kind == LIMIT:
        if point == 0:
            return now if (level - now) * side >= 0 else 0
        best = min(before * side, now * side) * side  # most favourable price of the segment
        worst = max(before * side, now * side) * side
        gain = (level - best) * side
        if gain > 0 or (gain == 0 and market.config[CONFIG_TOUCH] == 1):
            # An order that arrives late and is already marketable does not get more than the segment offers.
            return level if (worst - level) * side >= 0 else worst
        return 0
    if kind == STOP:
        if point == 0:
            return now if (now - level) * side >= 0 else 0
        if (before - level) * side >= 0:
            # Set off by the price that was there: at once where it waited for an opening price, else as it arrives.
            return before if waited else now
        return level if (now - level) * side >= 0 else 0
    return now


@inner
def affordable(market, col, price, money):
    """Most shares that a new order of this price can ask for when `money` is to pay them and their commission."""
    return most_shares(market, col, price, money - fee_to_reserve(market, col, 0), 0, 0)


@inner
def budget_left(market, book, row, col):
    """Shares that may still trade in this bar under the participation limit."""
    rate = market.config[CONFIG_PARTICIPATION]
    if rate == 0:
        return 2**62
    position = book.positions[col]
    if position[POSITION_BUDGET_ROW] != row:
        position[POSITION_BUDGET_ROW] = row
        position[POSITION_BUDGET_USED] = 0
    return part(market.volume[row, col], rate) - position[POSITION_BUDGET_USED]


@inner
def settle_later(market, book, row, incoming, outgoing):
    """Book money that changes hands two sessions from now."""
    slot = (market.session[row] + SETTLEMENT_SESSIONS) % 3
    account = book.account
    account[DUE_IN + slot] += incoming
    account[DUE_OUT + slot] += outgoing
    account[RECEIVABLE] += incoming
    account[PAYABLE] += outgoing


@inner
def apply_fill(market, book, row, point, index, price, quantity, slippage):
    """Book one fill of an open order: costs, cash, position, log."""
    account, order = book.account, book.orders[index]
    col, side = order[ORDER_COL], order[ORDER_SIDE]
    position = book.positions[col]
    amount = price * quantity
    fee, tax, rural = charge(market, book, row, index, col, side, amount)
    release(book, order, quantity, cash_freed(order, quantity, amount, fee))
    order[ORDER_FILLED] += quantity
    if order[ORDER_FILLED] == order[ORDER_QUANTITY]:
        order[ORDER_STATUS] = STATUS_FILLED
        order[ORDER_DONE_ROW] = row
    position[POSITION_BUDGET_USED] += quantity
    cost = realised = buy_fees = 0
    if side == BUY:
        if position[POSITION_QUANTITY] == 0:
            add_held(book, col)
            account[POSITION_COUNT] += 1
            position[POSITION_NUMBER] = account[POSITION_COUNT]
            position[POSITION_OPENED_ROW] = row
            position[POSITION_PEAK] = 0
            position[POSITION_NET] = 0
            if position[POSITION_PENDING_BUY] > 0:
                account[PENDING_NAMES] -= 1
        position[POSITION_QUANTITY] += quantity
        position[POSITION_COST] += amount
        position[POSITION_BUY_FEES] += fee
        account[HOLDINGS_COST] += amount
        settle_later(market, book, row, 0, amount + fee)
    else:
        held = position[POSITION_QUANTITY]
        if quantity == held:
            cost, buy_fees = position[POSITION_COST], position[POSITION_BUY_FEES]
        else:
            cost = share_of(position[POSITION_COST], quantity, held)
            buy_fees = share_of(position[POSITION_BUY_FEES], quantity, held)
        realised = amount - cost
        position[POSITION_QUANTITY] -= quantity
        position[POSITION_COST] -= cost
        position[POSITION_BUY_FEES] -= buy_fees
        position[POSITION_NET] += realised - fee - tax - rural - buy_fees
        account[HOLDINGS_COST] -= cost
        account[REALISED] += realised
        settle_later(market, book, row, amount - fee - tax - rural, 0)
        count_down_exits(book, order, col, quantity)
    account[FEES] += fee
    account[TAXES] += tax
    account[RURAL_TAXES] += rural
    account[SLIPPAGE] += slippage
    log_fill(book, row, point, order, price, quantity, fee, tax, rural, realised, cost, slippage, buy_fees)
    if side == SELL and position[POSITION_QUANTITY] == 0:
        close_position(book, row, col)


@inner
def log_fill(book, row, point, order, price, quantity, fee, tax, rural, realised, cost, slippage, buy_fees):
    """Append one row to the log of fills."""
    account = book.account
    fill = book.fills[account[FILL_COUNT]]
    account[FILL_COUNT] += 1
    fill[FILL_ORDER] = order[ORDER_ID]
    fill[FILL_ROW] = row
    fill[FILL_POINT] = point
    fill[FILL_COL] = order[ORDER_COL]
    fill[FILL_SIDE] = order[ORDER_SIDE]
    fill[FILL_QUANTITY] = quantity
    fill[FILL_PRICE] = price
    fill[FILL_FEE] = fee
    fill[FILL_TAX] = tax
    fill[FILL_RURAL] = rural
    fill[FILL_REALISED] = realised
    fill[FILL_COST] = cost
    fill[FILL_SLIPPAGE] = slippage
    fill[FILL_POSITION] = book.positions[order[ORDER_COL], POSITION_NUMBER]
    fill[FILL_BUY_FEES] = buy_fees


@inner
def count_down_exits(book, order, col, quantity):
    """Take sold shares off the targets of every exit rule that asked for this order.

    A target that is reached is done until the position is closed, except that of `sell all`: shares bought since it
    fired are not sold yet, so it may fire again.
    """
    for exit_index in range(book.exit_rules.height):
        rule = book.exit_rules[exit_index, 0]
        word = order[ORDER_RULES_LOW] >> rule if rule < 63 else order[ORDER_RULES_HIGH] >> (rule - 63)
        left = book.exits[col, exit_index]
        if word & 1 and left > 0:
            reached = 0 if book.exit_rules[exit_index, 1] == PPB else -1
            book.exits[col, exit_index] = left - quantity if left > quantity else reached


@inner
def add_held(book, col):
    """Insert a column into the ascending list of names held."""
    place = book.account[HELD]
    while place > 0 and book.held[place - 1] > col:
        book.held[place] = book.held[place - 1]
        place -= 1
    book.held[place] = col
    book.account[HELD] += 1


@inner
def drop_held(book, col):
    """Take a column out of the list of names held."""
    count = book.account[HELD]
    place = 0
    while book.held[place] != col:
        place += 1
    for later in range(place, count - 1):
        book.held[later] = book.held[later + 1]
    book.account[HELD] -= 1


@inner
def close_position(book, row, col):
    """A position went to zero: count the result, re-arm its exits, drop the levels that guarded it."""
    account, position = book.account, book.positions[col]
    drop_held(book, col)
    if position[POSITION_PENDING_BUY] > 0:
        account[PENDING_NAMES] += 1
    account[CONSECUTIVE_LOSSES] = account[CONSECUTIVE_LOSSES] + 1 if position[POSITION_NET] < 0 else 0
    if account[LIMIT_STREAK] > 0 and account[CONSECUTIVE_LOSSES] >= account[LIMIT_STREAK]:
        account[STREAK_ROW] = row
    position[POSITION_LAST_EXIT] = row
    clear(book.exits[col])
    for number in range(account[ARM_COUNT]):
        if book.arms[number, ARM_COL] == col:
            book.arms[number, ARM_DIRECTION] = 0


@inner
def try_fill(market, book, row, point, index, price, slips):
    """Fill as much of an order as budget, cash and holding allow at `price` (slippage comes on top where `slips`)."""
    order = book.orders[index]
    col, side = order[ORDER_COL], order[ORDER_SIDE]
    quantity = min(order[ORDER_QUANTITY] - order[ORDER_FILLED], budget_left(market, book, row, col))
    if quantity <= 0:
        return
    paid = price
    if slips and market.config[CONFIG_SLIPPAGE_KIND] != SLIPPAGE_NONE:
        paid = slipped(market, row, col, side, price, quantity, market.volume[row, col])
        lower, upper = limits_at(market, row, col, point)
        if upper > 0:
            # An off-grid or special print outside the limits is never made worse by the model.
            paid = min(paid, max(upper, price)) if side == BUY else max(paid, min(lower, price))
    if side == BUY:
        money = orderable_cash(book.account) + order[ORDER_RESERVED]
        amount, fee = charged_so_far(market, book, index, col, side)
        quantity = min(quantity, most_shares(market, col, paid, money, amount, fee))
    else:
        quantity = min(quantity, book.positions[col, POSITION_QUANTITY])
    if quantity > 0:
        apply_fill(market, book, row, point, index, paid, quantity, (paid - price) * side * quantity)


@inner
def match_orders(market, book, row, point, side):
    """Let all open orders of one side meet one point of the bar, in order of acceptance."""
    account = book.account
    for place in range(account[OPEN_COUNT]):
        index = book.open[place]
        order = book.orders[index]
        if order[ORDER_SIDE] != side or order[ORDER_STATUS] != STATUS_OPEN:
            continue
        if row < order[ORDER_FROM_ROW] or (row == order[ORDER_FROM_ROW] and point < order[ORDER_FROM_POINT]):
            continue
        col = order[ORDER_COL]
        if not trades_on(market, row, col):
            continue
        if order[ORDER_RELATIVE] == 1:
            if point == 0:  # its price is not known before the opening auction has priced
                continue
            fix_price(market, row, col, order)
        kind = MARKET if order[ORDER_SET_OFF] == 1 else order[ORDER_KIND]
        now = path_price(market, row, col, point)
        before = now if point == 0 else path_price(market, row, col, point - 1)
        waited = row > order[ORDER_FROM_ROW] or point > order[ORDER_FROM_POINT]
        price = meets(market, point, side, kind, order[ORDER_PRICE], before, now, waited)
        if price == 0:
            continue
        if kind == STOP:
            order[ORDER_SET_OFF] = 1
        if locked_side(market, row, col) != side:
            try_fill(market, book, row, point, index, price, kind != LIMIT)


@inner
def fix_price(market, row, col, order):
    """Turn an offset into a price, now that the opening auction has priced: a stop away from it, a limit back."""
    price = order[ORDER_PRICE] + market.open[row, col]
    day = today(market, row)
    rising = (order[ORDER_KIND] == STOP) == (order[ORDER_SIDE] == BUY)
    price = grid_up(market, day, col, price) if rising else grid_down(market, day, col, price)
    order[ORDER_PRICE] = max(price, 1)
    order[ORDER_RELATIVE] = 0


@inner
def match_guards(market, book, row, point):
    """Send and fill the sells of guarded levels that the path reaches at this point."""
    account = book.account
    unheard = opens_before_orders(market, row)  # nobody could answer the opening price with an order before it
    if unheard and point == 0:
        return
    for number in range(account[ARM_COUNT]):
        arm = book.arms[number]
        direction, col = arm[ARM_DIRECTION], arm[ARM_COL]
        position = book.positions[col]
        if direction == 0 or not trades_on(market, row, col):
            continue
        free = position[POSITION_QUANTITY] - position[POSITION_PENDING_SELL]
        if free <= 0:
            continue
        now = path_price(market, row, col, point)
        before = now if point == 0 else path_price(market, row, col, point - 1)
        kind = STOP if direction < 0 else LIMIT
        price = meets(market, point, SELL, kind, arm[ARM_LEVEL], before, now, not (unheard and point == 1))
        if price == 0:
            continue
        arm[ARM_DIRECTION] = 0
        exit_index = arm[ARM_EXIT]
        if book.exits[col, exit_index] == 0:
            book.exits[col, exit_index] = target(position[POSITION_QUANTITY], book.exit_rules[exit_index, 1])
        quantity = min(book.exits[col, exit_index], free)
        if quantity <= 0:
            continue
        index = send_guard(market, book, row, point, arm, direction, quantity)
        if locked_side(market, row, col) != SELL:
            try_fill(market, book, row, point, index, price, direction < 0)


@inner
def target(held, fraction):
    """Shares that an exit rule wants to sell: the fraction (parts per billion) of the holding, rounded up."""
    return held - part(held, PPB - fraction)


@inner
def send_guard(market, book, row, point, arm, direction, quantity):
    """The sell order of a guarded level, accepted at once."""
    proposal = spare_proposal(book)
    proposal[PROPOSAL_COL] = arm[ARM_COL]
    proposal[PROPOSAL_SIDE] = SELL
    proposal[PROPOSAL_KIND] = GUARD_STOP if direction < 0 else GUARD_TARGET
    proposal[PROPOSAL_PRICE] = arm[ARM_LEVEL]
    proposal[PROPOSAL_QUANTITY] = quantity
    rule = arm[ARM_RULE]
    proposal[PROPOSAL_RULE] = rule
    if rule < 63:
        proposal[PROPOSAL_RULES_LOW] = 1 << rule
    else:
        proposal[PROPOSAL_RULES_HIGH] = 1 << (rule - 63)
    return accept(market, book, row - 1, proposal, quantity, row, row, point)


@inner
def match_point(market, book, row, point):
    """All matching at one point of the path: sells, guarded levels, then purchases."""
    if point == 0 and book.account[ARM_COUNT] > 1 and path_decides(market, book, row):
        book.account[PATH_SPLIT_DAYS] += 1
    if book.account[OPEN_COUNT] > 0:
        match_orders(market, book, row, point, SELL)
    if book.account[ARM_COUNT] > 0:
        match_guards(market, book, row, point)
    if book.account[OPEN_COUNT] > 0:
        match_orders(market, book, row, point, BUY)


@inner
def path_decides(market, book, row):
    """Whether some name has a guarded level below and one above the open inside this bar: low or high first matters."""
    for number in range(book.account[ARM_COUNT]):
        arm = book.arms[number]
        col, level = arm[ARM_COL], arm[ARM_LEVEL]
        if arm[ARM_DIRECTION] >= 0 or not market.low[row, col] <= level < market.open[row, col]:
            continue
        for other in range(book.account[ARM_COUNT]):
            twin = book.arms[other]
            above = twin[ARM_COL] == col and twin[ARM_DIRECTION] > 0
            if above and market.open[row, col] < twin[ARM_LEVEL] < market.high[row, col]:
                return True
    return False
