"""What two books of the same days disagree about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerDifference:
    """One thing on which our books and the broker's differ.

    Args:
        day: of the executions; None for sums of the whole period.
        ticker: KRX short code, "" for sums.
        what: "buy shares", "buy won", "sell shares", "sell won", "realised" or "costs".
        ours, broker: both figures, shares or won.
    """

    day: date | None
    ticker: str
    what: str
    ours: float
    broker: float

    @property
    def difference(self) -> float:
        """Ours less the broker's."""
        return self.ours - self.broker
