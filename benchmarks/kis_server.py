"""How fast the KIS server is: `python -m benchmarks.kis_server`.

The server runs in a process of its own; an aiohttp client in this one asks for prices, balances and orders, sixteen
calls at a time, and listens to 41 registrations of trades on each of ten sockets, one record a frame. The server keeps
its world on the disk, as `geoul serve` does; at the end it is killed and started again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.queues import Queue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from benchmarks.report import machine

AT_ONCE, SOCKETS, REGISTRATIONS = 16, 10, 41
TRADING, QUOTES = "/uapi/domestic-stock/v1/trading", "/uapi/domestic-stock/v1/quotations"
GOALS = {"REST requests/s": 1_000, "stream records/s": 20_000}
RESTORED = 2_000  # lines of the journal a second: steps and orders


def serve(folder: str, kept: str, ports: Queue) -> None:
    """Serve a dataset on a free port until killed; the world is kept in another folder."""
    from brokers.kis_server.server import KisServer  # noqa: PLC0415  (in the child only)
    from brokers.kis_server.server import serve as listen  # noqa: PLC0415
    from brokers.kis_server.setup import ServerSetup  # noqa: PLC0415
    from brokers.kis_server.state import JOURNAL, WorldState, world_facts  # noqa: PLC0415
    from brokers.kis_server.world import World  # noqa: PLC0415
    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.config import BacktestConfig  # noqa: PLC0415
    from engine.data.panel import State, load_panel  # noqa: PLC0415

    panel, config = load_panel(folder), BacktestConfig(cash_won=10**12)
    setup = ServerSetup(one_socket=False, order_hours="any")
    world = World(panel, config)
    world.prepare()
    state = WorldState(Path(kept), world_facts(panel, config, setup, None))
    lines = (Path(kept) / JOURNAL).read_bytes().count(b"\n")
    began = time.perf_counter()
    server = KisServer(world, setup, SystemClock(), state)
    restored = lines / (time.perf_counter() - began)

    def ready(port: int) -> None:
        market = world.market
        tomorrow = market.state[min(market.row + 1, panel.rows - 1)] & State.TRADED
        traded = [ticker for ticker, col in market.column.items() if tomorrow[col] and market.has_opened(col)]
        ports.put((port, traded, restored))

    asyncio.run(listen(server, "127.0.0.1", port=0, ready=ready))


class Load:
    """One app key that asks and listens."""

    def __init__(self, session: aiohttp.ClientSession, port: int, tickers: list[str]) -> None:
        self.session, self.url, self.tickers = session, f"http://127.0.0.1:{port}", tickers
        self.keys = {"appkey": "B" * 36, "appsecret": "S" * 180}
        self.token = ""

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        async with self.session.post(self.url + path, data=json.dumps(body), headers=headers) as answer:
            return json.loads(await answer.read())

    def headers(self, tr_id: str) -> dict[str, str]:
        return {
            **self.keys,
            "authorization": f"Bearer {self.token}",
            "tr_id": tr_id,
            "Content-Type": "application/json",
        }

    async def log_in(self) -> None:
        self.token = (await self.post("/oauth2/tokenP", {"grant_type": "client_credentials", **self.keys}))[
            "access_token"
        ]

    async def price(self, number: int) -> Any:
        query = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": self.tickers[number % len(self.tickers)]}
        path = f"{self.url}{QUOTES}/inquire-price"
        async with self.session.get(path, params=query, headers=self.headers("FHKST01010100")) as answer:
            return json.loads(await answer.read())

    async def balance(self, number: int) -> Any:
        query = {"CANO": "12345678", "ACNT_PRDT_CD": "01"}
        path = f"{self.url}{TRADING}/inquire-balance"
        async with self.session.get(path, params=query, headers=self.headers("TTTC8434R")) as answer:
            return json.loads(await answer.read())

    async def order(self, number: int) -> Any:
        body = {
            "CANO": "12345678",
            "ACNT_PRDT_CD": "01",
            "PDNO": self.tickers[number % len(self.tickers)],
            "ORD_DVSN": "01",
            "ORD_QTY": "1",
            "ORD_UNPR": "0",
        }
        return await self.post(f"{TRADING}/order-cash", body, self.headers("TTTC0012U"))


async def rate(call: Callable[[int], Awaitable[Any]], count: int) -> float:
    """Good answers a second, sixteen calls at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            answer = await call(number)
            assert answer["rt_cd"] == "0", answer

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - began)


