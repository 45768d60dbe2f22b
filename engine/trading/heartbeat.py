"""Signs of life: the trader touches a file at every turn, and another process notices when it stops. The file says what
time it is for the trader too, which in a replayed world is not that of the machine.

The age of a beat is measured by the watcher's own steady clock from the moment at which it saw the file change, so a
clock of the machine that is set back or forward neither raises nor hides an alarm.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from engine.clock import Clock, from_nanoseconds
from engine.ledger.canonical import stamp, unstamp

FILE = "heartbeat"
_LIVES, _ENDED = "lives", "ended"
_TELL_EVERY = timedelta(seconds=1)
_LATELY = timedelta(minutes=2)


class Heartbeat:
    """The trader's side.

    Args:
        folder: of the account.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._told: datetime | None = None

    def beat(self, now: datetime) -> None:
        """I am alive, and it is `now`."""
        if self._told is not None and timedelta(0) <= now - self._told < _TELL_EVERY:
            try:
                os.utime(self._path)
                return
            except FileNotFoundError:
                pass  # somebody tidied up: made again
        self._path.write_text(f"{_LIVES} {stamp(now)}\n", encoding="ascii")
        self._told = now

    def end(self, now: datetime) -> None:
        """I stop on purpose."""
        self._path.write_text(f"{_ENDED} {stamp(now)}\n", encoding="ascii")
        self._told = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastBeat:
    """What the file says.

    Args:
        time: of the trader's clock at its last beat.
        age: of that, by the machine's clock.
        has_ended: the trader stopped on purpose.
    """

    time: datetime
    age: timedelta
    has_ended: bool

    @property
    def now(self) -> datetime:
        """The time of the trader's clock now, if it runs like the machine's."""
        return self.time + max(self.age, timedelta(0))

    @property
    def is_alive(self) -> bool:
        """Whether a trader has shown itself lately."""
        return not self.has_ended and abs(self.age) < _LATELY  # a beat of the future is from before a clock was set


def last_beat(folder: Path, clock: Clock) -> LastBeat | None:
    """The last beat of an account's trader; None if none was ever heard.

    Args:
        folder: of the account.
        clock: the machine's.
    """
    path = folder / FILE
    try:
        beaten_at = from_nanoseconds(path.stat().st_mtime_ns)
        word, _, time = path.read_text(encoding="ascii").strip().partition(" ")
        told = unstamp(time)
    except (FileNotFoundError, ValueError):  # it is being written at this moment
        return None
    return LastBeat(time=told, age=clock.now() - beaten_at, has_ended=word == _ENDED)


class SilenceWatch:
    """The watcher's side; ask it again and again.

    Args:
        folder: of the account.
        silent_after: seconds without a beat that are too many.
        steady: seconds of a clock that never jumps.
    """

    def __init__(self, folder: Path, silent_after: float, steady: Callable[[], float]) -> None:
        self._path, self._silent_after, self._steady = folder / FILE, silent_after, steady
        self._seen = self._look()
        self._changed_at = steady()
        self.has_ended = self._is_ended()

    @property
    def silent_for(self) -> float:
        """Seconds since the last beat, or since this watch began."""
        seen = self._look()
        if seen != self._seen:
            self._seen, self._changed_at = seen, self._steady()
        self.has_ended = self._is_ended()
        return self._steady() - self._changed_at

    @property
    def is_silent(self) -> bool:
        """Whether that is too long."""
        return self.silent_for >= self._silent_after

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _is_ended(self) -> bool:
        try:
            return self._path.read_text(encoding="ascii").startswith(_ENDED)
        except FileNotFoundError:
            return False
