"""A scripted host on loopback that answers as KIS does, and every way in which a host can fail to answer."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from brokers.kis.config import KisConfig, load_kis_config
from brokers.kis.rest import KisRest
from engine.clock import KST, SimulatedClock

MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=KST)
APP_KEY = "PS" + "paperKey00" * 3 + "WXYZ"
APP_SECRET = "paperSecret/+" * 13 + "abcdefghijk"
LIVE_KEY = "PS" + "liveKey111" * 3 + "KLMN"
LIVE_SECRET = "liveSecret+/=" * 13 + "lmnopqrstuv"
ACCOUNT = "50123456"
LIVE_ACCOUNT = "60987654"
HTS_ID = "hts_login_77"
SECRETS = (APP_KEY, APP_SECRET, LIVE_KEY, LIVE_SECRET, ACCOUNT, LIVE_ACCOUNT, HTS_ID)
TOKEN_PATH = "/oauth2/tokenP"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the host does with one request: answer, or fail in one of its ways."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False  # read the request, then break the connection
    silent: bool = False  # read the request, then say nothing
    cut: bool = False  # promise more bytes than are sent

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body if self.body is not None else {}, ensure_ascii=False).encode()


def good(tr_cont: str = "D", **blocks: object) -> Reply:
    """An answer with rt_cd 0."""
    body = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다.".ljust(80), **blocks}
    return Reply(body=body, headers={"tr_cont": tr_cont})


def said(code: str, text: str = "거절", *, status: int = 200, rt_cd: str = "1") -> Reply:
    """An answer with another rt_cd."""
    return Reply(body={"rt_cd": rt_cd, "msg_cd": code, "msg1": text}, status=status)


TOO_FAST = said("EGW00201", "초당 거래건수를 초과하였습니다.", status=500)
EXPIRED = said("EGW00123", "기간이 만료된 token 입니다.", status=500)
TOO_SOON = Reply(
    body={"error_code": "EGW00133", "error_description": "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)"}, status=403
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as the host received it."""

    method: str
    path: str
    headers: Mapping[str, str]
    values: Mapping[str, str]

    @property
    def tr_id(self) -> str:
        return self.headers.get("tr_id", "")


class SharedClock(SimulatedClock):
    """A simulated clock that several threads may move; waiting moves it."""

    def __init__(self, start: datetime = MORNING) -> None:
        super().__init__(start)
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        with self._lock:
            return super().now()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            super().advance_to(SimulatedClock.now(self) + timedelta(seconds=seconds))

    def pass_by(self, step: timedelta) -> None:
        with self._lock:
            super().advance_to(SimulatedClock.now(self) + step)


class ScriptedKis:
    """The host: answers each path with its replies in turn, the last of them for ever; with `tls` it speaks HTTPS."""

    def __init__(self, clock: SharedClock, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.issued: list[str] = []
        self._clock = clock
        self._replies: dict[str, deque[Reply | Callable[[Seen], Reply]]] = defaultdict(deque)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with host._lock:
                    host._connections.append(self.connection)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                host._handle(self)

            def do_POST(self) -> None:
                host._handle(self)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away is part of the script."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def on(self, path: str, *replies: Reply | Callable[[Seen], Reply]) -> None:
        """Script a path; what was scripted before is forgotten."""
        with self._lock:
            self._replies[path] = deque(replies)

    def asked(self, path: str) -> list[Seen]:
        """The requests to a path, in order."""
        return [seen for seen in self.seen if seen.path == path]

    def close(self) -> None:
        """Stop, and hang up on everybody, as a host that goes down does."""
        self._stop.set()
        self._server.shutdown()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._connections.clear()
        self._server.server_close()
        self._thread.join()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        content = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        values = json.loads(content) if content else dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        seen = Seen(method=handler.command, path=parts.path, headers=headers, values=values)
        with self._lock:
            self.seen.append(seen)
            replies = self._replies[parts.path]
            reply = (replies.popleft() if len(replies) > 1 else replies[0]) if replies else self._usual
        self._answer(handler, reply(seen) if callable(reply) else reply)

    def _usual(self, seen: Seen) -> Reply:
        if seen.path != TOKEN_PATH:
            return Reply(body=b"<html><body>404</body></html>", status=404, headers={"Content-Type": "text/html"})
        self.issued.append(f"eyJhbGciOiJIUzUxMiJ9.token{len(self.issued) + 1:04}.signature")
        expires = self._clock.now() + timedelta(days=1)
        return Reply(
            body={
                "access_token": self.issued[-1],
                "access_token_token_expired": expires.strftime("%Y-%m-%d %H:%M:%S"),
                "token_type": "Bearer",
                "expires_in": 86400,
            }
        )

    def _answer(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.close_connection = reply.reset or reply.silent or reply.cut
        if reply.silent:
            self._stop.wait()
            return
        if reply.reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            return
        content = reply.content()
        handler.send_response(reply.status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content) + (100 if reply.cut else 0)))
        handler.end_headers()
        handler.wfile.write(content)


@contextlib.contextmanager
def scripted_kis(clock: SharedClock, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedKis]:
    """A running host, stopped at the end."""
    host = ScriptedKis(clock, tls)
    try:
        yield host
    finally:
        host.close()


def write_keys(folder: Path, **changes: str) -> Path:
    """A configuration file in the official layout, readable by its owner alone."""
    values = {
        "my_app": LIVE_KEY,
        "my_sec": LIVE_SECRET,
        "paper_app": APP_KEY,
        "paper_sec": APP_SECRET,
        "my_htsid": HTS_ID,
        "my_acct_stock": LIVE_ACCOUNT,
        "my_acct_future": "",
        "my_paper_stock": ACCOUNT,
        "my_paper_future": "",
        "my_prod": "01",
        "my_token": "",
        "my_agent": "Mozilla/5.0",
        **changes,
    }
    path = folder / "kis_devlp.yaml"
    path.write_text("".join(f'{key}: "{value}"\n' for key, value in values.items()), encoding="utf-8")
    path.chmod(0o600)
    return path


def make_kis_config(folder: Path, url: str, environment: str = "paper", **options: object) -> KisConfig:
    """A configuration whose every host is `url`."""
    path = write_keys(folder, prod=url, vps=url, ops="ws://127.0.0.1:1", vops="ws://127.0.0.1:1")
    chosen = {"token_folder": folder / "tokens", "calls_per_second": 1000, "read_seconds": 5.0, **options}
    return load_kis_config(environment, variables={}, path=path, options=chosen)  # type: ignore[arg-type]


def make_rest(
    folder: Path, host: ScriptedKis, clock: SharedClock, environment: str = "paper", **options: object
) -> KisRest:
    """The REST side of an account at a scripted host; waiting moves the clock."""
    return KisRest(make_kis_config(folder, host.url, environment, **options), clock, sleep=clock.sleep)
