"""The stage of a trading week: a served venue and a trader in processes of their own, who die and are brought up again.

Deaths are drawn one at a time: a passage of the trader's work at which one of the two dies, or a line of the venue's
own journal. Where the passage does not come, somebody dies between two steps of the world.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import requests

from tests.chaos.run import Life
from tests.kis_client import Client
from tests.served_process import Served
from tests.week.death import points_at
from tests.week.market import NAMES, SETTINGS
from tests.week.story import (
    SERVER_KILLED,
    TRADER_KILLED,
    Story,
)

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 240.0
_JOURNAL_LINES = ("step", "order")  # of the venue's journal, and where in the writing of one it dies
_JOURNAL_POINTS = ("before", "torn", "written", "saved")
INSTANTS = 7  # of a day: six steps of a session, and the evening
_MOST_FAILURES = 40  # starts in a row that come to nothing
T = TypeVar("T")


class Traders(Life):
    """The trader's process, one life after another."""

    def __init__(self) -> None:
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.week.trader"],
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
            told = self._line(PATIENCE_SECONDS)
            assert told is not None, "the traders' parent process says nothing"
            if "process" in told:
                self.number = told["process"]
            else:
                self._heard.append(told)


class Stage:
    """Venue, trader and time.

    Args:
        seed: of what is drawn.
        folder: for everything.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self._seed, self._folder = seed, folder
        self._draw = np.random.default_rng([seed, 7])
        self.story = Story()
        self._served: Served
        self._traders: Traders
        self._client: Client
        self._prompt: Path
        self._armed = ""  # whose death is drawn and has not struck yet
        self._struck = ""
        self._deaths: deque[str] = deque()  # that are due now
        self._current: list[str] = []  # faults since the last comparison
        self._waiting: list[str] = []  # faults after which the trader has not come back yet
        self._is_wanted = self._is_ready = False  # a trader should live; it does
        self._failures = 0  # starts in a row
        self._shift = self._instant = self._draws = 0
        self._settings = SETTINGS  # of the trader
        self._answer: str | None = None
        self._reviving = ""  # the fault after which the trader is being started again
        self._fell_at = self._died_at = 0.0

    @property
    def folder(self) -> Path:
        """Of the account."""
        return self._folder / "account"

    def _advance(self, target: datetime) -> None:
        """Let the world go on to an instant; whoever dies on the way is brought up again."""
        self._arm_next(waits=True)
        told: list[str] = []

        def move() -> None:
            while not told:
                try:
                    url = f"{self._served.url}/_world/advance"
                    answer = requests.post(url, json={"to": target.isoformat()}, timeout=2 * PATIENCE_SECONDS)
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
        points = points_at(self._instant, INSTANTS - 1, starts=not waits)
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

    def _count(self, fault: str) -> None:
        self.story.row(fault).injected += 1
        self._current.append(fault)

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
            "settings": self._settings.model_dump(mode="json"),
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
            heard = self._traders.hear(PATIENCE_SECONDS / 4)
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
        deadline = time.monotonic() + PATIENCE_SECONDS
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
            if "machine's clock is" in heard["failed"]:
                self._shift = 0  # a person reads it, and sets the clock
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
