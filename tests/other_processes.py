"""Looking at other processes from a test. Linux only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 60.0


def is_running(process: int) -> bool:
    """Whether a process exists and is not just waiting to be collected by its parent."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def noted_processes(diary: Path) -> list[int]:
    """The processes that left their number in a folder."""
    return [int(file.read_text(encoding="utf-8")) for file in diary.glob("[!.]*")]


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for another process to do something; fails when it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        threading.Event().wait(0.05)
