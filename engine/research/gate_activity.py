"""Is a rule alive, and does it do anything that an active rule does not do already?

What "fires" means depends on what a condition looks at:

    market      a condition that needs market data alone fires on every session and name on which it is true. It is
                read from the feature graph, whether or not an order followed.
    orders      a trigger or an exit that looks at the position or the portfolio fires where an order of the run with
                the candidate names it. Orders name every rule that asked for them, not the deciding one alone.
    difference  any other rule (a limit while the drawdown is deep) fires where the two runs sell differently.
    always      a condition that is always true. It says nothing in a trigger; a limit, a size or an order of
                preference may well hold always.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.backtest import row_range
from engine.config import BacktestConfig
from engine.data.panel import Panel, State
from engine.exchange import build_exchange
from engine.feature_feed import FeatureFeed
from engine.rules.tree import BlockBuys, Buy, Require, Rule, Scope, Sell

Source = Literal["market", "orders", "difference", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """A task: on which sessions and names the conditions of some rules are true.

    Args:
        judged: rules to count, market conditions only.
        active: rules to compare them with.
        config: of the run.
        first, last: the window.
    """

    judged: tuple[Rule, ...]
    active: tuple[Rule, ...]
    config: BacktestConfig
    first: datetime.date
    last: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Firings:
    """Counts over one window; a cell is one name that is listed on one bar.

    Args:
        cells: in all.
        days: by rule, sessions on which it is true for at least one name.
        true: by rule, cells on which it is true.
        both: by judged and active rule, cells on which both are true.
    """

    cells: int
    days: dict[str, int]
    true: dict[str, int]
    both: dict[tuple[str, str], int]


def source_of(rule: Rule) -> Source:
    """Where the firings of a rule can be read."""
    if rule.condition.scope is Scope.CONSTANT:
        return "always"
    if rule.condition.scope <= Scope.MARKET:
        return "market"
    return "orders" if isinstance(rule.action, Buy | Sell) else "difference"


def comparable(one: Rule, other: Rule) -> bool:
    """Whether one rule could make the other superfluous: the same kind of action, of limits and ranks the very same."""
    if type(one.action) is not type(other.action) or one.id == other.id:
        return False
    return isinstance(one.action, Buy | Sell | Require | BlockBuys) or one.action == other.action


def count_firings(panel: Panel, item: Conditions) -> Firings:
    """Do one task, block by block of the feature graph."""
    rules = (*item.judged, *item.active)
    pairs = [(mine, other) for mine in item.judged for other in item.active if comparable(mine, other)]
    first, last = row_range(panel, item.first, item.last)
    nodes = tuple(dict.fromkeys(rule.condition for rule in rules))
    feed = FeatureFeed(build_exchange(panel, item.config), nodes, first, last)
    true = dict.fromkeys((rule.id for rule in rules), 0)
    both = dict.fromkeys(((mine.id, other.id) for mine, other in pairs), 0)
    fired = {rule.id: np.zeros(panel.rows, np.bool_) for rule in item.judged}
    cells = 0
    while feed.known_to < last and feed.graph is not None:
        feed.advance(feed.known_to)
        begin, end = feed.known_from, feed.known_to
        listed = (panel.state[begin:end] & State.PRESENT) != 0
        cells += int(np.count_nonzero(listed))
        now: dict[str, NDArray[Any]] = {rule.id: (feed.graph.column(rule.condition) == 1) & listed for rule in rules}
        for name, here in now.items():
            true[name] += int(np.count_nonzero(here))
        for name, rows in fired.items():
            rows[begin:end] = now[name].any(axis=1)
        for mine, other in both:
            both[mine, other] += int(np.count_nonzero(now[mine] & now[other]))
    days = {name: len(np.unique(panel.session[rows])) for name, rows in fired.items()}
    return Firings(cells=cells, days=days, true=true, both=both)


def market_overlap(firings: Firings, mine: Rule, other: Rule) -> float:
    """Share of firings in common.

    Of a trigger, an exit or a block: the share of its firings that the active rule has too, because it then adds
    nothing. Of a `require`: common firings over those of either, because both must hold, so that one is superfluous
    only where the two agree.
    """
    common = firings.both[mine.id, other.id]
    whole = firings.true[mine.id]
    if isinstance(mine.action, Require):
        whole += firings.true[other.id] - common
    return common / whole if whole else 0.0
