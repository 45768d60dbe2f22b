"""A session at the venue beside its replay: what differs, and why.

What makes one is `mirror`; whoever only reads or keeps them need not load a simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum

from engine.order import Side


class Cause(Enum):
    """Why venue and replay differ."""

    NONE = "same"
    DATA = "data"  # the decision saw other bars than the dataset has now
    TIMING = "timing"  # it came too late, or not at all
    LIMIT = "limit"  # a gate, the risk check or the venue held an order back
    INSIDE_THE_BAR = "inside the bar"  # the order of prices inside a bar, which its four prices do not tell
    PRICE = "price"  # the same shares at other prices: slippage
    LIQUIDITY = "liquidity"  # the venue filled other shares than the replay's share of the volume
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMirror:
    """One name and side of a session.

    Args:
        ticker: KRX short code.
        side: buy or sell.
        rules: the rules behind it.
        asked: shares ordered at the venue; 0 = no order.
        asked_in_replay: shares that the replay orders.
        filled: shares filled at the venue.
        filled_in_replay: in the replay.
        amount: won of the fills at the venue.
        amount_in_replay: in the replay.
        costs: won of fees and taxes at the venue.
        costs_in_replay: in the replay.
        cause: why they differ.
    """

    ticker: str
    side: Side
    rules: tuple[str, ...]
    asked: int
    asked_in_replay: int
    filled: int
    filled_in_replay: int
    amount: int
    amount_in_replay: int
    costs: int
    costs_in_replay: int
    cause: Cause

    @property
    def slippage(self) -> int:
        """Won lost against the replay's price on the shares that both have filled; negative = gained."""
        shares = min(self.filled, self.filled_in_replay)
        if shares == 0:
            return 0
        ours, theirs = self.amount * shares // self.filled, self.amount_in_replay * shares // self.filled_in_replay
        return (ours - theirs) * self.side.sign


@dataclass(frozen=True, slots=True, kw_only=True)
class DayMirror:
    """One session.

    Args:
        session: the day.
        decision_id: of the decision whose orders traded on it.
        decision: why the decision differs.
        orders: by name and side.
    """

    session: date
    decision_id: str
    decision: Cause
    orders: tuple[OrderMirror, ...]

    @property
    def is_explained(self) -> bool:
        """Whether every difference has a known cause."""
        return self.decision is not Cause.UNEXPLAINED and all(
            each.cause is not Cause.UNEXPLAINED for each in self.orders
        )

    @property
    def slippage(self) -> int:
        """Won lost against the replay's prices."""
        return sum(each.slippage for each in self.orders)
