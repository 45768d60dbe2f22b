"""A WebSocket server on loopback that speaks the stream of KIS and does what a test tells it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType

from aiohttp import WSMsgType, web

from brokers.kis.frames import (
    SUBSCRIBE,
    Acknowledgement,
    FrameError,
    NoticeCipher,
    SubscriptionMessage,
    format_acknowledgement,
    read_subscription,
)
from tests.builders_kis_stream import CIPHER

WAIT_SECONDS = 20
Answer = Callable[["StreamServer", SubscriptionMessage], Acknowledgement | None]


def acknowledge(server: StreamServer, message: SubscriptionMessage) -> Acknowledgement:
    """What KIS answers when all is well, and when there are too many."""
    name = (message.tr_id, message.tr_key)
    if message.tr_type != SUBSCRIBE:
        found = name in server.registered
        server.registered.discard(name)
        return answer_with(message, "0", "OPSP0001" if found else "OPSP0003", "UNSUBSCRIBE")
    if name in server.registered:
        return answer_with(message, "1", "OPSP0002", "ALREADY IN SUBSCRIBE")
    if len(server.registered) >= server.places:
        return answer_with(message, "1", "OPSP0008", "MAX SUBSCRIBE OVER")
    server.registered.add(name)
    return answer_with(message, "0", "OPSP0000", "SUBSCRIBE SUCCESS", server.cipher)


def answer_with(
    message: SubscriptionMessage, return_code: str, code: str, text: str, cipher: NoticeCipher | None = None
) -> Acknowledgement:
    """An answer to that message."""
    return Acknowledgement(
        tr_id=message.tr_id,
        tr_key=message.tr_key,
        return_code=return_code,
        message_code=code,
        message=text,
        encrypted=message.tr_id.startswith("H0STCNI"),
        cipher=cipher,
    )


class StreamServer:
    """One listener in a thread of its own; `with` starts and stops it.

    Args:
        answer: what to reply to a subscription; None = no reply.
        places: registrations of a session.
        autoping: answer pings of the WebSocket protocol.
    """

    def __init__(self, answer: Answer = acknowledge, places: int = 41, autoping: bool = True) -> None:
        self.answer, self.places, self._autoping = answer, places, autoping
        self.cipher = CIPHER
        self.registered: set[tuple[str, str]] = set()
        self.messages: list[SubscriptionMessage] = []
        self.texts: list[str] = []  # what came and was no subscription
        self.sessions = 0
        self.most_registered = 0
        self.closed_by_client = 0
        self.url = ""
        self._open: list[web.WebSocketResponse] = []
        self._loop = asyncio.new_event_loop()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> StreamServer:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_SECONDS)
        self._loop.close()

    def send(self, *frames: str | bytes) -> None:
        """Send each as one message to the newest session; bytes go as text all the same."""
        self._call(self._send(frames))

    def cut(self) -> None:
        """Drop the connection without a word."""
        self._call(self._cut())

    def end(self) -> None:
        """Close the session in order."""
        self._call(self._open[-1].close())

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something that a client does makes the condition true."""
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_SECONDS), "the client did not do it in time"

    def _call(self, job: object) -> None:
        asyncio.run_coroutine_threadsafe(job, self._loop).result(WAIT_SECONDS)  # type: ignore[arg-type]

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"ws://127.0.0.1:{port}"

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        session = web.WebSocketResponse(autoping=self._autoping, compress=False)
        await session.prepare(request)
        self._open.append(session)
        self.registered.clear()
        self.sessions += 1
        self._notify()
        async for message in session:
            if message.type is WSMsgType.TEXT:
                await self._take(session, message.data)
        self.closed_by_client += session.close_code == 1000
        self._notify()
        return session

    async def _take(self, session: web.WebSocketResponse, text: str) -> None:
        try:
            message = read_subscription(text)
        except FrameError:
            self.texts.append(text)
        else:
            self.messages.append(message)
            answer = self.answer(self, message)
            self.most_registered = max(self.most_registered, len(self.registered))
            if answer is not None:
                await session.send_str(format_acknowledgement(answer))
        self._notify()

    async def _send(self, frames: tuple[str | bytes, ...]) -> None:
        session = self._open[-1]
        for frame in frames:
            data = frame.encode() if isinstance(frame, str) else frame
            await session.send_frame(data, WSMsgType.TEXT)

    async def _cut(self) -> None:
        session = self._open[-1]
        transport = session._req.transport if session._req else None
        assert transport is not None
        transport.abort()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
