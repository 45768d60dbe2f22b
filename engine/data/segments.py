"""Tables that grow while they are written and can be read at any moment, whatever happened to the writer.

FOLDER/day=2026-11-23/trades-0001.parquet   finished
                      trades-0002.arrows    being written: a stream of record batches, each whole once it is flushed

A Parquet file can be read only when it is complete, so rows first go into an Arrow stream and are synced to the disk;
when it is large or old enough it becomes a Parquet file in one step and the stream is deleted. After a crash `mend`
does that with what was left; a batch that was cut short is dropped. Where both files of a name exist, the Parquet file
is the whole one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from engine.data.atomic import atomic_path

STREAM, FINISHED = ".arrows", ".parquet"
_NAME = re.compile(r"^(?P<kind>[a-z_]+)-(?P<number>[0-9]{4,})\.(arrows|parquet)$")


class Segment:
    """One file while it is written.

    Args:
        folder: of the day.
        kind: of the rows; the beginning of the file's name.
        schema: of the rows.
    """

    def __init__(self, folder: Path, kind: str, schema: pa.Schema) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        numbers = [number for number, _ in _files(folder, kind)]
        self.path = folder / f"{kind}-{max(numbers, default=0) + 1:04}{STREAM}"
        self._file = self.path.open("xb")
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_stream(self._file, schema, options=options)
        self.rows = 0

    def write(self, rows: pa.RecordBatch) -> None:
        """Add rows; when this returns they survive a crash."""
        self._writer.write_batch(rows)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows += rows.num_rows

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return self._file.tell()

    def finish(self) -> None:
        """Turn it into a Parquet file."""
        self._writer.close()
        self._file.close()
        finish(self.path)


def finish(path: Path) -> None:
    """Turn a stream that nobody writes any more into a Parquet file; one without a whole row goes."""
    target = path.with_suffix(FINISHED)
    if not target.exists():
        batches = iter_batches(path)
        first = next(batches, None)
        if first is not None:
            with atomic_path(target) as part, pq.ParquetWriter(part, first.schema, compression="zstd") as writer:
                writer.write_batch(first)
                for batch in batches:
                    writer.write_batch(batch)
    path.unlink()


def mend(folder: Path) -> int:
    """Finish what an earlier process left behind; the number of files. Nobody may be writing there."""
    left = sorted(folder.glob(f"day=*/*{STREAM}"))
    for path in left:
        finish(path)
    for part in folder.glob("day=*/.*.part"):  # a Parquet file that was not finished: its stream still was
        part.unlink()
    return len(left)


def iter_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The whole batches of a stream, up to where it was cut short."""
    with path.open("rb") as file:
        try:
            reader = pa.ipc.open_stream(file)
            while True:
                batch = reader.read_next_batch()
                if batch.num_rows:
                    yield batch
        except (StopIteration, pa.ArrowInvalid, pa.ArrowSerializationError, OSError, EOFError):
            return


def days_of(folder: Path) -> list[date]:
    """Days of which there are rows, in order."""
    return sorted(date.fromisoformat(path.name.removeprefix("day=")) for path in folder.glob("day=????-??-??"))


def read_day(folder: Path, day: date, kind: str) -> pl.DataFrame | None:
    """All rows of a kind and a day in the order in which they were written; None if there are none."""
    frames = []
    for _, path in _files(folder / f"day={day}", kind):
        if path.suffix == FINISHED:
            frames.append(pl.read_parquet(path, hive_partitioning=False, glob=False))
        else:
            frames += [_frame(batch) for batch in iter_batches(path)]
    return pl.concat(frames) if frames else None


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    frame = pl.from_arrow(pa.Table.from_batches([batch]))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _files(folder: Path, kind: str) -> list[tuple[int, Path]]:
    """Number and path of each file of a kind, the finished one where there are two."""
    found: dict[int, Path] = {}
    for path in sorted(folder.glob(f"{kind}-*")):
        match = _NAME.match(path.name)
        if match and match["kind"] == kind:
            number = int(match["number"])
            if number not in found or path.suffix == FINISHED:
                found[number] = path
    return sorted(found.items())
