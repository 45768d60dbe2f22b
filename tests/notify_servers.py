"""Real servers on loopback that stand for Slack, Telegram and a mail server, and can be told to misbehave."""

from __future__ import annotations

import email
import email.policy
import json
import socket
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from engine.notify.settings import NotifySettings, build_notify_settings

with warnings.catch_warnings():
    # The mail plugin of apprise looks for a module that Python 3.13 has dropped.
    warnings.simplefilter("ignore", DeprecationWarning)
    import apprise.plugins.email  # noqa: F401

SLACK_PARTS = ("T0ABCDEF12", "B0ABCDEF34", "aVerySecretPartOfHook24x")
TOKEN = "123456789:AAsecretTokenOfTheBot_0123456789abcd"
PASSWORD = "hunter2-hunter2"


@dataclass
class Web:
    """Slack's webhook and Telegram's Bot API. `script` holds answers for the next requests: (status, headers, body)."""

    url: str = ""
    got: list[tuple[str, str]] = field(default_factory=list)  # path, body
    script: deque[tuple[int, dict[str, str], str]] = field(default_factory=deque)
    before_answer: Callable[[], None] = lambda: None

    @property
    def slack(self) -> list[dict[str, str]]:
        """Title and text of everything that came to the webhook."""
        return [json.loads(body)["attachments"][0] for path, body in self.got if path.startswith("/services/")]

    @property
    def webhook(self) -> str:
        return f"{self.url}/services/{'/'.join(SLACK_PARTS)}"


@contextmanager
def web_server() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode(errors="replace")
            web.got.append((self.path, body))
            web.before_answer()
            telegram = self.path.startswith("/bot")
            status, headers, text = 200, {}, '{"ok": true, "result": {"message_id": 1}}' if telegram else "ok"
            if web.script:
                status, headers, text = web.script.popleft()
            content = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """What the mail server took. `answers` holds its replies to the next mails."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: deque[str] = field(default_factory=deque)
    before_answer: Callable[[], None] = lambda: None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if not session.authenticated:
            return "530 Authentication required"
        if self.answers:
            return self.answers.popleft()
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.recipients.append(list(envelope.rcpt_tos))
        self.before_answer()
        return "250 Message accepted for delivery"


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A real SMTP server that wants the password."""
    mailbox = Mailbox()

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"me", PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    with socket.create_server(("127.0.0.1", 0)) as free:
        mailbox.port = free.getsockname()[1]  # the controller connects to its own port and must know it
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=mailbox.port,
        authenticator=authenticate,
        auth_require_tls=False,  # on loopback
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def channels_of(web: Web | None = None, mailbox: Mailbox | None = None) -> dict[str, dict[str, Any]]:
    """Channels `team` (Slack), `phone` (Telegram) and `mail` on these servers, as a configuration has them."""
    channels: dict[str, dict[str, Any]] = {}
    if web is not None:
        channels["team"] = {"kind": "slack"}
        channels["phone"] = {"kind": "telegram", "chat": "4242", "server": web.url}
    if mailbox is not None:
        channels["mail"] = {
            "kind": "email",
            "host": "127.0.0.1",
            "port": mailbox.port,
            "security": "none",
            "user": "me",
            "sender": "geoul@example.com",
            "to": "owner@example.com",
        }
    return channels


def secrets_of(web: Web | None) -> dict[str, str]:
    """The secrets of these channels, as variables of the environment."""
    return {
        "GEOUL_SLACK_WEBHOOK": web.webhook if web is not None else "",
        "GEOUL_TELEGRAM_TOKEN": TOKEN,
        "GEOUL_SMTP_PASSWORD": PASSWORD,
    }


def settings_for(web: Web | None = None, mailbox: Mailbox | None = None, **more: Any) -> NotifySettings:
    """The channels on these servers; `more` are keys of the section, with `team`, `phone` and `mail` for keys of the
    channels, and `without` for those that are left out."""
    channels = channels_of(web, mailbox)
    for name in ("team", "phone", "mail"):
        channels.get(name, {}).update(more.pop(name, {}))
    for name in more.pop("without", ()):
        del channels[name]
    return build_notify_settings({"channels": channels, **more}, secrets_of(web), "a test")
