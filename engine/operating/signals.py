"""The plan of a planner other than the rules, written into the book for the risk check.

A purchase follows a signal: the proposal that the rules made for that name at the beginning of the cycle. It takes
price, kind and the caps of the rules from there and may not be larger, so no planner can loosen a rule; a planner may
only put a limit under a purchase at market, or a lower one under a purchase at a limit. A plan that comes late is
restated for splits since then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from engine.data.panel import SPLIT, Panel
from engine.matching import arrays as at
from engine.operating.desk import Desk
from engine.operating.state import Action, Check, Cycle, Plan, Proposal, Verdict
from engine.order import OrderKind, RefusalReason, Side
from engine.reports.language import Text
from engine.simulation import Simulation

MASK_BITS = 63  # rules per mask word of a proposal
NO_TICKER = Text("제외: 자료에 없는 종목", "dropped: the data has no such ticker")
NO_SIGNAL = Text("제외: 규칙이 신호를 내지 않은 매수", "dropped: no rule signals this purchase")
SPLIT_SINCE = Text(
    "제외: 계획 뒤에 권리락이 있어 지정 가격이 맞지 않음", "dropped: a corporate action since the plan voids its price"
)
TOO_MANY = Text("제외: 계획의 행동이 너무 많음", "dropped: the plan has too many actions")
TWICE = Text("제외: 같은 종목의 앞선 행동이 있음", "dropped: an earlier action of the plan has this ticker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Actions as proposals in the book.

    Args:
        proposals: those that can be checked; they stand in rows 0, 1, … of the book.
        dropped: actions that cannot be checked at all, by their place in the plan.
        places: place in the plan of each proposal; 0, 1, … if empty.
        cuts: why a proposal is for another quantity than its action, by row.
    """

    proposals: tuple[Proposal, ...] = ()
    dropped: Mapping[int, Check] = field(default_factory=dict)
    places: tuple[int, ...] = ()
    cuts: Mapping[int, str] = field(default_factory=dict)

    @property
    def order(self) -> Sequence[int]:
        """Place in the plan of each proposal."""
        return self.places or range(len(self.proposals))


def take_signals(simulation: Simulation, count: int) -> dict[str, NDArray[np.int64]]:
    """Copies of the purchases among the first `count` proposals of the book, by ticker."""
    tickers = simulation.exchange.panel.tickers
    rows = simulation.book.proposals[:count]
    return {tickers[row[at.PROPOSAL_COL]]: row.copy() for row in rows if row[at.PROPOSAL_SIDE] == at.BUY}


def write_plan(cycle: Cycle, plan: Plan, desk: Desk) -> Written:
    """Write what can be checked into the book's proposals, one row after the other."""
    return _Writer(cycle, desk).write(plan.actions)


def ratio_between(panel: Panel, col: int, after: int, until: int) -> Fraction:
    """Shares at row `until` that one share at row `after` has become."""
    if after >= until:
        return Fraction(1)
    actions = panel.actions
    mine = (actions.col == col) & (actions.kind == SPLIT) & (actions.row > after) & (actions.row <= until)
    ratio = Fraction(1)
    for place in np.flatnonzero(mine):
        ratio *= Fraction(int(actions.numerator[place]), int(actions.denominator[place]))
    return ratio


