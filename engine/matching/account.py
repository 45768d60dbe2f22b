"""The account at both ends of a bar: settlement and corporate actions before, marks, expiry and the curve after."""

from __future__ import annotations

from engine.kernel_cache import inline, inner
from engine.matching.arrays import (
    ACTION_CASH,
    ACTION_COL,
    ACTION_CURSOR,
    ACTION_DENOMINATOR,
    ACTION_DISTRIBUTION,
    ACTION_ENTITLEMENT,
    ACTION_KIND,
    ACTION_NUMERATOR,
    ACTION_RATIO,
    ACTION_ROW,
    ACTION_SLOT,
    ARM_COL,
    ARM_COUNT,
    ARM_DIRECTION,
    ARM_LEVEL,
    BROKEN,
    BUY,
    CASH,
    CONFIG_HAIRCUT,
    CONFIG_MAX_DAY_LOSS,
    CURVE_BLOCKED,
    CURVE_CASH,
    CURVE_COUNT,
    CURVE_DIVIDEND_TAX,
    CURVE_DIVIDENDS,
    CURVE_FEES,
    CURVE_HELD,
    CURVE_INCOME,
    CURVE_ORDERABLE,
    CURVE_ORDERS,
    CURVE_PAYABLE,
    CURVE_REALISED,
    CURVE_RECEIVABLE,
    CURVE_ROW,
    CURVE_RURAL,
    CURVE_TAXES,
    DAY_LOSS_HIT,
    DAY_START_EQUITY,
    DELISTING,
    DEPOSITS,
    DIVIDEND_TAX,
    DIVIDENDS,
    DUE_IN,
    DUE_OUT,
    EQUITY,
    FEES,
    FIRST_OF_MONTH,
    FIRST_OF_SESSION,
    FRACTION_CASH,
    HALTED,
    HALTED_BARS,
    HELD,
    HOLDINGS_COST,
    HOLDINGS_VALUE,
    INCOME,
    INSTRUMENT_DELISTED,
    INSTRUMENT_LAST,
    LAST_OF_SESSION,
    MONTH_START_EQUITY,
    MOST_MONEY,
    NEVER,
    OPEN_COUNT,
    ORDER_COL,
    ORDER_COUNT,
    ORDER_EACH,
    ORDER_FILLED,
    ORDER_FROM_ROW,
    ORDER_KIND,
    ORDER_MARK,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_RELATIVE,
    ORDER_SIDE,
    PAYABLE,
    PEAK_EQUITY,
    PENDING_VALUE,
    POSITION_BUY_FEES,
    POSITION_COST,
    POSITION_FIELDS,
    POSITION_NET,
    POSITION_PEAK,
    POSITION_PENDING_BUY,
    POSITION_PENDING_SELL,
    POSITION_PENDING_VALUE,
    POSITION_QUANTITY,
    PPB,
    PROPOSAL_COL,
    PROPOSAL_KIND,
    PROPOSAL_PRICE,
    PROPOSAL_QUANTITY,
    PROPOSAL_RULE,
    PROPOSAL_SIDE,
    REALISED,
    RECEIVABLE,
    RURAL_TAXES,
    SELL,
    STATUS_CANCELLED,
    STATUS_EXPIRED,
    STOP,
    STREAK_ROW,
    TAXES,
    TRADED,
)
from engine.matching.costs import dividend_tax, part, share_of
from engine.matching.fills import apply_fill, close_position
from engine.matching.grid import grid_down, grid_up, mark_price, today
from engine.matching.orders import accept, close_order, orderable_cash, spare_proposal, sweep
from engine.matching.table import clear


@inner
def begin_row(market, book, row):
    """Before the first trade of a bar: settlement, a new session's counters, corporate actions, delistings."""
    account = book.account
    if market.moment[row] & FIRST_OF_SESSION:
        settle(account, market.session[row] % 3)
        for place in range(book.day.height):
            clear(book.day[place])
        account[DAY_START_EQUITY] = account[EQUITY]
        account[DAY_LOSS_HIT] = 0
        if market.moment[row] & FIRST_OF_MONTH:
            account[MONTH_START_EQUITY] = account[EQUITY]
    while account[ACTION_CURSOR] < market.actions.height and market.actions[account[ACTION_CURSOR], ACTION_ROW] <= row:
        action = market.actions[account[ACTION_CURSOR]]
        account[ACTION_CURSOR] += 1
        if action[ACTION_ROW] < row:
            continue
        if action[ACTION_KIND] == ACTION_RATIO:
            restate(market, book, row, action)
        elif action[ACTION_KIND] == ACTION_DISTRIBUTION:
            distribute(book, action)
        elif action[ACTION_KIND] == ACTION_ENTITLEMENT:
            entitle(book, action)
        else:
            pay_dividend(market, book, action)
    place = account[HELD] - 1
    while place >= 0:
        col = book.held[place]
        if market.instruments[col, INSTRUMENT_DELISTED] == 1 and market.instruments[col, INSTRUMENT_LAST] < row:
            write_off(market, book, row, col)
        place -= 1


