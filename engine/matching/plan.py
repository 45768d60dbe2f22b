"""From rules to proposals: one decision after the close of one bar.

Order: risk rules, exits, guarded levels, entries (every `require`, any trigger) ranked, sizes. Priority 10 is the most
important; ties go by the order in the file, tickers by code. The tables of `Rules` arrive sorted that way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine.kernel_cache import inline, inner
from engine.matching.account import cancel_buys, lost_too_much, write_curve
from engine.matching.arrays import (
    ACCEPTED,
    ARM_COL,
    ARM_COUNT,
    ARM_DIRECTION,
    ARM_EXIT,
    ARM_LEVEL,
    ARM_RULE,
    BLIND_EXITS,
    BUY,
    BUYS_BLOCKED,
    CONFIG_MAX_DAY_LOSS,
    CONFIG_MAX_POSITIONS,
    CONFIG_MAX_SECTOR,
    CONFIG_MAX_WEIGHT,
    CONFIG_SCALE,
    CURVE_BLOCKED,
    CURVE_COUNT,
    DAY_LOSS_HIT,
    EQUITY,
    HALTED,
    HELD,
    LIMIT,
    LIMIT_DAY_LOSS,
    LIMIT_POSITIONS,
    LIMIT_SECTOR,
    LIMIT_WEIGHT,
    MARKET,
    NEWS,
    POSITION_COST,
    POSITION_PEAK,
    POSITION_PENDING_BUY,
    POSITION_PENDING_SELL,
    POSITION_QUANTITY,
    PPB,
    PROPOSAL_BLOCK,
    PROPOSAL_COL,
    PROPOSAL_COUNT,
    PROPOSAL_KIND,
    PROPOSAL_PRICE,
    PROPOSAL_QUANTITY,
    PROPOSAL_RELATIVE,
    PROPOSAL_RULE,
    PROPOSAL_RULES_LOW,
    PROPOSAL_SIDE,
    PROPOSAL_WEIGHT_CAP,
    REFUSED_BLOCKED,
    REFUSED_POSITIONS,
    REFUSED_STREAK,
    REFUSED_UNKNOWN_RISK,
    SELL,
)
from engine.matching.costs import part
from engine.matching.fills import target
from engine.matching.grid import grid_down, grid_up, mark_price, next_day
from engine.matching.program import CONSTANT, FLAG, evaluate
from engine.matching.risk import blocked, paused, send, slots_taken
from engine.matching.table import clear

# Every table starts with the rule's index and its piece of code [begin, end).
RULE_INDEX, RULE_BEGIN, RULE_END = 0, 1, 2
ENTRY_KIND, ENTRY_RATIO, ENTRY_MONEY, ENTRY_PRICE_BEGIN, ENTRY_PRICE_END, ENTRY_RELATIVE, ENTRY_ADD = range(3, 10)
ENTRY_FIELDS = 10
REQUIRE_FIELDS = 3
RANK_ASCENDING = 3
RANK_KEY_BEGIN, RANK_KEY_END = 4, 5
RANK_FIELDS = 6
EXIT_INDEX, EXIT_FRACTION = 3, 4
EXIT_FIELDS = 5
GUARD_EXIT, GUARD_OF_PEAK, GUARD_DIRECTION, GUARD_STRICT, GUARD_RATIO = range(3, 8)
GUARD_FIELDS = 8
SIZE_METHOD, SIZE_RATIO, SIZE_SLOT, SIZE_STOP = range(3, 7)
SIZE_FIELDS = 7
SIZE_FIXED, SIZE_VOLATILITY, SIZE_RISK = range(3)
RISK_KIND, RISK_VALUE, RISK_PER_NAME = range(3, 6)
RISK_FIELDS = 6
MOST_WON = 1e15  # of a price that a rule computes
ROUNDING = 1e-9  # relative; a computed price this close to a whole number is that number
RISK_BLOCK, RISK_HALT, RISK_WEIGHT, RISK_POSITIONS, RISK_SECTOR, RISK_DAY_LOSS = range(6)


class Rules(NamedTuple):
    """A compiled rule set; every table is int64 and sorted by priority, then by the order in the file. Inside the step
    these are views of `engine.matching.table`."""

    code: Any  # [instructions, 2]
    constants: Any  # [constants] float64
    entries: Any  # [n, ENTRY_FIELDS]
    requires: Any  # [n, REQUIRE_FIELDS]
    ranks: Any  # [n, RANK_FIELDS]
    exits: Any  # [n, EXIT_FIELDS] evaluated on the finished bar
    guards: Any  # [n, GUARD_FIELDS] guarded levels inside the bar
    sizes: Any  # [n, SIZE_FIELDS]
    risks: Any  # [n, RISK_FIELDS]


@inline
def truth(market, book, features, rules, rule, row, col):
    """1.0, 0.0 or NaN (unknown) for a rule's condition; a feature or a constant alone needs no interpreter."""
    begin, end = rule[RULE_BEGIN], rule[RULE_END]
    if end == begin + 1:
        argument = rules.code[begin, 1]
        if rules.code[begin, 0] == FLAG:
            value = features.flags[argument, (row - features.first_row) * features.names + max(col, 0)]
            return np.nan if value < 0 else float(value)
        if rules.code[begin, 0] == CONSTANT:
            return rules.constants[argument]
    return evaluate(market, book, features, rules.code, rules.constants, begin, end, row, col)


