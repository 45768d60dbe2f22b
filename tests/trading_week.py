"""A trading week with everything that goes wrong: a served venue, a trader, people and faults, each when it is drawn.

    week = Week(seed=1, folder=folder, faults=("trader killed", "line cut", …), kills=20)
    story = week.run()

Venue and trader live in processes of their own and die by SIGKILL, at passages of the trader's work that are drawn from
the seed (`week_death`), or between two steps of the world. The world waits for its trader, so nothing depends on how
fast the machine is. After every fault, and thoroughly every evening, the books are compared (`week_books`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import requests

from brokers.kis_server.server import ServerThread
from engine.clock import SimulatedClock
from engine.ledger.verify import verify
from engine.notify.courier import Courier
from engine.notify.outbox import Outbox
from engine.trading.backup import make_backup, restore
from engine.trading.control import ControlFile
from engine.trading.kill_switch import FILE as HALT_FILE
from tests.chaos_run import Life
from tests.kis_client import Client
from tests.kis_venue import write_server_keys
from tests.notify_servers import mail_server, settings_for, web_server
from tests.served_process import Forge, Served
from tests.week_books import Findings, WeekBooks, delivered_once
from tests.week_death import points_at
from tests.week_market import BY_HAND, NAMES, SETTINGS, write_prompt

ROOT = Path(__file__).parents[1]
TRADER_KILLED, SERVER_KILLED = "trader killed", "venue killed"
LINE_CUT, CALLS_LOST, CLOCK, DISK = "stream cut", "calls refused or lost", "clock jumps", "disk full"
CORRUPT, SECOND, HAND, HALT = "ledger page damaged", "second instance", "order by hand", "halt, cancel, resume"
QUIET = "no fault"
FAULTS = (TRADER_KILLED, SERVER_KILLED, LINE_CUT, CALLS_LOST, CLOCK, DISK, CORRUPT, SECOND, HAND, HALT)
_PATIENCE_SECONDS = 240.0
_JOURNAL_LINES = ("step", "order")  # of the venue's journal, and where in the writing of one it dies
_JOURNAL_POINTS = ("before", "torn", "written", "saved")
_LATER = timedelta(minutes=2)  # after a step: time for what is tried again
_INSTANTS = 7  # of a day: six steps of a session, and the evening
_MOST_FAILURES = 40  # starts in a row that come to nothing
_EVENING = "18:00:00+09:00"
_SHIFTS = (-86_400, -5_400, -300, -20, 20, 300, 5_400, 86_400)  # seconds by which the machine's clock goes wrong
_WHEN = {DISK: (0, 1), HAND: (1, 4), CORRUPT: (1, 6), CALLS_LOST: (0, 2), HALT: (1, 4)}  # instants, where not any
_ALL = {"team": {"minimum": "info"}, "mail": {"minimum": "info"}}
T = TypeVar("T")
_LOST = ("lost_request", "lost_answer", "server_error", "server_error_after", "gateway_timeout", "broken_json")


@dataclass(slots=True)
class Row:
    """One fault: how often it came, what happened around it, and what must be 0."""

    injected: int = 0
    orders: int = 0
    duplicates: int = 0
    losses: int = 0
    differences: int = 0
    alerts: int = 0
    wrong_alerts: int = 0
    limits: int = 0
    recovery: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """What happened.

    Args:
        rows: by fault.
        points: where somebody died.
        problems: what must not be, with where in the week; must be empty.
        crashes: tracebacks of the trader; must be empty.
        refused: what the trader said when it would not start or go on.
        messages: that came in, by channel.
        orders, alerts: in the ledger at the end.
        unresolved: orders whose fate was unknown on some evening.
        starts: of the trader: seconds until it traded, and of the processor.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    points: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    alerts: int = 0
    unresolved: int = 0
    starts: list[tuple[float, float]] = field(default_factory=list)

    def row(self, fault: str) -> Row:
        """Of one fault."""
        return self.rows.setdefault(fault, Row())


class Traders(Life):
    """The trader's process, one life after another."""

    def __init__(self) -> None:
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.week_trader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=variables,
        )
        self._unread = b""
        self._heard: deque[dict[str, Any]] = deque()
        self.number = 0

    def begin(self, **what: Any) -> None:
        """Fork a life, or a command."""
        self.tell(**what)
        while not self.number:
            told = self._line(_PATIENCE_SECONDS)
            assert told is not None, "the traders' parent process says nothing"
            if "process" in told:
                self.number = told["process"]
            else:
                self._heard.append(told)


