"""How many records of the live stream are recorded a second: `python -m benchmarks.kis_record`.

A server in a process of its own sends trades over a WebSocket on loopback; the adapter's socket reads them and the
recorder writes them, syncing each second. Then the recorder alone: half trades, half order books.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.kis_load import CALM, NAMES, streaming
from benchmarks.kis_stream import GOAL
from benchmarks.report import machine
from brokers.kis.realtime import Book, Trade
from brokers.kis.realtime_fields import BOOK, TRADE
from brokers.kis.recording import Recorder, RecordingSettings, read_recording
from engine.clock import SystemClock

_COUNT = 400_000


def over_the_wire(rate: int) -> str:
    """Records sent at `rate` a second (0 = at once), received, recorded and read back."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder, streaming(_COUNT, rate) as (socket, _, _):
        with Recorder(Path(folder), clock) as recorder, socket:
            while not recorder.records:
                recorder.take(socket.queue.take_all(0.05))
            started, cpu = time.perf_counter(), time.process_time()
            while recorder.records + socket.status().dropped < _COUNT:
                recorder.take(socket.queue.take_all(0.05))
            recorder.flush()
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
            dropped, day = socket.status().dropped, clock.now().date()
        kept = read_recording(folder, day).height
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    return (
        f"{f'{rate:,}/s' if rate else 'at once':>10}  {_COUNT / seconds:8,.0f}/s  {cpu / _COUNT * 1e6:5.1f} us/record  "
        f"{dropped:7,} dropped  {kept:9,} kept  {size / kept:5.1f} bytes/record"
    )


def alone() -> str:
    """The recorder by itself, fed from memory."""
    now = SystemClock().now()
    prices, sizes = tuple(range(71_900, 72_900, 100)), tuple(range(1, 11))
    records: list[Trade | Book] = []
    for number in range(1, _COUNT // 2 + 1):
        name = NAMES[number % len(NAMES)]
        records.append(Trade(TRADE, name, now, now, CALM, 10, 10 * number, 10 * CALM * number))
        records.append(Book(BOOK, name, now, now, prices, sizes, prices, sizes))
    with tempfile.TemporaryDirectory() as folder:
        settings = RecordingSettings(most_rows=20_000)
        with Recorder(Path(folder), SystemClock(), settings) as recorder:
            started = time.perf_counter()
            for start in range(0, len(records), 500):
                recorder.take(records[start : start + 500])
            recorder.flush()
            seconds = time.perf_counter() - started
        closing = time.perf_counter() - started - seconds
    return f"alone, half of them books: {len(records) / seconds:,.0f}/s; the files are finished in {closing:.1f} s"


def main() -> None:
    """Print the figures."""
    print(machine())
    print(f"goal: {GOAL:,} records a second")
    for rate in (GOAL, 0):
        print(over_the_wire(rate))
    print(alone())
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MB")


if __name__ == "__main__":
    sys.exit(main())