@inner
def reset_limits(market, account):
    """The configuration's hard limits, before any rule tightens them."""
    config = market.config
    account[LIMIT_POSITIONS] = config[CONFIG_MAX_POSITIONS]
    account[LIMIT_WEIGHT] = config[CONFIG_MAX_WEIGHT]
    account[LIMIT_SECTOR] = config[CONFIG_MAX_SECTOR]
    account[LIMIT_DAY_LOSS] = config[CONFIG_MAX_DAY_LOSS]
    account[BUYS_BLOCKED] = 0


@inner
def guard_account(market, book, features, rules, row):
    """Risk rules of the whole portfolio: tighten limits, block purchases, halt. Unknown blocks purchases."""
    account = book.account
    reset_limits(market, account)
    if paused(market, account, row):
        account[BUYS_BLOCKED] = REFUSED_STREAK
    for number in range(rules.risks.height):
        rule = rules.risks[number]
        if rule[RISK_PER_NAME] == 1:
            continue
        value = truth(market, book, features, rules, rule, row, -1)
        if np.isnan(value):
            account[BUYS_BLOCKED] = REFUSED_UNKNOWN_RISK
        elif value == 1.0:
            tighten(account, rule[RISK_KIND], rule[RISK_VALUE])
    if lost_too_much(account, account[LIMIT_DAY_LOSS]):
        account[DAY_LOSS_HIT] = 1
    if account[DAY_LOSS_HIT] == 1 or account[HALTED] == 1:
        cancel_buys(book, row)
    if account[DAY_LOSS_HIT] == 1 or account[HALTED] == 1 or account[BUYS_BLOCKED] != 0:
        write_curve(book, row)
        book.curve[account[CURVE_COUNT] - 1, CURVE_BLOCKED] = 1  # the bar after which nothing may be bought shows it
        account[NEWS] = 1


@inner
def tighten(account, kind, value):
    """Apply one risk rule that holds; the smallest limit wins."""
    if kind == RISK_BLOCK:
        account[BUYS_BLOCKED] = REFUSED_BLOCKED
    elif kind == RISK_HALT:
        account[HALTED] = 1
    elif kind == RISK_WEIGHT:
        account[LIMIT_WEIGHT] = min(account[LIMIT_WEIGHT], value)
    elif kind == RISK_POSITIONS:
        account[LIMIT_POSITIONS] = min(account[LIMIT_POSITIONS], value)
    elif kind == RISK_SECTOR:
        account[LIMIT_SECTOR] = min(account[LIMIT_SECTOR], value)
    elif kind == RISK_DAY_LOSS:
        known = account[LIMIT_DAY_LOSS]
        account[LIMIT_DAY_LOSS] = value if known == 0 else min(known, value)


@inner
def add_bit(target, low, rule):
    """Set the bit of a rule in the two mask words that start at column `low`."""
    if rule < 63:
        target[low] |= 1 << rule
    else:
        target[low + 1] |= 1 << (rule - 63)


