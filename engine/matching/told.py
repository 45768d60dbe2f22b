"""Entry points for an account at a real venue: what the venue told is booked as it was told.

Nothing is matched and nothing is refused here. Costs, cash, holdings, reservations and the state of exit rules follow
from the same functions that book a replayed fill.
"""

from __future__ import annotations

from engine.kernel_cache import njit
from engine.matching.arrays import ARM_COL, ARM_COUNT, ARM_DIRECTION, ARM_EXIT, ARM_RULE, POSITION_QUANTITY
from engine.matching.bundle import bundle
from engine.matching.fills import apply_fill, target
from engine.matching.orders import accept, sweep
from engine.matching.step import view_book, view_market


@njit
def accept_told(market, book, row, number, quantity):
    """Put proposal `number` into the book as an order that the venue has; `row` is the last closed bar.

    Returns the order's index.
    """
    venue, seen = bundle(view_market(*market)), bundle(view_book(*book))
    return accept(venue, seen, row, seen.proposals[number], quantity, row, row + 1, 0)


@njit
def fire_guard(book, col, rule):
    """A guarded level of a holding was reached: fix what its exit rule sells, as a replayed guard does.

    Returns how many shares are still to be sold for it, 0 if no such level was armed.
    """
    seen = bundle(view_book(*book))
    for number in range(seen.account[ARM_COUNT]):
        arm = seen.arms[number]
        if arm[ARM_COL] == col and arm[ARM_RULE] == rule and arm[ARM_DIRECTION] != 0:
            arm[ARM_DIRECTION] = 0
            exit_index = arm[ARM_EXIT]
            if seen.exits[col, exit_index] == 0:
                held = seen.positions[col, POSITION_QUANTITY]
                seen.exits[col, exit_index] = target(held, seen.exit_rules[exit_index, 1])
            return max(seen.exits[col, exit_index], 0)
    return 0


@njit
def fill_told(market, book, row, point, index, price, quantity):
    """Book shares of open order `index` that changed hands in bar `row` at `price` (price units)."""
    venue, seen = bundle(view_market(*market)), bundle(view_book(*book))
    apply_fill(venue, seen, row, point, index, price, quantity, 0)
    sweep(seen)
