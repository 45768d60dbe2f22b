"""A stream of KIS trades for benchmarks: a server in a process of its own sends, the adapter's socket here hears."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.queues import Queue
from typing import Any

import numpy as np

from brokers.kis.frames import Acknowledgement, format_acknowledgement, format_data, read_subscription
from brokers.kis.realtime import Trade
from brokers.kis.realtime_fields import TRADE
from brokers.kis.subscriptions import PLACES, Subscription
from brokers.kis.websocket import RealtimeSocket
from engine.clock import SystemClock

NAMES = tuple(f"{number:06}" for number in range(PLACES))
CALM = 71_900  # won
# What a REST call is answered, from its path and values; None = never. It may write into the array of moments.
Answering = Callable[[str, Mapping[str, str], Any], object]


def calm_trade(number: int, price: int = CALM) -> bytes:
    """The n-th trade, from 1, of the names in turn: always ten shares, each following the one before of its name."""
    now = SystemClock().now()
    volume = 10 * (1 + (number - 1) // PLACES)
    trade = Trade(TRADE, NAMES[number % PLACES], now, now, price, 10, volume, CALM * volume)
    return format_data(TRADE, [trade.to_fields()]).encode()


def number_of(trade: Trade) -> int:
    """Which one it is, from 1."""
    before = (trade.cumulative_volume // 10 - 1) * PLACES
    return before + (int(trade.ticker) - 1) % PLACES + 1


@contextmanager
def streaming(
    count: int,
    rate: int,
    trade: Callable[[int], bytes] = calm_trade,
    *,
    stamped: bool = False,
    answering: Answering | None = None,
) -> Iterator[tuple[RealtimeSocket, Any, str]]:
    """A socket that wants all names, not yet opened, and a server that sends them `count` trades once it is.

    Args:
        count: trades in all.
        rate: trades a second in an even flow; 0 = at once.
        trade: a module's function, which makes the frame of the n-th trade.
        stamped: note when each trade was written.
        answering: a module's function, which answers REST calls; None = there are none.

    Yields:
        The socket, and seconds of the monotonic clock: when each trade was written, then as many that `answering` may
        write; None if not stamped. Last the address of REST.
    """
    context = multiprocessing.get_context("spawn")
    ports, sent_at = context.Queue(), context.Array("d", 2 * count, lock=False) if stamped else None
    server = context.Process(target=_serve, args=(count, rate, trade, ports, sent_at, answering), daemon=True)
    server.start()
    host = f"127.0.0.1:{ports.get(timeout=120)}"
    socket = RealtimeSocket(
        url=f"ws://{host}",
        approval_key=lambda renew: "benchmark",
        clock=SystemClock(),
        generator=np.random.default_rng(0),
    )
    socket.subscribe(Subscription(TRADE, name) for name in NAMES)
    yield socket, sent_at, f"http://{host}"
    server.join(10)


def _serve(
    count: int, rate: int, trade: Callable[[int], bytes], ports: Queue, sent_at: Any, answering: Answering | None
) -> None:
    """Wait for a subscription of every name, send the trades, end when the client leaves."""
    from aiohttp import WSMsgType, web  # noqa: PLC0415  (in the child only)

    ready, done = [trade(number) for number in range(1, count + 1)], asyncio.Event()

    async def rest(request: web.Request) -> web.Response:
        assert answering is not None
        values = await request.json() if request.can_read_body else dict(request.query)
        answer = answering(request.path, values, sent_at)
        if answer is None:
            await done.wait()
        return web.json_response(answer)

    async def session(request: web.Request) -> web.StreamResponse:
        if "Upgrade" not in request.headers:
            return await rest(request)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        for _ in NAMES:
            asked = read_subscription((await socket.receive()).data)
            answer = Acknowledgement(
                tr_id=asked.tr_id, tr_key=asked.tr_key, return_code="0", message_code="OPSP0000", message="SUCCESS"
            )
            await socket.send_str(format_acknowledgement(answer))
        started, sent = time.monotonic(), 0
        while sent < count:
            due = count if rate == 0 else min(count, int((time.monotonic() - started) * rate))
            for place in range(sent, due):
                if sent_at is not None:
                    sent_at[place] = time.monotonic()
                await socket.send_frame(ready[place], WSMsgType.TEXT)
            sent = due
            await asyncio.sleep(0.001)
        async for _ in socket:
            pass
        done.set()
        return socket

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", session)
        app.router.add_post("/{path:.*}", rest)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.put(runner.addresses[0][1])
        await done.wait()
        await runner.cleanup()

    asyncio.run(run())
