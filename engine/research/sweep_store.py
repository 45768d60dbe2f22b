"""The folder of a sweep: what it is, the chunks that are finished, and the table when all of them are.

    manifest.json        what identifies the sweep
    parts/00012.parquet  one finished chunk, until the table is whole
    sweep.parquet        the whole table

Every file appears whole or not at all, so a sweep may be stopped at any moment and run again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from engine.data.atomic import atomic_path
from engine.errors import BadInput, DataError

FORMAT = 1
MANIFEST, PARTS, TABLE = "manifest.json", "parts", "sweep.parquet"


class SweepStore:
    """An open sweep folder.

    Args:
        folder: made if it is not there.
        identity: everything that decides the table, as JSON can hold it.
        replace: give up another sweep that the folder holds.

    Raises:
        BadInput: the folder holds another sweep, or files that are none.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], *, replace: bool = False) -> None:
        self.folder = folder
        self._identity = json.loads(json.dumps({"format": FORMAT, **identity}, ensure_ascii=False, allow_nan=False))
        check_folder(folder, identity, replace=replace)
        known = read_identity(folder)
        if known is not None and known != self._identity:
            clear(folder)
            known = None
        if known is None:
            with atomic_path(folder / MANIFEST) as part:
                text = json.dumps(self._identity, ensure_ascii=False, indent=2)
                part.write_text(text + "\n", encoding="utf-8")

    @property
    def finished(self) -> bool:
        """Whether the table is whole."""
        return (self.folder / TABLE).is_file()

    def has(self, number: int) -> bool:
        """Whether a chunk is finished."""
        return self.finished or self._part(number).is_file()

    def write(self, number: int, frame: pl.DataFrame) -> None:
        """Keep a finished chunk."""
        with atomic_path(self._part(number)) as part:
            _write(frame, part)

    def read(self, number: int) -> pl.DataFrame:
        """A finished chunk; the whole table once that is there."""
        return _read(self.folder / TABLE if self.finished else self._part(number))

    def finish(self, chunks: int) -> pl.DataFrame:
        """Put all chunks together, by number of the variant; the parts are given up."""
        if not self.finished:
            table = pl.concat([_read(self._part(number)) for number in range(chunks)]).sort("variant").rechunk()
            with atomic_path(self.folder / TABLE) as part:
                _write(table, part)
        shutil.rmtree(self.folder / PARTS, ignore_errors=True)
        return _read(self.folder / TABLE)

    def _part(self, number: int) -> Path:
        return self.folder / PARTS / f"{number:05d}.parquet"


def check_folder(folder: Path, identity: Mapping[str, Any], *, replace: bool = False) -> None:
    """Refuse a folder that this sweep may not use; long work asks this before it starts.

    Raises:
        BadInput: see `SweepStore`.
    """
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file, so no sweep can be kept there. Choose another folder with --out.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    known = read_identity(folder)
    if known is None:
        raise BadInput(
            f"{folder} holds files but no sweep, so nothing is written there. Choose another folder with --out."
        )
    wanted = {"format": FORMAT, **identity}
    other = [key for key in dict.fromkeys([*wanted, *known]) if _plain(known.get(key)) != _plain(wanted.get(key))]
    if other and not replace:
        raise BadInput(
            f"{folder} holds another sweep; it differs in: {', '.join(other)}. Choose another folder with --out, or "
            f"pass --overwrite to give that sweep up. (Its trials stay counted.)"
        )


def read_identity(folder: Path) -> dict[str, Any] | None:
    """What the sweep in a folder is; None if there is none.

    Raises:
        DataError: the manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}). Choose another folder with --out.") from None
    if not isinstance(found, dict) or "axes" not in found:
        return None
    return found


def clear(folder: Path) -> None:
    """Remove the files of a sweep, and nothing else."""
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    for name in (TABLE, MANIFEST):
        (folder / name).unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False))


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} cannot be read: {error}. Remove this file and run the sweep again.") from None


def _write(frame: pl.DataFrame, part: Path) -> None:
    """A full disk is told as any other refusal of the system; polars has an error of its own for it."""
    try:
        frame.write_parquet(part)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{part.parent} cannot take the sweep's results: {error}. Free disk space and run the same command again: "
            "it goes on where it ended."
        ) from error
