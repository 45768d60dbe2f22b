"""What a dataset says about itself: `manifest.json`."""

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from engine.data.atomic import atomic_path
from engine.data.notes import Note
from engine.errors import DataError

FILE_NAME = "manifest.json"
FORMAT = 1


class Gap(BaseModel):
    """Sessions of our calendar that no instrument of the dataset has a bar for."""

    model_config = ConfigDict(frozen=True)

    after: datetime.date
    before: datetime.date
    sessions: int


class FileRecord(BaseModel):
    """Size in bytes and SHA-256 of one file of the dataset."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str


class Manifest(BaseModel):
    """A dataset's own description, read before anything else.

    Args:
        name: the folder's name unless told otherwise.
        source: the files it was made from, or how it was generated.
        first: first session with a bar (`from` in the file).
        last: last session with a bar (`to` in the file).
        interval: interval of the stored bars, such as `1d`, `1w` or `1m`.
        adjusted: prices are back-adjusted for splits and rights issues; tick and limit rules do not apply to
            them.
        price_scale: stored price units per won: 1, or 100 for adjusted prices with two decimals.
        synthetic: made up by the sample generator, not the market.
        content_hash: SHA-256 over the names and hashes of all files.
        columns: columns of the bars that hold at least one known value.
        dividends: number of cash dividends of stocks in the dataset.
        gaps: stretches of sessions that the whole dataset lacks.
        notes: what the importer decided or could not know, for people.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    name: str
    source: tuple[str, ...]
    first: datetime.date = Field(validation_alias=AliasChoices("from", "first"), serialization_alias="from")
    last: datetime.date = Field(validation_alias=AliasChoices("to", "last"), serialization_alias="to")
    interval: str
    adjusted: bool
    price_scale: int = Field(default=1, ge=1)
    synthetic: bool = False
    rows: int = 0
    tickers: int = 0
    columns: tuple[str, ...] = ()
    dividends: int = 0
    gaps: tuple[Gap, ...] = ()
    notes: tuple[Note, ...] = ()
    files: dict[str, FileRecord] = {}
    content_hash: str = ""

    def save(self, folder: Path) -> None:
        """Write `manifest.json` into `folder`, whole or not at all."""
        text = json.dumps(self.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=2)
        with atomic_path(folder / FILE_NAME) as part:
            part.write_text(text + "\n", encoding="utf-8")


def load_manifest(folder: str | Path) -> Manifest:
    """Read and validate the manifest of the dataset in `folder`.

    Raises:
        DataError: there is no dataset there, or its manifest cannot be read.
    """
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise DataError(
            f"{folder} is not a dataset: it has no {FILE_NAME}. "
            "Make one with `geoul data import SOURCE DEST` or `geoul data sample DEST`."
        )
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        reason = f"{place}: {first['msg']}" if place else first["msg"]
        raise DataError(f"{path} cannot be read as a manifest ({reason}). Import the dataset again.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} cannot be read as a manifest ({error}). Import the dataset again.") from error


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Size and hash of every file of the dataset except the manifest, by path relative to `folder`,
    sorted."""
    paths = sorted(path for path in folder.rglob("*.parquet") if path.is_file())
    return {path.relative_to(folder).as_posix(): record_file(path) for path in paths}


def record_file(path: Path) -> FileRecord:
    """Size and SHA-256 of one file."""
    with path.open("rb") as file:
        return FileRecord(size=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def content_hash(files: dict[str, FileRecord]) -> str:
    """One hash for all files: their names and hashes in order of name."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name} {files[name].sha256}\n".encode())
    return digest.hexdigest()
