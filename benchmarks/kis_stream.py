"""How many records a second the KIS stream takes, from socket to queue: `python -m benchmarks.kis_stream`.

A server in a process of its own sends trades, one record a frame, over 41 subscriptions: as fast as it can, then at
the goal of 20,000 a second. The client reads, checks, types and queues each; a second thread takes them out.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from multiprocessing.queues import Queue

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from brokers.kis.frames import (
    Acknowledgement,
    DataFrame,
    format_acknowledgement,
    format_data,
    read_frame,
    read_subscription,
)
from brokers.kis.realtime import Trade, read_records
from brokers.kis.realtime_fields import TRADE
from brokers.kis.subscriptions import PLACES, Subscription
from brokers.kis.websocket import RealtimeSocket
from engine.clock import SystemClock

GOAL = 20_000


def frames(count: int) -> list[bytes]:
    """Trades of 41 tickers in turn, each following the one before."""
    now = SystemClock().now()
    return [
        format_data(
            TRADE,
            [Trade(TRADE, f"{number % PLACES:06}", now, now, 71_900, 10, 10 * number, 719_000 * number).to_fields()],
        ).encode()
        for number in range(1, count + 1)
    ]


def serve(count: int, rate: int, ports: Queue) -> None:
    """Wait for 41 subscriptions, send all frames at `rate` a second (0 = at once), end when the client leaves."""
    from aiohttp import WSMsgType, web  # noqa: PLC0415

    ready, done = frames(count), asyncio.Event()

    async def session(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        for _ in range(PLACES):
            asked = read_subscription((await socket.receive()).data)
            answer = Acknowledgement(
                tr_id=asked.tr_id, tr_key=asked.tr_key, return_code="0", message_code="OPSP0000", message="SUCCESS"
            )
            await socket.send_str(format_acknowledgement(answer))
        started, sent = time.monotonic(), 0
        while sent < count:
            due = count if rate == 0 else min(count, int((time.monotonic() - started) * rate))
            for frame in ready[sent:due]:
                await socket.send_frame(frame, WSMsgType.TEXT)
            sent = due
            await asyncio.sleep(0.001)
        async for _ in socket:
            pass
        done.set()
        return socket

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", session)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.put(runner.addresses[0][1])
        await done.wait()
        await runner.cleanup()

    asyncio.run(run())


def measure(count: int, rate: int) -> tuple[str, ...]:
    """One row of the table."""
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    server = context.Process(target=serve, args=(count, rate, ports), daemon=True)
    server.start()
    clock = SystemClock()
    client = RealtimeSocket(
        url=f"ws://127.0.0.1:{ports.get(timeout=120)}",
        approval_key=lambda renew: "benchmark",
        clock=clock,
        generator=np.random.default_rng(0),
    )
    client.subscribe(Subscription(TRADE, f"{number:06}") for number in range(PLACES))
    taken, waits_ms, started, cpu = 0, [], 0.0, 0.0
    with client:
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
    server.join(10)
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
    ready, now = frames(min(count, 20_000)), SystemClock().now()
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
