"""Backups of an account: its ledger and the prompt it follows, in one file that proves its own contents.

A backup is a ZIP file: the ledger as SQLite's online backup copies it (the trader goes on meanwhile), the mirrored
sessions, the requests of people, the prompt with its history, and a manifest with the SHA-256 of each. A ledger whose
chain of hashes does not hold is never stored, so good backups are not rotated away by bad ones. Keys, tokens and
downloaded bars are left out.

Restoring puts the ledger in place of the one that is there, which is kept aside, and halts the account: what was traded
since the backup is known to the venue alone, and a person has to look. Requests that nobody had answered are refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.clock import KST
from engine.errors import DataError
from engine.ledger.verify import verify
from engine.trading.control import FILE as CONTROL
from engine.trading.control import refuse_unanswered
from engine.trading.kill_switch import FILE as HALT
from engine.trading.mirror_store import FILE as MIRROR

MANIFEST, LEDGER = "manifest.json", "ledger.db"
PROMPTS = "prompts/"
FORMAT = 2  # 1 had no requests
_NAME = re.compile(r"geoul-backup-(\d{8}-\d{6})\.zip")
_MAKING = ".making-"
_ABANDONED = 86_400.0  # seconds; no backup takes so long
_CHUNK = 1 << 20
# What changed bytes make of an archive: another method of compression, a password, a text that is none, and so on.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_LEAST_FREE = 64 << 20  # bytes beside what the copy needs: the trader must go on writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a backup file says of itself.

    Args:
        moment: for which it was made.
        digests: SHA-256 by name of the member.
        sequence: number of the last row of the journal.
    """

    moment: datetime
    digests: Mapping[str, str]
    sequence: int


def backup_path(target: Path, moment: datetime) -> Path:
    """Where the backup of a moment is kept."""
    return target / f"geoul-backup-{moment.astimezone(KST):%Y%m%d-%H%M%S}.zip"


def make_backup(folder: Path, prompt: Path | None, target: Path, moment: datetime) -> Path:
    """Back an account up; the trader may run.

    Args:
        folder: of the account.
        prompt: the prompt it follows; its history, change log and older versions beside it are kept too.
        target: folder of the backups.
        moment: names the backup; one of the same moment is replaced.

    Raises:
        DataError: there is no ledger, it is not in order, or the disk has no room. Nothing is left behind.
    """
    ledger = folder / LEDGER
    if not ledger.is_file():
        raise DataError(f"There is no ledger at {ledger}. Give the folder of an account that has traded.")
    path = backup_path(target, moment)
    try:
        target.mkdir(parents=True, exist_ok=True)
        _require_room(target, 2 * _size_of(ledger))
        with tempfile.TemporaryDirectory(dir=target, prefix=_MAKING) as name:
            work = Path(name)
            _remove_abandoned(work)
            members = {}
            if (folder / CONTROL).is_file():  # before the ledger: the effect of what is answered in it is there too
                members[CONTROL] = _copied(folder / CONTROL, work / CONTROL)
            members[LEDGER] = _copied(ledger, work / LEDGER)
            sequence = _require_order(members[LEDGER], f"The ledger {ledger}")
            if (folder / MIRROR).is_file():
                members[MIRROR] = _copied(folder / MIRROR, work / MIRROR)
            if prompt is not None:
                members |= _prompt_files(prompt)
            part = work / "backup.zip"
            _write(part, members, moment, sequence)
            read_backup(part)
            os.replace(part, path)
        _sync_folder(target)
    except (OSError, sqlite3.Error) as error:
        raise DataError(
            f"The backup {path} could not be made: {error}. Check the folder, its rights and space."
        ) from error
    return path


def _remove_abandoned(work: Path) -> None:
    """Remove what processes left half-made when they were killed: each holds a copy of the ledger.

    Age is counted by the file system's own time, from the folder of the backup that is being made now.
    """
    now = work.stat().st_mtime
    for left in work.parent.glob(f"{_MAKING}*"):
        if now - left.stat().st_mtime > _ABANDONED:
            shutil.rmtree(left, ignore_errors=True)


def read_backup(path: Path) -> Contents:
    """Check every member of a backup against its digest.

    Raises:
        DataError: it is no backup of Geoul, from a newer Geoul, or damaged.
    """
    with _opened(path) as archive:
        return _checked(archive, path)


