"""Slow regular work in a process of its own: the trader's thread, and its interpreter, stay free for the guard."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_LAST_CHARACTERS = 300
_POLITENESS = 10  # the guard comes first
_END_SECONDS = 2.0


class CommandWork:
    """A `geoul` command that runs beside the trader.

    Args:
        arguments: of `geoul`; they are seen by every user of the machine, so no secrets.
        log: what it prints; the log of an earlier run is replaced.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "engine.cli.main", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the trader, which ends its work in order
            )
        finally:
            os.close(descriptor)
        with suppress(OSError, AttributeError):  # it may have ended; not every system has priorities
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _POLITENESS)

    def ended(self) -> tuple[bool, str] | None:
        """None while it runs; the last line that it printed is its word."""
        status = self._process.poll()
        if status is None:
            return None
        lines = [line for line in self._log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        last = lines[-1].strip()[-_LAST_CHARACTERS:] if lines else ""
        return status == 0, last if status == 0 else f"{last} (exit status {status})".strip()

    def ask_to_end(self) -> None:
        """Let it clear up and end."""
        self._process.terminate()

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
