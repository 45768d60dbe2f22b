"""The server itself: one port for REST, stream, control and the page; started by `geoul serve` or inside a thread."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import json
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC
from email.utils import format_datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from aiohttp import WSMsgType, web

from brokers.kis.frames import format_ping
from brokers.kis_server.clients import Clients
from brokers.kis_server.control import PREFIX, Control
from brokers.kis_server.faults import FaultRule, Faults
from brokers.kis_server.journal import JournalFailed
from brokers.kis_server.keeping import Keeper
from brokers.kis_server.line_faults import CUT, LineFaults
from brokers.kis_server.pace import ClientsBusy, Pace
from brokers.kis_server.page import page_html
from brokers.kis_server.rest import GRANTS, Answered, Rest
from brokers.kis_server.setup import ServerSetup
from brokers.kis_server.state import WorldState
from brokers.kis_server.stream import Socket, Stream
from brokers.kis_server.world import World
from engine.clock import Clock
from engine.errors import BadInput, ConfigError

_MOST_BODY = 1 << 20
_QUEUED = 100_000  # frames of one socket; a client that lets more pile up is cut
_BRIEFLY = 0.005
_PATIENCE = 5.0  # seconds in which a client that has half as many must have read one, on a long way


class KisServer:
    """Everything behind one port.

    Args:
        world: the market.
        setup: accounts, layouts, limits.
        clock: the machine's, for tokens and rates.
        state: where the world outlives the server; None = it begins anew every time.
    """

    def __init__(self, world: World, setup: ServerSetup, clock: Clock, state: WorldState | None = None) -> None:
        self.world, self.setup = world, setup
        self.keeper = Keeper(world, state)
        note = self.keeper.note
        self.faults = Faults(np.random.default_rng(setup.seed), note)
        self.rest = Rest(world, setup, self.faults, clock, note)
        self.clients = Clients(note)
        self._given_rules = ""
        self._restore()
        # Real time under today's date follows the machine's clock, so that both skip the same weekends.
        follow = (lambda: world.dates.into(clock.now())) if setup.as_today else None
        self.pace = Pace(world, self.clients, setup.answer_seconds, follow, self.keeper.mark, self._breathe)
        self._queues: dict[Socket, deque[str]] = {}  # frames that have not left
        self.stream = Stream(world, self.rest.access, setup, self.faults, self._later)
        self.control = Control(
            world, self.pace, self.clients, self.rest, self.stream, self.faults, lambda: self.keeper.life
        )
        self._line = LineFaults(self.faults)
        self._tasks: set[asyncio.Task[None]] = set()

    def _restore(self) -> None:
        """The world as it was; before the stream is there, so that nobody is told again."""
        self.keeper.restore(
            {
                **dict.fromkeys(("order", *GRANTS), self.rest.restore),
                **dict.fromkeys(("client", "left"), self.clients.restore),
                **dict.fromkeys(("rules", "struck"), self.faults.restore),
                "given": self._restore_given,
            }
        )
        if (
            self.keeper.life > 1
        ):  # each life draws faults of its own: the same ones could strike the same calls for ever
            self.faults.generator = np.random.default_rng([self.setup.seed, self.keeper.life])

    def _restore_given(self, _: str, content: Mapping[str, Any]) -> None:
        self._given_rules = content["rules"]

    def give_rules(self, rules: list[FaultRule]) -> None:
        """Faults of the command line; the same as in the life before leave in force what has been posted since."""
        given = json.dumps([rule.model_dump(mode="json") for rule in rules])
        if given != self._given_rules and (rules or self._given_rules):
            self.faults.use(rules)
            self.keeper.note("given", {"rules": given})
            self._given_rules = given

    def application(self) -> web.Application:
        """The aiohttp application: one handler for all paths, because sockets may come in at any of them."""
        app = web.Application(client_max_size=_MOST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_startup.append(self._begin)
        app.on_cleanup.append(self._end)
        return app

    async def _begin(self, _: web.Application) -> None:
        self._spawn(self.pace.run())

    async def _end(self, _: web.Application) -> None:
        self.stream.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, action)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except JournalFailed:  # the server is about to stop; nobody hears what would not outlive it
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = self._path(request.path)
        if path is None:
            return _json_response(403, {"error": "This server wants a key: put it in front of every path, /KEY/…"})
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        if path == "/" and request.method == "GET":
            text = page_html(self.setup, request.query.get("lang", "ko"), request.host)
            return web.Response(text=text, content_type="text/html", charset="utf-8")
        if path.startswith(PREFIX):
            response = await self._control(request, path)
            if self.keeper.behind:
                await self.keeper.settled()
            return response
        return await self._rest(request, path)

    def _path(self, path: str) -> str | None:
        """The path without the key, None if the key is missing. mojito puts two slashes in front of some paths."""
        path = "/" + path.lstrip("/")
        if not self.setup.key:
            return path
        first, _, rest = path.lstrip("/").partition("/")
        return f"/{rest}" if hmac.compare_digest(first.encode(), self.setup.key.encode()) else None

    async def _control(self, request: web.Request, path: str) -> web.Response:
        origin = request.headers.get("Origin")
        if request.method != "GET" and origin and urlsplit(origin).netloc != request.headers.get("Host"):
            return _json_response(403, {"error": "The world is not moved by the pages of other hosts."})
        try:
            content = await request.json() if request.can_read_body else {}
            return _json_response(200, await self.control.answer(request.method, path, request.query, content))
        except ValueError:
            return _json_response(400, {"error": "The body is no JSON."})
        except BadInput as error:
            return _json_response(400, {"error": str(error)})
        except ClientsBusy as error:
            return _json_response(504, {"error": str(error), **self.control.clock()})

    async def _rest(self, request: web.Request, path: str) -> web.StreamResponse:
        self.pace.has_company = True
        call = self.rest.name_of(path)
        try:
            body = await request.read()
        except ConnectionError:
            return web.Response(status=400)  # the client died in the middle of its request, and nobody hears this
        answered = await self._line.before(call)
        carried_out = answered is None
        if answered is None:
            headers = {name.lower(): value for name, value in request.headers.items()}
            answered = self.rest.answer(request.method, path, headers, request.query, body)
        if answered.notices and self.faults.fires("early_notice", call):
            self.stream.notify(answered.notices)
            answered = _without_notices(answered)
        shown = self._line.after(call, answered) if carried_out else answered
        if shown is CUT:
            self.stream.notify(answered.notices)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        late = self._line.lateness(call) if carried_out else 0.0
        if late:
            self.stream.notify(answered.notices)
            answered = _without_notices(answered)
            await asyncio.sleep(late)
        await self._line.take_turns(call)
        return await self._send(request, shown, answered)

    async def _send(self, request: web.Request, shown: Answered, answered: Answered) -> web.StreamResponse:
        date = format_datetime(self.world.wire_now().astimezone(UTC), usegmt=True)
        html = shown.body.startswith("<")
        response = web.Response(
            status=shown.status,
            body=shown.body.encode(),
            headers={
                **shown.headers,
                "Content-Type": "text/html; charset=utf-8" if html else "application/json; charset=utf-8",
                "Date": date,
            },
        )
        if not answered.notices:
            if self.keeper.behind:
                await self.keeper.settled()
        else:
            self.stream.hold(answered.notices)
            try:
                if self.keeper.behind:
                    await self.keeper.settled()
                await response.prepare(request)
                await response.write_eof()
            except ConnectionError:
                pass  # the client has gone; the order is there all the same, and its notices are sent
            finally:
                self.stream.release(answered.notices)
        return response

    async def _breathe(self) -> None:
        """On a long way: calls are answered, frames leave; who has much to read is waited for, who reads none cut."""
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        for socket, queue in list(self._queues.items()):
            left, end = len(queue), loop.time() + _PATIENCE
            while len(queue) > _QUEUED // 2 and loop.time() < end:
                await asyncio.sleep(_BRIEFLY)
                if len(queue) < left:
                    left, end = len(queue), loop.time() + _PATIENCE
            if len(queue) > _QUEUED // 2:
                socket.close()

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.pace.has_company = True
        response = web.WebSocketResponse()
        await response.prepare(request)
        queue: deque[str] = deque()
        filled = asyncio.Event()
        transport = request.transport

        def send(frame: str) -> None:
            if len(queue) >= _QUEUED:
                cut()
            queue.append(frame)
            filled.set()

        def cut() -> None:
            if transport is not None:
                transport.abort()

        async def write() -> None:
            with contextlib.suppress(ConnectionError, RuntimeError, JournalFailed):
                while not response.closed:
                    await filled.wait()
                    filled.clear()
                    while queue:
                        if self.keeper.behind:
                            await self.keeper.settled()
                        await response.send_str(queue.popleft())

        async def ping() -> None:
            while True:
                await asyncio.sleep(self.setup.ping_seconds)
                send(format_ping(self.world.wire_now()))

        socket = Socket(send=send, close=cut)
        self.stream.join(socket)
        self._queues[socket] = queue
        tasks = [asyncio.create_task(write()), asyncio.create_task(ping())]
        try:
            async for message in response:
                if message.type is WSMsgType.TEXT:
                    self.stream.receive(socket, message.data)
        finally:
            self.stream.leave(socket)
            del self._queues[socket]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return response


def _without_notices(answered: Answered) -> Answered:
    return replace(answered, notices=())


def _json_response(status: int, content: object) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(content, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )


def check_host(host: str, key: str) -> None:
    """Refuse to be seen by other machines without a key.

    Raises:
        ConfigError: the address is not this machine's own, and there is no key.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not key:
        raise ConfigError(
            f"Other machines could reach the server at {host}. Give it a key with --key, or listen on 127.0.0.1."
        )


