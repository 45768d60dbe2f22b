"""A trading week with everything that goes wrong: a served venue, a trader, people and faults, each when it is drawn.

    week = Week(seed=1, folder=folder, faults=("trader killed", "stream cut", …), kills=20)
    story = week.run()

Venue and trader live in processes of their own and die by SIGKILL (`week_stage`), other faults stand in `week_faults`.
The world waits for its trader, so nothing depends on how fast the machine is. After every fault, and thoroughly every
evening, the books are compared (`week_books`).
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
from engine.notify.courier import Courier
from engine.notify.outbox import Outbox
from engine.trading.control import ControlFile
from tests.kis_client import Client
from tests.kis_venue import write_server_keys
from tests.notify_servers import mail_server, settings_for, web_server
from tests.served_process import Forge, Served
from tests.week_books import Findings, WeekBooks, delivered_once
from tests.week_faults import FaultyStage
from tests.week_market import write_prompt
from tests.week_stage import INSTANTS, PATIENCE_SECONDS, Traders
from tests.week_story import (
    CALLS_LOST,
    CORRUPT,
    DISK,
    HALT,
    HAND,
    QUIET,
    SERVER_KILLED,
    TRADER_KILLED,
    Story,
)

_LATER = timedelta(minutes=2)  # after a step: time for what is tried again
_EVENING = "18:00:00+09:00"
_WHEN = {DISK: (0, 1), HAND: (1, 4), CORRUPT: (1, 6), CALLS_LOST: (0, 2), HALT: (1, 4)}  # instants, where not any
_ALL = {"team": {"minimum": "info"}, "mail": {"minimum": "info"}}


class Week(FaultyStage):
    """One week.

    Args:
        seed: of market and faults.
        folder: for everything.
        faults: names of `FAULTS`; each but the kills comes once, the kills as often as `kills` says.
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
        self._by_hand, self._days = set(), []
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
            self._web, self._mail = stack.enter_context(web_server()), stack.enter_context(mail_server())
            self._books = WeekBooks(self.folder / "ledger.db", self._client, self._by_hand)
            self._control = ControlFile(self.folder)
            stack.callback(self._control.close)
            self._start()
            plan = self._drawn_plan()
            for day in range(self._sessions + 1):
                self._live_through(plan.get(day, {}))
                if self.story.problems:
                    break
            self._stop()
            self._deliver()
        return self.story

    def _drawn_plan(self) -> dict[int, dict[int, list[str]]]:
        """Day -> instant of the day -> the faults that come then. The last day has none: it settles what is left."""
        plan: dict[int, dict[int, list[str]]] = {day: {} for day in range(self._sessions)}
        for place, fault in enumerate(self._draw.permutation(self._others).tolist()):
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
        self._deliver()
        if self._before.unresolved:
            now = datetime.fromisoformat(self._clock()["time"])
            self.story.resolved += self._asked(lambda: self._books.resolve(self._days, now))
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

    def _deliver(self) -> None:
        """Tell people what is due, on two channels; at the end everything must have come in, once."""
        told = settings_for(self._web, self._mail, without=("phone",), quiet=None, **_ALL)
        now = SimulatedClock(datetime.fromisoformat(self._clock()["time"]))
        if not self._is_wanted:
            now.advance(timedelta(days=1))  # whatever is counted first is due by then
        courier = Courier(self.folder, told, now, tell=self.story.refused.append, lang="en", reports={})
        while courier.turn():
            pass
        if self._is_wanted:
            return
        rows = Outbox(self.folder).deliveries(most=1_000_000)
        titles = {
            "team": [each["title"] for each in self._web.slack],
            "mail": [str(each["Subject"]) for each in self._mail.mails],
        }
        for channel, received in titles.items():
            wrong = delivered_once([row for row in rows if row.channel == channel], received, self.story.alerts)
            self.story.problems += [f"{channel}: {each}" for each in wrong]
            self.story.messages[channel] = len(received)
