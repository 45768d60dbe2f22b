"""How much memory a command and the processes that it starts hold together, looked at from outside while it runs."""

from __future__ import annotations

import threading
from pathlib import Path

SAMPLED_EVERY_SECONDS = 0.25


class MemoryWatch:
    """Largest memory of a process and its children together; pages that they share count once."""

    def __init__(self, process: int) -> None:
        self._process, self._peak, self._ended = process, 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """The peak in bytes; 0 where the system does not tell."""
        self._ended.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._ended.wait(SAMPLED_EVERY_SECONDS):
            self._peak = max(self._peak, sum(_proportional_bytes(one) for one in _with_children(self._process)))


def _with_children(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    except OSError:
        return [process]
    return [process, *(found for child in children for found in _with_children(int(child)))]


def _proportional_bytes(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
