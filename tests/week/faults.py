"""What goes wrong in a trading week beside deaths: lines, calls, clocks, disks, files, other processes and people."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import requests

from brokers.kis_trading.right_clock import JUMPED, UNKNOWN
from engine.clock import SystemClock
from engine.config import BacktestConfig
from engine.ledger.alerts import all_alerts
from engine.ledger.ledger import open_ledger
from engine.ledger.verify import verify
from engine.steady_clock import MOST_FOLLOWED
from engine.trading.backup import make_backup, restore
from engine.trading.control import ControlFile
from engine.trading.kill_switch import FILE as HALT_FILE
from tests.week.courier import WeekCourier
from tests.week.limits import TightLimit, drawn_limit
from tests.week.market import BY_HAND, NAMES
from tests.week.stage import PATIENCE_SECONDS, ROOT, Stage
from tests.week.story import (
    CALLS_LOST,
    CLOCK,
    CORRUPT,
    COURIER,
    DISK,
    HALT,
    HAND,
    LIMIT,
    LINE_CUT,
    PAUSED,
    SECOND,
    SERVER_KILLED,
    TRADER_KILLED,
)

_SHIFTS = (-86_400, -5_400, -300, -20, 20, 300, 5_400, 86_400)  # seconds by which the machine's clock goes wrong
_LOST = ("lost_request", "lost_answer", "server_error", "server_error_after", "gateway_timeout", "broken_json")


class FaultyStage(Stage):
    """A stage on which faults begin, each at a moment between two steps; what has to be undone is undone after it."""

    _control: ControlFile
    _by_hand: set[tuple[date, int]]
    _days: list[date]
    _courier: WeekCourier
    _limit: TightLimit | None

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
            PAUSED: self._pause_the_machine,
            DISK: self._fill_the_disk,
            CORRUPT: self._damage_the_ledger,
            SECOND: self._start_a_second,
            HAND: self._order_by_hand,
            HALT: self._halt,
            LIMIT: self._tighten_a_limit,
            COURIER: self._kill_the_courier,
        }
        begin[fault](undone)

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
        """The machine's clock jumps, and jumps back later; people are told of it, unless it is a small step."""
        shift, told = int(self._draw.choice(_SHIFTS)), self._clock_alerts()
        self._tell_the_shift(shift)
        self._settle()
        is_big, is_told = abs(shift) > MOST_FOLLOWED.total_seconds(), self._clock_alerts() > told
        if is_told != is_big and self._shift == shift:  # else somebody has set it, for a trader that would not start
            self.story.problems.append(f"a jump of {shift} s: {self._clock_alerts() - told} alerts")
        undone.callback(self._tell_the_shift, 0)

    def _clock_alerts(self) -> int:
        with open_ledger(self.folder / "ledger.db", SystemClock(), read_only=True) as ledger:
            return sum(each.code in (JUMPED, UNKNOWN) for each in all_alerts(ledger))

    def _tell_the_shift(self, seconds: int) -> None:
        self._shift = seconds
        while not self._ask(shift=seconds):
            self._hear_until(lambda: self._is_ready)

    def _pause_the_machine(self, undone: contextlib.ExitStack) -> None:
        """The machine stands still during the next step: its clock leaps, and for it no time has passed."""
        self._ask(pause=True)

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
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
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

    def _tighten_a_limit(self, undone: contextlib.ExitStack) -> None:
        """For a day the configuration allows so little that a decision asks for more."""
        self._limit = drawn_limit(self.folder / "ledger.db", self._draw)
        self._trade_under(self._limit.settings)

    def _trade_under(self, settings: BacktestConfig) -> None:
        self._stop()
        self._settings = settings
        self._start()
        self._settle()

    def _kill_the_courier(self, undone: contextlib.ExitStack) -> None:
        """Whoever delivers the alerts dies, now or with its next message; another one comes later."""
        if self._draw.random() < 0.5:
            self._courier.arm()
        else:
            self._courier.kill()
        undone.callback(self._courier.revive)

    def _people(self, command: str, **values: Any) -> None:
        asked = self._control.ask(command, "tester", values, datetime.fromisoformat(self._clock()["time"]))
        self._settle()
        answer = self._control.request(asked)
        if not answer.is_answered or not answer.done:
            self.story.problems.append(f"{command} was answered {answer.answer!r}")


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
