"""A trading week with everything that goes wrong: a served venue, a trader, people and faults, each when it is drawn.

    week = Week(seed=1, folder=folder, faults=("trader killed", "stream cut", …), kills=20)
    story = week.run()

Venue and trader live in processes of their own and die by SIGKILL (`week.stage`), other faults stand in `week.faults`.
The world waits for its trader, so nothing depends on how fast the machine is. After every fault, and thoroughly every
evening, the books are compared (`week.books`).
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np

from brokers.kis_server.server import ServerThread
from engine.clock import SimulatedClock
from engine.trading.control import ControlFile
from tests.kis_client import Client
from tests.kis_venue import write_server_keys
from tests.notify_servers import mail_server, web_server
from tests.served_process import Forge, Served
from tests.week.books import Findings, WeekBooks
from tests.week.courier import WeekCourier
from tests.week.faults import FaultyStage
from tests.week.limits import judge
from tests.week.market import SETTINGS, write_prompt
from tests.week.people import resolve_blocked
from tests.week.stage import INSTANTS, PATIENCE_SECONDS, Traders
from tests.week.story import (
    CALLS_LOST,
    CORRUPT,
    COURIER,
    DISK,
    HALT,
    HAND,
    LIMIT,
    QUIET,
    SERVER_KILLED,
    TRADER_KILLED,
    Story,
)

_LATER = timedelta(minutes=2)  # after a step: time for what is tried again
_EVENING = "18:00:00+09:00"
_WHEN = {
    DISK: (0, 1),
    HAND: (1, 4),
    CORRUPT: (1, 6),
    CALLS_LOST: (0, 2),
    HALT: (1, 4),
    LIMIT: (0, 1),
}  # instants, where not any


class Week(FaultyStage):
    """One week.

    Args:
        seed: of market and faults.
        folder: for everything.
        faults: names of `FAULTS`; each but the kills comes once, the kills as often as `kills` says;
            the courier dies in every session.
        kills: of trader and venue, alternating where both are among the faults.
        sessions: days that are traded; one more settles what is left.
        tell: is told a line now and then.
    """

    def __init__(
        self,
        seed: int,
        folder: Path,
        faults: Sequence[str],
        *,
        kills: int = 10,
        sessions: int = 5,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__(seed, folder)
        self._sessions, self._say = sessions, tell
        victims = [fault for fault in (TRADER_KILLED, SERVER_KILLED) if fault in faults]
        self._kills = deque(victims[number % len(victims)] for number in range(kills if victims else 0))
        self._others = [fault for fault in faults if fault not in victims]
        self._by_hand, self._days, self._limit = set(), [], None
        self._before = Findings()

    def run(self) -> Story:
        """From the first morning to the last comparison."""
        self.folder.mkdir(parents=True)
        self._prompt = write_prompt(self._folder)
        with contextlib.ExitStack() as stack:
            forge = Forge(f"week {self._seed} {self._sessions}")
            stack.callback(forge.close)
            self._traders = Traders()
            stack.callback(self._traders.close)
            setup = {"answer_seconds": PATIENCE_SECONDS}
            self._served = stack.enter_context(Served(forge, self._folder / "world", setup=setup))
            self._client = Client(cast("ServerThread", self._served), "live")
            stack.callback(self._client.session.close)
            self._client.log_in()
            write_server_keys(self.folder, cast("ServerThread", self._served), self._client)
            web, mailbox = stack.enter_context(web_server()), stack.enter_context(mail_server())
            self._courier = WeekCourier(self.folder, self._served.url, web, mailbox)
            stack.callback(self._courier.close)
            if COURIER in self._others:
                self._courier.start()
            self._books = WeekBooks(self.folder / "ledger.db", self._client, self._by_hand)
            self._control = ControlFile(self.folder)
            stack.callback(self._control.close)
            self._start()
            plan = self._drawn_plan()
            for day in range(self._sessions + 1):
                self._live_through(plan.get(day, {}))
                if self._limit is not None and not self._relax_the_limit() and day + 1 in plan:
                    plan[day + 1].setdefault(0, []).insert(0, LIMIT)
                if self.story.problems:
                    break
            self._stop()
            self._deliver()
        return self.story

    def _drawn_plan(self) -> dict[int, dict[int, list[str]]]:
        """Day -> instant of the day -> the faults that come then. The last day has none: it settles what is left."""
        plan: dict[int, dict[int, list[str]]] = {day: {} for day in range(self._sessions)}
        once = [fault for fault in self._others if fault != COURIER]
        daily = [COURIER] * self._sessions if COURIER in self._others else []
        for place, fault in enumerate([*self._draw.permutation(once).tolist(), *daily]):
            first, last = _WHEN.get(fault, (0, INSTANTS))
            plan[place % self._sessions].setdefault(int(self._draw.integers(first, last)), []).append(fault)
        slots = [(day, instant) for day in range(self._sessions) for instant in range(INSTANTS)]
        # Most entries are made by the decision and after the close: more deaths are drawn then.
        weights = np.array([3.0 if instant in (0, INSTANTS - 1) else 1.0 for _, instant in slots])
        chosen = self._draw.choice(len(slots), size=len(self._kills), p=weights / weights.sum())
        for place, victim in zip(sorted(chosen.tolist()), self._kills, strict=True):
            day, instant = slots[place]
            plan[day].setdefault(instant, []).append(victim)
        return plan

    def _live_through(self, faults: dict[int, list[str]]) -> None:
        first = self._clock()["next"]
        assert first is not None, "the market is over"
        day = datetime.fromisoformat(first).date()
        self._days.append(day)
        evening = datetime.fromisoformat(f"{day}T{_EVENING}")
        for instant in range(INSTANTS):
            self._instant, coming = instant, self._clock()["next"]
            target = evening if instant == INSTANTS - 1 else datetime.fromisoformat(coming or "")
            with contextlib.ExitStack() as undone:
                for fault in faults.get(instant, []):
                    self._begin_fault(fault, undone)
                self._advance(target)
                self._advance(target + _LATER)
                self._settle()
            self._disarm()
            if instant == INSTANTS - 1:
                self._finish_deaths()
            self._settle()
            self._compare(evening=instant == INSTANTS - 1)
        if self._before.unresolved:
            self._resolve()
        injected = sum(row.injected for row in self.story.rows.values())
        self._say(f"{day}: {self._before.orders} orders, {injected} faults, {self._before.unresolved} unresolved")

    def _compare(self, *, evening: bool) -> None:
        found = self._asked(lambda: self._books.compare(self._days, evening=evening))
        before, where = self._before, f"{self._days[-1]} {self._clock()['phase']} after {self._current or 'nothing'}"
        self.story.problems += [f"{where}: {problem}" for problem in found.problems]
        for fault in dict.fromkeys(self._current or [QUIET]):
            row = self.story.row(fault)
            row.orders += found.orders - before.orders
            row.alerts += found.told - before.told
            row.duplicates += len(found.duplicates)
            row.losses += len(found.losses)
            row.differences += len(found.differences)
            row.wrong_alerts += len(found.alerts)
            row.limits += len(found.limits)
        if evening:
            self.story.unresolved += found.unresolved
            if len(self._days) > self._sessions and found.unresolved:
                self.story.problems.append(f"{where}: {found.unresolved} orders are unresolved at the end")
        self.story.orders, self.story.alerts = found.orders, found.told
        self._before = found
        self._current.clear()

    def _resolve(self) -> None:
        """A person tells what became of the orders that are blocked."""
        listed = self._asked(lambda: self._books.listed(self._days))
        told, failed = resolve_blocked(self.folder / "ledger.db", listed, self._by_hand, self._served.url)
        self.story.resolved += told
        self.story.problems += failed

    def _relax_the_limit(self) -> bool:
        """The day of the tight limit is over: whether a decision has reached it."""
        assert self._limit is not None
        is_reached, wrong = judge(self.folder / "ledger.db", self._limit, self._days[-1])
        self.story.problems += wrong
        self.story.limits_reached += is_reached
        self._limit = None
        self._trade_under(SETTINGS)
        return is_reached

    def _deliver(self) -> None:
        """In the end everything must have come in, once."""
        now = SimulatedClock(datetime.fromisoformat(self._clock()["time"]))
        now.advance(timedelta(days=1))  # whatever is counted first is due by then
        self.story.problems += self._courier.finish(now, self.story.alerts)
        self.story.points.update(self._courier.deaths)
        self.story.messages.update({name: len(ids) for name, ids in self._courier.received().items()})