class _Writer:
    """One plan on its way into the book."""

    def __init__(self, cycle: Cycle, desk: Desk) -> None:
        self._cycle, self._desk, self._simulation = cycle, desk, desk.simulation
        self._panel = desk.simulation.exchange.panel
        self._column = desk.column
        self._rules = {rule.id: number for number, rule in enumerate(self._simulation.rules.source)}
        self._cuts: dict[int, str] = {}
        self._seen: set[str] = set()

    def write(self, actions: Sequence[Action]) -> Written:
        book = self._simulation.book
        self._simulation.make_room()
        proposals: list[Proposal] = []
        places: list[int] = []
        dropped: dict[int, Check] = {}
        for number, action in enumerate(actions):
            row = self._row(action, len(proposals))
            if isinstance(row, Check):
                dropped[number] = row
                continue
            book.proposals[len(proposals)] = row
            proposals.append(Proposal(action, len(proposals)))
            places.append(number)
            self._seen.add(action.ticker)
        book.account[at.PROPOSAL_COUNT] = len(proposals)
        return Written(proposals=tuple(proposals), dropped=dropped, places=tuple(places), cuts=self._cuts)

    def _row(self, action: Action, place: int) -> NDArray[np.int64] | Check:
        """The proposal of an action, or why there can be none."""
        if action.ticker not in self._column:
            return self._dropped(action, RefusalReason.NOT_TRADABLE, NO_TICKER)
        if action.ticker in self._seen:
            return self._dropped(action, RefusalReason.RESTRICTED, TWICE)
        if place >= len(self._simulation.book.proposals) - 1:  # the last row is the step's own
            return self._dropped(action, RefusalReason.ORDER_RATE_LIMIT, TOO_MANY)
        row = self._follow(action, place)
        if row is None:
            return self._dropped(action, RefusalReason.RESTRICTED, NO_SIGNAL)
        ratio = ratio_between(self._panel, self._column[action.ticker], self._cycle.row, self._simulation.row)
        if ratio != 1:
            if row[at.PROPOSAL_KIND] != at.MARKET:
                return self._dropped(action, RefusalReason.STALE_PLAN, SPLIT_SINCE)
            row[at.PROPOSAL_QUANTITY] = int(row[at.PROPOSAL_QUANTITY]) * ratio.numerator // ratio.denominator
            self._cuts[place] = "corporate_action"
        return row

    def _follow(self, action: Action, place: int) -> NDArray[np.int64] | None:
        """A copy of the signal with the quantity of the action, None without one; a sell needs none."""
        if action.side is Side.SELL:
            return self._sell(action)
        found = self._cycle.signals.get(action.ticker)
        if found is None:
            return None
        row = found.copy()
        if action.quantity > row[at.PROPOSAL_QUANTITY]:
            self._cuts[place] = "beyond_signal"
        row[at.PROPOSAL_QUANTITY] = min(action.quantity, int(row[at.PROPOSAL_QUANTITY]))
        if action.kind is OrderKind.LIMIT and not action.from_open:
            self._lower(row, action)
        return row

    def _lower(self, row: NDArray[np.int64], action: Action) -> None:
        """Put the planner's limit under a purchase, if the rule leaves room for one."""
        limit = self._units(action)
        if row[at.PROPOSAL_KIND] == at.MARKET:
            row[at.PROPOSAL_KIND], row[at.PROPOSAL_PRICE] = at.LIMIT, limit
        elif row[at.PROPOSAL_KIND] == at.LIMIT and not row[at.PROPOSAL_RELATIVE]:
            row[at.PROPOSAL_PRICE] = min(limit, int(row[at.PROPOSAL_PRICE]))

    def _units(self, action: Action) -> int:
        """The price of an action in price units of the dataset."""
        return round((action.price or 0) * self._desk.price_scale)

    def _sell(self, action: Action) -> NDArray[np.int64]:
        row = np.zeros(at.PROPOSAL_FIELDS, dtype=np.int64)
        row[at.PROPOSAL_COL], row[at.PROPOSAL_SIDE] = self._column[action.ticker], at.SELL
        row[at.PROPOSAL_QUANTITY] = max(action.quantity, 0)
        if action.kind is OrderKind.LIMIT:
            row[at.PROPOSAL_KIND], row[at.PROPOSAL_PRICE] = at.LIMIT, self._units(action)
        known = [self._rules[name] for name in action.rule_ids if name in self._rules]
        row[at.PROPOSAL_RULE] = known[0] if known else -1
        for number in known:
            row[at.PROPOSAL_RULES_LOW if number < MASK_BITS else at.PROPOSAL_RULES_HIGH] |= 1 << number % MASK_BITS
        return row

    def _dropped(self, action: Action, reason: RefusalReason, text: Text) -> Check:
        return Check(
            action=action, verdict=Verdict.DROPPED, quantity=0, reason=reason.value, text=text(self._desk.lang)
        )