class Week:
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
        self._seed, self._folder, self._sessions, self._say = seed, folder, sessions, tell
        self._draw = np.random.default_rng([seed, 7])
        victims = [fault for fault in (TRADER_KILLED, SERVER_KILLED) if fault in faults]
        self._kills = deque(victims[number % len(victims)] for number in range(kills if victims else 0))
        self._others = [fault for fault in faults if fault not in victims]
        self.story = Story()
        self._armed = ""  # whose death is drawn and has not struck yet
        self._struck = ""
        self._deaths: deque[str] = deque()  # that are due now
        self._current: list[str] = []  # faults since the last comparison
        self._waiting: list[str] = []  # faults after which the trader has not come back yet
        self._by_hand: set[tuple[date, int]] = set()
        self._days: list[date] = []
        self._before = Findings()
        self._is_wanted = self._is_ready = False  # a trader should live; it does
        self._failures = 0  # starts in a row
        self._shift = self._instant = self._draws = 0
        self._answer: str | None = None
        self._reviving = ""  # the fault after which the trader is being started again
        self._fell_at = self._died_at = 0.0

    # The week ----------------------------------------------------------------------------------------------------

    def run(self) -> Story:
        """From the first morning to the last comparison."""
        self.folder.mkdir(parents=True)
        self._prompt = write_prompt(self._folder)
        with contextlib.ExitStack() as stack:
            forge = Forge(f"week {self._seed} {self._sessions}")
            stack.callback(forge.close)
            self._traders = Traders()
            stack.callback(self._traders.close)
            setup = {"answer_seconds": _PATIENCE_SECONDS}
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

    @property
    def folder(self) -> Path:
        """Of the account."""
        return self._folder / "account"

    def _drawn_plan(self) -> dict[int, dict[int, list[str]]]:
        """Day -> instant of the day -> the faults that come then. The last day has none: it settles what is left."""
        plan: dict[int, dict[int, list[str]]] = {day: {} for day in range(self._sessions)}
        for place, fault in enumerate(self._draw.permutation(self._others).tolist()):
            first, last = _WHEN.get(fault, (0, _INSTANTS))
            plan[place % self._sessions].setdefault(int(self._draw.integers(first, last)), []).append(fault)
        slots = [(day, instant) for day in range(self._sessions) for instant in range(_INSTANTS)]
        # Most entries are made by the decision and after the close: more deaths are drawn then.
        weights = np.array([3.0 if instant in (0, _INSTANTS - 1) else 1.0 for _, instant in slots])
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
        for instant in range(_INSTANTS):
            self._instant, coming = instant, self._clock()["next"]
            target = evening if instant == _INSTANTS - 1 else datetime.fromisoformat(coming or "")
            with contextlib.ExitStack() as undone:
                for fault in faults.get(instant, []):
                    self._begin_fault(fault, undone)
                self._advance(target)
                self._advance(target + _LATER)
                self._settle()
            self._disarm()
            if instant == _INSTANTS - 1:
                self._finish_deaths()
            self._settle()
            self._compare(evening=instant == _INSTANTS - 1)
        self._deliver()
        injected = sum(row.injected for row in self.story.rows.values())
        self._say(f"{day}: {self._before.orders} orders, {injected} faults, {self._before.unresolved} unresolved")

    def _advance(self, target: datetime) -> None:
        """Let the world go on to an instant; whoever dies on the way is brought up again."""
        self._arm_next(waits=True)
        told: list[str] = []

        def move() -> None:
            while not told:
                try:
                    url = f"{self._served.url}/_world/advance"
                    answer = requests.post(url, json={"to": target.isoformat()}, timeout=2 * _PATIENCE_SECONDS)
                except requests.ConnectionError:
                    time.sleep(0.02)  # it has died, perhaps on its way there
                    continue
                told.append("" if answer.ok or "cannot go back" in answer.text else answer.text)

        moving = threading.Thread(target=move, daemon=True)
        moving.start()
        self._hear_until(lambda: not moving.is_alive())
        assert told == [""], told

    def _clock(self) -> dict[str, Any]:
        clock: dict[str, Any] = self._asked(lambda: self._client.world("clock"))
        return clock

    def _asked(self, question: Callable[[], T]) -> T:
        """Ask the venue something, again if it dies meanwhile."""
        while True:
            try:
                return question()
            except (requests.ConnectionError, KeyError, ValueError):
                assert not self._venue_lives(), "the venue lives and does not answer"
                self._bring_up_the_venue()

    # Deaths ------------------------------------------------------------------------------------------------------

    def _arm_next(self, *, waits: bool) -> list[Any] | None:
        """Draw the next death, if none is drawn and somebody is to die.

        Args:
            waits: until the trader that lives knows; else what is to be told to one that is about to start.
        """
        if self._armed or not self._deaths:
            return None
        self._armed = self._deaths.popleft()
        self._draws += 1
        if self._armed == SERVER_KILLED and self._draw.random() < 0.4:
            line, point = str(self._draw.choice(_JOURNAL_LINES)), str(self._draw.choice(_JOURNAL_POINTS))
            self._struck = f"venue: {line} {point}"
            self._served.arm((line, point, int(self._draw.integers(1, 3))))
            return None
        points = points_at(self._instant, _INSTANTS - 1, starts=not waits)
        point = str(self._draw.choice(list(points)))
        passages = int(self._draw.integers(1, points[point] + 1))
        self._struck = point
        told = [point, passages, 0 if self._armed == TRADER_KILLED else self._served.process]
        if waits:
            self._ask(arm=told)
        return told

    def _disarm(self) -> None:
        """The point that was drawn has not come: whoever was to die is to die elsewhere."""
        if not self._armed:
            return
        drawn = self._draws
        if self._struck.startswith("venue: "):
            self._served.arm(("", "", 0))
        else:
            self._ask(arm=["", 0, 0])
        if self._armed and self._draws == drawn:  # it has not come meanwhile
            self._deaths.appendleft(self._armed)
            self._armed = ""

    def _finish_deaths(self) -> None:
        """Whoever is still to die dies between two steps, and those after him while they start, if it comes so."""
        self._disarm()
        while self._armed or self._deaths:
            self._armed = self._armed or self._deaths.popleft()
            self._struck = "between two steps"
            if self._armed == TRADER_KILLED:
                self._traders.kill()
            else:
                self._served.cut()
            died = self.story.points.total()
            self._hear_until(lambda died=died: self.story.points.total() > died)  # type: ignore[misc]
            self._hear_until(lambda: self._is_ready)
            self._disarm()

    def _note_death(self) -> None:
        self.story.points[self._struck] += 1
        self._count(self._armed)
        self._armed = ""

    def _venue_lives(self) -> bool:
        try:
            os.kill(self._served.process, 0)
        except ProcessLookupError:
            return False
        return True

    def _bring_up_the_venue(self) -> None:
        self._served.wait()
        assert self._armed == SERVER_KILLED, "the venue ended by itself"
        self._note_death()
        self._waiting.append(SERVER_KILLED)
        self._died_at = time.monotonic()
        self._served.start()

    # Other faults -------------------------------------------------------------------------------------------------

    def _begin_fault(self, fault: str, undone: contextlib.ExitStack) -> None:
        if fault in (TRADER_KILLED, SERVER_KILLED):
            self._deaths.append(fault)
            return
        self._finish_deaths()
        self._count(fault)
        begin = {
            LINE_CUT: self._cut_the_line,
            CALLS_LOST: self._lose_calls,
            CLOCK: self._shift_the_clock,
            DISK: self._fill_the_disk,
            CORRUPT: self._damage_the_ledger,
            SECOND: self._start_a_second,
            HAND: self._order_by_hand,
            HALT: self._halt,
        }
        begin[fault](undone)

    def _count(self, fault: str) -> None:
        self.story.row(fault).injected += 1
        self._current.append(fault)

    def _cut_the_line(self, undone: contextlib.ExitStack) -> None:
        requests.post(f"{self._served.url}/_world/faults", json={"now": "socket_cut"}, timeout=60)
        self._use_faults(
            [{"fault": "socket_cut", "every": 2, "times": 2}, {"fault": "lost_notice", "every": 3, "times": 2}]
        )
        undone.callback(self._use_faults, [])

    def _lose_calls(self, undone: contextlib.ExitStack) -> None:
        """Calls fail before or after they are carried out, orders and reads, for a while; and all tokens end."""
        requests.post(f"{self._served.url}/_world/faults", json={"now": "token_expired"}, timeout=60)
        self._client.log_in()
        rules = []
        for fault in self._draw.permutation(_LOST).tolist():
            for calls, most in (("orders", 2), ("reads", 4)):
                times, every = int(self._draw.integers(1, most + 1)), int(self._draw.integers(2, 5))
                rules.append({"fault": fault, "calls": [calls], "every": every, "times": times})
        self._use_faults(rules)
        undone.callback(self._use_faults, [])

    def _use_faults(self, rules: list[dict[str, Any]]) -> None:
        done = self._asked(lambda: requests.post(f"{self._served.url}/_world/faults", json=rules, timeout=60))
        assert done.ok, done.text

    def _shift_the_clock(self, undone: contextlib.ExitStack) -> None:
        """The machine's clock jumps, and jumps back later."""
        self._tell_the_shift(int(self._draw.choice(_SHIFTS)))
        self._settle()
        undone.callback(self._tell_the_shift, 0)

    def _tell_the_shift(self, seconds: int) -> None:
        self._shift = seconds
        while not self._ask(shift=seconds):
            self._hear_until(lambda: self._is_ready)

    def _fill_the_disk(self, undone: contextlib.ExitStack) -> None:
        """The ledger cannot grow any more, or no file of the process can; a later life has room again."""
        if self._draw.random() < 0.5:
            self._ask(pages=int(self._draw.integers(0, 3)))
        else:
            self._ask(bytes=int(self._draw.integers(0, 20_000)))
        undone.callback(self._give_room)

    def _give_room(self) -> None:
        while not self._ask(room=True):
            self._hear_until(lambda: self._is_ready)

    def _damage_the_ledger(self, undone: contextlib.ExitStack) -> None:
        """Bytes of the file change while nobody trades. Nothing starts on it; the backup goes on."""
        self._stop()
        ledger = self.folder / "ledger.db"
        with contextlib.closing(sqlite3.connect(ledger)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            size = connection.execute("PRAGMA page_size").fetchone()[0]
        now = datetime.fromisoformat(self._clock()["time"])
        backup = make_backup(self.folder, self._prompt, self._folder / "backups", now)
        sound, pages = ledger.read_bytes(), ledger.stat().st_size // size
        while not _is_damaged(ledger):  # bytes that nothing uses prove nothing
            place = size * int(self._draw.integers(0, pages)) + int(self._draw.integers(0, size // 2))
            ledger.write_bytes(sound[:place] + self._draw.bytes(size // 4) + sound[place + size // 4 :])
        before, told = self._client.world("accounts"), self._folder / "refused.txt"
        status = self._command([*self._words(), "--sessions", "1"], told)
        said = told.read_text(encoding="utf-8")
        self.story.refused.append(_last_line(said))
        if status != 2 or "Traceback" in said:
            wrong = f"a ledger damaged at byte {place} of {pages} pages: status {status}, {said[-600:]}"
            self.story.problems.append(wrong)
        if self._client.world("accounts") != before:
            self.story.problems.append(f"a ledger damaged at byte {place} was traded on")
        restore(self.folder, backup, now)
        self._start()
        self._settle()
        (self.folder / HALT_FILE).unlink()
        self._people("resume", reason="the backup agrees with the venue")

    def _start_a_second(self, undone: contextlib.ExitStack) -> None:
        """A second process on the same folder is refused, and the first one does not notice."""
        command = [sys.executable, "-m", "engine.cli.main", *self._words()]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
        self.story.refused.append(_last_line(done.stderr))
        if done.returncode != 2 or "Another process is trading" not in done.stderr:
            wrong = f"a second instance: status {done.returncode}, {done.stdout[-600:]} {done.stderr[-600:]}"
            self.story.problems.append(wrong)

    def _words(self) -> list[str]:
        """The command by which a user would start the same trader."""
        words = ["live", str(self._prompt), "--folder", str(self.folder), "--world", self._served.url]
        return [*words, "--lang", "en"]

    def _order_by_hand(self, undone: contextlib.ExitStack) -> None:
        """A person buys two names in the app, one of them ours, and sells both again later."""
        names = (BY_HAND, str(self._draw.choice(NAMES[:-1])))
        for name in names:
            self._by_person("buy", name)
        undone.callback(lambda: [self._by_person("sell", name) for name in names])

    def _by_person(self, side: str, name: str) -> None:
        answer = self._client.order(side, name, 7)
        if answer["rt_cd"] == "0":  # else the market is closed, or nothing has been bought
            self._by_hand.add((self._days[-1], int(answer["output"]["ODNO"])))

    def _halt(self, undone: contextlib.ExitStack) -> None:
        """A person stops everything new, withdraws what waits, and lets it go on later."""
        self._people("halt", reason="a test", everything=False, cancel=True, sell=False)
        undone.callback(self._people, "resume", reason="the test is over")

    def _people(self, command: str, **values: Any) -> None:
        asked = self._control.ask(command, "tester", values, datetime.fromisoformat(self._clock()["time"]))
        self._settle()
        answer = self._control.request(asked)
        if not answer.is_answered or not answer.done:
            self.story.problems.append(f"{command} was answered {answer.answer!r}")

    # The trader ---------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._is_wanted = True
        self._begin_life()
        self._hear_until(lambda: self._is_ready)

    def _begin_life(self) -> None:
        self._is_ready = False
        told = {
            "url": self._served.url,
            "folder": str(self.folder),
            "prompt": str(self._prompt),
            "environment": "live",
            "tickers": list(NAMES),
            "settings": SETTINGS.model_dump(mode="json"),
            "shift": self._shift,
            "arm": self._arm_next(waits=False),
        }
        self._traders.begin(start=told)

    def _stop(self) -> None:
        self._is_wanted = False
        if self._traders.number:
            self._traders.tell(stop=True)
            self._hear_until(lambda: not self._traders.number)

    def _command(self, words: list[str], told: Path) -> int:
        """A `geoul` command in a fork of the traders' parent; its exit status, −9 if it had to be killed."""
        assert not self._traders.number, "somebody trades"
        self._traders.begin(run=words, told=str(told))
        while True:
            heard = self._traders.hear(_PATIENCE_SECONDS / 4)
            if heard is None:
                self._traders.kill()
            elif "ended" in heard:
                return os.waitstatus_to_exitcode(heard["ended"])

    def _ask(self, **what: Any) -> bool:
        """Tell the trader something; False if it died before it could answer."""
        self._hear_until(lambda: self._is_ready)
        life, self._answer = self._traders.number, None
        self._traders.tell(**what)
        self._hear_until(lambda: self._answer is not None or self._traders.number != life)
        return self._answer is not None

    def _settle(self) -> None:
        """Let the trader make a few turns at this time, whoever dies meanwhile."""
        while not self._ask(turns=3):
            pass
        for fault in self._waiting:
            self.story.row(fault).recovery.append(time.monotonic() - self._died_at)
        self._waiting.clear()

    def _hear_until(self, is_so: Callable[[], bool]) -> None:
        """Take in what the trader says, and bring up again who has died, until something is so."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, f"nothing happens; the trader said {self.last_words()}"
            heard = self._traders.hear(0.02)
            if heard is not None:
                self._take(heard)
            if not self._venue_lives():
                self._bring_up_the_venue()

    def _take(self, heard: dict[str, Any]) -> None:
        if "ready" in heard:
            self._is_ready, self._failures = True, 0
            self.story.starts.append((heard["ready"][0], heard["ready"][1]))
            if self._reviving:
                self.story.row(self._reviving).recovery.append(time.monotonic() - self._fell_at)
            self._reviving = ""
        elif "done" in heard:
            self._answer = str(heard["done"])
        elif "failed" in heard:
            self.story.refused.append(heard["failed"])
        elif "crashed" in heard:
            self.story.crashes.append(heard["crashed"])
        elif "ended" in heard:
            self._has_ended(os.waitstatus_to_exitcode(heard["ended"]))

    def _has_ended(self, status: int) -> None:
        self._is_ready = False
        if not self._is_wanted:
            return
        if not self._reviving:
            self._fell_at = time.monotonic()
        if status == -signal.SIGKILL and self._armed == TRADER_KILLED:
            self._note_death()
            self._reviving = TRADER_KILLED
        else:
            self._failures += 1
            self._reviving = self._reviving or (self._current[-1] if self._current else TRADER_KILLED)
        why = f"the trader ended with {status}: {self.story.crashes[-1:] or self.story.refused[-1:]}"
        if self.story.crashes or self._failures > _MOST_FAILURES:
            raise AssertionError(why)
        self._begin_life()

    def last_words(self) -> str:
        """What the trader told people last."""
        path = self.folder / "said.txt"
        return "\n".join(path.read_text(encoding="utf-8").splitlines()[-15:]) if path.exists() else ""

    # What is compared ---------------------------------------------------------------------------------------------

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


def _is_damaged(ledger: Path) -> bool:
    """Whether the ledger's own proof finds anything."""
    try:
        with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
            return bool(verify(connection))
    except sqlite3.DatabaseError:
        return True


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
