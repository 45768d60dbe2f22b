"""Files and folders appear whole or not at all: they are made beside their destination and renamed into
place."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.errors import DataError

# The file that says what a folder of ours is; a folder without it is somebody else's and is never replaced.
FOLDER_MARKS = ("manifest.json", "panel.json")


@contextlib.contextmanager
def atomic_path(destination: str | os.PathLike[str]) -> Iterator[Path]:
    """Hand out a temporary file beside `destination`; rename it there when the block ends well, delete it
    otherwise.

    The folder of `destination` is made if needed. A reader sees the old file or the new one, never a part. A link is
    followed: the file it names is replaced.

    Raises:
        DataError: there can be no file at the destination.
    """
    refuse_target(destination)
    target = Path(destination).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
        _sync(part)
        # mkstemp makes the file private to its owner; a finished file gets the usual permissions.
        part.chmod(0o666 & ~_umask())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(destination: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Hand out a temporary folder beside `destination`; rename it there when the block ends well, delete it
    otherwise.

    Args:
        destination: the folder to make.
        overwrite: replace a folder of ours; without it an existing folder that is not empty is an error.

    Raises:
        DataError: the destination exists and may not be replaced.
    """
    target = Path(destination).resolve()
    refuse_existing(target, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
    try:
        yield part
        part.chmod(0o777 & ~_umask())
        _replace_folder(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raise when a folder may not be made at `target`; long work asks this before it starts.

    Raises:
        DataError: the destination cannot be made, or is full and may not be replaced: without `overwrite`, or when it
            is no folder that Geoul wrote.
    """
    if target.exists() and not target.is_dir():
        raise DataError(f"{target} is a file, so no dataset folder can be made there. Choose another destination.")
    if target.is_dir() and any(target.iterdir()):
        if not overwrite:
            raise DataError(
                f"{target} already exists and is not empty; nothing was written. "
                "Choose another destination or pass --overwrite to replace it."
            )
        if not any((target / mark).is_file() for mark in FOLDER_MARKS):
            raise DataError(
                f"{target} holds files but is not a dataset: --overwrite would delete them; nothing was written. "
                "Choose another destination, or empty that folder yourself."
            )
    _refuse_parent(target)


def refuse_target(destination: str | os.PathLike[str]) -> None:
    """Raise when no file can be made or replaced at `destination`; long work asks this before it starts.

    Raises:
        DataError: it names no file, a folder or a device, or its folder cannot be written.
    """
    target = Path(destination)
    if not target.name:
        raise DataError(f"{str(destination)!r} names no file. Give the path of a file to write.")
    if target.is_dir():
        raise DataError(f"{target} is a folder, so no file can be written there. Give the path of a file inside it.")
    if target.exists() and not target.is_file():
        raise DataError(f"{target} is a device or a pipe; only files are written. Give the path of a file.")
    _refuse_parent(target)


def _refuse_parent(target: Path) -> None:
    """Raise when the nearest folder above `target` that exists is none, or is closed to us."""
    parent = target.resolve().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise DataError(f"{target} cannot be written: {parent} is a file, not a folder. Choose another path.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise DataError(f"{target} cannot be written: the folder {parent} is read-only for you. Choose another path.")


def _replace_folder(part: Path, target: Path) -> None:
    """A folder cannot be renamed over a full one, so the old one steps aside and comes back if the rename
    fails."""
    if not target.exists():
        os.replace(part, target)
        return
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".old"))
    os.replace(target, aside)
    try:
        os.replace(part, target)
    except OSError:
        os.replace(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