@inner
def plan_exits(market, book, features, rules, row):
    """At most one sell per name held: the largest quantity that its exit rules ask for."""
    account = book.account
    for place in range(account[HELD]):
        col = book.held[place]
        position = book.positions[col]
        held = position[POSITION_QUANTITY]
        for number in range(rules.exits.height):
            rule = rules.exits[number]
            if book.exits[col, rule[EXIT_INDEX]] != 0:
                continue
            value = truth(market, book, features, rules, rule, row, col)
            if np.isnan(value):
                account[BLIND_EXITS] += 1
            elif value == 1.0:
                # The target is fixed when the rule first fires: the share of the holding, rounded up.
                book.exits[col, rule[EXIT_INDEX]] = target(held, rule[EXIT_FRACTION])
        ask_for_rest(book, col, held - position[POSITION_PENDING_SELL])


@inner
def ask_for_rest(book, col, free):
    """Propose what exit targets still miss, guarded ones included; a sell that fired is sent again until it is done."""
    most = 0
    for exit_index in range(book.exit_rules.height):
        most = max(most, book.exits[col, exit_index])
    quantity = min(most, free)
    if quantity <= 0:
        return
    proposal = next_proposal(book)
    proposal[PROPOSAL_COL] = col
    proposal[PROPOSAL_SIDE] = SELL
    proposal[PROPOSAL_KIND] = MARKET
    proposal[PROPOSAL_QUANTITY] = quantity
    proposal[PROPOSAL_RULE] = -1
    for exit_index in range(book.exit_rules.height):
        if book.exits[col, exit_index] > 0:
            rule = book.exit_rules[exit_index, 0]
            add_bit(proposal, PROPOSAL_RULES_LOW, rule)
            if proposal[PROPOSAL_RULE] < 0:
                proposal[PROPOSAL_RULE] = rule


@inner
def next_proposal(book):
    """A cleared row at the end of the proposals."""
    proposal = book.proposals[book.account[PROPOSAL_COUNT]]
    book.account[PROPOSAL_COUNT] += 1
    clear(proposal)
    return proposal


@inner
def arm_guards(market, book, rules, row):
    """Fix the guarded price levels of every name held until the next decision."""
    account = book.account
    account[ARM_COUNT] = 0
    if rules.guards.height == 0:
        return
    for place in range(account[HELD]):
        col = book.held[place]
        position = book.positions[col]
        for number in range(rules.guards.height):
            rule = rules.guards[number]
            level = guard_level(market, row, col, position, rule)
            if book.exits[col, rule[GUARD_EXIT]] != 0 or level <= 0:
                continue
            arm = book.arms[account[ARM_COUNT]]
            arm[ARM_COL] = col
            arm[ARM_LEVEL] = level
            arm[ARM_DIRECTION] = rule[GUARD_DIRECTION]
            arm[ARM_EXIT] = rule[GUARD_EXIT]
            arm[ARM_RULE] = rule[RULE_INDEX]
            account[ARM_COUNT] += 1


