"""Did every trade arrive? Each record tells the day's volume, so a jump shows what is missing, to the share.

A jump can also be shares that never are a record of their own, such as a block trade or off-hours trading that the
cumulative volume includes: what is reported is "this many shares lie between two records", and REST has the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from brokers.kis.realtime import Trade
from engine.clock import session_of


class Arrival(Enum):
    """What a trade is to those before it."""

    FIRST = "first"  # of the day, or since the ticker was subscribed: nothing to compare with
    NEXT = "next"
    AFTER_A_JUMP = "after a jump"  # shares lie between it and the one before
    NOT_NEW = "not new"  # its cumulative volume was reached before: a repetition, or a record that comes late
    EXPECTED = "expected"  # the expected outcome of an auction, no trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """Shares between two records of one ticker.

    Args:
        tr_id, ticker: which stream.
        since: exchange time of the last record before it.
        until: exchange time of the first record after it.
        shares: how many.
    """

    tr_id: str
    ticker: str
    since: datetime
    until: datetime
    shares: int


_RESTART_AFTER = 5


class TradeSequence:
    """The last cumulative volume of each stream; pure state, moved by `look`.

    A stream is one message, ticker and market (pre-market, regular, after-market: whether the volume goes on from one
    to the next is not documented). Five records in a row that are not new but continue one another mean that the
    count itself began again, after a correction for instance: they become the new count, so that a ticker never
    falls silent.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str, str], tuple[date, int, datetime]] = {}
        self._behind: dict[tuple[str, str, str], tuple[int, int]] = {}  # how many in a row, their last total

    def look(self, trade: Trade) -> tuple[Arrival, Jump | None]:
        """What this trade is to those before it, and the jump if there is one.

        A late record does not take a jump back that was reported: whoever fills it from REST gets all of it.
        """
        if trade.is_expected:
            return Arrival.EXPECTED, None
        key = (trade.tr_id, trade.ticker, trade.market_code)
        day, total = session_of(trade.time), trade.cumulative_volume
        last = self._last.get(key)
        if last is None or day > last[0]:
            # The first record of a day that was watched from its start begins at 0; one that comes after a break
            # does not. Which it was, the caller knows: subscriptions report their own gaps.
            self._last[key] = (day, total, trade.time)
            return Arrival.FIRST, None
        if day < last[0] or total <= last[1]:
            if day < last[0] or not self._began_again(key, trade):
                return Arrival.NOT_NEW, None
            self._last[key] = (day, total, trade.time)
            return Arrival.FIRST, None
        self._behind.pop(key, None)
        self._last[key] = (day, total, trade.time)
        missing = total - last[1] - trade.volume
        if missing <= 0:
            return Arrival.NEXT, None
        jump = Jump(tr_id=trade.tr_id, ticker=trade.ticker, since=last[2], until=trade.time, shares=missing)
        return Arrival.AFTER_A_JUMP, jump

    def forget(self, tr_id: str, ticker: str) -> None:
        """Stop comparing: this stream was left on purpose and starts anew."""
        for key in [key for key in self._last if key[:2] == (tr_id, ticker)]:
            del self._last[key]
            self._behind.pop(key, None)

    def _began_again(self, key: tuple[str, str, str], trade: Trade) -> bool:
        run, total = self._behind.get(key, (0, 0))
        continues = run > 0 and trade.volume > 0 and trade.cumulative_volume == total + trade.volume
        run = run + 1 if continues else 1
        self._behind[key] = (run, trade.cumulative_volume)
        if run < _RESTART_AFTER:
            return False
        del self._behind[key]
        return True
