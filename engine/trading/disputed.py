"""Names about which ledger and account disagree: nothing is bought or sold of them by plan, and yet they are guarded.

New shares of a bonus issue come weeks after the price has lost the right; a person sold or bought in the app. A stop of
such a name sells what is there: never more than the ledger holds, because the rest was bought by somebody else, and
never more than the account has. How many that are is asked when the stop fires.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction

from engine.clock import Clock
from engine.errors import GeoulError
from engine.ledger.alerts import Urgency
from engine.ledger.ledger import Ledger
from engine.reports.language import Text
from engine.simulation import Simulation
from engine.trading import texts
from engine.trading.ports import Venue

_PARTS = 10**9  # of a holding, as exit rules count it
_AGAIN = timedelta(seconds=30)  # between two questions that were not answered with shares
NOT_GUARDED = "order_not_taken"


class SharesThere:
    """What an exit of a disputed name may sell.

    Args:
        ledger: of the account.
        venue: is asked.
        clock: of the venue's world.
        warn: is told why nothing can be sold.
    """

    def __init__(self, ledger: Ledger, venue: Venue, clock: Clock, warn: Callable[..., None]) -> None:
        self._ledger, self._venue, self._clock, self._warn = ledger, venue, clock, warn
        self._not_before: dict[str, datetime] = {}

    def of(self, ticker: str) -> int | None:
        """Shares that the account can sell now; None where that, or whose they are, cannot be told."""
        now = self._clock.now()
        if now < self._not_before.get(ticker, now):
            return None
        if ticker in self._ledger.blocked_tickers():
            self._wait(ticker, texts.ORDER_IN_DOUBT)
            return None
        before = self._ledger.head
        try:
            told = self._venue.sellable(ticker)
        except GeoulError as error:
            self._wait(ticker, texts.SHARES_UNKNOWN, why=str(error))
            return None
        if told <= 0:
            self._wait(ticker, texts.NO_SHARES)
            return None
        return told if self._ledger.head == before else None  # something was sent or filled meanwhile: ask again

    def _wait(self, ticker: str, text: Text, **why: str) -> None:
        self._not_before[ticker] = self._clock.now() + _AGAIN
        self._warn(NOT_GUARDED, text, Urgency.CRITICAL, ticker=ticker, **why)


def share_of(simulation: Simulation, rule: int, shares: int) -> int:
    """What an exit rule sells of so many shares, rounded up."""
    (fraction,) = (int(part) for index, part in simulation.book.exit_rules if index == rule)
    return -int(-Fraction(shares * fraction, _PARTS) // 1)
