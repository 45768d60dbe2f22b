"""What the stream sends, frame by frame, before anything is made of it: field counts, pings, notices, the end.

The records themselves are not kept, but the last fields of one of each market message, which show its layout.
"""

from __future__ import annotations

import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import websocket

from brokers.kis.frames import (
    SUBSCRIBE,
    Acknowledgement,
    DataFrame,
    FrameError,
    NoticeCipher,
    Ping,
    SubscriptionMessage,
    format_subscription,
    read_frame,
)
from brokers.kis.subscriptions import Subscription

_LOOK_SECONDS = 0.2
_LAST_FIELDS = 3


@dataclass(slots=True)
class Heard:
    """What came so far.

    Args:
        fields: how often records of so many fields came, by message.
        tails: the last fields of one market record, by message.
        most_records: most records of one frame.
        pings: when PINGPONG came, monotonic seconds.
        notices: when notices came, monotonic seconds.
        answers: code of the answer to each subscription, by message.
        unreadable: frames that are none.
        ended: why the session ended before we ended it, "" if it did not.
    """

    fields: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    tails: dict[str, str] = field(default_factory=dict)
    most_records: int = 0
    pings: list[float] = field(default_factory=list)
    notices: list[float] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    unreadable: int = 0
    ended: str = ""

    def field_counts(self) -> dict[str, int]:
        """The usual number of fields, by message."""
        return {tr_id: counts.most_common(1)[0][0] for tr_id, counts in sorted(self.fields.items())}


class StreamListener:
    """One session of the stream in a thread of its own; `with` opens and closes it.

    Args:
        url: of the stream.
        approval_key: a secret.
        subscriptions: what to register.
    """

    def __init__(self, url: str, approval_key: str, subscriptions: Sequence[Subscription]) -> None:
        self._url, self._secret, self._wanted = url, approval_key, tuple(subscriptions)
        self.heard = Heard()
        self._ciphers: dict[str, NoticeCipher] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="kis-probe", daemon=True)

    def __enter__(self) -> StreamListener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def wait(self, seconds: float, enough: int = 0) -> None:
        """Listen so long; with `enough`, only until that many different messages have brought a record."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.heard.ended:
            if enough and len(self.heard.fields) >= enough:
                return
            time.sleep(0.02)

    def _listen(self) -> None:
        try:
            socket = websocket.create_connection(self._url, timeout=10, skip_utf8_validation=True)
        except (websocket.WebSocketException, OSError, ValueError) as error:
            self.heard.ended = type(error).__name__
            return
        try:
            socket.settimeout(_LOOK_SECONDS)
            for tr_id, key in self._wanted:
                message = SubscriptionMessage(
                    approval_key=self._secret, tr_type=SUBSCRIBE, tr_id=tr_id, tr_key=key, customer_type="P"
                )
                socket.send(format_subscription(message))
            while not self._stop.is_set():
                try:
                    text = socket.recv()
                except websocket.WebSocketTimeoutException:
                    continue
                if not text:
                    self.heard.ended = "closed"
                    return
                self._take(socket, text)
        except (websocket.WebSocketException, OSError, struct.error) as error:
            self.heard.ended = type(error).__name__
        finally:
            socket.close(timeout=1)

    def _take(self, socket: websocket.WebSocket, text: bytes | str) -> None:
        try:
            frame = read_frame(text)
        except FrameError:
            self.heard.unreadable += 1
            return
        if isinstance(frame, Ping):
            self.heard.pings.append(time.monotonic())
            socket.send(frame.text)
        elif isinstance(frame, Acknowledgement):
            self.heard.answers[frame.tr_id] = frame.message_code
            if frame.cipher is not None:
                self._ciphers[frame.tr_id] = frame.cipher
        else:
            self._count(frame)

    def _count(self, frame: DataFrame) -> None:
        tr_id, _, count, payload = frame
        cipher = self._ciphers.get(tr_id)
        is_notice = any(name.tr_id == tr_id and name.is_notice for name in self._wanted)
        if is_notice:
            self.heard.notices.append(time.monotonic())
            try:
                payload = cipher.decrypt(payload, tr_id) if cipher is not None else payload
            except FrameError:
                self.heard.unreadable += 1
                return
        values = payload.split("^")
        self.heard.fields[tr_id][len(values) // count] += 1
        self.heard.most_records = max(self.heard.most_records, count)
        if not is_notice:
            self.heard.tails[tr_id] = "^".join(values[-_LAST_FIELDS:])
