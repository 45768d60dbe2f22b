"""What became of a call: an `Answer`, or a `Failure` that is refused, unknown or unavailable.

The body decides first, the status second:

what came back                                   a read            an order
nothing was sent (no connection)                 unavailable       unavailable
sent, then a timeout or a reset                  unavailable       UNKNOWN
rt_cd 0                                          good              good
EGW00201: too fast, not yet at the order system  unavailable       unavailable
EGW00121 to 00123: the token                     unavailable       unavailable
EGW00301, 00302: "check your last order"         unavailable       UNKNOWN
a passing error of gateway or server             unavailable       UNKNOWN
a refusal by the gateway or the order system     refused           refused
a code of the gateway that nobody knows          unavailable       status 4xx: refused, else UNKNOWN
HTML, half a JSON, another JSON                  unavailable       UNKNOWN

An order is unknown wherever it is not certain that it was not carried out. Nothing here guesses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Literal, TypeAlias

from brokers.kis.answer import Answer
from brokers.kis.codes import Handling, is_gateway_code, meaning_of
from brokers.kis.endpoint import Endpoint
from brokers.kis.errors import CallFailed, CallRefused, CallUnavailable, CallUnknown
from engine.broker import RefusedByVenue, Unavailable, Unknown
from engine.clock import in_seoul
from engine.log import redact_text
from engine.order import RefusalReason

_CODE = re.compile(r"[A-Z]{2,4}[0-9]{4,8}|[0-9]{8}")
_LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """An HTTP answer: status, headers with lower-case names, and the body as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Mishap(Enum):
    """What went wrong on the way, in Korean and English; KIS has no code for these."""

    NO_CONNECTION = ("연결하지 못했습니다", "no connection")
    NO_TLS = ("보안 연결(TLS)을 맺지 못했습니다", "no secure connection (TLS)")
    CONNECT_TIMEOUT = ("연결 시간이 초과되었습니다", "the connection timed out")
    READ_TIMEOUT = ("보낸 뒤 응답 시간이 초과되었습니다", "sent, and the answer timed out")
    BROKEN = ("보낸 뒤 연결이 끊어졌습니다", "sent, and the connection broke before the whole answer came")
    EMPTY = ("응답이 비어 있습니다", "the answer was empty")
    HTML = ("JSON 대신 HTML 페이지가 왔습니다", "the answer was an HTML page instead of JSON")
    NO_JSON = ("응답이 온전한 JSON이 아닙니다", "the answer was no whole JSON object")
    NO_RESULT = ("응답에 결과 코드가 없습니다", "the answer has neither rt_cd nor a code")
    NO_TOKEN = ("지금은 유효한 토큰이 없습니다", "there is no valid token at the moment")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Not one byte of the request was written."""

    mishap: Mishap


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLost:
    """The request was written, at least in part, and no whole answer came."""

    mishap: Mishap


Delivery: TypeAlias = HttpReply | NotSent | AnswerLost


class FailureKind(Enum):
    """The three ways to fail, which are never confused."""

    REFUSED = "refused"
    UNKNOWN = "unknown"
    UNAVAILABLE = "unavailable"


_KIND_WORDS = {
    FailureKind.REFUSED: ("KIS가 거절했습니다", "KIS refused it"),
    FailureKind.UNKNOWN: (
        "결과를 알 수 없습니다: 처리되었을 수도 있습니다",
        "the outcome is unknown: it may have been carried out",
    ),
    FailureKind.UNAVAILABLE: ("처리되지 않았습니다", "it was not carried out"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call that did not do what was asked.

    Args:
        endpoint: name of the call.
        kind: which of the three.
        handling: what it asks for.
        code: of KIS, "" if there was none.
        text: KIS's own words; never a key, a token or an account.
        status: of HTTP, None if nothing came back.
        mishap: what went wrong on the way, None if KIS answered.
    """

    endpoint: str
    kind: FailureKind
    handling: Handling
    code: str = ""
    text: str = ""
    status: int | None = None
    mishap: Mishap | None = None

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later without being changed, and does no harm."""
        return self.kind is FailureKind.UNAVAILABLE and self.handling is not Handling.STOP

    def describe(self, language: Literal["ko", "en"] = "ko") -> str:
        """What happened, what it means and what comes next, in one or two sentences."""
        korean = language == "ko"
        meaning = meaning_of(self.code)
        parts = [f"{self.endpoint}: {_KIND_WORDS[self.kind][0 if korean else 1]}."]
        if meaning is not None:
            parts.append(f"{self.code} ({meaning.korean if korean else meaning.english}).")
        elif self.code:
            parts.append(f"{self.code}.")
        if self.status is not None and self.status != 200:
            parts.append(f"HTTP {self.status}.")
        if self.mishap is not None:
            parts.append(f"{self.mishap.value[0 if korean else 1]}.")
        if self.text:
            parts.append(f"“{self.text}”")
        if self.kind is FailureKind.UNKNOWN:
            parts.append(
                "다시 보내지 말고 주문 내역과 체결통보에서 먼저 찾으세요."
                if korean
                else "Do not send it again: look for it in the list of orders and in the notices first."
            )
        elif meaning is not None:
            parts.append(meaning.next_korean if korean else meaning.next_english)
        elif self.kind is FailureKind.UNAVAILABLE:
            parts.append("잠시 뒤 다시 시도하세요." if korean else "Try again later.")
        else:
            parts.append(
                "KIS의 답을 확인하고 요청을 고치세요." if korean else "Read what KIS says and change the request."
            )
        return " ".join(parts)

    def error(self) -> CallFailed:
        """The same as an error, for callers that need an answer."""
        if self.kind is FailureKind.REFUSED:
            return CallRefused(self)
        return CallUnknown(self) if self.kind is FailureKind.UNKNOWN else CallUnavailable(self)

    def as_broker_outcome(self) -> RefusedByVenue | Unknown | Unavailable:
        """The same in the words of `engine.broker`, for an order."""
        if self.kind is FailureKind.REFUSED:
            meaning = meaning_of(self.code)
            reason = meaning.reason if meaning else RefusalReason.VENUE
            return RefusedByVenue(reason=reason, code=self.code, text=self.text)
        text = self.describe("ko")
        return Unknown(text=text) if self.kind is FailureKind.UNKNOWN else Unavailable(text=text)


def classify(endpoint: Endpoint, delivery: Delivery, secrets: Sequence[str] = ()) -> Answer | Failure:
    """What became of a call.

    Args:
        endpoint: the call; one that writes is never taken for failed while it may have been carried out.
        delivery: what the transport brought.
        secrets: values that are masked in KIS's words.
    """
    if isinstance(delivery, NotSent):
        return not_carried_out(endpoint, delivery.mishap)
    if isinstance(delivery, AnswerLost):
        return _uncertain(endpoint, mishap=delivery.mishap)
    body = read_json(delivery.body)
    if body is None:
        return _uncertain(endpoint, status=delivery.status, mishap=_not_json(delivery))
    result = _text(body.get("rt_cd"))
    code = redact_text(_code(body), secrets)
    text = redact_text(_text(body.get("msg1")) or _text(body.get("error_description")), secrets)[:_LONGEST_TEXT]
    if result == "0":
        return Answer(
            endpoint=endpoint,
            code=code,
            text=text,
            body=body,
            tr_cont=delivery.headers.get("tr_cont", "").strip().upper(),
            server_time=_server_time(delivery.headers),
            hide=tuple(secrets),
        )
    if not result and not code:
        return _uncertain(endpoint, status=delivery.status, mishap=Mishap.NO_RESULT)
    return _said_no(endpoint, code, text, delivery.status)


def classify_access(endpoint: Endpoint, delivery: Delivery, secrets: Sequence[str] = ()) -> dict[str, object] | Failure:
    """What became of a call for a token or a key, whose answers have no envelope: its JSON, or why there is none."""
    if isinstance(delivery, NotSent | AnswerLost):
        return not_carried_out(endpoint, delivery.mishap)
    body = read_json(delivery.body)
    if body is None:
        return _uncertain(endpoint, status=delivery.status, mishap=_not_json(delivery))
    code = redact_text(_code(body), secrets)
    if code or _text(body.get("rt_cd")) not in ("", "0"):
        text = _text(body.get("error_description")) or _text(body.get("msg1"))
        return _said_no(endpoint, code, redact_text(text, secrets)[:_LONGEST_TEXT], delivery.status)
    if delivery.status != 200:
        return _uncertain(endpoint, status=delivery.status, mishap=Mishap.NO_RESULT)
    return body


def _said_no(endpoint: Endpoint, code: str, text: str, status: int) -> Failure:
    """A JSON that says no: the code decides, then the status."""
    meaning = meaning_of(code)
    handling = meaning.handling if meaning else None
    if handling in (Handling.SLOW_DOWN, Handling.NEW_TOKEN, Handling.WAIT):
        return _failure(endpoint, FailureKind.UNAVAILABLE, handling, code, text, status)
    if handling in (Handling.RETRY, Handling.RECONCILE):
        return _uncertain(endpoint, code, text, status)
    known_refusal = handling is Handling.STOP or (code and not is_gateway_code(code))
    if known_refusal or 400 <= status < 500 or (not code and text and status == 200):
        return _failure(endpoint, FailureKind.REFUSED, Handling.STOP, code, text, status)
    return _uncertain(endpoint, code, text, status)


def not_carried_out(endpoint: Endpoint, mishap: Mishap) -> Failure:
    """The failure of a call that never left."""
    return Failure(endpoint=endpoint.name, kind=FailureKind.UNAVAILABLE, handling=Handling.RETRY, mishap=mishap)


def _uncertain(
    endpoint: Endpoint, code: str = "", text: str = "", status: int | None = None, mishap: Mishap | None = None
) -> Failure:
    kind, handling = FailureKind.UNAVAILABLE, Handling.RETRY
    if endpoint.writes:
        kind, handling = FailureKind.UNKNOWN, Handling.RECONCILE
    return Failure(
        endpoint=endpoint.name, kind=kind, handling=handling, code=code, text=text, status=status, mishap=mishap
    )


def _failure(endpoint: Endpoint, kind: FailureKind, handling: Handling, code: str, text: str, status: int) -> Failure:
    return Failure(endpoint=endpoint.name, kind=kind, handling=handling, code=code, text=text, status=status)


def read_json(body: bytes) -> dict[str, object] | None:
    """The JSON object in a body; None if it holds anything else."""
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError, ArithmeticError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _code(body: Mapping[str, object]) -> str:
    """The code of an answer; some gateways put it into error_code or message."""
    for field in ("msg_cd", "error_code"):
        code = _text(body.get(field))
        if code:
            return code[:20]
    message = _text(body.get("message"))
    return message if _CODE.fullmatch(message) else ""


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    # Half a surrogate pair is legal JSON, but can be neither logged nor stored.
    return str(value).strip().encode("utf-8", "replace").decode("utf-8")


def _not_json(reply: HttpReply) -> Mishap:
    kind = reply.headers.get("content-type", "").split(";")[0].strip()
    if not reply.body:
        return Mishap.EMPTY
    return Mishap.HTML if reply.body[:64].lstrip().startswith(b"<") or "html" in kind else Mishap.NO_JSON


def _server_time(headers: Mapping[str, str]) -> datetime | None:
    try:
        time = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return in_seoul(time) if time.tzinfo is not None else None
