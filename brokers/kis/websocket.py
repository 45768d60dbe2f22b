"""The WebSocket client: one thread that reads, checks, types and queues, and connects again when the link is lost.

    1. fetch the approval key, connect
    2. send the requests that are due, a few milliseconds apart
    3. read a frame: echo PINGPONG, hand answers to the registrations, put records into the queue
    4. when the link is lost: wait (longer each time), go to 1, and report from when to when records are missing

The thread never waits for the program: the queue drops the oldest market data when it is full, and says so.
websocket-client's own check of UTF-8 is written in Python and halves the rate, so it is off; `frames` decodes strictly.
KIS replays nothing: every gap has to be filled from REST by whoever takes the reports out of the queue.
"""

from __future__ import annotations

import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from urllib.parse import urlsplit

import numpy as np
import websocket

from brokers.kis.backoff import BackOff
from brokers.kis.errors import KisError
from brokers.kis.frames import (
    Acknowledgement,
    DataFrame,
    FrameError,
    Ping,
    SubscriptionMessage,
    format_subscription,
    read_frame,
)
from brokers.kis.reading_ahead import ReadingAheadSocket
from brokers.kis.realtime import Record, Trade, read_records
from brokers.kis.realtime_fields import NOTICES
from brokers.kis.registrations import Registrations, SessionLost
from brokers.kis.stream_queue import Item, StreamQueue
from brokers.kis.stream_reports import BadFrame, Gap, GapReason, LinkChange, LinkState
from brokers.kis.stream_settings import StreamSettings, StreamStatus
from brokers.kis.subscriptions import Subscription, SubscriptionPlan
from brokers.kis.trade_sequence import Arrival, TradeSequence
from engine.clock import Clock
from engine.errors import ConfigError
from engine.log import redact_text

PATH = "/tryitout"
_HELD_NOTICES = 200
_LARGEST_BATCH = 200
_LONGEST_WHY = 160
_SHORTEST_WAIT_SECONDS = 0.001  # 0 would mean "do not wait at all" to a socket


