"""Times and sizes of the stream, and how it is doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from brokers.kis.subscriptions import PLACES
from engine.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """Times and sizes of the stream; KIS documents none of them except the places.

    Args:
        places: registrations of one session.
        turn_seconds: how long a subscription keeps its place when there are more than places.
        connect_seconds: time for the TCP connection and the handshake.
        poll_seconds: the thread looks up from the socket at least this often.
        spacing_seconds: between two requests to KIS.
        answer_seconds: until a request without an answer is repeated.
        ping_seconds: of silence, then a ping of the WebSocket protocol is sent.
        silence_seconds: of silence, then the link counts as dead.
        customer_type: "P" for persons, "B" for companies.
    """

    places: int = PLACES
    turn_seconds: float = 60.0
    connect_seconds: float = 10.0
    poll_seconds: float = 0.2
    spacing_seconds: float = 0.02
    answer_seconds: float = 5.0
    ping_seconds: float = 20.0
    silence_seconds: float = 60.0
    customer_type: str = "P"

    def __post_init__(self) -> None:
        times = (self.turn_seconds, self.connect_seconds, self.poll_seconds, self.answer_seconds)
        if min(times) <= 0 or self.spacing_seconds < 0 or not 0 < self.ping_seconds < self.silence_seconds:
            raise ConfigError("Stream settings: all times are positive, and ping_seconds is less than silence_seconds.")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """How the stream is doing, at one instant.

    Args:
        connected: whether the link is up.
        registered: subscriptions that KIS confirmed.
        wanted: subscriptions asked for.
        sessions: connections so far.
        records: records read so far.
        bad_frames: frames that could not be read.
        repeated_trades: trades left out because their volume had been reached.
        dropped: market data that the queue dropped.
        last_received_at: time of the last frame, None before the first.
    """

    connected: bool
    registered: int
    wanted: int
    sessions: int
    records: int
    bad_frames: int
    repeated_trades: int
    dropped: int
    last_received_at: datetime | None
