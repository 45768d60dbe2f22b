"""Signs of life: the trader touches a file at every turn, and another process notices when it stops.

The age of a beat is measured by the watcher's own steady clock from the moment at which it saw the file change, so a
clock of the machine that is set back or forward neither raises nor hides an alarm.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

FILE = "heartbeat"
_ENDED = "ended"


class Heartbeat:
    """The trader's side.

    Args:
        folder: of the account.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._begun = False

    def beat(self) -> None:
        """I am alive."""
        if self._begun:
            try:
                os.utime(self._path)
                return
            except FileNotFoundError:
                pass  # somebody tidied up: made again
        self._path.write_text(f"{os.getpid()}\n", encoding="ascii")
        self._begun = True

    def end(self) -> None:
        """I stop on purpose."""
        self._path.write_text(f"{_ENDED}\n", encoding="ascii")
        self._begun = False


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
            return self._path.read_text(encoding="ascii").strip() == _ENDED
        except FileNotFoundError:
            return False