class RealtimeSocket:
    """The stream of one app key, from one thread.

    Args:
        url: ws:// or wss:// address of the environment, without a path.
        approval_key: gives the key of the session; called before each connection, with True when KIS refused the
            last one. It may raise `KisError` or `OSError`: the next attempt follows after a wait.
        clock: stamps what arrives and decides whose turn it is.
        generator: seeded; spreads the waits between attempts.
        queue: where records and reports go; a new one by default.
        settings: times and sizes.
        back_off: waits between attempts.
        sleep: waits between attempts; by default it wakes up at `close`.
        monotonic: seconds for waiting times, never shown and never in a result.
    """

    def __init__(
        self,
        *,
        url: str,
        approval_key: Callable[[bool], str],
        clock: Clock,
        generator: np.random.Generator,
        queue: StreamQueue | None = None,
        settings: StreamSettings | None = None,
        back_off: BackOff | None = None,
        sleep: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if urlsplit(url).scheme not in ("ws", "wss") or not urlsplit(url).hostname:
            raise ConfigError(f"The stream's address must begin with ws:// or wss:// and name a host, not {url!r}.")
        self._url = url.rstrip("/") + (PATH if urlsplit(url).path in ("", "/") else "")
        self._approval_key, self._clock, self._generator = approval_key, clock, generator
        self.queue = StreamQueue() if queue is None else queue  # an empty queue is falsy
        self._settings = settings or StreamSettings()
        self._back_off = back_off or BackOff()
        self._stop = threading.Event()
        self._sleep = sleep or self._stop.wait
        self._monotonic = monotonic
        turn = timedelta(seconds=self._settings.turn_seconds)
        self._registrations = Registrations(
            SubscriptionPlan(self._settings.places, turn), self._settings.answer_seconds
        )
        self._sequence = TradeSequence()
        self._held: deque[DataFrame] = deque()
        self._socket: websocket.WebSocket | None = None
        self._collects = False  # whether several frames may arrive in one reading
        self._batch: list[Item] = []  # of the frames that had arrived together
        self._thread: threading.Thread | None = None
        self._secret, self._renew_key = "", False
        self._failures = self._sessions = self._records = self._bad_frames = self._repeated = 0
        self._last_received_at: datetime | None = None
        self._next_request_at = 0.0

    def __repr__(self) -> str:
        host = urlsplit(self._url).hostname
        return f"RealtimeSocket({host}, {len(self._registrations.registered)} registered)"

    def __enter__(self) -> RealtimeSocket:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def subscribe(self, subscriptions: Iterable[Subscription], priority: int = 5) -> None:
        """Ask for real-time messages; 10 is the most important. From any thread, before or after `start`."""
        self._registrations.want(subscriptions, priority)

    def unsubscribe(self, subscriptions: Iterable[Subscription]) -> None:
        """Want them no longer. From any thread."""
        self._registrations.drop(subscriptions)

    @property
    def registered(self) -> frozenset[Subscription]:
        """What KIS has confirmed in this session."""
        return self._registrations.registered

    def has_settled(self) -> bool:
        """Whether the link is up and everything is registered whose turn it is. From any thread."""
        return self._socket is not None and self._registrations.has_settled(self._clock.now())

    def status(self) -> StreamStatus:
        """How the stream is doing. From any thread."""
        return StreamStatus(
            connected=self._socket is not None,
            registered=len(self._registrations.registered),
            wanted=len(self._registrations.wanted),
            sessions=self._sessions,
            records=self._records,
            bad_frames=self._bad_frames,
            repeated_trades=self._repeated,
            dropped=self.queue.dropped,
            last_received_at=self._last_received_at,
        )

    def start(self) -> None:
        """Start the thread; it ends with `close`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run_to_the_end, name="kis-stream", daemon=True)
            self._thread.start()

    def close(self, timeout_seconds: float = 5.0) -> None:
        """End the session in order and the thread with it; the queue then closes. From any thread but its own."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        else:
            self.queue.close()

    def run(self) -> None:
        """Connect, read, connect again, until `close` is called. This is the body of the thread."""
        while not self._stop.is_set():
            try:
                self._connect()
                self._serve()
            except SessionLost as lost:
                self._renew_key = self._renew_key or lost.renew_key
                self._lose(str(lost))
            except (websocket.WebSocketException, OSError, struct.error) as error:
                self._lose(f"{type(error).__name__}: {error}")
        self._hand_over()
        self._hang_up()
        self._report(LinkChange(state=LinkState.CLOSED, at=self._clock.now()))

    def _run_to_the_end(self) -> None:
        try:
            self.run()
        except Exception as error:  # the edge of the thread: without this the program would wait for ever
            self._hang_up()
            self.queue.close(error)
        else:
            self.queue.close()

    def _connect(self) -> None:
        try:
            self._secret = self._approval_key(self._renew_key)
        except KisError as error:
            raise SessionLost(f"no approval key: {error}") from error
        self._renew_key = False
        seconds, address = self._settings.connect_seconds, urlsplit(self._url)
        socket = websocket.WebSocket(skip_utf8_validation=True, enable_multithread=False)
        options = {}
        self._collects = False
        if address.scheme == "ws":  # with TLS the library opens the socket itself
            options["socket"] = tcp = ReadingAheadSocket.open(address.hostname or "", address.port or 80, seconds)
            tcp.before_reading, self._collects = self._hand_over, True
        try:
            socket.connect(self._url, timeout=seconds, **options)  # type: ignore[no-untyped-call]
        except ValueError as error:  # a handshake that is no HTTP
            raise SessionLost(f"no WebSocket at this address: {error}") from error
        self._socket = socket
        self._sessions += 1
        self._registrations.begin()
        self._held.clear()
        self._next_request_at = 0.0
        self._last_received_at = self._clock.now()
        self._report(LinkChange(state=LinkState.CONNECTED, at=self._last_received_at))

    def _lose(self, why: str) -> None:
        """Report the loss, and wait before the next attempt."""
        self._hand_over()
        was_open = self._socket is not None
        self._hang_up()
        if was_open and self._last_received_at is not None:
            self._registrations.lose(self._last_received_at)
        if self._stop.is_set():
            return
        self._failures += 1
        wait = self._back_off.seconds(self._failures, self._generator)
        self._report(
            LinkChange(
                state=LinkState.LOST,
                at=self._clock.now(),
                why=self._redacted(why),
                failures=self._failures,
                wait_seconds=wait,
            )
        )
        self._sleep(wait)

    def _hang_up(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            # Waits briefly for the other side; a lost link has no other side.
            socket.close(timeout=1 if self._stop.is_set() else 0)
            # After a close frame from KIS, `close` alone leaves the socket open.
            socket.shutdown()  # type: ignore[no-untyped-call]

    def _serve(self) -> None:
        """One session, until it is lost (`SessionLost` or an error of the network) or `close` is called."""
        socket, settings = self._socket, self._settings
        assert socket is not None
        heard, pinged = self._monotonic(), False
        while not self._stop.is_set():
            if len(self._batch) >= (_LARGEST_BATCH if self._collects else 1):
                self._hand_over()
            self._send_requests(socket)
            try:
                opcode, data = socket.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                silence = self._monotonic() - heard
                if silence >= settings.silence_seconds:
                    raise SessionLost(f"nothing came for {silence:.0f} seconds") from None
                if silence >= settings.ping_seconds and not pinged:
                    socket.ping()
                    pinged = True
                continue
            heard, pinged = self._monotonic(), False
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                raise SessionLost("KIS closed the session")
            if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
                self._last_received_at = now = self._clock.now()
                self._take(socket, data, now)

    def _send_requests(self, socket: websocket.WebSocket) -> None:
        elapsed = self._monotonic()
        if elapsed < self._next_request_at:
            return
        now = self._clock.now()
        request = self._registrations.next_request(now, elapsed)
        more = self._registrations.has_more_to_send
        pause = (
            min(self._settings.spacing_seconds, self._settings.poll_seconds) if more else self._settings.poll_seconds
        )
        self._next_request_at = elapsed + pause
        if request is not None:
            socket.send(
                format_subscription(
                    SubscriptionMessage(
                        approval_key=self._secret,
                        tr_type=request.tr_type,
                        tr_id=request.subscription.tr_id,
                        tr_key=request.subscription.tr_key,
                        customer_type=self._settings.customer_type,
                    )
                )
            )
        self._report(*self._registrations.reports(now, elapsed))
        socket.settimeout(max(pause, _SHORTEST_WAIT_SECONDS))

    def _take(self, socket: websocket.WebSocket, data: bytes, now: datetime) -> None:
        try:
            frame = read_frame(data)
        except FrameError as error:
            self._report_bad(error, now, is_data=data[:1] != b"{")
            return
        if isinstance(frame, DataFrame):
            self._take_data(frame, now)
        elif isinstance(frame, Ping):
            socket.send(frame.text)
        else:
            self._take_answer(frame, now)

    def _take_answer(self, answer: Acknowledgement, now: datetime) -> None:
        elapsed = self._monotonic()
        answer = replace(answer, message=self._redacted(answer.message))
        self._report(*self._registrations.answer(answer, now, elapsed))
        if answer.succeeded:
            self._failures = 0
            name = Subscription(answer.tr_id, answer.tr_key)
            if name not in self._registrations.registered:  # ended: what comes when it is its turn again is no jump
                self._sequence.forget(*name)
        if answer.tr_id in NOTICES and self._registrations.ciphers(answer.tr_id):
            held, self._held = self._held, deque()
            for frame in held:
                self._take_data(frame, now)
        self._report(*self._registrations.reports(now, elapsed))

    def _take_data(self, frame: DataFrame, now: datetime) -> None:
        try:
            records = self._notices(frame, now) if frame.tr_id in NOTICES else read_records(frame, now)
        except FrameError as error:
            self._report_bad(error, now, is_data=True)
            return
        self._records += len(records)
        items: list[Item] = []
        for record in records:
            if isinstance(record, Trade):
                arrival, jump = self._sequence.look(record)
                if arrival is Arrival.NOT_NEW:
                    self._repeated += 1
                    continue
                if jump is not None:
                    items.append(
                        Gap(
                            reason=GapReason.JUMP,
                            subscriptions=(Subscription(jump.tr_id, jump.ticker),),
                            since=jump.since,
                            until=jump.until,
                            lost=jump.shares,
                        )
                    )
            items.append(record)
        self._batch += items

    def _notices(self, frame: DataFrame, now: datetime) -> list[Record]:
        """Notices with whichever key fits; before the first key they are held back until the answer brings it."""
        if not frame.encrypted and "^" in frame.payload:
            return read_records(frame, now)
        frame = frame._replace(encrypted=True)
        ciphers = self._registrations.ciphers(frame.tr_id)
        if not ciphers:
            if len(self._held) >= _HELD_NOTICES:
                raise FrameError("encrypted, and no answer has brought the key", where="payload", tr_id=frame.tr_id)
            self._held.append(frame)
            return []
        for cipher in ciphers[:-1]:
            try:
                return read_records(frame, now, cipher)
            except FrameError:
                continue  # perhaps it was sent under the key before
        return read_records(frame, now, ciphers[-1])

    def _redacted(self, words: str) -> str:
        """What KIS or the network said, without secrets and not too long."""
        return redact_text(words, [self._secret] if self._secret else [])[:_LONGEST_WHY]

    def _report(self, *reports: Item) -> None:
        if reports:
            self._batch += reports
            self._hand_over()

    def _hand_over(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self.queue.put(batch)

    def _report_bad(self, error: FrameError, now: datetime, is_data: bool) -> None:
        self._bad_frames += 1
        reports: list[Item] = [BadFrame(error=error, at=now)]
        notices = self._registrations.wanted_notices
        if notices and is_data and (not error.tr_id or error.tr_id in NOTICES):
            # News of an order may have been in it, and nothing later would show that it is missing.
            reports.append(Gap(reason=GapReason.BAD_FRAME, subscriptions=notices, since=now, until=now))
        self._report(*reports)