def rotate(target: Path, daily: int, weekly: int) -> list[Path]:
    """Delete backups but the last of each of the newest `daily` days and `weekly` weeks; returns what was deleted."""
    found = {path: moment for path in target.glob("geoul-backup-*.zip") if (moment := moment_of(path)) is not None}
    newest_first = sorted(found, key=lambda path: found[path], reverse=True)
    days: dict[object, Path] = {}
    weeks: dict[object, Path] = {}
    for path in newest_first:
        days.setdefault(found[path].date(), path)
        weeks.setdefault(found[path].isocalendar()[:2], path)
    kept = {*list(days.values())[:daily], *list(weeks.values())[:weekly]}
    gone = [path for path in newest_first if path not in kept]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def moment_of(path: Path) -> datetime | None:
    """The moment of a backup by the name of its file; None where it is no backup of ours."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=KST)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did.

    Args:
        contents: of the backup.
        aside: folder that keeps what was there before; None if there was no ledger.
        prompts: folder in which the prompt files were put; None if the backup has none.
    """

    contents: Contents
    aside: Path | None
    prompts: Path | None


def restore(folder: Path, backup: Path, now: datetime) -> Restored:
    """Put the ledger of a backup into a folder, and halt its account. The caller holds the lock of the folder.

    The prompt goes into a folder of its own beside the ledger: the one in use may have been edited since.

    Raises:
        DataError: the backup is damaged, or the disk refused. The ledger that was there is in place or kept aside.
    """
    mark = f"{now.astimezone(KST):%Y%m%d-%H%M%S}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _opened(backup) as archive, tempfile.TemporaryDirectory(dir=folder, prefix=".restoring-") as name:
            contents = _checked(archive, backup)
            work = Path(name)
            archive.extractall(work, [member for member in contents.digests if not member.startswith(PROMPTS)])
            _require_order(work / LEDGER, f"The ledger in {backup}")
            halted = f"restored from {backup.name}: compare with the venue, remove this file, geoul resume\n"
            (folder / HALT).write_text(halted, encoding="utf-8")
            prompts = _restored_prompts(archive, contents, folder / f"prompts-restored-{mark}")
            aside = _put_aside(folder, folder / f"before-restore-{mark}")
            if not (work / CONTROL).is_file() and (folder / CONTROL).is_file():  # of format 1: its numbers go on
                _copied(folder / CONTROL, work / CONTROL)
            if (work / CONTROL).is_file():
                refuse_unanswered(work / CONTROL, f"restored from {backup.name}: ask again", now)
            for member in (CONTROL, MIRROR, LEDGER):
                # A log of changes that stays beside another file would be applied to it.
                for suffix in ("-wal", "-shm"):
                    (folder / f"{member}{suffix}").unlink(missing_ok=True)
                if (work / member).is_file():
                    (work / member).chmod(0o600)
                    os.replace(work / member, folder / member)
            _sync_folder(folder)
    except (OSError, sqlite3.Error) as error:
        raise DataError(f"{backup} could not be restored into {folder}: {error}. Check rights and space.") from error
    return Restored(contents=contents, aside=aside, prompts=prompts)


def _copied(source: Path, target: Path) -> Path:
    """An online copy, as one file: a reader that holds up no writer."""
    os.close(os.open(target, os.O_CREAT | os.O_RDWR, 0o600))
    address = f"{source.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=10.0)) as opened, closing(sqlite3.connect(target)) as copy:
        opened.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode = DELETE")
    return target


