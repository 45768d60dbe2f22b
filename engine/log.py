"""Structured logs without secrets: every value passes through redaction before it is written.

Secrets are found by the name of their field, by their shape, and by their value when the caller knows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TextIO

import structlog

from engine.clock import Clock

MASK = "***"

# Compared without case, "_" and "-". An account number keeps its last two digits, the product code.
_SECRET_FIELDS = frozenset(
    {
        "appkey",
        "appsecret",
        "secretkey",
        "clientsecret",
        "apikey",
        "token",
        "accesstoken",
        "refreshtoken",
        "bottoken",
        "authorization",
        "approvalkey",
        "password",
        "passwd",
        "secret",
        "hashkey",
        "webhook",
        "webhookurl",
        # Names in KIS's own configuration file: keys of the live and the paper account.
        "myapp",
        "mysec",
        "paperapp",
        "papersec",
        "htsid",
        "myhtsid",
        # AES key and initial vector of the account's notices, as KIS's answer to a subscription names them.
        "key",
        "iv",
    }
)
_ACCOUNT_FIELDS = frozenset(
    {
        "cano",
        "account",
        "accountnumber",
        "accountno",
        "acctno",
        "myacctstock",
        "mypaperstock",
        "mypaperfuture",
    }
)

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"), MASK),  # JSON web token
    (re.compile(r"\bPS[A-Za-z0-9]{34}\b"), MASK),  # app key of KIS
    (re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{120,}={0,2}"), MASK),  # app secret of KIS: long base64
    (re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"), MASK),  # key of a model provider
    (re.compile(r"(?<!\d)\d{5,12}:[A-Za-z0-9_-]{30,}"), MASK),  # bot token of Telegram, in an address after "bot"
    (re.compile(r"(https://hooks\.slack\.com/)\S+"), rf"\1{MASK}"),
    (re.compile(r"(/services/)[A-Z0-9]{8,16}/[A-Z0-9]{8,16}/[A-Za-z0-9]{20,40}"), rf"\1{MASK}"),  # others like it
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+@"), rf"\1{MASK}@"),  # password inside an address
    (
        re.compile(
            r"""(?ix)(["']?\b(?:app_?key|app_?secret|secret_?key|api_?key|access_token|approval_key|password)\b
            ["']?\s*[:=]\s*["']?)[^\s"',}&]+"""
        ),
        rf"\1{MASK}",
    ),
    (  # AES key and initial vector of notices, where an answer of KIS is quoted
        re.compile(r"""(?ix)(["']\b(?:key|iv)["']\s*:\s*["'])[^"']{8,}"""),
        rf"\1{MASK}",
    ),
    (  # approval key of the stream
        re.compile(r"(?i)(?<![0-9a-f-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f-])"),
        MASK,
    ),
    (re.compile(r"(?i)\b((?:tgram|telegram|slack|discord|mailtos?)://)[^\s\"']+"), rf"\1{MASK}"),  # of apprise
    (re.compile(r"(?<!\d)\d{8}-(\d{2})(?!\d)"), rf"{MASK}-\1"),  # account number with its product code
)


def redact_text(text: str, secrets: Sequence[str] = ()) -> str:
    """The text with everything that looks like a secret masked, and every one of `secrets`.

    >>> redact_text("account 12345678-01, header Bearer abcdefghijkl")
    'account ***-01, header Bearer ***'
    """
    for secret in secrets:
        text = text.replace(secret, MASK)
    for shape, mask in _SHAPES:
        text = shape.sub(mask, text)
    return text


def redact(value: Any, secrets: Sequence[str] = ()) -> Any:
    """The value with secrets masked at any depth; mappings and sequences are copied, other objects go by their text.

    >>> redact({"appkey": "PSabc", "CANO": "12345678", "nested": [{"token": "t"}], "price": 70_000})
    {'appkey': '***', 'CANO': '***78', 'nested': [{'token': '***'}], 'price': 70000}
    """
    if value is None or isinstance(value, bool | int | float | datetime):
        return value
    if isinstance(value, str) and not isinstance(value, Enum):
        return redact_text(value, secrets)
    if isinstance(value, Mapping):
        return {key: _redact_field(str(key), item, secrets) for key, item in value.items()}
    if isinstance(value, bytes):
        return redact_text(value.decode(errors="replace"), secrets)
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, secrets) for item in value]
    return redact_text(str(value), secrets)


def _redact_field(name: str, value: Any, secrets: Sequence[str]) -> Any:
    key = re.sub(r"[_\-\s]", "", name).lower()
    if value in (None, ""):
        return value
    if key in _SECRET_FIELDS:
        return MASK
    if key in _ACCOUNT_FIELDS and isinstance(value, str | int) and not isinstance(value, bool):
        return f"{MASK}{str(value)[-2:]}"
    return redact(value, secrets)


Processor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]


def redaction(secrets: Iterable[str] = ()) -> Processor:
    """A structlog processor that redacts each entry; `secrets` are values to mask wherever they stand.

    Secrets shorter than six characters are not searched for: they would mask ordinary words.
    """
    known = sorted({secret for secret in secrets if len(secret) >= 6}, key=len, reverse=True)

    def redact_entry(logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: _redact_field(key, value, known) for key, value in entry.items()}

    return redact_entry


def make_logger(
    stream: TextIO, clock: Clock, *, json: bool = True, secrets: Iterable[str] = ()
) -> structlog.typing.FilteringBoundLogger:
    """A logger that writes to `stream`: JSON lines for machines, or aligned text for people.

    It is made and handed down, not configured for the whole process, so two runs in one process do not mix.

    Args:
        stream: where lines go.
        clock: gives each entry its time.
        json: JSON lines, otherwise text.
        secrets: every secret the caller holds; masked wherever they appear.
    """

    def add_time(logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        entry["time"] = clock.now().isoformat()
        return entry

    render: Any
    if json:
        render = structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True)
    else:
        render = structlog.dev.ConsoleRenderer(colors=False, timestamp_key="time")
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            add_time,
            structlog.processors.format_exc_info,  # before redaction: a traceback can hold a secret
            redaction(secrets),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=False,
    )
    return logger
