"""What a server keeps of its world between two lives: a folder that one server at a time uses.

    journal    everything that changed the world (see `journal`); its first line says which world it is
    now        the latest time of the world, which also goes on between the lines of the journal

The journal begins with what decides a world beside its clients: data, configuration, first session, accounts. Another
world is refused, by the name of what differs. Of keys and tokens only hashes are kept, in files of their owner's alone.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from brokers.kis.private_files import OWNER_ONLY
from brokers.kis_server.journal import BINARY, Journal, read_journal
from brokers.kis_server.setup import ServerSetup
from engine.clock import KST
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import ConfigError, DataError

JOURNAL, NOW, LOCK = "journal", "now", ".lock"
FORMAT = "1"
_SLOT = 64  # bytes of one copy of the time; the two are written in turns, so that one of them is always whole


class WorldState:
    """The folder of one world.

    Args:
        folder: made if it is missing.
        facts: what decides the world, by names for people.
        shown: day that the first session is to bear; that of the first life holds.
        fresh: forget what is there.

    Attributes:
        shown: day that the first session bears.
        is_new: whether nothing has been kept yet.

    Raises:
        ConfigError: another server uses the folder, or it holds another world.
        DataError: the journal is damaged.
    """

    def __init__(
        self, folder: Path, facts: Mapping[str, str], shown: date | None = None, *, fresh: bool = False
    ) -> None:
        self.folder, self.shown, self.is_new = folder, shown, True
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(folder / LOCK, timeout=0)
            self._lock.acquire()
        except Timeout:
            raise ConfigError(
                f"Another server keeps its world in {folder}. Stop it first, or give this one a folder of its own with "
                "--state."
            ) from None
        except OSError as error:
            raise ConfigError(f"No world can be kept in {folder}: {error}. Name another folder with --state.") from None
        try:
            self._begin({"format": FORMAT, **facts}, fresh=fresh)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> WorldState:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, facts: Mapping[str, str], *, fresh: bool) -> None:
        path = self.folder / JOURNAL
        if fresh:
            path.unlink(missing_ok=True)
            (self.folder / NOW).unlink(missing_ok=True)
        self._records = read_journal(path) if path.is_file() else iter(())
        kind, content = next(self._records, ("", {}))
        if kind:
            if kind != "world":
                raise DataError(f"{path} is no journal of a world. Name another folder with --state.")
            self._check(facts, content["facts"])
            shown = content["shown"]
            self.shown, self.is_new = None if shown is None else date.fromisoformat(shown), False
        self.journal = Journal(path)
        self._now = os.fdopen(os.open(self.folder / NOW, os.O_RDWR | os.O_CREAT | BINARY, OWNER_ONLY), "r+b", 0)
        self._marks = 0
        if self.is_new:
            self._now.truncate(0)  # a time without a journal is that of a world that never began
            shown_day = None if self.shown is None else self.shown.isoformat()
            self.journal.append("world", {"facts": facts, "shown": shown_day})
            self.journal.settle()
            _sync_folder(self.folder)

    def _check(self, facts: Mapping[str, str], kept: Mapping[str, str]) -> None:
        differing = sorted(name for name in {*facts, *kept} if facts.get(name) != kept.get(name))
        if differing:
            raise ConfigError(
                f"The world in {self.folder} is another one: {', '.join(differing)} differ. Start the server with the "
                "arguments that began it, name another folder with --state, or begin anew with --fresh, which forgets "
                "its orders."
            )

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What the earlier lives noted; to be read once, to the end, before anything is noted."""
        return self._records

    def mark(self, now: datetime) -> None:
        """Keep the time of the world."""
        text = now.isoformat(timespec="microseconds").encode()
        line = b"%08x %s" % (zlib.crc32(text), text)
        self._now.seek(_SLOT * (self._marks % 2))
        self._now.write(line.ljust(_SLOT - 1) + b"\n")
        self._marks += 1

    def marked(self) -> datetime | None:
        """The latest time that was kept, None if none was."""
        found = []
        for place in (0, 1):
            self._now.seek(_SLOT * place)
            check, _, text = self._now.read(_SLOT).strip().partition(b" ")
            if text and check == b"%08x" % zlib.crc32(text):
                found.append(datetime.fromisoformat(text.decode()).astimezone(KST))
        return max(found, default=None)

    def close(self) -> None:
        """Bring everything to the disk, and let another server have the folder."""
        try:
            self.journal.close()
            self._now.close()
        finally:
            self._lock.release()


def world_facts(panel: Panel, config: BacktestConfig, setup: ServerSetup, start: date | None) -> dict[str, str]:
    """What decides a world, by names for people. Secrets appear as hashes only."""
    accounts = [
        (
            *(account.environment, account.number, account.hts_id, account.owner, account.cash_won),
            account.app_key.get_secret_value(),
            account.app_secret.get_secret_value(),
        )
        for account in setup.accounts
    ]
    return {
        "data": panel.manifest.content_hash,
        "instruments": _digest(panel.tickers),
        "sessions": f"{panel.rows} bars of {panel.interval}",
        "configuration": _digest(config.model_dump_json()),
        "first session": "" if start is None else start.isoformat(),
        "accounts": _digest(accounts),
        "order hours": setup.order_hours,
        "dates": "as today" if setup.as_today else "of the data",
    }


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def _sync_folder(folder: Path) -> None:
    """A new file is there after a loss of power only if its folder has been written too."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
