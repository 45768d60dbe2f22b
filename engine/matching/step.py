"""The step of one bar: match → account → plan → risk. Event mode calls it bar by bar, batch mode loops over it.

Both drivers call the functions of this file with the same arrays, so they cannot give different fills.
"""

from __future__ import annotations

from engine.kernel_cache import inline, inner, njit
from engine.matching.account import begin_row, end_row, mark, mark_rows
from engine.matching.arrays import (
    ACCEPTED,
    ARM_COUNT,
    BROKEN,
    CLOSE,
    CURVE_COUNT,
    EVENTFUL,
    FILL_COUNT,
    HELD,
    HIGH,
    LOW,
    NEWS,
    OPEN,
    OPEN_COUNT,
    ORDER_COUNT,
    ORDER_STATUS,
    POINTS,
    PROPOSAL_COUNT,
    STATUS_CANCELLED,
    STATUS_OPEN,
    VOLUME,
    Book,
    Market,
)
from engine.matching.bundle import bundle
from engine.matching.fills import affordable, match_point
from engine.matching.grid import reserve_price
from engine.matching.orders import accept, close_order, first_part, orderable_cash, sweep
from engine.matching.plan import (
    EXIT_INDEX,
    RULE_BEGIN,
    RULE_END,
    Rules,
    arm_guards,
    guard_account,
    plan_entries,
    plan_exits,
)
from engine.matching.program import FLAG, Features
from engine.matching.risk import check, covered, send
from engine.matching.table import row_of, table

DONE, NEEDS_ROOM, BROKE = range(3)


@inner
def trade_bar(market, book, row):
    """match → account for one bar, all four points of its path."""
    if is_quiet(market, book, row):
        mark(market, book, row)
        return
    book.account[NEWS] = 0
    if market.moment[row] & EVENTFUL:
        begin_row(market, book, row)
    if book.account[OPEN_COUNT] > 0 or book.account[ARM_COUNT] > 0:
        for point in range(POINTS):
            match_point(market, book, row, point)
            if nothing_left(book):
                break
    end_row(market, book, row)


@inner
def nothing_left(book):
    """Whether neither an open order nor a guarded level waits for the rest of the bar."""
    if book.account[ARM_COUNT] > 0:
        return False
    for place in range(book.account[OPEN_COUNT]):  # noqa: SIM110  (a kernel)
        if book.orders[book.open[place], ORDER_STATUS] == STATUS_OPEN:
            return False
    return True


@inline
def is_quiet(market, book, row):
    """Whether this bar can only change prices: no open order, no guarded level, nothing that happens to holdings."""
    account = book.account
    waiting = account[OPEN_COUNT] + account[ARM_COUNT] + account[NEWS]
    return (market.moment[row] & EVENTFUL) == 0 and waiting == 0


@inner
def quiet_until(market, book, features, rules, first, last):
    """First bar in [first, last) that can do more than change prices or after which a rule can act, else `last`.

    Called where nothing waits (`is_quiet`). A rule can act where there is a risk rule or a guarded holding, an entry
    candidate, an exit that is due, or an exit whose condition is more than a feature and has to be evaluated.
    """
    account = book.account
    if rules.risks.height > 0 or (account[HELD] > 0 and rules.guards.height > 0):
        return first
    last = first_candidate(market, features, first, last)
    for place in range(account[HELD]):
        col = book.held[place]
        for number in range(rules.exits.height):
            rule = rules.exits[number]
            if book.exits[col, rule[EXIT_INDEX]] > 0:
                return first
            last = first_exit(features, rules, rule, col, first, last)
    return last


@inner
def next_event(market, first, last):
    """First eventful bar in [first, last), else `last`."""
    for row in range(first, last):
        if market.moment[row] & EVENTFUL:
            return row
    return last


@inner
def first_candidate(market, features, first, last):
    """First bar in [first, last) with an event of its own or an entry candidate, else `last`."""
    moment, candidates, first_row = market.moment, features.candidates, features.first_row
    for row in range(first, last):
        if moment[row] & EVENTFUL and row > first:
            return row
        marks = candidates[row - first_row]
        for col in range(marks.size):
            if marks[col] == 1:
                return row
    return last


