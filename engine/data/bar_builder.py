"""Minute bars from trades as they arrive: what a live program sees of a bar, and when it is finished.

A bar that ends at 09:31 holds the trades from 09:30:00 to 09:30:59; the closing auction prints at the close of the
session itself and belongs to the bar that ends there. Minutes without a trade make no bar, as in KIS's own history.
Trades outside the session are no part of minute bars and are left out.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from engine.clock import KST
from engine.data.interval import interval_minutes
from engine.errors import BadInput
from engine.krx.sessions import session_close, session_open


class MinuteBar(NamedTuple):
    """One finished bar of one name.

    Args:
        ticker: KRX short code.
        closed_at: when it ended, Asia/Seoul.
        open, high, low, close: won.
        volume: shares.
        value: won.
    """

    ticker: str
    closed_at: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int


class BarBuilder:
    """Puts trades together, for any number of names; one thread.

    Args:
        interval: minutes, such as "1m" or "5m"; a bar ends at whole multiples since midnight, the last one of a
            session with the session.

    Attributes:
        late: trades that came after their bar had been handed out, and are in none.

    Raises:
        BadInput: not an interval of minutes.
    """

    def __init__(self, interval: str = "1m") -> None:
        minutes = interval_minutes(interval)
        if not minutes:
            raise BadInput(f"Bars of {interval} are not built from trades: take minutes, such as 1m or 5m.")
        self._minutes = minutes
        self._running: dict[tuple[datetime, str], MinuteBar] = {}
        self._finished_until: datetime | None = None
        self._hours: tuple[date, datetime, datetime] | None = None
        self.late = 0

    def add(self, ticker: str, time: datetime, price: int, volume: int) -> None:
        """One trade.

        Args:
            ticker: KRX short code.
            time: of the exchange, with its zone.
            price: won, above 0.
            volume: shares, above 0.

        Raises:
            BadInput: a trade of no shares, or without a price.
        """
        if price <= 0 or volume <= 0:
            raise BadInput(f"A trade of {volume:,} shares of {ticker} at {price:,} won is none.")
        closed_at = self._end_of_bar(time.astimezone(KST))
        if closed_at is None:
            return
        if self._finished_until is not None and closed_at <= self._finished_until:
            self.late += 1
            return
        key, value = (closed_at, ticker), price * volume
        bar = self._running.get(key)
        if bar is None:
            self._running[key] = MinuteBar(ticker, closed_at, price, price, price, price, volume, value)
            return
        self._running[key] = bar._replace(
            high=max(bar.high, price),
            low=min(bar.low, price),
            close=price,
            volume=bar.volume + volume,
            value=bar.value + value,
        )

    def finish(self, until: datetime) -> list[MinuteBar]:
        """Hand out the bars that ended at `until` or before, by end and ticker; they are finished then."""
        if self._finished_until is None or until > self._finished_until:
            self._finished_until = until
        ended = sorted(key for key in self._running if key[0] <= until)
        return [self._running.pop(key) for key in ended]

    def _end_of_bar(self, time: datetime) -> datetime | None:
        """When the bar of a trade ends; None outside the session."""
        if self._hours is None or self._hours[0] != time.date():
            self._hours = time.date(), session_open(time.date()), session_close(time.date())
        _, opens, closes = self._hours
        if not opens <= time <= closes:
            return None
        midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
        whole = (60 * time.hour + time.minute) // self._minutes + 1
        return min(midnight + timedelta(minutes=whole * self._minutes), closes)