def _require_order(ledger: Path, what: str) -> int:
    """The number of the last row of the journal, if file, chain, fold and tables hold."""
    try:
        with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
            findings = verify(connection)
            sequence = int(connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise DataError(f"{what} is damaged: {error}. Restore an earlier backup.") from error
    if findings:
        first = findings[0]
        raise DataError(
            f"{what} is not in order, {len(findings)} findings; the first: {first.code} {first.where}: {first.detail}. "
            f"Look with geoul ledger verify, and restore an earlier backup."
        )
    return sequence


def _prompt_files(prompt: Path) -> dict[str, Path]:
    """The prompt, its list of versions, its change log and the texts of its versions."""
    if not prompt.is_file():
        raise DataError(f"There is no prompt at {prompt}. Name it with --prompt.")
    history, changes = prompt.with_name(f"{prompt.stem}.history.json"), prompt.with_name("CHANGELOG.md")
    files = {PROMPTS + each.name: each for each in (prompt, history, changes) if each.is_file()}
    texts = sorted((prompt.parent / "backups").glob(f"{prompt.stem}_*.md"))
    return files | {f"{PROMPTS}backups/{each.name}": each for each in texts}


def _write(part: Path, members: Mapping[str, Path], moment: datetime, sequence: int) -> None:
    os.close(os.open(part, os.O_CREAT | os.O_RDWR, 0o600))
    digests: dict[str, str] = {}
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, source in members.items():
            digest = hashlib.sha256()
            with source.open("rb") as read, archive.open(name, "w", force_zip64=True) as written:
                while chunk := read.read(_CHUNK):
                    digest.update(chunk)
                    written.write(chunk)
            digests[name] = digest.hexdigest()
        manifest = {"format": FORMAT, "moment": moment.isoformat(), "sequence": sequence, "sha256": digests}
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    with part.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _UNREADABLE as error:
        raise DataError(f"The backup {path} is damaged, or no backup: {error}. Take another one.") from error
    except FileNotFoundError as error:
        raise DataError(f"There is no backup at {path}.") from error


def _checked(archive: zipfile.ZipFile, path: Path) -> Contents:
    damaged = f"The backup {path} is damaged, or no backup of Geoul"
    try:
        told = json.loads(archive.read(MANIFEST))
        version, digests = int(told["format"]), dict(told["sha256"])
        contents = Contents(
            moment=datetime.fromisoformat(told["moment"]), digests=digests, sequence=int(told["sequence"])
        )
    except (KeyError, TypeError, *_UNREADABLE) as error:
        raise DataError(f"{damaged}: its manifest cannot be read. Take another one.") from error
    if version > FORMAT:
        raise DataError(f"The backup {path} comes from a newer Geoul (format {version}). Update Geoul.")
    for name, expected in digests.items():
        if _is_outside(name):
            raise DataError(f"{damaged}: it names {name!r}. Take another one.")
        digest = hashlib.sha256()
        try:
            with archive.open(name) as read:
                while chunk := read.read(_CHUNK):
                    digest.update(chunk)
        except (KeyError, *_UNREADABLE) as error:
            raise DataError(f"{damaged}: {name} cannot be read. Take another one.") from error
        if digest.hexdigest() != expected:
            raise DataError(f"{damaged}: {name} is not what was stored. Take another one.")
    if LEDGER not in digests:
        raise DataError(f"{damaged}: it has no ledger. Take another one.")
    return contents


def _is_outside(name: str) -> bool:
    """Whether a member would not go where we put it."""
    is_prompt = re.fullmatch(r"prompts/(backups/)?[^/\\:]+", name) is not None
    return not (is_prompt or name in (LEDGER, MIRROR, CONTROL)) or ".." in name


def _restored_prompts(archive: zipfile.ZipFile, contents: Contents, target: Path) -> Path | None:
    names = [name for name in contents.digests if name.startswith(PROMPTS)]
    for name in names:
        path = target / name.removeprefix(PROMPTS)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive.read(name))
    return target if names else None


def _put_aside(folder: Path, aside: Path) -> Path | None:
    """Copy ledger, mirror and requests as they are, with their logs of changes."""
    names = [f"{member}{suffix}" for member in (LEDGER, MIRROR, CONTROL) for suffix in ("", "-wal", "-shm")]
    there = [name for name in names if (folder / name).is_file()]
    if not there:
        return None
    aside.mkdir(mode=0o700)
    for name in there:
        shutil.copy2(folder / name, aside / name)
        with (aside / name).open("rb") as file:
            os.fsync(file.fileno())
    return aside


def _size_of(ledger: Path) -> int:
    return sum(path.stat().st_size for path in (ledger, ledger.with_name(f"{LEDGER}-wal")) if path.is_file())


def _require_room(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target).free
    if free < needed + _LEAST_FREE:
        raise DataError(
            f"{target} has {free >> 20:,} MB free, and a backup needs {(needed + _LEAST_FREE) >> 20:,} MB while it is "
            f"made. Free space, or put backups elsewhere."
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def newest_backup(target: Path) -> Path | None:
    """The latest backup of a folder; None if it has none."""
    found: Sequence[Path] = [path for path in target.glob("geoul-backup-*.zip") if moment_of(path) is not None]
    return max(found, key=lambda path: path.name, default=None)