@inner
def first_exit(features, rules, rule, col, first, last):
    """First bar in [first, last) on which an exit rule may fire for a name held, else `last`."""
    begin = rule[RULE_BEGIN]
    if rule[RULE_END] != begin + 1 or rules.code[begin, 0] != FLAG:
        return first
    flags, slot, names = features.flags, rules.code[begin, 1], features.names
    for row in range(first, last):
        if flags[slot, (row - features.first_row) * names + col] != 0:
            return row
    return last


@inner
def decide(market, book, features, rules, scratch, row, sending):
    """plan for one bar: fills the proposals, sets the limits in force and the guarded levels.

    With `sending` every proposal goes through the risk check and out at once (batch mode); without it they wait.
    """
    book.account[PROPOSAL_COUNT] = 0
    guard_account(market, book, features, rules, row)
    if book.account[HELD] > 0:
        plan_exits(market, book, features, rules, row)
    arm_guards(market, book, rules, row)
    if sending:
        for number in range(book.account[PROPOSAL_COUNT]):
            send(market, book, row, book.proposals[number])
    if rules.entries.height > 0:
        plan_entries(market, book, features, rules, scratch, row, sending)


@inner
def has_room(book):
    """Whether the logs can take everything that one more bar can produce."""
    account = book.account
    most = book.proposals.height + book.arms.height + account[OPEN_COUNT]
    # An order can fill at each of the four points.
    fills = account[FILL_COUNT] + POINTS * most < book.fills.height
    # One row of the curve for this bar, one for the next on which a day loss is reached.
    curve = account[CURVE_COUNT] + 2 <= book.curve.height
    orders = account[ORDER_COUNT] + most < book.orders.height and account[OPEN_COUNT] + most < book.open.size
    return curve and fills and orders


@inner
def run_bars(market, book, features, rules, scratch, first, last):
    """Batch mode: rows [first, last). Returns (status, next row)."""
    row = first
    while row < last:
        if is_quiet(market, book, row):
            until = quiet_until(market, book, features, rules, row, last)
            if until > row:
                row = mark_rows(market, book, row, until)
                continue
        if not has_room(book):
            return NEEDS_ROOM, row
        trade_bar(market, book, row)
        decide(market, book, features, rules, scratch, row, True)
        if book.account[BROKEN] != 0:
            return BROKE, row
        row += 1
    return BROKE if book.account[BROKEN] != 0 else DONE, last


@inner
def view_market(bars, state, base, session, moment, venue, ticks, instruments, actions, config):
    """The market's arrays as views."""
    return Market(
        table(bars[OPEN]),
        table(bars[HIGH]),
        table(bars[LOW]),
        table(bars[CLOSE]),
        table(bars[VOLUME]),
        table(state),
        table(base),
        row_of(session),
        row_of(moment),
        table(venue),
        table(ticks[0]),
        table(ticks[1]),
        table(instruments),
        table(actions),
        row_of(config),
    )


@inner
def view_book(
    positions,
    orders,
    open_orders,
    fills,
    account,
    held,
    day,
    arms,
    exits,
    exit_rules,
    curve,
    marks,
    refusals,
    proposals,
):
    """The book's arrays as views."""
    return Book(
        table(positions),
        table(orders),
        row_of(open_orders),
        table(fills),
        row_of(account),
        row_of(held),
        table(day),
        table(arms),
        table(exits),
        table(exit_rules),
        table(curve),
        row_of(marks),
        row_of(refusals),
        table(proposals),
    )


@inner
def view_rules(code, constants, entries, requires, ranks, exits, guards, sizes, risks):
    """The compiled rules' arrays as views."""
    return Rules(
        table(code),
        row_of(constants),
        table(entries),
        table(requires),
        table(ranks),
        table(exits),
        table(guards),
        table(sizes),
        table(risks),
    )


@njit
def run_block(market, book, rules, features, scratch, first, last):
    """`run_bars` on tuples of arrays: the entry point of batch mode."""
    first_row, candidates, flags, numbers = features
    found, triggers, keys, order = scratch
    return run_bars(
        bundle(view_market(*market)),
        bundle(view_book(*book)),
        bundle(Features(first_row, candidates.shape[1], table(candidates), table(flags), table(numbers))),
        bundle(view_rules(*rules)),
        (row_of(found), row_of(triggers), table(keys), row_of(order)),
        first,
        last,
    )


