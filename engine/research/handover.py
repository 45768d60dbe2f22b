"""One account whose rules change on given days: what a person has who puts other constants into force.

Nothing is bought or sold because of the change. Holdings, open orders, guarded levels and money stay as they are; the
old rules decide for the last time after the last close before it, the new ones after the first close from it on.
Rules that do not change give the very bytes of an ordinary backtest, because the account is the same one.

Bias: what the old rules bought is sold by the new ones, so the first days after a change are the work of both. The
other way, to sell everything and begin in cash, would need prices nobody got, and would measure the change rather than
the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from engine.backtest import check_rules_fit, row_range
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.exchange import Exchange, build_exchange
from engine.feature_feed import FeatureFeed
from engine.matching import arrays as at
from engine.rules.program import CompiledRules, compile_rules
from engine.rules.tree import RuleSet
from engine.simulation import Simulation

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Leg:
    """Rules and the days on which they are in force, both included."""

    rules: RuleSet
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Relay:
    """Legs that follow each other without a session between them, and the configuration of the account."""

    legs: tuple[Leg, ...]
    config: BacktestConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayTrack:
    """What became of the account.

    Args:
        sessions: int64[S], days since 1970-01-01.
        equity_won: float64[S + 1]; the money before the first session, then the equity at the end of each.
        trades: sales that filled, of each leg.
        costs_won: fees and taxes of each leg.
    """

    sessions: NDArray[np.int64]
    equity_won: Floats
    trades: tuple[int, ...]
    costs_won: tuple[float, ...]

    @property
    def returns(self) -> Floats:
        """float64[S]: one simple return a session; after a total loss 0."""
        before, after = self.equity_won[:-1], self.equity_won[1:]
        return np.divide(after - before, before, out=np.zeros_like(after), where=before > 0)


def run_relay(panel: Panel, relay: Relay) -> RelayTrack:
    """Trade one account through all legs; a task for `engine.research.workers`.

    Raises:
        BadInput: legs that do not follow each other, or rules whose exits are of another kind, so that what the
            account knows about its holdings would mean something else.
        ConfigError, DataError, RuleError: as `engine.backtest.backtest`.
    """
    exchange = build_exchange(panel, relay.config)
    bounds = _bounds(panel, relay.legs)
    compiled = {id(leg.rules): _compile(leg.rules, exchange) for leg in relay.legs}
    nodes = dict.fromkeys(node for rules in compiled.values() for node in rules.features)
    feed = FeatureFeed(exchange, tuple(nodes), bounds[0][0], bounds[0][1])
    simulation: Simulation | None = None
    marks: list[tuple[int, float]] = []
    for leg, (first, last) in zip(relay.legs, bounds, strict=True):
        feed.last = last  # a block of features ends where the rules change
        rules = compiled[id(leg.rules)]
        if simulation is None:
            simulation = Simulation(exchange, rules, first, last, feed=feed)
        else:
            simulation = _Successor(simulation, rules, last)
        simulation.run()
        marks.append(_trades_and_costs(simulation))
    assert simulation is not None  # _bounds refuses a relay without a leg
    return _track(simulation, bounds[0][0], marks)


class _Successor(Simulation):
    """Goes on with the account of another simulation, under other rules."""

    def __init__(self, before: Simulation, rules: CompiledRules, last: int) -> None:
        super().__init__(before.exchange, rules, before.next_row, last, feed=before.feed)
        known = before.account.book.exit_rules
        same_guards = len(before.rules.rules.guards) == len(rules.rules.guards) if before.rules else False
        if not same_guards or not np.array_equal(known[:, 0], rules.exit_rules[:, 0]):
            raise BadInput(
                "These constants change how an exit is watched, so that holdings cannot be handed from one rule set to "
                "the next. Vary other constants, or leave the sign of this one as it is."
            )
        self.account = before.account
        # What is left to sell of a holding was fixed when an exit fired; the new share counts from the next one on.
        self.account.book = self.account.book._replace(exit_rules=np.ascontiguousarray(rules.exit_rules))
        self._arrays = tuple(self.account.book)


def _compile(rules: RuleSet, exchange: Exchange) -> CompiledRules:
    check_rules_fit(rules, exchange.panel)
    return compile_rules(rules, price_scale=exchange.scale)


def _bounds(panel: Panel, legs: Sequence[Leg]) -> list[tuple[int, int]]:
    """Rows [first, last) of each leg."""
    if not legs:
        raise BadInput("No rules are in force on any day. Give at least one leg.")
    bounds = [row_range(panel, leg.first, leg.last) for leg in legs]
    for (_, end), (begin, _), leg in zip(bounds, bounds[1:], legs[1:], strict=False):
        if begin != end:
            raise BadInput(f"The rules in force from {leg.first} do not begin where the ones before them end.")
    return bounds


def _trades_and_costs(simulation: Simulation) -> tuple[int, float]:
    """Trades and costs so far."""
    book = simulation.book
    account = book.account
    fills = book.fills[: account[at.FILL_COUNT]]
    sells = fills[fills[:, at.FILL_SIDE] != at.BUY, at.FILL_ORDER]
    costs = float(account[at.FEES] + account[at.TAXES] + account[at.RURAL_TAXES]) / simulation.exchange.scale
    return len(np.unique(sells)), costs


def _track(simulation: Simulation, first: int, marks: Sequence[tuple[int, float]]) -> RelayTrack:
    exchange = simulation.exchange
    ends = exchange.ends_session[first : simulation.last].copy()
    ends[-1] = True
    equity = simulation.book.marks[first : simulation.last][ends].astype(np.float64) / exchange.scale
    trades = np.diff([0, *(count for count, _ in marks)])
    costs = np.diff([0.0, *(paid for _, paid in marks)])
    return RelayTrack(
        sessions=exchange.panel.session[first : simulation.last][ends].astype(np.int64),
        equity_won=np.append(float(exchange.config.cash_won), equity),
        trades=tuple(int(count) for count in trades),
        costs_won=tuple(float(paid) for paid in costs),
    )
