"""What a running process holds and has worked, looked at from outside through the files of Linux."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One look at a process, without its children.

    Args:
        resident: bytes in memory, files that are mapped included.
        own: bytes that belong to no file.
        cpu_seconds: worked since it began.
        threads: running.
        files: open.
    """

    resident: int
    own: int
    cpu_seconds: float
    threads: int
    files: int


def look_at(process: int) -> Sight:
    """Look once.

    Raises:
        OSError: the process has gone, or this is no Linux.
    """
    folder = Path(f"/proc/{process}")
    lines = (folder / "status").read_text(encoding="ascii", errors="replace").splitlines()
    told = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    # The name of the command comes in parentheses and may hold blanks.
    fields = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return Sight(
        resident=int(told["VmRSS"][0]) * 1024,
        own=int(told["RssAnon"][0]) * 1024,
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        threads=int(told["Threads"][0]),
        files=len(os.listdir(folder / "fd")),
    )