@njit
def decide_one(market, book, rules, features, scratch, row):
    """`decide` on tuples of arrays. Returns the number of proposals."""
    first_row, candidates, flags, numbers = features
    found, triggers, keys, order = scratch
    seen = bundle(view_book(*book))
    decide(
        bundle(view_market(*market)),
        seen,
        bundle(Features(first_row, candidates.shape[1], table(candidates), table(flags), table(numbers))),
        bundle(view_rules(*rules)),
        (row_of(found), row_of(triggers), table(keys), row_of(order)),
        row,
        False,
    )
    return seen.account[PROPOSAL_COUNT]


@njit
def trade_rows(market, book, first, last):
    """Bars [first, last) without decisions: what event mode calls between two decisions.

    Returns the bar before which the logs need more room, `last` if none does.
    """
    venue, seen = bundle(view_market(*market)), bundle(view_book(*book))
    row = first
    while row < last:
        if is_quiet(venue, seen, row):
            row = mark_rows(venue, seen, row, next_event(venue, row + 1, last))
            continue
        if not has_room(seen):
            return row
        trade_bar(venue, seen, row)
        row += 1
    return last


@njit
def check_one(market, book, row, number):
    """Risk check alone. Returns (code, quantity)."""
    seen = bundle(view_book(*book))
    return check(bundle(view_market(*market)), seen, row, seen.proposals[number])


@njit
def check_plan(market, book, row, verdicts):
    """Risk check of all proposals in turn, each as if those before it had been accepted; nothing is sent.

    `verdicts[i]` gets the code and the quantity allowed for proposal i. The caller passes a book whose account and
    positions are copies: accepting writes to them, and to the unused ends of the logs.
    """
    venue, trial = bundle(view_market(*market)), bundle(view_book(*book))
    for number in range(trial.account[PROPOSAL_COUNT]):
        proposal = trial.proposals[number]
        code, quantity = check(venue, trial, row, proposal)
        verdicts[number, 0], verdicts[number, 1] = code, quantity
        if code == ACCEPTED:
            from_row, from_point = first_part(venue, row, -1)
            accept(venue, trial, row, proposal, quantity, row, from_row, from_point)
        else:
            trial.refusals[code] += 1


@njit
def accept_one(market, book, row, number, quantity, point):
    """Accept proposal `number` with an approved quantity. Returns the order's index, or minus the code of a refusal.

    `row` is the last closed bar; `point` −1 means after its close, 0 to 3 that point of the bar after it.
    """
    venue, seen = bundle(view_market(*market)), bundle(view_book(*book))
    code = covered(venue, seen, row, seen.proposals[number], quantity)
    if code != ACCEPTED:
        return -code
    sent = row if point < 0 else row + 1
    from_row, from_point = first_part(venue, sent, point)
    return accept(venue, seen, row, seen.proposals[number], quantity, sent, from_row, from_point)


@njit
def trade_part(market, book, row, part):
    """One part of a bar, for strategies that act on fills: −1 its beginning, 0 to 3 the points, 4 its end.

    Returns the number of fills so far.
    """
    venue, seen = bundle(view_market(*market)), bundle(view_book(*book))
    if part < 0:
        seen.account[NEWS] = 0
        if venue.moment[row] & EVENTFUL:
            begin_row(venue, seen, row)
    elif part < POINTS:
        match_point(venue, seen, row, part)
    else:
        end_row(venue, seen, row)
    return seen.account[FILL_COUNT]


@njit
def cancel_one(book, index, row):
    """Cancel an open order in bar `row`; returns False if it is no longer open."""
    seen = bundle(view_book(*book))
    if seen.orders[index, ORDER_STATUS] != STATUS_OPEN:
        return False
    close_order(seen, index, row, STATUS_CANCELLED)
    sweep(seen)
    return True


@njit
def buyable_one(market, book, row, col, price):
    """Shares that the orderable cash pays for: at a limit `price`, or as a market order where it is 0."""
    venue, seen = bundle(view_market(*market)), bundle(view_book(*book))
    each = price if price > 0 else reserve_price(venue, row, col)
    return affordable(venue, col, each, orderable_cash(seen.account))
