"""The live stream on disk: trades, order books, notices, states, indices and gaps, readable whatever happens.

    with Recorder(folder, clock) as recorder:
        while ...:
            recorder.take(socket.queue.take_all(0.2))
    read_recording(folder, date(2026, 11, 23), "trades")

Rows are kept in memory until the flush interval is over or there are many, then written and synced; memory is bounded
by that and by the queue of the stream, which says what it dropped. Files change with the day, with time and with size
(`engine.data.segments`). Neither accounts nor names of owners nor the HTS id are written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from filelock import FileLock, Timeout

from brokers.kis.notice import Notice
from brokers.kis.realtime import Book, IndexTick, MarketState, Trade
from brokers.kis.stream_queue import Item
from brokers.kis.stream_reports import Gap
from engine.clock import Clock
from engine.data.segments import Segment, days_of, mend, read_day
from engine.errors import BadInput, DataError

_TIME = pa.timestamp("us", "Asia/Seoul")
_LEVELS = 10
_LADDER = pa.list_(pa.int64(), _LEVELS)
_NOT_RECORDING = "not recording"

# Kind -> columns. Names are those of the records.
_DAY_FIGURES = ("cumulative_volume", "cumulative_value", "open", "high", "low", "sell_volume", "buy_volume")
_BEST = ("ask", "bid", "ask_size", "bid_size", "total_ask_size", "total_bid_size")
_TRADE_NUMBERS = ("price", "volume", *_DAY_FIGURES, *_BEST, "vi_price")
_HEAD = {"tr_id": pa.string(), "ticker": pa.string(), "time": _TIME, "received_at": _TIME}
SCHEMAS: dict[str, pa.Schema] = {
    "trades": pa.schema(
        {
            **_HEAD,
            **dict.fromkeys(_TRADE_NUMBERS, pa.int64()),
            "side": pa.string(),
            "previous_close": pa.int64(),
            "trading_strength": pa.float64(),
            "halted": pa.bool_(),
            "hour_code": pa.string(),
            "market_code": pa.string(),
        }
    ),
    "books": pa.schema(
        {
            **_HEAD,
            **dict.fromkeys(("asks", "ask_sizes", "bids", "bid_sizes"), _LADDER),
            **dict.fromkeys(("total_ask_size", "total_bid_size"), pa.int64()),
            "hour_code": pa.string(),
            **dict.fromkeys(("expected_price", "expected_volume", "cumulative_volume"), pa.int64()),
        }
    ),
    "notices": pa.schema(
        {
            **_HEAD,
            "order_number": pa.string(),
            "original_number": pa.string(),
            "side": pa.string(),
            "request": pa.string(),
            "order_kind": pa.string(),
            "condition": pa.string(),
            **dict.fromkeys(("quantity", "price", "order_quantity", "order_price", "stop_price"), pa.int64()),
            **dict.fromkeys(("refused", "filled"), pa.bool_()),
            **dict.fromkeys(("step", "exchange_code"), pa.string()),
        }
    ),
    "states": pa.schema(
        {
            **{name: kind for name, kind in _HEAD.items() if name != "time"},
            **dict.fromkeys(("halted", "interrupted"), pa.bool_()),
            **dict.fromkeys(
                ("halt_reason", "code", "expected_code", "extension_code", "issue_code", "exchange_code"), pa.string()
            ),
        }
    ),
    "indices": pa.schema(
        {
            "tr_id": pa.string(),
            "code": pa.string(),
            "time": _TIME,
            "received_at": _TIME,
            **dict.fromkeys(("level", "change", "open", "high", "low"), pa.float64()),
            **dict.fromkeys(
                ("cumulative_volume", "cumulative_value", "advancers", "decliners", "unchanged"), pa.int64()
            ),
        }
    ),
    "gaps": pa.schema(
        {
            "reason": pa.string(),
            "tr_id": pa.string(),
            "ticker": pa.string(),
            "since": _TIME,
            "until": _TIME,
            "lost": pa.int64(),
        }
    ),
}
_KIND: dict[type, str] = {
    Trade: "trades",
    Book: "books",
    Notice: "notices",
    MarketState: "states",
    IndexTick: "indices",
}
_LADDERS = frozenset({"asks", "ask_sizes", "bids", "bid_sizes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSettings:
    """When rows go to the disk and files change.

    Args:
        flush_seconds: rows wait at most so long; a crash loses no more.
        most_rows: so many rows of a kind are written at once even before that.
        rotate_seconds: a file is finished after so long.
        rotate_bytes: and when it is so large.
    """

    flush_seconds: float = 1.0
    most_rows: int = 50_000
    rotate_seconds: float = 900.0
    rotate_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if min(self.flush_seconds, self.rotate_seconds) <= 0 or min(self.most_rows, self.rotate_bytes) < 1:
            raise BadInput("Recording: seconds, rows and bytes must be positive.")


class Recorder:
    """Writes what the stream brings; of one thread.

    Args:
        folder: of the recording; one process at a time.
        clock: day of what bears no time of its own.
        settings: when to write.
        monotonic: seconds for the intervals.

    Raises:
        DataError: another process records there.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        settings: RecordingSettings | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._clock, self._monotonic = folder, clock, monotonic
        self._settings = settings or RecordingSettings()
        self._rows: dict[tuple[date, str], list[Any]] = {}
        self._segments: dict[tuple[date, str], tuple[Segment, float]] = {}
        self._flushed_at = monotonic()
        self.records = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / ".recording.lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise DataError(f"Another process is recording into {folder}. Choose another folder.") from None
        self.mended = mend(folder)
        self._note_pause()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, items: Iterable[Item]) -> None:
        """Keep records and gaps, and write what is due."""
        most = self._settings.most_rows
        for item in items:
            kind = _KIND.get(type(item))
            if kind is not None:
                self.records += 1
                rows = self._rows.setdefault((item.received_at.date(), kind), [])  # type: ignore[union-attr]
                rows.append(item)
                if len(rows) >= most:
                    self.flush()
            elif isinstance(item, Gap):
                self._rows.setdefault((item.until.date(), "gaps"), []).extend(_gap_rows(item))
        if self._monotonic() - self._flushed_at >= self._settings.flush_seconds:
            self.flush()

    def flush(self) -> None:
        """Write all rows; when this returns they survive a crash."""
        rows, self._rows = self._rows, {}
        now = self._monotonic()
        for key, waiting in sorted(rows.items()):
            day, kind = key
            if key not in self._segments:
                segment = Segment(self._folder / f"day={day}", kind, SCHEMAS[kind])
                self._segments[key] = (segment, now)
            self._segments[key][0].write(_batch(kind, waiting))
        self._flushed_at = now
        latest = max((day for day, _ in self._segments), default=None)
        for key, (segment, began) in list(self._segments.items()):
            old = now - began >= self._settings.rotate_seconds
            if old or segment.size >= self._settings.rotate_bytes or key[0] != latest:
                del self._segments[key]
                segment.finish()

    def close(self) -> None:
        """Write what waits and finish all files."""
        self.flush()
        for segment, _ in self._segments.values():
            segment.finish()
        self._segments.clear()
        self._lock.release()

    def _note_pause(self) -> None:
        """A day that was recorded in parts has a gap between them."""
        now = self._clock.now()
        latest: list[datetime] = []
        if now.date() in days_of(self._folder):
            for kind in ("trades", "books"):
                frame = read_day(self._folder, now.date(), kind)
                if frame is not None and frame.height:
                    latest.append(frame["received_at"].max())  # type: ignore[arg-type]
        if latest:
            row = (_NOT_RECORDING, "", "", max(latest), now, None)
            self._rows.setdefault((now.date(), "gaps"), []).append(row)