async def listen(load: Load, steps: int) -> float:
    """Records a second that all sockets together read while the world takes so many steps."""
    approval = (
        await load.post(
            "/oauth2/Approval",
            {"grant_type": "client_credentials", "appkey": load.keys["appkey"], "secretkey": load.keys["appsecret"]},
        )
    )["approval_key"]
    sockets = [await load.session.ws_connect(f"{load.url}/tryitout") for _ in range(SOCKETS)]
    for socket in sockets:
        for ticker in load.tickers[:REGISTRATIONS]:
            header = {"approval_key": approval, "custtype": "P", "tr_type": "1", "content-type": "utf-8"}
            await socket.send_str(
                json.dumps({"header": header, "body": {"input": {"tr_id": "H0STCNT0", "tr_key": ticker}}})
            )
            await socket.receive()
    expected = 0
    told = asyncio.Event()
    read = [0] * SOCKETS

    async def hear(place: int) -> None:
        async for message in sockets[place]:
            if message.data[0] == "0":
                read[place] += 1
                if told.is_set() and sum(read) >= expected:
                    return

    began = time.perf_counter()
    listeners = [asyncio.create_task(hear(place)) for place in range(SOCKETS)]
    await load.post("/_world/clients", {"name": "bench", "app_key": load.keys["appkey"]})
    async with load.session.delete(f"{load.url}/_world/clients/bench"):
        pass
    before = (await load.post("/_world/clients", {"name": "bench", "app_key": load.keys["appkey"]}))["frames"]
    async with load.session.delete(f"{load.url}/_world/clients/bench"):
        pass
    await load.post("/_world/advance", {"steps": steps})
    expected = (await load.post("/_world/clients", {"name": "bench", "app_key": load.keys["appkey"]}))[
        "frames"
    ] - before
    told.set()
    while sum(read) < expected:
        await asyncio.sleep(0.001)
    seconds = time.perf_counter() - began
    for task in listeners:
        task.cancel()
    for socket in sockets:
        await socket.close()
    return expected / seconds


async def measure(port: int, tickers: list[str], calls: int, steps: int) -> dict[str, float]:
    """All figures, in calls or records a second."""
    async with aiohttp.ClientSession() as session:
        load = Load(session, port, tickers)
        await load.log_in()
        await load.post("/_world/advance", {"until": "open"})
        figures = {
            "prices/s": await rate(load.price, calls),
            "balances/s": await rate(load.balance, calls),
            "orders/s": await rate(load.order, calls // 4),
            "stream records/s": await listen(load, steps),
        }
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a dataset; a synthetic market if left out")
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--steps", type=int, default=600, help="of the world, while the stream is measured")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        data = options.data
        if data is None:
            from engine.data.sample import make_sample  # noqa: PLC0415

            data = Path(folder) / "market"
            make_sample(data, tickers=200, years=2, seed=1)
        context = multiprocessing.get_context("spawn")
        ports: Queue = context.Queue()

        def start() -> Any:
            process = context.Process(target=serve, args=(str(data), f"{folder}/world", ports), daemon=True)
            process.start()
            return process

        process = start()
        port, tickers, _ = ports.get(timeout=300)
        figures = asyncio.run(measure(port, tickers, options.calls, options.steps))
        status = Path(f"/proc/{process.pid}/status")
        peak = next((line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")), "0")
        process.kill()
        process.join()
        process = start()
        _, _, restored = ports.get(timeout=300)
        process.kill()
        process.join()
    table = Table(title=f"KIS server, {len(tickers):,} instruments · {machine()}")
    for name in ("figure", "measured", "goal"):
        table.add_column(name, justify="right" if name != "figure" else "left")
    for name, figure in figures.items():
        goal = GOALS["stream records/s" if "records" in name else "REST requests/s"]
        table.add_row(name, f"{figure:,.0f}", f"{goal:,}")
    table.add_row("restored after SIGKILL, lines/s", f"{restored:,.0f}", f"{RESTORED:,}")
    table.add_row("memory of the server, MB", f"{int(peak) / 1024:,.0f}", "1,024")
    Console().print(table)


if __name__ == "__main__":
    main()
