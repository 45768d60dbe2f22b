"""What everybody who works on the orders of one account has in front of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from brokers.kis.books import Books
from brokers.kis.daily_list import DailyList, ask_daily_list
from brokers.kis.followed_orders import FollowedOrders
from brokers.kis.notice_channel import NoticeChannel
from brokers.kis.rest import KisRest
from engine.clock import Clock, session_of
from engine.order import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One account's way to KIS and what is known of its orders. For one thread.

    Args:
        rest: sends orders, and asks.
        books: the ledger.
        followed: our orders as KIS numbers them; books what happens to them.
        channel: of the notices.
        clock: gives events their time, and says when to look again.
    """

    rest: KisRest
    books: Books
    followed: FollowedOrders
    channel: NoticeChannel
    clock: Clock

    @property
    def exchange(self) -> str:
        """Where orders go."""
        return self.rest.config.options.exchange

    def time(self) -> datetime:
        """The earlier of our time and KIS's, as its last answer told it: no day ends before it has ended for both."""
        now, difference = self.clock.now(), self.rest.clock_difference
        return now if difference is None else min(now, now + difference)

    def open_days(self) -> set[date]:
        """The days of our open orders."""
        return {session_of(order.intended_at) for order in self.books.open_orders()}

    def daily_list(self, day: date, ticker: str = "", side: Side | None = None) -> DailyList:
        """KIS's list of a day's orders, or of one ticker and side, asked now; `KisError` if it cannot be had."""
        return ask_daily_list(self.rest, day, self.clock.now(), ticker, side)