def read_recording(folder: str | Path, day: date, kind: str = "trades") -> pl.DataFrame:
    """Rows of one day in the order of arrival, also while they are being recorded.

    Args:
        folder: of the recording.
        day: of the arrival.
        kind: trades, books, notices, states, indices or gaps.

    Raises:
        BadInput: there is no such kind.
        DataError: there is no recording of that day.
    """
    if kind not in SCHEMAS:
        raise BadInput(f"There are no recorded {kind!r}: say {', '.join(SCHEMAS)}.")
    root = Path(folder)
    days = days_of(root)
    if day not in days:
        told = f"There is {days[0]} to {days[-1]}" if days else "There is none at all"
        raise DataError(f"{root} holds no recording of {day}. {told}.")
    found = read_day(root, day, kind)
    if found is not None:
        return found
    empty = pl.from_arrow(SCHEMAS[kind].empty_table())
    assert isinstance(empty, pl.DataFrame)
    return empty


def _gap_rows(gap: Gap) -> list[tuple[object, ...]]:
    return [
        (gap.reason.value, name.tr_id, name.label, gap.since, gap.until, gap.lost if place == 0 else None)
        for place, name in enumerate(gap.subscriptions)
    ]


def _batch(kind: str, rows: Sequence[Any]) -> pa.RecordBatch:
    schema = SCHEMAS[kind]
    if kind == "gaps":
        columns: dict[str, Sequence[Any]] = dict(zip(schema.names, zip(*rows, strict=True), strict=True))
    elif kind == "notices":
        columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
    else:  # named tuples: by place, in one go
        columns = dict(zip(type(rows[0])._fields, zip(*rows, strict=True), strict=True))
    if "side" in columns:
        columns["side"] = [None if side is None else side.value for side in columns["side"]]
    return pa.record_batch([_column(columns[field.name], field) for field in schema], schema=schema)


def _column(values: Sequence[Any], field: pa.Field) -> pa.Array:
    if field.name in _LADDERS:
        flat = np.array(values, dtype=np.int64).ravel()
        return pa.FixedSizeListArray.from_arrays(pa.array(flat), _LEVELS)
    return pa.array(values, type=field.type)