@inner
def settle(account, slot):
    """Move what was due at this session into the settled deposit."""
    account[CASH] += account[DUE_IN + slot] - account[DUE_OUT + slot]
    account[RECEIVABLE] -= account[DUE_IN + slot]
    account[PAYABLE] -= account[DUE_OUT + slot]
    account[DUE_IN + slot] = 0
    account[DUE_OUT + slot] = 0


@inner
def restate(market, book, row, action):
    """A split, bonus issue, reverse split or capital reduction: shares, open orders, guarded levels, targets.

    Bound: shares × numerator and price × denominator stay below 9.2e18.
    """
    col, numerator, denominator = action[ACTION_COL], action[ACTION_NUMERATOR], action[ACTION_DENOMINATOR]
    account, position = book.account, book.positions[col]
    restate_orders(market, book, row, col, numerator, denominator)
    for number in range(account[ARM_COUNT]):
        arm = book.arms[number]
        if arm[ARM_COL] == col:
            level = arm[ARM_LEVEL] * denominator
            day = today(market, row)
            if arm[ARM_DIRECTION] < 0:
                arm[ARM_LEVEL] = grid_down(market, day, col, level // numerator)
            else:
                arm[ARM_LEVEL] = grid_up(market, day, col, -(-level // numerator))
    held = position[POSITION_QUANTITY]
    if held == 0:
        return
    total = held * numerator
    kept, fraction = total // denominator, total % denominator
    price = market.base[row, col]
    if price == 0:  # nothing later than the last close is known before the opening auction
        price = market.close[row - 1, col] * denominator // numerator
    paid = share_of(price, fraction, denominator)
    cost = share_of(position[POSITION_COST], fraction, total)
    position[POSITION_QUANTITY] = kept
    position[POSITION_COST] -= cost
    position[POSITION_PEAK] = position[POSITION_PEAK] * denominator // numerator
    position[POSITION_NET] += paid - cost
    account[HOLDINGS_COST] -= cost
    account[REALISED] += paid - cost
    account[FRACTION_CASH] += paid
    account[CASH] += paid
    for exit_index in range(book.exits.width):
        left = book.exits[col, exit_index]
        if left > 0:
            left = min(left * numerator // denominator, kept)
            done = 0 if book.exit_rules[exit_index, 1] == PPB else -1
            book.exits[col, exit_index] = left if left > 0 else done
    if kept == 0:
        # All shares became a fraction, so all of the cost has left already; the purchase fees leave with it.
        position[POSITION_NET] -= position[POSITION_BUY_FEES]
        position[POSITION_BUY_FEES] = 0
        close_position(book, row, col)


@inner
def restate_orders(market, book, row, col, numerator, denominator):
    """A plan carried overnight is restated by the ratio before it trades."""
    account, position = book.account, book.positions[col]
    for place in range(account[OPEN_COUNT]):
        index = book.open[place]
        order = book.orders[index]
        if order[ORDER_COL] != col:
            continue
        remaining = order[ORDER_QUANTITY] - order[ORDER_FILLED]
        restated = remaining * numerator // denominator
        if restated == 0:
            close_order(book, index, row, STATUS_CANCELLED)
            continue
        more = restated - remaining
        order[ORDER_QUANTITY] += more
        if order[ORDER_SIDE] == BUY:
            order[ORDER_EACH] = order[ORDER_EACH] * remaining // restated
            mark = order[ORDER_MARK] * remaining // restated
            value = mark * restated - order[ORDER_MARK] * remaining
            order[ORDER_MARK] = mark
            position[POSITION_PENDING_VALUE] += value
            account[PENDING_VALUE] += value
            position[POSITION_PENDING_BUY] += more
        else:
            position[POSITION_PENDING_SELL] += more
        restate_price(market, row, order, numerator, denominator)
    sweep(book)


@inner
def restate_price(market, row, order, numerator, denominator):
    """The new price of an order, on the grid: buy stops and sell limits rounded up, the others down."""
    price = order[ORDER_PRICE] * denominator
    if order[ORDER_RELATIVE] == 1:
        order[ORDER_PRICE] = price // numerator  # an offset from an opening price, of either sign
    elif price > 0:
        day, col = today(market, row), order[ORDER_COL]
        if (order[ORDER_KIND] == STOP) == (order[ORDER_SIDE] == BUY):
            price = grid_up(market, day, col, -(-price // numerator))
        else:
            price = grid_down(market, day, col, price // numerator)
        order[ORDER_PRICE] = max(price, 1)


@inner
def distribute(book, action):
    """A cash distribution of an ETF or ETN: the quantity stays."""
    account = book.account
    paid = book.positions[action[ACTION_COL], POSITION_QUANTITY] * action[ACTION_CASH]
    account[CASH] += paid
    account[REALISED] += paid
    account[INCOME] += paid
    book.positions[action[ACTION_COL], POSITION_NET] += paid


@inner
def entitle(book, action):
    """The ex-date of a dividend: whoever holds the shares before the first trade is owed it, sold since or not."""
    position = book.positions[action[ACTION_COL]]
    position[POSITION_FIELDS + action[ACTION_SLOT]] = position[POSITION_QUANTITY] * action[ACTION_CASH]


@inner
def pay_dividend(market, book, action):
    """The day of payment: what is owed comes in after tax. What was bought since the ex-date has no part in it."""
    account, position = book.account, book.positions[action[ACTION_COL]]
    slot = POSITION_FIELDS + action[ACTION_SLOT]
    tax = dividend_tax(market, action, position[slot])
    paid = position[slot] - tax
    position[slot] = 0
    account[CASH] += paid
    account[REALISED] += paid
    account[DIVIDENDS] += paid
    account[DIVIDEND_TAX] += tax
    if position[POSITION_QUANTITY] > 0:
        position[POSITION_NET] += paid


@inner
def write_off(market, book, row, col):
    """Close the position of a delisted name at its last price less the configured haircut."""
    proposal = spare_proposal(book)
    price = part(mark_price(market, row, col), PPB - market.config[CONFIG_HAIRCUT])
    proposal[PROPOSAL_COL] = col
    proposal[PROPOSAL_SIDE] = SELL
    proposal[PROPOSAL_KIND] = DELISTING
    proposal[PROPOSAL_PRICE] = price
    proposal[PROPOSAL_RULE] = -1
    quantity = book.positions[col, POSITION_QUANTITY]
    proposal[PROPOSAL_QUANTITY] = quantity
    index = accept(market, book, row - 1, proposal, quantity, row, row, 0)
    apply_fill(market, book, row, 0, index, price, quantity, 0)


@inner
def end_row(market, book, row):
    """After the last trade of a bar: expire day orders, mark to market, test the cash identity, write the curve."""
    account = book.account
    if account[OPEN_COUNT] > 0:
        if market.moment[row] & LAST_OF_SESSION:
            for place in range(account[OPEN_COUNT]):
                index = book.open[place]
                order = book.orders[index]
                if order[ORDER_FROM_ROW] <= row and order[ORDER_FILLED] < order[ORDER_QUANTITY]:
                    close_order(book, index, row, STATUS_EXPIRED)
        sweep(book)
        if account[STREAK_ROW] == row:
            cancel_buys(book, row)  # of what is still open: an order that has just expired has given back what it held
    mark(market, book, row)
    check_identity(account)
    write_curve(book, row)


@inner
def mark(market, book, row):
    """Value holdings at the close of one bar."""
    mark_rows(market, book, row, row + 1)


@inner
def mark_rows(market, book, first, last):
    """Value holdings at the closes of bars [first, last) between which nothing else happens: equity, peaks, day loss.

    Returns the bar after the last one marked: the bar on which the day loss is reached ends the run, because it
    cancels orders.
    """
    account, marks = book.account, book.marks
    cash = account[CASH] + account[RECEIVABLE] - account[PAYABLE]
    for row in range(first, last):
        marks[row] = cash
    for place in range(account[HELD]):
        add_values(market, book, first, last, book.held[place])
    floor = day_loss_floor(market, account)
    equity, peak = account[EQUITY], account[PEAK_EQUITY]
    row = first
    while row < last:
        equity = marks[row]
        peak = max(peak, equity)
        row += 1
        if equity <= floor:
            break
    account[EQUITY] = equity
    account[PEAK_EQUITY] = peak
    account[HOLDINGS_VALUE] = equity - cash
    for place in range(account[HELD]):
        note_prices(market, book, first, row, book.held[place])
    if equity <= floor:
        account[DAY_LOSS_HIT] = 1
        cancel_buys(book, row - 1)
        write_curve(book, row - 1)
    return row


@inner
def add_values(market, book, first, last, col):
    """Add the value of one holding to the marks of bars [first, last)."""
    closes, marks, ended = market.close, book.marks, market.instruments[col, INSTRUMENT_LAST]
    quantity = book.positions[col, POSITION_QUANTITY]
    for row in range(first, last):
        marks[row] += closes[min(row, ended), col] * quantity


@inner
def note_prices(market, book, first, last, col):
    """Highest close of one holding in bars [first, last), and on how many of them it did not trade."""
    account, position = book.account, book.positions[col]
    closes, states, ended = market.close, market.state, market.instruments[col, INSTRUMENT_LAST]
    highest = halted = 0
    for row in range(first, last):
        highest = max(highest, closes[min(row, ended), col])
        halted += (states[row, col] & TRADED) == 0
    account[HALTED_BARS] += halted
    position[POSITION_PEAK] = max(position[POSITION_PEAK], highest)
    if 1.0 * highest * position[POSITION_QUANTITY] > MOST_MONEY:  # in floats, which do not overflow
        account[BROKEN] = 2


@inner
def check_identity(account):
    """cash + receivable − payable + cost of holdings = deposits + realised − fees − taxes, to the won."""
    have = account[CASH] + account[RECEIVABLE] - account[PAYABLE] + account[HOLDINGS_COST]
    made = account[DEPOSITS] + account[REALISED] - account[FEES] - account[TAXES] - account[RURAL_TAXES]
    if have != made:
        account[BROKEN] = 1


@inner
def write_curve(book, row):
    """The account after a bar on which it may have changed, as the last row of the curve."""
    account = book.account
    place = account[CURVE_COUNT] - 1
    if place < 0 or book.curve[place, CURVE_ROW] != row:
        place += 1
        account[CURVE_COUNT] += 1
    curve = book.curve[place]
    curve[CURVE_ROW] = row
    curve[CURVE_CASH] = account[CASH] + account[RECEIVABLE] - account[PAYABLE]
    curve[CURVE_HELD] = account[HELD]
    curve[CURVE_ORDERABLE] = orderable_cash(account)
    curve[CURVE_RECEIVABLE] = account[RECEIVABLE]
    curve[CURVE_PAYABLE] = account[PAYABLE]
    curve[CURVE_FEES] = account[FEES]
    curve[CURVE_TAXES] = account[TAXES]
    curve[CURVE_RURAL] = account[RURAL_TAXES]
    curve[CURVE_REALISED] = account[REALISED]
    curve[CURVE_BLOCKED] = 1 if account[DAY_LOSS_HIT] == 1 or account[HALTED] == 1 else 0
    curve[CURVE_ORDERS] = account[ORDER_COUNT]
    curve[CURVE_INCOME] = account[INCOME]
    curve[CURVE_DIVIDENDS] = account[DIVIDENDS]
    curve[CURVE_DIVIDEND_TAX] = account[DIVIDEND_TAX]


@inner
def cancel_buys(book, row):
    """Cancel every open purchase."""
    for place in range(book.account[OPEN_COUNT]):
        index = book.open[place]
        if book.orders[index, ORDER_SIDE] == BUY:
            close_order(book, index, row, STATUS_CANCELLED)
    sweep(book)


@inner
def smallest_loss(start, limit):
    """Least loss that is `limit` (parts per billion, 0 = none) of `start` or more."""
    if limit == 0 or start <= 0:
        return NEVER
    floor = part(start, limit)
    return floor if start % PPB * limit % PPB == 0 else floor + 1


@inline
def lost_too_much(account, limit):
    """Whether the loss since yesterday's close is at least `limit` (parts per billion, 0 = none), in integers."""
    start = account[DAY_START_EQUITY]
    return limit > 0 and start - account[EQUITY] >= smallest_loss(start, limit)


@inline
def day_loss_floor(market, account):
    """Equity at or below which the configured day loss is reached, below all equity where it cannot be any more."""
    if account[DAY_LOSS_HIT] == 1:
        return -NEVER
    start = account[DAY_START_EQUITY]
    return start - smallest_loss(start, market.config[CONFIG_MAX_DAY_LOSS])
