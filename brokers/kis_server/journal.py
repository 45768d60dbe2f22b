"""The journal of a world: one line for each thing that changed it, in the order in which that happened.

    3f1c09aa ["step",{"sequence":12,"notices":2,"cash":99120400}]

A line begins with the checksum of the rest. It reaches the operating system as soon as it is noted, which outlives the
death of the process, and the disk before anything that follows from it leaves the server (`settled`), which outlives
the loss of power. Whoever waits meanwhile waits together: one write of the disk serves all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from brokers.kis.private_files import OWNER_ONLY
from engine.errors import DataError, GeoulError

Content = Mapping[str, Any]

BINARY = getattr(os, "O_BINARY", 0)  # Windows would write two characters for the end of a line
# Contents and length are all that must be on the disk; where the system knows no such call, everything is.
_to_disk = getattr(os, "fdatasync", os.fsync)


class JournalFailed(GeoulError):
    """The journal cannot be written: what happened last is not on the disk, so nobody may hear of it."""


class Journal:
    """The end of a journal, where lines are added.

    Args:
        path: made if it is missing, for its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | BINARY, OWNER_ONLY)
        self._written = self._safe = 0
        self._saving: asyncio.Task[None] | None = None

    @property
    def behind(self) -> bool:
        """Whether lines have been noted that are not on the disk yet."""
        return self._safe < self._written

    def append(self, kind: str, content: Content) -> None:
        """Hand one line to the operating system.

        Raises:
            JournalFailed: it does not take it.
        """
        line = encode(kind, content)
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise self.failed(error) from None
        if written < len(line):
            raise self.failed(OSError("the disk is full"))
        self._written += 1

    async def settled(self) -> None:
        """Wait until everything noted so far is on the disk.

        Raises:
            JournalFailed: it cannot be brought there.
        """
        goal = self._written
        while self._safe < goal:
            if self._saving is None:
                self._saving = asyncio.get_running_loop().create_task(self._save())
            await asyncio.shield(self._saving)

    def settle(self) -> None:
        """The same at once, for the beginning and the end, when nobody else waits."""
        try:
            _to_disk(self._file)
        except OSError as error:
            raise self.failed(error) from None
        self._safe = self._written

    def close(self) -> None:
        """Bring it to the disk and close it."""
        try:
            self.settle()
        finally:
            os.close(self._file)

    async def _save(self) -> None:
        goal = self._written
        try:
            await asyncio.get_running_loop().run_in_executor(None, _to_disk, self._file)
            self._safe = goal
        except OSError as error:
            raise self.failed(error) from None
        finally:
            self._saving = None

    def failed(self, error: OSError) -> JournalFailed:
        """What is said when the folder of the journal takes nothing more."""
        return JournalFailed(
            f"The world cannot be kept in {self._path}: {error}. The server stops, because what it would say next "
            "could be lost. Make room or name another folder with --state, and start it again."
        )


def encode(kind: str, content: Content) -> bytes:
    """One line. Characters beyond ASCII are escaped: a client may send halves of them, which UTF-8 cannot hold."""
    text = json.dumps([kind, content], separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> tuple[str, dict[str, Any]] | None:
    """Kind and content of a line, None if it is not whole."""
    if len(line) < 10 or line[-1:] != b"\n":
        return None
    text = line[9:-1]
    if line[:9] != b"%08x " % zlib.crc32(text):
        return None
    kind, content = json.loads(text)
    return kind, content


def read_journal(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every whole line; a torn end is cut off the file, because nobody can have heard of what stood there.

    Raises:
        DataError: a line in the middle is damaged, or the file cannot be read.
    """
    whole = lines = 0
    try:
        with path.open("rb") as file:
            for line in file:
                record = decode(line)
                if record is None:
                    break
                whole, lines = whole + len(line), lines + 1
                yield record
            if any(decode(line) is not None for line in file):
                raise DataError(
                    f"Line {lines + 1} of {path} is damaged, and whole lines follow it. Restore it from a backup, "
                    "or begin a new world with --fresh."
                )
        if path.stat().st_size > whole:
            os.truncate(path, whole)
    except OSError as error:
        raise DataError(f"The state of the world in {path} cannot be read: {error}.") from None
