"""A model provider on loopback that says what a test tells it to: chat completions and responses, good and bad.

    with ModelServer() as server:
        server.will(good({"actions": []}), limited(retry_after=2), refuses("I cannot help with that."))
        …ask with base_url=server.base_url and any key…
        assert server.questions[0].messages[0]["role"] == "system"

Each request takes the next answer of the script. When the script is over, `server.otherwise`, a function from the
question to an answer, says the rest; without one, the server answers with an error that says so.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"


@dataclass(frozen=True, kw_only=True)
class Question:
    """One request as it arrived."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]  # names in small letters

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Role and content of each message, whichever endpoint was asked."""
        return list(self.body["messages"] if self.path == CHAT else self.body["input"])

    @property
    def text(self) -> str:
        """All that the model is told, as one text."""
        return "\n".join(str(message["content"]) for message in self.messages)

    @property
    def format(self) -> dict[str, Any]:
        """The format that was asked for, {} if none was."""
        if self.path == CHAT:
            return dict(self.body.get("response_format", {}))
        return dict(self.body.get("text", {}).get("format", {}))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server does with one request; the functions below make the usual ones."""

    text: str = ""
    refusal: str = ""
    finish_reason: str = "stop"  # as chat completions call it; the other endpoint's words are made from it
    input_tokens: int = 1_000
    cached_tokens: int = 0
    output_tokens: int = 100
    usage: bool = True  # False: the server does not count tokens
    status: int = 200
    error: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    raw: bytes | None = None  # sent instead of a body of the endpoint
    cut: bool = False  # the connection ends in the middle of the body
    reset: bool = False  # the connection is reset before a word is said


Says = Callable[[Question], Answer]


def good(content: object = "", **more: Any) -> Answer:
    """An answer; a text goes out as it is, anything else as JSON."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return Answer(text=text, **more)


def refuses(words: str = "I cannot help with that.") -> Answer:
    """The model declines."""
    return Answer(refusal=words)


def too_long(text: str = '{"actions": [{"ticker": "0059') -> Answer:
    """The answer reached the limit of tokens in the middle of its JSON."""
    return Answer(text=text, finish_reason="length")


def filtered(text: str = "") -> Answer:
    """The provider's filter took the answer away."""
    return Answer(text=text, finish_reason="content_filter")


def limited(retry_after: float | str | None = None) -> Answer:
    """429, with Retry-After if one is given."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(status=429, error="Rate limit reached.", headers=headers)


def fails(status: int = 500, words: str = "The server had an error.") -> Answer:
    """An error of the server (5xx) or of the request (4xx)."""
    return Answer(status=status, error=words)


def slow(seconds: float = 30.0, then: Answer | None = None) -> Answer:
    """Nothing for so long; closing the server ends the wait."""
    answer = then or good("late")
    return Answer(**{**answer.__dict__, "delay_seconds": seconds})


def no_json(body: bytes = b"<html>Bad gateway</html>") -> Answer:
    """Status 200 and a body that is no JSON."""
    return Answer(raw=body)


def cut_off(text: str = "half of an answer") -> Answer:
    """The connection ends in the middle of the body."""
    return Answer(text=text, cut=True)


def resets() -> Answer:
    """The connection is reset."""
    return Answer(reset=True)


def huge(size: int = 50_000_000) -> Answer:
    """An answer of so many characters."""
    return Answer(text="x" * size)


class ModelServer:
    """A provider on 127.0.0.1, in threads of its own, for as long as the block lasts."""

    def __init__(self, otherwise: Says | None = None) -> None:
        self.otherwise = otherwise
        self.questions: list[Question] = []
        self._script: deque[Answer] = deque()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = False  # closing waits for answers under way, so none outlives its test
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def base_url(self) -> str:
        """What to configure as `base_url`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def will(self, *answers: Answer) -> None:
        """Put answers at the end of the script."""
        with self._lock:
            self._script.extend(answers)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_answer(self, question: Question) -> Answer:
        """The answer to a request that has just arrived."""
        with self._lock:
            self.questions.append(question)
            scripted = self._script.popleft() if self._script else None
        if scripted is not None:
            return scripted
        if self.otherwise is not None:
            return self.otherwise(question)
        return fails(400, "The script of this test's server is over.")

    def wait(self, seconds: float) -> None:
        """As long as `seconds`, or until the server is closed."""
        self._closing.wait(seconds)


def _handler_for(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # http.server's name
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            question = Question(
                path=self.path, body=body, headers={name.lower(): value for name, value in self.headers.items()}
            )
            answer = server.next_answer(question)
            if answer.delay_seconds:
                server.wait(answer.delay_seconds)
            try:
                self._send(answer, question)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client has gone, as a client that waits no longer does

        def _send(self, answer: Answer, question: Question) -> None:
            self.close_connection = True
            if answer.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            body = answer.raw if answer.raw is not None else json.dumps(_body(answer, question)).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-request-id", f"req_{len(server.questions)}")
            self.send_header("Connection", "close")
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if answer.cut else body)

        def finish(self) -> None:
            if self.wfile.closed or self.connection.fileno() == -1:
                return
            super().finish()

        def log_message(self, *words: object) -> None:
            """Nothing is printed."""

    return Handler


def _body(answer: Answer, question: Question) -> dict[str, Any]:
    if answer.status >= 400:
        return {"error": {"message": answer.error, "type": "error", "param": None, "code": None}}
    if question.path == CHAT:
        return _chat(answer, question)
    if question.path == RESPONSES:
        return _response(answer, question)
    return {"error": {"message": f"no endpoint {question.path}"}}


def _chat(answer: Answer, question: Question) -> dict[str, Any]:
    message = {"role": "assistant", "content": answer.text or None, "refusal": answer.refusal or None}
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": f"{question.body['model']}-2025-01-01",
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}],
    }
    if answer.usage:
        body["usage"] = {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
            "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
        }
    return body


def _response(answer: Answer, question: Question) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": answer.text, "annotations": []}
    if answer.refusal:
        part = {"type": "refusal", "refusal": answer.refusal}
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(answer.finish_reason)
    body: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": f"{question.body['model']}-2025-01-01",
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "error": None,
        "output": [
            {"id": "rs_1", "type": "reasoning", "summary": []},
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]},
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    if answer.usage:
        body["usage"] = {
            "input_tokens": answer.input_tokens,
            "input_tokens_details": {"cached_tokens": answer.cached_tokens},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": answer.input_tokens + answer.output_tokens,
        }
    return body
