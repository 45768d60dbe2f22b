"""Our orders brought to what KIS's list says: at once when somebody asks, and again where notices were not enough."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from brokers.kis.daily_list import DailyList
from brokers.kis.desk import Desk
from brokers.kis.errors import KisError
from brokers.kis.list_comparison import ListComparison
from brokers.kis.reconcile import WAITS_SECONDS
from brokers.kis.stream_intake import StreamIntake
from engine.clock import session_of
from engine.order import Side

_AGAIN_SECONDS = 60  # once the growing intervals are over


class OrderSynchronisation:
    """The list of orders, asked and compared, for one account. For one thread.

    Args:
        desk: of the account; its orders say for which days notices were not enough.
        comparison: books what the list knows better.
        intake: what the stream brought before the list came is taken first.
    """

    def __init__(self, desk: Desk, comparison: ListComparison, intake: StreamIntake) -> None:
        self._desk, self._comparison, self._intake = desk, comparison, intake
        self._followed, self._books = desk.followed, desk.books
        self._looks = 0
        self.next_at: datetime | None = None  # when `step` asks; None = nothing is unsettled

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
        now = self._desk.clock.now()
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
        listed = self._desk.daily_list(day, ticker, side)
        return listed, frozenset(order.id for order in self._books.orders_of(day)) - before
