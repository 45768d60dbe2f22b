"""Our orders brought to what KIS's list says: at once when somebody asks, and again where notices were not enough."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from brokers.kis.books import Books
from brokers.kis.daily_list import DailyList, ask_daily_list
from brokers.kis.errors import KisError
from brokers.kis.followed_orders import FollowedOrders
from brokers.kis.list_comparison import ListComparison
from brokers.kis.reconcile import WAITS_SECONDS
from brokers.kis.rest import KisRest
from brokers.kis.stream_intake import StreamIntake
from engine.clock import Clock, session_of
from engine.order import Side

_AGAIN_SECONDS = 60  # once the growing intervals are over


class OrderSynchronisation:
    """The list of orders, asked and compared, for one account. For one thread.

    Args:
        rest: asks for the list.
        books: the ledger.
        followed: say for which days notices were not enough.
        comparison: books what the list knows better.
        intake: what the stream brought before the list came is taken first.
        clock: says when to ask again.
    """

    def __init__(
        self,
        rest: KisRest,
        books: Books,
        followed: FollowedOrders,
        comparison: ListComparison,
        intake: StreamIntake,
        clock: Clock,
    ) -> None:
        self._rest, self._books, self._followed = rest, books, followed
        self._comparison, self._intake, self._clock = comparison, intake, clock
        self._looks = 0
        self.next_at: datetime | None = None  # when `step` asks; None = nothing is unsettled

    def open_days(self) -> set[date]:
        """The days of our open orders."""
        return {session_of(order.intended_at) for order in self._books.open_orders()}

    def synchronise(self, day: date) -> None:
        """Compare our orders of a day with KIS's list and book what it knows better.

        Raises:
            KisError: the list cannot be had.
        """
        self._intake.take_all(0.0)
        listed, meanwhile = self._ask_list(day)
        self._intake.take_all(0.0)  # notices that came meanwhile say more than the list
        self._comparison.compare(listed, meanwhile)
        if listed.rows or listed.is_whole:
            return
        for order in self._books.open_orders():
            if session_of(order.intended_at) == day:
                sums, meanwhile = self._ask_list(day, order.request.ticker, order.request.side)
                self._comparison.compare_sums(sums, order, meanwhile)

    def step(self) -> None:
        """Ask about the days for which notices were not enough, at growing intervals."""
        if not self._followed.unsettled:
            self.next_at, self._looks = None, 0
            return
        now = self._clock.now()
        if self.next_at is None:
            self.next_at = now + timedelta(seconds=WAITS_SECONDS[0])
        if now < self.next_at:
            return
        for day in sorted(self._followed.unsettled):
            try:
                self.synchronise(day)
            except KisError:
                break  # asked again
        self._looks += 1
        wait = WAITS_SECONDS[self._looks] if self._looks < len(WAITS_SECONDS) else _AGAIN_SECONDS
        self.next_at = now + timedelta(seconds=wait)

    def _ask_list(self, day: date, ticker: str = "", side: Side | None = None) -> tuple[DailyList, frozenset[str]]:
        """The list of a day, and our orders that were sent while it was on its way."""
        before = {order.id for order in self._books.orders_of(day)}
        listed = ask_daily_list(self._rest, day, self._clock.now(), ticker, side)
        return listed, frozenset(order.id for order in self._books.orders_of(day)) - before
