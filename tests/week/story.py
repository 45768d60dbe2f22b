"""The faults of a trading week by name, and the story of what happened: what was injected, and what must be 0."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

TRADER_KILLED, SERVER_KILLED = "trader killed", "venue killed"
LINE_CUT, CALLS_LOST, CLOCK, DISK = "stream cut", "calls refused or lost", "clock jumps", "disk full"
PAUSED = "machine stood still"
CORRUPT, SECOND, HAND, HALT = "ledger page damaged", "second instance", "order by hand", "halt, cancel, resume"
LIMIT, COURIER = "hard limit reached", "courier killed"
QUIET = "no fault"
FAULTS = (
    TRADER_KILLED,
    SERVER_KILLED,
    LINE_CUT,
    CALLS_LOST,
    CLOCK,
    PAUSED,
    DISK,
    CORRUPT,
    SECOND,
    HAND,
    HALT,
    LIMIT,
    COURIER,
)


@dataclass(slots=True)
class Row:
    """One fault: how often it came, what happened around it, and what must be 0."""

    injected: int = 0
    orders: int = 0
    duplicates: int = 0
    losses: int = 0
    differences: int = 0
    alerts: int = 0
    wrong_alerts: int = 0
    limits: int = 0
    recovery: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """What happened.

    Args:
        rows: by fault.
        points: where somebody died.
        problems: what must not be, with where in the week; must be empty.
        crashes: tracebacks of the trader; must be empty.
        refused: what the trader said when it would not start or go on.
        messages: that came in, by channel.
        orders, alerts: in the ledger at the end.
        unresolved: orders whose fate was unknown on some evening.
        resolved: blocked orders of which a person told what became of them.
        limits_reached: decisions of which a tight limit stopped purchases.
        starts: of the trader: seconds until it traded, and of the processor.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    points: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    alerts: int = 0
    unresolved: int = 0
    resolved: int = 0
    limits_reached: int = 0
    starts: list[tuple[float, float]] = field(default_factory=list)

    def row(self, fault: str) -> Row:
        """Of one fault."""
        return self.rows.setdefault(fault, Row())