@inner
def guard_level(market, row, col, position, rule):
    """First price on the grid at which the guarded condition holds: highest for a fall, lowest for a rise.

    Not positive where no price can meet the condition, such as 7 % below a share that cost 1 won.
    """
    whole, shares = position[POSITION_COST], position[POSITION_QUANTITY]
    if rule[GUARD_OF_PEAK] == 1:
        whole, shares = position[POSITION_PEAK], 1
    factor = PPB + rule[GUARD_RATIO]
    value = part(whole, factor)
    exact = (whole % PPB) * (factor % PPB) % PPB == 0
    if rule[GUARD_DIRECTION] < 0:
        level = value // shares
        if rule[GUARD_STRICT] == 1 and exact and level * shares == value:
            level -= 1
        return grid_down(market, next_day(market, row), col, level)
    if not exact:
        value += 1
    level = -(-value // shares)
    if rule[GUARD_STRICT] == 1 and exact and level * shares == value:
        level += 1
    return grid_up(market, next_day(market, row), col, level)


@inline
def fires(market, book, features, rules, row, col):
    """Index of the first entry trigger that holds for this name if every requirement holds too, else −1."""
    for number in range(rules.requires.height):
        if truth(market, book, features, rules, rules.requires[number], row, col) != 1.0:
            return -1
    position = book.positions[col]
    busy = position[POSITION_QUANTITY] > 0 or position[POSITION_PENDING_BUY] > 0
    for number in range(rules.entries.height):
        rule = rules.entries[number]
        if busy and rule[ENTRY_ADD] == 0:
            continue
        if truth(market, book, features, rules, rule, row, col) == 1.0:
            return number
    return -1


@inner
def selling(book, col):
    """Whether this decision already sells the name."""
    for number in range(book.account[PROPOSAL_COUNT]):
        if book.proposals[number, PROPOSAL_COL] == col and book.proposals[number, PROPOSAL_SIDE] == SELL:
            return True
    return False


@inner
def plan_entries(market, book, features, rules, scratch, row, sending):
    """Candidates of this bar in the order of their rank, each with its first trigger's action.

    With `sending` each is checked and sent before the next is looked at, which ends the search once nobody may buy;
    without it all are proposed, for a risk check that sees the whole plan. The orders are the same.
    """
    account = book.account
    found, triggers, keys, order = scratch
    count = find_candidates(market, book, features, rules, scratch, row)
    for start in range(count // 2 - 1, -1, -1):
        sift(rules, triggers, keys, order, start, count)
    while count > 0:
        verdict = nobody_may_buy(account, rules)
        if verdict != ACCEPTED:
            book.refusals[verdict] += count
            return
        index = order[0]
        count -= 1
        order[0] = order[count]
        sift(rules, triggers, keys, order, 0, count)
        propose_buy(market, book, features, rules, row, found[index], triggers[index])
        if sending:
            send(market, book, row, book.proposals[account[PROPOSAL_COUNT] - 1])


@inner
def find_candidates(market, book, features, rules, scratch, row):
    """Names whose entry fires and that this decision does not sell, with their rank keys. Returns how many."""
    found, triggers, keys, order = scratch
    count = 0
    sells = book.account[PROPOSAL_COUNT]
    ranked = nobody_may_buy(book.account, rules) == ACCEPTED
    marks = features.candidates[row - features.first_row]
    for col in range(marks.size):
        if marks[col] != 1:
            continue
        trigger = fires(market, book, features, rules, row, col)
        if trigger < 0:
            continue
        if sells > 0 and book.positions[col, POSITION_QUANTITY] > 0 and selling(book, col):
            continue
        found[count] = col
        triggers[count] = trigger
        order[count] = count
        if ranked:
            for number in range(rules.ranks.height):
                keys[count, number] = rank_key(market, book, features, rules, rules.ranks[number], row, col)
        count += 1
    return count


@inline
def nobody_may_buy(account, rules):
    """The code with which the risk check would refuse every purchase from now on, ACCEPTED where it might not.

    Then nothing is sized or ranked any more: in a full portfolio that is nine tenths of the work.
    """
    verdict = blocked(account)
    if verdict != ACCEPTED:
        return verdict
    for number in range(rules.entries.height):
        if rules.entries[number, ENTRY_ADD] == 1:
            return ACCEPTED
    return REFUSED_POSITIONS if slots_taken(account) else ACCEPTED


@inner
def rank_key(market, book, features, rules, rule, row, col):
    """A key whose larger values come first; unknown, or a rank rule whose condition does not hold, comes last."""
    if truth(market, book, features, rules, rule, row, col) != 1.0:
        return -np.inf
    begin, end = rule[RANK_KEY_BEGIN], rule[RANK_KEY_END]
    value = evaluate(market, book, features, rules.code, rules.constants, begin, end, row, col)
    if np.isnan(value):
        return -np.inf
    return -value if rule[RANK_ASCENDING] == 1 else value


@inline
def before(rules, triggers, keys, first, second):
    """Whether candidate `first` ranks before `second`: rank keys, the trigger's place among the rules (priority, then
    the order in the file), then ticker code."""
    for number in range(rules.ranks.height):
        if keys[first, number] != keys[second, number]:
            return keys[first, number] > keys[second, number]
    if triggers[first] != triggers[second]:
        return triggers[first] < triggers[second]
    return first < second  # candidates are found in the order of their codes


@inner
def sift(rules, triggers, keys, order, root, end):
    """Restore the heap order[:end], whose root ranks first, by letting order[root] sink."""
    while True:
        child = 2 * root + 1
        if child >= end:
            return
        if child + 1 < end and before(rules, triggers, keys, order[child + 1], order[child]):
            child += 1
        if not before(rules, triggers, keys, order[child], order[root]):
            return
        order[root], order[child] = order[child], order[root]
        root = child


@inner
def propose_buy(market, book, features, rules, row, col, trigger):
    """The purchase that a trigger asks for, with the caps that rules give this name."""
    rule = rules.entries[trigger]
    proposal = next_proposal(book)
    proposal[PROPOSAL_COL] = col
    proposal[PROPOSAL_SIDE] = BUY
    proposal[PROPOSAL_KIND] = rule[ENTRY_KIND]
    proposal[PROPOSAL_RELATIVE] = rule[ENTRY_RELATIVE]
    proposal[PROPOSAL_RULE] = rule[RULE_INDEX]
    add_bit(proposal, PROPOSAL_RULES_LOW, rule[RULE_INDEX])
    for number in range(trigger + 1, rules.entries.height):
        other = rules.entries[number]
        if truth(market, book, features, rules, other, row, col) == 1.0:
            add_bit(proposal, PROPOSAL_RULES_LOW, other[RULE_INDEX])
    proposal[PROPOSAL_QUANTITY] = wanted_shares(market, book, features, rules, rule, row, col)
    if rule[ENTRY_PRICE_END] > rule[ENTRY_PRICE_BEGIN]:
        order_price(market, book, features, rules, proposal, rule, row, col)
    proposal[PROPOSAL_WEIGHT_CAP] = PPB
    cap_name(market, book, features, rules, proposal, row, col)


@inner
def cap_name(market, book, features, rules, proposal, row, col):
    """Risk rules that look at one name: block it or cap its weight. Unknown blocks it."""
    for number in range(rules.risks.height):
        rule = rules.risks[number]
        if rule[RISK_PER_NAME] == 0:
            continue
        value = truth(market, book, features, rules, rule, row, col)
        if np.isnan(value):
            proposal[PROPOSAL_BLOCK] = REFUSED_UNKNOWN_RISK
        elif value == 1.0:
            if rule[RISK_KIND] == RISK_WEIGHT:
                proposal[PROPOSAL_WEIGHT_CAP] = min(proposal[PROPOSAL_WEIGHT_CAP], rule[RISK_VALUE])
            else:
                proposal[PROPOSAL_BLOCK] = REFUSED_BLOCKED


@inner
def wanted_shares(market, book, features, rules, rule, row, col):
    """Shares before any limit: the first `size` rule that holds, else the trigger's own size."""
    equity = book.account[EQUITY]
    price = mark_price(market, row, col)
    if price <= 0 or equity <= 0:
        return 0
    for number in range(rules.sizes.height):
        size = rules.sizes[number]
        if truth(market, book, features, rules, size, row, col) != 1.0:
            continue
        if size[SIZE_METHOD] == SIZE_FIXED:
            return part(equity, size[SIZE_RATIO]) // price
        if size[SIZE_METHOD] == SIZE_VOLATILITY:
            spread = features.numbers[size[SIZE_SLOT], (row - features.first_row) * features.names + col]
            if np.isnan(spread) or spread <= 0.0:
                return 0
            weight = min(size[SIZE_RATIO] / PPB / spread, 1.0)
        else:
            weight = min(size[SIZE_RATIO] / size[SIZE_STOP], 1.0)
        return part(equity, int(weight * PPB)) // price
    if rule[ENTRY_MONEY] > 0:
        return rule[ENTRY_MONEY] // price
    return part(equity, rule[ENTRY_RATIO]) // price


@inner
def order_price(market, book, features, rules, proposal, rule, row, col):
    """Write limit or stop level into the proposal: a stop goes up to the grid, a limit down to it.

    Where the price is unknown it is 0, which the risk check refuses. With an opening price to come it is an offset.
    """
    begin, end = rule[ENTRY_PRICE_BEGIN], rule[ENTRY_PRICE_END]
    won = evaluate(market, book, features, rules.code, rules.constants, begin, end, row, col)
    if np.isnan(won) or abs(won) > MOST_WON:
        proposal[PROPOSAL_RELATIVE] = 0
        return
    units = won * market.config[CONFIG_SCALE]
    nearest = np.rint(units)
    if abs(units - nearest) <= ROUNDING * max(abs(units), 1.0):
        units = nearest  # 0.57 × 10,000 won is 5,699.999999999999 in binary and means 5,700
    limit = rule[ENTRY_KIND] == LIMIT
    price = int(np.floor(units)) if limit else int(np.ceil(units))
    if rule[ENTRY_RELATIVE] == 0:
        day, price = next_day(market, row), max(price, 0)
        price = grid_down(market, day, col, price) if limit else grid_up(market, day, col, price)
    proposal[PROPOSAL_PRICE] = price