async def serve(server: KisServer, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Listen until cancelled; `ready` is told the port.

    Raises:
        JournalFailed: the world cannot be kept any more.
    """
    check_host(host, server.setup.key)
    server.world.prepare()
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        ready(runner.addresses[0][1])
        await server.keeper.failed()
    finally:
        await runner.cleanup()


class ServerThread:
    """A server in a thread of this process, for tests and notebooks.

    Example:
        with ServerThread(KisServer(world, setup, clock)) as running:
            requests.get(f"{running.url}/_world/clock")
    """

    def __init__(self, server: KisServer, host: str = "127.0.0.1", port: int = 0) -> None:
        self.server, self._host, self._port = server, host, port
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._failure: BaseException | None = None
        self._main: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="kis-server", daemon=True)

    @property
    def url(self) -> str:
        """Base address of REST."""
        return f"http://{self._host}:{self._port}"

    @property
    def websocket_url(self) -> str:
        """Base address of the stream."""
        return f"ws://{self._host}:{self._port}"

    def advance(self, **how: object) -> object:
        """Move the world as `POST /_world/advance` does, without a request: `advance(steps=1)`.

        Returns:
            what that answers: the clock.

        Raises:
            BadInput, ClientsBusy: as there.
        """
        moving = self.server.control.answer("POST", f"{PREFIX}/advance", {}, how)
        return asyncio.run_coroutine_threadsafe(moving, self._loop).result()

    def __enter__(self) -> ServerThread:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._main is not None and self.server.keeper.failure is None:  # else it is ending by itself
            with contextlib.suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join()
        failure = self._failure or self.server.keeper.failure
        if failure is not None and error is None:
            raise failure

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._main = self._loop.create_task(serve(self.server, self._host, self._port, self._told))
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()
            self._loop.close()

    def _told(self, port: int) -> None:
        self._port = port
        self._ready.set()
