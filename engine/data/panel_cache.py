"""The panel cache: built once per dataset and selection, afterwards mapped into memory in milliseconds.

A cache entry is a folder named by the hash of everything that decides its contents. Its arrays are plain
`.npy` files, because
the kernels want one C-contiguous block [5, T, N], which Arrow tables do not have. An entry whose files
changed
since it was written (size, time of change, sampled checksum) is thrown away and built again.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.cache_root import cache_root
from engine.data import catalog
from engine.data.atomic import atomic_folder
from engine.data.interval import canonical, is_coarser
from engine.data.manifest import Gap, Manifest, load_manifest
from engine.data.panel import ActionTable, DividendTable, Panel
from engine.errors import DataError

VERSION = 3  # raise when the meaning of any cached array changes
MAX_GAP_SESSIONS = 20
MAX_CACHE_BYTES = 8_000_000_000
BLOCK = 4096
BLOCKS = 48
MARK = "panel.json"
OPTIONAL = ("value", "shares")
ARRAYS = (
    "bars",
    "state",
    "base",
    "value",
    "shares",
    "closed_at_ns",
    "session",
    "ordinal",
    "first_row",
    "last_row",
    "delisted_known",
)
ACTION_ARRAYS = ("row", "col", "kind", "numerator", "denominator", "cash")
DIVIDEND_ARRAYS = ("row", "col", "cash", "pay_row")


def cache_folder() -> Path:
    """Where panels are cached; `GEOUL_CACHE` overrides the user's cache folder."""
    return cache_root() / "panels"


def load(
    folder: Path,
    start: datetime.date | None,
    end: datetime.date | None,
    tickers: Sequence[str] | None,
    interval: str | None,
    allow_gaps: bool,
) -> Panel:
    """The cached panel of a selection; see `engine.data.panel.load_panel`."""
    manifest = load_manifest(folder)
    catalog.check_sizes(folder, manifest)
    wanted = canonical(interval) if interval else manifest.interval
    if wanted != manifest.interval and not is_coarser(wanted, manifest.interval):
        raise DataError(
            f"{folder} holds {manifest.interval} bars; {wanted} bars cannot be made from them. "
            f"Use {manifest.interval} or a coarser interval."
        )
    _check_range(folder, manifest, start, end)
    if not allow_gaps:
        _refuse_gaps(folder, manifest, start, end)
    selection = {
        "version": VERSION,
        "content": manifest.content_hash,
        "start": str(start),
        "end": str(end),
        "tickers": None if tickers is None else sorted(set(tickers)),
        "interval": wanted,
    }
    key = hashlib.sha256(json.dumps(selection, sort_keys=True).encode()).hexdigest()[:32]
    entry = cache_folder() / key
    stamps = _stamps(folder, manifest)
    panel = _read(entry, manifest, stamps)
    if panel is not None:
        return panel
    catalog.check_contents(folder, manifest)
    from engine.data.panel_build import build  # noqa: PLC0415  (the fast path must not wait for these imports)

    built = build(folder, manifest, start=start, end=end, tickers=tickers, interval=wanted)
    # A full disk, a closed folder, or another process that writes the same entry, costs the cache but not the panel.
    with contextlib.suppress(OSError, DataError):
        _write(entry, built, stamps)
        _evict(entry.parent, keep=entry.name)
    stored = _read(entry, manifest, stamps)
    return stored if stored is not None else built


def _check_range(folder: Path, manifest: Manifest, start: datetime.date | None, end: datetime.date | None) -> None:
    if start and end and start > end:
        raise DataError(f"The start {start} lies after the end {end}. Exchange them.")
    if (start and start > manifest.last) or (end and end < manifest.first):
        raise DataError(
            f"{folder} has bars from {manifest.first} to {manifest.last}, none between {start or manifest.first} and "
            f"{end or manifest.last}. Choose dates inside that range."
        )


def _refuse_gaps(folder: Path, manifest: Manifest, start: datetime.date | None, end: datetime.date | None) -> None:
    first, last = start or manifest.first, end or manifest.last
    inside = [gap for gap in _long_gaps(manifest) if gap.after >= first and gap.before <= last]
    if not inside:
        return
    parts = ", ".join(f"{begin}..{stop}" for begin, stop in _parts(manifest))
    gap = inside[0]
    raise DataError(
        f"{folder} has no bars for the {gap.sessions} sessions between {gap.after} and {gap.before}: windows and "
        f"positions would jump over them. Choose --from and --to inside one of its parts ({parts}), or pass "
        "--allow-gaps."
    )


