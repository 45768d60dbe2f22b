"""Files that hold secrets: written for their owner alone, and a looser mode is noticed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_POSIX = os.name == "posix"
OWNER_ONLY = 0o600


def loose_mode(path: Path) -> str | None:
    """A sentence if others than the owner may read or write a file, None if not, or if the system has no such modes."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    if not _POSIX or not mode & 0o077:
        return None
    return (
        f"{path} holds keys and may be read by others (mode {mode:04o}). Run: chmod 600 '{path}'"
        f" / 다른 사용자가 읽을 수 있는 파일에 키가 있습니다. chmod 600 하세요."
    )


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone; its folder is made if it is missing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    # Created with its mode, not changed afterwards: there is no instant at which others may read it.
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def tighten(path: Path) -> str | None:
    """Make a file its owner's alone; the sentence to report if it was not."""
    told = loose_mode(path)
    if told is not None:
        path.chmod(OWNER_ONLY)
    return told
