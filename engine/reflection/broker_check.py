"""Our fills against the broker's daily executions and its profit of the period; differences are values, not errors.

The books of the broker are the truth about money, ours about reasons. Where the two differ, the report says so, and no
figure is bent to fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from engine.clock import session_of
from engine.krx.sessions import is_session
from engine.order import Side
from engine.reflection.broker_difference import BrokerDifference
from engine.reflection.executions import Executions
from engine.reflection.lots import match, won
from engine.reflection.m1_aggregate import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Shares of an order that changed hands on a day, and their won."""

    ticker: str
    side: Side
    shares: int
    won: int


class DailyExecutions(Protocol):
    """The part of a broker that this asks."""

    def executed(self, day: date) -> Sequence[Executed]:
        """Everything that was filled on a day, whoever ordered it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodProfit:
    """What the broker says that the sales of a period earned, in won.

    Args:
        realised: before costs.
        costs: fees and taxes of the period, purchases included.
    """

    realised: int
    costs: int


def check_against_broker(
    executions: Executions, window: Window, broker: DailyExecutions, profit: PeriodProfit | None = None
) -> tuple[BrokerDifference, ...]:
    """Compare the fills of a window day by day, and its sums where the broker tells them; empty when all agrees."""
    first, last = session_of(window.first), session_of(window.last - timedelta(microseconds=1))
    mine: Counter[tuple[date, str, str]] = Counter()
    for fill in executions.fills:
        if window.holds(fill.time):
            side = "buy" if fill.is_buy else "sell"
            mine[session_of(fill.time), fill.ticker, f"{side} shares"] += fill.quantity
            mine[session_of(fill.time), fill.ticker, f"{side} won"] += fill.amount
    theirs: Counter[tuple[date, str, str]] = Counter()
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for told in broker.executed(day) if is_session(day) else ():
            side = "buy" if told.side is Side.BUY else "sell"
            theirs[day, told.ticker, f"{side} shares"] += told.shares
            theirs[day, told.ticker, f"{side} won"] += told.won
    found = [
        BrokerDifference(day=day, ticker=ticker, what=what, ours=mine[key], broker=theirs[key])
        for key in sorted(mine.keys() | theirs.keys())
        for day, ticker, what in [key]
        if mine[key] != theirs[key]
    ]
    return (*found, *_sums(executions, window, profit))


def _sums(executions: Executions, window: Window, profit: PeriodProfit | None) -> list[BrokerDifference]:
    if profit is None:
        return []
    sold = [trade for trade in match(executions).closed if window.holds(trade.exited_at)]
    realised = sum(trade.proceeds - trade.cost for trade in sold)
    costs = won(sum(fill.costs for fill in executions.fills if window.holds(fill.time)), executions.scale)
    pairs = (("realised", realised, profit.realised), ("costs", costs, profit.costs))
    return [
        BrokerDifference(day=None, ticker="", what=what, ours=ours, broker=broker)
        for what, ours, broker in pairs
        if ours != broker
    ]