def whole_part(
    folder: Path, start: datetime.date | None, end: datetime.date | None
) -> tuple[datetime.date, datetime.date] | None:
    """First and last day of the one part between long gaps that the dates reach into; None where that is not one.

    Windows may look back over the whole part, so a run inside it loads all of it.
    """
    manifest = load_manifest(folder)
    parts = _parts(manifest)
    reached = [
        (first, last) for first, last in parts if first <= (end or manifest.last) and last >= (start or manifest.first)
    ]
    return reached[0] if len(reached) == 1 < len(parts) else None


def _parts(manifest: Manifest) -> list[tuple[datetime.date, datetime.date]]:
    edges = [manifest.first, *(day for gap in _long_gaps(manifest) for day in (gap.after, gap.before)), manifest.last]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _long_gaps(manifest: Manifest) -> list[Gap]:
    return [gap for gap in manifest.gaps if gap.sessions > MAX_GAP_SESSIONS]


def _stamps(folder: Path, manifest: Manifest) -> list[list[Any]]:
    """Sizes and times of change of the dataset's files: when they are as at the build, contents need no
    second hash."""
    result = []
    for name in manifest.files:
        status = (folder / name).stat()
        result.append([name, status.st_size, status.st_mtime_ns])
    return result


def _write(entry: Path, panel: Panel, stamps: list[list[Any]]) -> None:
    if not (entry / MARK).is_file():
        shutil.rmtree(entry, ignore_errors=True)  # the rest of a damaged entry
    with atomic_folder(entry, overwrite=True) as part:
        for name, array in _arrays(panel).items():
            np.save(part / f"{name}.npy", array)
        panel.instruments.write_ipc(part / "instruments.arrow")
        files = {
            path.name: [path.stat().st_size, path.stat().st_mtime_ns, _sample(path)] for path in sorted(part.iterdir())
        }
        meta = {
            "stamps": stamps,
            "tickers": panel.tickers,
            "interval": panel.interval,
            "indices": sorted(panel.indices),
            "files": files,
        }
        (part / MARK).write_text(json.dumps(meta), encoding="utf-8")


def _arrays(panel: Panel) -> dict[str, NDArray[Any]]:
    arrays = {name: getattr(panel, name) for name in ARRAYS if getattr(panel, name) is not None}
    arrays |= {f"action_{name}": getattr(panel.actions, name) for name in ACTION_ARRAYS}
    arrays |= {f"dividend_{name}": getattr(panel.dividends, name) for name in DIVIDEND_ARRAYS}
    return arrays | {f"index_{position}": panel.indices[name] for position, name in enumerate(sorted(panel.indices))}


def _read(entry: Path, manifest: Manifest, stamps: list[list[Any]]) -> Panel | None:
    """The cached panel; None when there is none, the dataset's files changed, or the entry is damaged."""
    try:
        meta = json.loads((entry / MARK).read_text(encoding="utf-8"))
        if meta["stamps"] != stamps or not all(
            _unchanged(entry / name, record) for name, record in meta["files"].items()
        ):
            return None
        arrays = {
            Path(name).stem: np.load(entry / name, mmap_mode="r") for name in meta["files"] if name.endswith(".npy")
        }
        instruments = pl.read_ipc(entry / "instruments.arrow")
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
        return None
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(entry / MARK)  # the least recently used entry is evicted first
    stored: dict[str, Any] = {name: arrays.get(name) if name in OPTIONAL else arrays[name] for name in ARRAYS}
    return Panel(
        **stored,
        tickers=tuple(meta["tickers"]),
        instruments=instruments,
        indices={name: arrays[f"index_{position}"] for position, name in enumerate(meta["indices"])},
        actions=ActionTable(**{name: arrays[f"action_{name}"] for name in ACTION_ARRAYS}),
        interval=meta["interval"],
        manifest=manifest,
        dividends=DividendTable(**{name: arrays[f"dividend_{name}"] for name in DIVIDEND_ARRAYS}),
    )


def _unchanged(path: Path, record: list[int]) -> bool:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns] == record[:2] and _sample(path) == record[2]


def _sample(path: Path) -> int:
    """Checksum of blocks spread over the file: reading all of it would cost more than the map saves."""
    size = path.stat().st_size
    checksum = zlib.crc32(str(size).encode())
    with path.open("rb") as file:
        for offset in sorted({round(step * max(size - BLOCK, 0) / (BLOCKS - 1)) for step in range(BLOCKS)}):
            file.seek(offset)
            checksum = zlib.crc32(file.read(BLOCK), checksum)
    return checksum


def _evict(root: Path, keep: str) -> None:
    """Delete the least recently used entries until the cache is within its size."""
    entries = []
    for path in root.iterdir():
        mark = path / MARK
        if mark.is_file():
            size = sum(file.stat().st_size for file in path.iterdir())
            entries.append((mark.stat().st_mtime_ns, size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= MAX_CACHE_BYTES:
            return
        if path.name != keep:
            shutil.rmtree(path, ignore_errors=True)
            total -= size
