"""How many records a second the KIS stream takes, from socket to queue: `python -m benchmarks.kis_stream`.

A server in a process of its own sends trades, one record a frame, over 41 subscriptions: as fast as it can, then at
the goal of 20,000 a second. The client reads, checks, types and queues each; a second thread takes them out.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.kis_load import calm_trade, streaming
from benchmarks.report import machine
from brokers.kis.frames import DataFrame, read_frame
from brokers.kis.realtime import Trade, read_records
from engine.clock import SystemClock

GOAL = 20_000


def measure(count: int, rate: int) -> tuple[str, ...]:
    """One row of the table."""
    clock = SystemClock()
    taken, waits_ms, started, cpu = 0, [], 0.0, 0.0
    with streaming(count, rate) as (client, _, _), client:
        while taken < count:
            items = client.queue.take_all(timeout_seconds=30)
            assert items, "the stream stopped"
            if not taken:
                started, cpu = time.perf_counter(), time.process_time()
            now = clock.now()
            for item in items:
                if isinstance(item, Trade):
                    taken += 1
                    waits_ms.append((now - item.received_at).total_seconds() * 1e3)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        dropped = client.status().dropped
    middle, late = np.percentile(waits_ms, [50, 99])
    return (
        f"{rate:,}/s" if rate else "as fast as it can",
        f"{count / seconds:,.0f}",
        f"{cpu / count * 1e6:.1f}",
        f"{middle:.2f}",
        f"{late:.2f}",
        str(dropped),
    )


def parsing(count: int) -> str:
    """Records a second of reading alone, on one core, by processor time."""
    ready, now = [calm_trade(number) for number in range(1, min(count, 20_000) + 1)], SystemClock().now()
    started = time.process_time()
    for frame in ready:
        found = read_frame(frame)
        assert isinstance(found, DataFrame)
        read_records(found, now)
    return f"{len(ready) / (time.process_time() - started):,.0f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the records")
    count = 20_000 if parser.parse_args().short else 200_000
    table = Table(title=f"KIS stream, {count:,} trades, one a frame, 41 subscriptions; goal {GOAL:,}/s")
    for name in ("sent", "records/s", "CPU µs a record", "ms in the queue, median", "99th percentile", "dropped"):
        table.add_column(name, justify="right")
    for rate in (0, GOAL):
        table.add_row(*measure(count, rate))
    console = Console()
    console.print(table)
    console.print(f"Reading frames alone: {parsing(count)} records/s of processor time. {machine()}")


if __name__ == "__main__":
    main()
