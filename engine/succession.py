"""One account that goes on under other rules: what happens when a new version of the prompt comes into force.

Nothing is bought or sold because of the change. Holdings, open orders, guarded levels and money stay; the old rules
decided for the last time after the last close before it, the new ones decide first after the first close from it on.

The books name rules by their place in the file, so these places are translated: in open orders, in guarded levels, and
in what is left to sell of a holding. A level or a rest that a rule asked for which is gone is dropped with it. The log
of orders keeps the names of its own time, see `Simulation.tenures`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.feature_feed import FeatureFeed
from engine.matching import arrays as at
from engine.rules.program import CompiledRules
from engine.rules.tree import Rule
from engine.simulation import Simulation
from engine.tenure import Tenure

Int64 = NDArray[np.int64]
NAMES = (at.ORDER_RULE, at.ORDER_RULES_LOW, at.ORDER_RULES_HIGH)
BITS = 63  # rules in the low word


class Successor(Simulation):
    """Goes on with the account of another simulation under other rules, from the row where that one stands.

    Args:
        before: has traded and decided all rows before its `next_row`; it must not be used afterwards.
        rules: compiled for the same market.
        last: one past the last row of this simulation.
        feed_until: one past the last row that its features may be asked for; `last` if None.
    """

    def __init__(self, before: Simulation, rules: CompiledRules, last: int, *, feed_until: int | None = None) -> None:
        feed = FeatureFeed(before.exchange, rules.features, before.next_row, feed_until or last)
        super().__init__(before.exchange, rules, before.next_row, last, feed=feed)
        self.first = before.first
        self.nodes = before.nodes  # the account is rated from where the windows of its first rules are full
        self.tenures = (*before.tenures, _tenure(before))
        places = _places(before.rules.source, rules.source)
        fresh = self.account
        self.account = before.account
        self.account.most_per_bar = max(fresh.most_per_bar, before.account.most_per_bar)
        book = self.account.book
        exits = _exit_places(book.exit_rules, rules.exit_rules, places)
        self.account.book = book._replace(
            exits=_moved_exits(book.exits, exits, len(rules.exit_rules)),
            exit_rules=np.ascontiguousarray(rules.exit_rules),
            arms=_moved_arms(book, fresh.book.arms, exits, places),
        )
        _rename_open_orders(self.account.book, places)
        self._arrays = tuple(self.account.book)


def _tenure(before: Simulation) -> Tenure:
    """What the orders since the last change call their rules, as they were sent."""
    begin = before.tenures[-1].orders_to if before.tenures else 0
    end = int(before.book.account[at.ORDER_COUNT])
    named = before.book.orders[begin:end, list(NAMES)].copy()
    return Tenure(before.rules.source, end, named, before.next_row)


def _places(old: Sequence[Rule], new: Sequence[Rule]) -> list[int]:
    """For each old rule its place among the new ones; −1 where it is gone or does something else."""
    where = {rule.id: place for place, rule in enumerate(new)}
    return [where[rule.id] if rule.id in where and rule.action == new[where[rule.id]].action else -1 for rule in old]


def _exit_places(old: Int64, new: Int64, places: Sequence[int]) -> list[int]:
    """For each old exit its place among the new ones, −1 where it is gone."""
    where = {int(rule): place for place, rule in enumerate(new[:, 0])}
    return [where.get(places[int(rule)], -1) for rule in old[:, 0]]


def _moved_exits(exits: Int64, places: Sequence[int], width: int) -> Int64:
    moved = np.zeros((len(exits), width), dtype=np.int64)
    for old, new in enumerate(places):
        if new >= 0:
            moved[:, new] = exits[:, old]
    return moved


def _moved_arms(book: at.Book, room: Int64, exits: Sequence[int], places: Sequence[int]) -> Int64:
    """Guarded levels under the new names; those of rules that are gone guard nothing any more."""
    count = int(book.account[at.ARM_COUNT])
    arms = np.zeros((max(len(room), count), at.ARM_FIELDS), dtype=np.int64)
    arms[:count] = book.arms[:count]
    for arm in arms[:count]:
        rule, exit_place = places[int(arm[at.ARM_RULE])], exits[int(arm[at.ARM_EXIT])]
        if rule < 0 or exit_place < 0:
            arm[at.ARM_DIRECTION], arm[at.ARM_RULE], arm[at.ARM_EXIT] = 0, 0, 0
        else:
            arm[at.ARM_RULE], arm[at.ARM_EXIT] = rule, exit_place
    return arms


def _rename_open_orders(book: at.Book, places: Sequence[int]) -> None:
    """Only orders that can still fill: those that are done are told by their tenure."""
    for number in book.open[: book.account[at.OPEN_COUNT]]:
        order = book.orders[number]
        deciding = int(order[at.ORDER_RULE])
        bits = int(order[at.ORDER_RULES_LOW]) | int(order[at.ORDER_RULES_HIGH]) << BITS
        moved = 0
        for old, new in enumerate(places):
            if bits >> old & 1 and new >= 0:
                moved |= 1 << new
        order[at.ORDER_RULE] = places[deciding] if deciding >= 0 else -1
        order[at.ORDER_RULES_LOW] = moved & ((1 << BITS) - 1)
        order[at.ORDER_RULES_HIGH] = moved >> BITS
