"""Looks at a running account about once a second and writes what it finds into its folder. For the trader's thread.

monitor.look()       after each turn; does nothing if it has looked just now
monitor.snapshot     the last one and the steady second of the last sign of life; for other threads, as it is replaced
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from engine.clock import Clock
from engine.data.panel import Panel
from engine.krx.sessions import is_session, session_hours
from engine.ledger.equity import last_equity
from engine.ledger.figures import last_decision_id, losing_streak, paid_since
from engine.ledger.journal import Head
from engine.ledger.ledger import Ledger
from engine.trading.api_meter import ApiMeter
from engine.trading.health import Facts, Feed, Health, assess
from engine.trading.health_limits import HealthLimits
from engine.trading.standing import Halt
from engine.trading.status_file import StatusFile
from engine.trading.supervisor import Supervisor
from engine.trading.timetable import Timetable
from engine.trading.trader import Trader

EVERY_SECONDS = 1.0


class Monitor:
    """Watches one trader.

    Args:
        folder: of the account.
        ledger: of the account; the trader's own connection.
        clock: of the venue's world.
        environment: "paper" or "live".
        supervisor: knows level and halt.
        timetable: of the venue.
        limits: see `HealthLimits`.
        api: what the calls came to.
        steady: seconds of a clock that never jumps.
        feed: how the stream is doing now.
        drift: the venue's clock less ours, None while unknown.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        clock: Clock,
        environment: str,
        *,
        supervisor: Supervisor,
        timetable: Timetable,
        limits: HealthLimits,
        api: ApiMeter,
        steady: Callable[[], float],
        feed: Callable[[datetime], Feed | None] = lambda now: None,
        drift: Callable[[], timedelta | None] = lambda: None,
    ) -> None:
        self._folder, self._ledger, self._clock, self._environment = folder, ledger, clock, environment
        self._supervisor, self._timetable, self._limits, self._api = supervisor, timetable, limits, api
        self._steady, self._feed, self._drift = steady, feed, drift
        self._file = StatusFile(folder)
        self._prices: dict[str, int] = {}
        self._look_at = steady()
        self._read: tuple[Head, date | None, int, int, str] | None = None
        self.snapshot: tuple[Health | None, float | None] = None, None

    @property
    def latest(self) -> Health | None:
        """The last snapshot, None before the first."""
        return self.snapshot[0]

    def on_trade(self, ticker: str, price: int) -> None:
        """A trade of the stream."""
        self._prices[ticker] = price

    def on_closes(self, panel: Panel) -> None:
        """The last closes, in won, stand until somebody trades."""
        scale = panel.manifest.price_scale
        self._prices = {
            ticker: int(close) // scale for ticker, close in zip(panel.tickers, panel.bars[3, -1], strict=True)
        }

    def look(self, trader: Trader) -> None:
        """Take a snapshot if the last one is old enough, and write it; a full disk is no reason to stop."""
        now = self._steady()
        if now < self._look_at:
            return
        self._look_at = now + EVERY_SECONDS
        health = assess(self._facts(trader), self._limits)
        self.snapshot = health, now
        self._write(health)

    def alive(self) -> None:
        """Long work goes on: no snapshot can be taken, but the loop is not stuck."""
        self.snapshot = self.latest, self._steady()

    def end(self) -> None:
        """The trader stops on purpose."""
        if self.latest is not None:
            self._write(replace(self.latest, ended=True))

    def _write(self, health: Health) -> None:
        with suppress(OSError):
            self._file.write(health)

    def _facts(self, trader: Trader) -> Facts:
        ledger, now = self._ledger, self._clock.now()
        streak, base, decision = self._from_the_file()
        moment, what = self._timetable.next_moment(now)
        drift = self._drift()
        return Facts(
            time=now,
            environment=self._environment,
            process=os.getpid(),
            in_session=_in_session(now),
            cash=ledger.totals.cash,
            equity=self._equity(),
            base_equity=base,
            losing_streak=streak,
            positions=len(ledger.positions),
            open_orders=len(ledger.open_orders()),
            unresolved_orders=len(ledger.unresolved_orders()),
            watched_levels=sum(1 for _ in trader.orders.watch),
            differences=sum(not each.is_foreign for each in trader.differences),
            api=self._api.use(),
            feed=self._feed(now),
            clock_drift=None if drift is None else drift.total_seconds(),
            disk_free=shutil.disk_usage(self._folder).free,
            ledger_size=_size(self._folder),
            level=self._supervisor.level.value,
            halt=_in_words(self._supervisor.halt),
            last_decision=decision,
            next_moment=moment,
            next_what=what,
        )

    def _equity(self) -> int:
        held = self._ledger.positions.values()
        return self._ledger.totals.cash + sum(
            each.quantity * self._prices[each.ticker] if self._prices.get(each.ticker) else each.cost for each in held
        )

    def _from_the_file(self) -> tuple[int, int | None, str]:
        """Losing streak, equity to compare with, last decision; read again when the journal has grown.

        The closing equity of a session is no entry of the journal, so it is read each time.
        """
        connection, head = self._ledger.connection, self._ledger.head
        closed = last_equity(self._ledger)
        session = None if closed is None else closed.session
        if self._read is None or self._read[:2] != (head, session):
            paid = 0 if closed is None else paid_since(connection, closed.time)
            self._read = head, session, losing_streak(connection), paid, last_decision_id(connection)
        *_, streak, paid, decision = self._read
        return streak, None if closed is None else int(closed.equity) + paid, decision


def _in_session(now: datetime) -> bool:
    if not is_session(now.date()):
        return False
    return any(opens <= now < closes for opens, closes in session_hours(now.date()).periods)


def _in_words(halt: Halt | None) -> str:
    return "" if halt is None else f"{halt.since:%Y-%m-%d %H:%M:%S} {halt.who}: {halt.reason}".rstrip(": ")


def _size(folder: Path) -> int:
    """Bytes of the ledger and its write-ahead log."""
    total = 0
    for name in ("ledger.db", "ledger.db-wal"):
        with suppress(FileNotFoundError):
            total += (folder / name).stat().st_size
    return total
