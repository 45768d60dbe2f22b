"""Every text that crosses the WebSocket of KIS, read and written: data frames, answers, PINGPONG, subscriptions.

    <flag>|<tr_id>|<count>|<value>^<value>^…        data; flag 1 = the payload is encrypted
    {"header": …, "body": …}                        answer to a subscription, or an error
    {"header": {"tr_id": "PINGPONG", …}}            to be echoed

The adapter reads what the KIS-compatible server writes with the same file. Whatever comes in, reading raises
`FrameError` and nothing else, and the error shows the outline of the frame only: keys of encryption, account numbers
and names stand in frames.

Source: official samples, github.com/koreainvestment/open-trading-api (2026-07-09), kis_auth.py; API workbook of
2026-09-11.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from brokers.kis.errors import KisError
from brokers.kis.realtime_fields import TABLES
from engine.clock import in_seoul

PINGPONG = "PINGPONG"
SUBSCRIBE, UNSUBSCRIBE = "1", "2"  # docstrings of the official samples say 0 for the second; the server wants 2

_KEY_BYTES, _BLOCK_BYTES = 32, 16
_MOST_RECORDS = 999  # the count has three digits
_SHOWN = 48


class FrameError(KisError):
    """A frame cannot be read.

    Args:
        what: what is wrong, one clause.
        where: the part of the frame: "header", "payload", "record 2, field CNTG_QTY".
        data: the frame or the part of it, of which only the outline is kept.
        tr_id: the message it belongs to, "" if that is not known.

    Attributes:
        outline: the first characters with letters as a and digits as 0, so that no secret can be read from it.
    """

    def __init__(self, what: str, *, where: str, data: bytes | str = "", tr_id: str = "") -> None:
        self.what, self.where = what, where
        self.tr_id = tr_id if tr_id in TABLES else ""
        self.outline = outline(data)
        unit = "bytes" if isinstance(data, bytes) else "characters"
        super().__init__(
            f"KIS frame{f' {self.tr_id}' if self.tr_id else ''}, {where}: {what}. "
            f"{len(data):,} {unit}, outline {self.outline!r}. "
            f"The frame is left out and reported as a gap; if it comes again, KIS changed the message."
        )


def outline(data: bytes | str, length: int = _SHOWN) -> str:
    """The first characters of a frame without what they say.

    >>> outline('{"key": "Zq81-x"}')
    '{"aaa": "aa00-a"}'
    """
    text = data[:length].decode("latin-1") if isinstance(data, bytes) else data[:length]
    shown = "".join(
        "?" if not character.isascii() or not character.isprintable()
        else "a" if character.isalpha()
        else "0" if character.isdigit()
        else character
        for character in text
    )  # fmt: skip
    return shown + "…" if len(data) > length else shown


class NoticeCipher:
    """AES-256-CBC with the key that KIS sends in the answer to a subscription; its repr shows nothing."""

    __slots__ = ("_iv", "_key")

    def __init__(self, key: str, iv: str) -> None:
        """Take the key (32 bytes of UTF-8) and the initial vector (16 bytes); other lengths raise `FrameError`."""
        try:
            self._key, self._iv = key.encode(), iv.encode()
        except UnicodeEncodeError:
            raise FrameError("the key or iv is no text", where="answer, body.output") from None
        if (len(self._key), len(self._iv)) != (_KEY_BYTES, _BLOCK_BYTES):
            raise FrameError(
                f"key and iv have {len(self._key)} and {len(self._iv)} bytes, not {_KEY_BYTES} and {_BLOCK_BYTES}",
                where="answer, body.output",
            )

    def __repr__(self) -> str:
        return "NoticeCipher(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoticeCipher) and (self._key, self._iv) == (other._key, other._iv)

    def __hash__(self) -> int:
        return hash((self._key, self._iv))

    def output(self) -> dict[str, str]:
        """The block in which the server hands it out."""
        return {"iv": self._iv.decode(), "key": self._key.decode()}

    def encrypt(self, text: str) -> str:
        """The text as base64 of its ciphertext."""
        padder = PKCS7(_BLOCK_BYTES * 8).padder()
        encryptor = Cipher(algorithms.AES(self._key), modes.CBC(self._iv)).encryptor()
        padded = padder.update(text.encode()) + padder.finalize()
        return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()

    def decrypt(self, payload: str, tr_id: str = "") -> str:
        """The text of a payload; damage, or another key, raises `FrameError`."""
        try:
            encrypted = base64.b64decode(payload, validate=True)
            decryptor = Cipher(algorithms.AES(self._key), modes.CBC(self._iv)).decryptor()
            padded = decryptor.update(encrypted) + decryptor.finalize()
            unpadder = PKCS7(_BLOCK_BYTES * 8).unpadder()
            return (unpadder.update(padded) + unpadder.finalize()).decode()
        except ValueError:  # base64, length, padding and UTF-8 alike
            raise FrameError(
                "it cannot be decrypted with the key of the last answer", where="payload", data=payload, tr_id=tr_id
            ) from None


class DataFrame(NamedTuple):
    """A data frame whose records have not been looked at."""

    tr_id: str
    encrypted: bool
    record_count: int
    payload: str

    def __repr__(self) -> str:
        return f"DataFrame({self.tr_id}, encrypted={self.encrypted}, record_count={self.record_count})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The server asks whether somebody listens; the answer is `text`, unchanged."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The answer to a subscription, or an error of the session.

    Args:
        tr_id: the message subscribed to; "(null)" for errors of the session.
        tr_key: ticker, index code or HTS id; "" if the answer names none.
        return_code: "0" is success.
        message_code: OPSP…; `ack_codes` says what each means.
        message: KIS's words.
        encrypted: whether data frames of this message come encrypted.
        cipher: how to read them, None if the answer brings no key.
    """

    tr_id: str
    tr_key: str = field(repr=False)  # may be the HTS id
    return_code: str
    message_code: str
    message: str
    encrypted: bool = False
    cipher: NoticeCipher | None = field(default=None, repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether KIS did what was asked."""
        return self.return_code == "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionMessage:
    """What a client sends: begin or end one registration.

    Args:
        approval_key: proof of the session, a secret.
        tr_type: SUBSCRIBE or UNSUBSCRIBE.
        tr_id: message.
        tr_key: ticker, index code or HTS id.
        customer_type: "P" for persons, "B" for companies.
    """

    approval_key: str = field(repr=False)
    tr_type: str
    tr_id: str
    tr_key: str = field(repr=False)
    customer_type: str = "P"


Frame: TypeAlias = DataFrame | Ping | Acknowledgement


def read_frame(data: bytes | str) -> Frame:
    """What the server sent. The payload of a data frame stays whole; `records_of` takes it apart."""
    text = _text(data)
    if text[:1] not in ("0", "1"):
        return _read_json(text)
    parts = text.split("|", 3)
    if len(parts) != 4:
        raise FrameError(f"{len(parts)} of the 4 parts flag|TR|count|payload", where="header", data=text)
    flag, tr_id, count, payload = parts
    if len(flag) != 1:
        raise FrameError("the flag is longer than one character", where="header", data=text)
    if not (count.isascii() and count.isdigit() and 0 < len(count) <= 3 and int(count)):
        raise FrameError("the count is not a number from 001 to 999", where="header", data=text, tr_id=tr_id)
    return DataFrame(tr_id, flag == "1", int(count), payload)


def records_of(frame: DataFrame, cipher: NoticeCipher | None = None) -> list[list[str]]:
    """The records of a data frame, each a list of texts in the order of its table in `realtime_fields`.

    Args:
        frame: from `read_frame`.
        cipher: from the answer to the subscription; needed for an encrypted frame.

    Raises:
        FrameError: no such message, it cannot be decrypted, or its length fits no layout.
    """
    tr_id, encrypted, count, payload = frame
    table = TABLES.get(tr_id)
    if table is None:
        raise FrameError("no such message is known", where="header", data=tr_id)
    if encrypted:
        if cipher is None:
            raise FrameError("encrypted, and no answer has brought the key", where="payload", tr_id=tr_id)
        payload = cipher.decrypt(payload, tr_id)
    values = payload.split("^")
    length, left = divmod(len(values), count)
    if left:
        raise FrameError(
            f"{len(values)} fields are not {count} records of equal length", where="payload", data=payload, tr_id=tr_id
        )
    if table.layout(length) is None:
        known = " or ".join(map(str, table.lengths))
        raise FrameError(f"{length} fields, not {known}", where="payload", data=payload, tr_id=tr_id)
    if count == 1:
        return [values]
    return [values[start : start + length] for start in range(0, len(values), length)]


def read_subscription(data: bytes | str) -> SubscriptionMessage:
    """What a client asks of the server."""
    text = _text(data)
    message = _json(text)
    header, given = _block(message, "header", text), _block(_block(message, "body", text), "input", text)
    return SubscriptionMessage(
        approval_key=_member(header, "approval_key", text),
        tr_type=_member(header, "tr_type", text),
        tr_id=_member(given, "tr_id", text),
        tr_key=_member(given, "tr_key", text),
        customer_type=_member(header, "custtype", text, "P"),
    )


def format_data(tr_id: str, records: Sequence[Sequence[str]], cipher: NoticeCipher | None = None) -> str:
    """A data frame of one or more records, encrypted if a cipher is given.

    Raises:
        FrameError: no record or more than 999, or a value that holds a "^".
    """
    if not 0 < len(records) <= _MOST_RECORDS:
        raise FrameError(f"{len(records)} records in one frame, not 1 to {_MOST_RECORDS}", where="header", tr_id=tr_id)
    for number, record in enumerate(records, 1):
        if any("^" in value for value in record):
            raise FrameError("a value holds the separator ^", where=f"record {number}", tr_id=tr_id)
    payload = "^".join("^".join(record) for record in records)
    if cipher is not None:
        payload = cipher.encrypt(payload)
    return f"{int(cipher is not None)}|{tr_id}|{len(records):03}|{payload}"


def format_ping(time: datetime) -> str:
    """The question whether the client still listens."""
    stamp = in_seoul(time).strftime("%Y%m%d%H%M%S")
    return json.dumps({"header": {"tr_id": PINGPONG, "datetime": stamp}}, separators=(",", ":"))


def format_acknowledgement(answer: Acknowledgement) -> str:
    """The answer to a subscription as the server sends it."""
    body: dict[str, Any] = {
        "rt_cd": answer.return_code,
        "msg_cd": answer.message_code,
        "msg1": answer.message,
    }
    if answer.cipher is not None:
        body["output"] = answer.cipher.output()
    header = {"tr_id": answer.tr_id, "tr_key": answer.tr_key, "encrypt": "Y" if answer.encrypted else "N"}
    return json.dumps({"header": header, "body": body}, separators=(",", ":"), ensure_ascii=False)


def format_subscription(message: SubscriptionMessage) -> str:
    """The request as a client sends it; it holds the approval key, so it must not be logged."""
    header = {
        "approval_key": message.approval_key,
        "custtype": message.customer_type,
        "tr_type": message.tr_type,
        "content-type": "utf-8",
    }
    body = {"input": {"tr_id": message.tr_id, "tr_key": message.tr_key}}
    return json.dumps({"header": header, "body": body}, separators=(",", ":"), ensure_ascii=False)


def _text(data: bytes | str) -> str:
    if isinstance(data, str):
        return data
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FrameError(f"byte {error.start} is not UTF-8", where="frame", data=data) from None


def _read_json(text: str) -> Ping | Acknowledgement:
    message = _json(text)
    header = _block(message, "header", text)
    tr_id = _member(header, "tr_id", text)
    if tr_id == PINGPONG:
        return Ping(text=text)
    body = _block(message, "body", text)
    output = body.get("output")
    cipher = None
    if isinstance(output, Mapping) and output.get("key") and output.get("iv"):
        cipher = NoticeCipher(_member(output, "key", text), _member(output, "iv", text))
    return Acknowledgement(
        tr_id=tr_id,
        tr_key=_member(header, "tr_key", text, ""),
        return_code=_member(body, "rt_cd", text),
        message_code=_member(body, "msg_cd", text, ""),
        message=_member(body, "msg1", text, "").strip(),
        encrypted=_member(header, "encrypt", text, "N") == "Y",
        cipher=cipher,
    )


def _json(text: str) -> Mapping[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, Mapping):
        raise FrameError("neither a data frame nor a JSON object", where="frame", data=text)
    return message


def _block(message: Mapping[str, Any], name: str, text: str) -> Mapping[str, Any]:
    found = message.get(name)
    if not isinstance(found, Mapping):
        raise FrameError(f'no block "{name}"', where="JSON", data=text)
    return found


def _member(block: Mapping[str, Any], name: str, text: str, default: str | None = None) -> str:
    found = block.get(name, default)
    if found is None and default is not None:
        return default
    if not isinstance(found, str):
        raise FrameError(f'"{name}" is missing or no text', where="JSON", data=text)
    return found
