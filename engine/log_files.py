"""Logs of a long run: JSON lines in files that rotate, private to their owner, and readable on a terminal.

    logger = make_file_logger(folder, clock, secrets=config.secrets())
    logger.info("order_accepted", order_id="…", decision_id="…")

`geoul.log` is the newest; `geoul.log.1` and so on are older. A full disk loses lines, never the run.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO, cast

import structlog

from engine.clock import Clock
from engine.errors import DataError
from engine.log import make_logger

FILE = "geoul.log"
MOST_BYTES, OLDER_FILES = 10_000_000, 9
_FIRST = ("time", "level", "event")


class _PrivateFiles(RotatingFileHandler):
    """Rotating files of mode 0600."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (of the library)
        """What could not be written is lost; the ledger has what matters."""


class LogFiles:
    """The files of one folder, as a stream of lines for `make_logger`; from any thread.

    Args:
        folder: where they lie.
        most_bytes: of one file.
        older_files: how many are kept beside the newest.
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES, older_files: int = OLDER_FILES) -> None:
        self._handler = _PrivateFiles(
            folder / FILE, maxBytes=most_bytes, backupCount=older_files, encoding="utf-8", delay=True
        )
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    def write(self, text: str) -> int:
        """Append a line; its end may come with it or in a write of its own."""
        line = text.rstrip("\n")
        if line:
            self._handler.handle(logging.makeLogRecord({"msg": line}))
        return len(text)

    def flush(self) -> None:
        """Each line is handed to the system as it is written."""

    def close(self) -> None:
        """Close the file; what a full disk did not take is lost."""
        with suppress(OSError):
            self._handler.close()


def make_file_logger(
    files: LogFiles, clock: Clock, secrets: Iterable[str] = ()
) -> structlog.typing.FilteringBoundLogger:
    """A logger that writes JSON lines into rotating files, redacted.

    Args:
        files: where lines go.
        clock: gives each entry its time.
        secrets: every secret the caller holds; masked wherever they appear.
    """
    return make_logger(cast(TextIO, files), clock, secrets=secrets)


def log_told(tell: Callable[[str], None], logger: structlog.typing.FilteringBoundLogger) -> Callable[[str], None]:
    """Tells people as before, and keeps what they were told."""

    def told(line: str) -> None:
        tell(line)
        logger.info("told", text=line)

    return told


def last_lines(folder: Path, most: int) -> list[str]:
    """The newest lines of a folder's logs, oldest of them first, older files included.

    Raises:
        DataError: there is no log.
    """
    names = [folder / FILE, *(folder / f"{FILE}.{number}" for number in range(1, OLDER_FILES + 1))]
    if not any(name.is_file() for name in names):
        raise DataError(f"There is no log in {folder}: geoul paper and geoul live write {FILE} there.")
    lines: list[str] = []
    for name in names:
        if len(lines) >= most:
            break
        try:
            found = name.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            continue
        lines = found[-(most - len(lines)) :] + lines
    return lines


def readable(line: str) -> str:
    """A JSON line for people; another line as it is.

    >>> readable('{"event": "order_accepted", "level": "info", "order_id": "7", "time": "2026-11-23T09:00:05+09:00"}')
    '2026-11-23 09:00:05 info order_accepted order_id=7'
    """
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or not all(name in entry for name in _FIRST):
        return line
    when = str(entry["time"]).replace("T", " ")[:19]
    if entry["event"] == "told":
        return f"{when} {entry['level']} {entry.get('text', '')}"
    rest = (f"{name}={value}" for name, value in entry.items() if name not in _FIRST and value not in ("", None))
    return " ".join([when, str(entry["level"]), str(entry["event"]), *rest])
