"""The clock of a KIS-compatible server: replayed time instead of the machine's (`--clock world`).

The server publishes its time at `/_world/clock`. Where time flows (×N), the last answer is carried on at that speed for
a moment before it is asked for again. Where it stands still, which it also does while it waits for us, waiting must not
wait for it: what was slept is added.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import requests

from brokers.kis.errors import KisError
from engine.clock import in_seoul
from engine.errors import BadInput

PATH = "/_world/clock"
_ANSWER_SECONDS = 60.0  # the first order of a world may compile its exchange
_LONGEST_NAP_SECONDS = 0.2


class WorldClock:
    """The time of a served world; an `engine.clock.Clock`.

    Args:
        url: base address of the server.
        fresh_seconds: of the machine's time, for which an answer is used again.
        monotonic: seconds for that.
        nap: waits that many seconds of the machine's time.

    Raises:
        KisError: nobody publishes a clock there. Later, when the world has gone, the last time that it told holds.
    """

    def __init__(
        self,
        url: str,
        *,
        fresh_seconds: float = 0.05,
        monotonic: Callable[[], float] = time.monotonic,
        nap: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._fresh_seconds = url.rstrip("/") + PATH, fresh_seconds
        self._monotonic, self._nap = monotonic, nap
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy has no business between us and the world
        self._told, self._speed, self._asked_at = self._ask()
        self._slept = timedelta(0)
        self._latest = self._told
        self._has_gone = False
        self._lock = threading.RLock()  # a call that waits beside its caller looks at the time too

    def now(self) -> datetime:
        """The time of the world, never earlier than it was before."""
        with self._lock:
            return self._now()

    def _now(self) -> datetime:
        if self._monotonic() - self._asked_at >= self._fresh_seconds:
            self.refresh()
        elapsed = timedelta(seconds=(self._monotonic() - self._asked_at) * self._speed)
        self._latest = max(self._latest, self._told + elapsed + self._slept)
        return self._latest

    def refresh(self) -> None:
        """Ask the server now: somebody has moved the world."""
        with self._lock:
            try:
                told, self._speed, self._asked_at = self._ask()
            except KisError:
                self._has_gone, self._speed, self._asked_at = True, 0.0, self._monotonic()
                return
            self._has_gone = False
            if told != self._told:
                self._slept = timedelta(0)
            self._told = told

    def heard(self, time: datetime) -> None:
        """Something happened at this time of the world: an answer from before it is used no more.

        A step may be hours long, and what it brings is acted on at once.
        """
        with self._lock:
            if time > self._now():
                self.refresh()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds of the world's time."""
        end = self.now() + timedelta(seconds=seconds)
        while (left := (end - self.now()).total_seconds()) > 0:
            if self._speed <= 0:
                with self._lock:
                    self._slept += timedelta(seconds=left)
                if self._has_gone:
                    self._nap(min(left, _LONGEST_NAP_SECONDS))
            else:
                self._nap(min(left / self._speed, _LONGEST_NAP_SECONDS))

    def twin(self) -> WorldClock:
        """Another clock of the same world, for another thread."""
        return WorldClock(self._url.removesuffix(PATH), fresh_seconds=self._fresh_seconds)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _ask(self) -> tuple[datetime, float, float]:
        asked_at = self._monotonic()
        try:
            answer = self._session.get(self._url, timeout=_ANSWER_SECONDS, allow_redirects=False)
            told = answer.json()
            instant, speed = in_seoul(datetime.fromisoformat(told["time"])), float(told["speed"])
            if not 0 <= speed < math.inf:
                raise ValueError("a speed is a number from 0 on")
            # A world that waits for its clients, which may be us, stands still whatever its speed.
            return instant, 0.0 if told.get("stands") else speed, asked_at
        except (requests.RequestException, ValueError, KeyError, TypeError, ArithmeticError, BadInput) as error:
            raise KisError(
                f"No clock at {self._url} ({type(error).__name__}). Only `geoul serve` publishes one: start it, or "
                f"leave --world and --clock world out."
            ) from None
