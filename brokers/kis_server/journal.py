"""The journal of a world: one line for each thing that changed it, in the order in which that happened.

    3f1c09aa ["step",{"sequence":12,"notices":2,"cash":99120400}]

A line begins with the checksum of the rest. It is on the disk before anything that follows from it leaves the
server (`settled`): what is lost with the process or the power, nobody has heard of. Who waits meanwhile waits together:
one write of the disk, in a thread of its own, serves all of them.
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
        self._lines: list[bytes] = []  # noted, and not handed to the operating system
        self._noted = self._safe = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._saving: asyncio.Task[None] | None = None

    @property
    def behind(self) -> bool:
        """Whether lines have been noted that are not on the disk yet."""
        return self._safe < self._noted

    def append(self, kind: str, content: Content) -> None:
        """Note one line; it is written with the next `settled` or `flush`."""
        self._lines.append(encode(kind, content))
        self._noted += 1

    async def settled(self) -> None:
        """Wait until everything noted so far is on the disk.

        Raises:
            JournalFailed: it cannot be brought there.
        """
        if not self.behind:
            return
        loop = asyncio.get_running_loop()
        told: asyncio.Future[None] = loop.create_future()
        self._waiting.append((self._noted, told))
        if self._saving is None:
            self._saving = loop.create_task(self._save())
        await told

    def flush(self) -> None:
        """Hand what nobody waits for to the operating system.

        Raises:
            JournalFailed: it does not take it.
        """
        if self._saving is None:  # else that takes it along
            try:
                _write(self._file, self._taken())
            except OSError as error:
                raise self.failed(error) from None

    def settle(self) -> None:
        """Bring everything to the disk at once: at the beginning and at the end, when nobody else waits.

        Raises:
            JournalFailed: it cannot be brought there.
        """
        try:
            _save(self._file, self._taken())
        except OSError as error:
            raise self.failed(error) from None
        self._safe = self._noted

    def close(self) -> None:
        """Bring it to the disk and close it."""
        try:
            self.settle()
        finally:
            os.close(self._file)

    def _taken(self) -> bytes:
        lines, self._lines = self._lines, []
        return b"".join(lines)

    async def _save(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self.behind:
                await asyncio.sleep(0)  # what is being carried out in this round of the loop goes with it
                goal, lines = self._noted, self._taken()
                await loop.run_in_executor(None, _save, self._file, lines)
                self._safe = goal
                self._tell(None)
        except OSError as error:
            self._tell(self.failed(error))
        finally:
            self._saving = None

    def _tell(self, failure: JournalFailed | None) -> None:
        waiting, self._waiting = self._waiting, []
        for goal, told in waiting:
            if told.done():
                continue
            if failure is not None:
                told.set_exception(failure)
            elif goal <= self._safe:
                told.set_result(None)
            else:
                self._waiting.append((goal, told))

    def failed(self, error: OSError) -> JournalFailed:
        """What is said when the folder of the journal takes nothing more."""
        return JournalFailed(
            f"The world cannot be kept in {self._path}: {error}. The server stops, because what it would say next "
            "could be lost. Make room or name another folder with --state, and start it again."
        )


def _write(file: int, lines: bytes) -> None:
    while lines:
        lines = lines[os.write(file, lines) :]


def _save(file: int, lines: bytes) -> None:
    _write(file, lines)
    _to_disk(file)


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
