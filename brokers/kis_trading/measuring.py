"""What the health of an account asks of the KIS adapter: how calls went, and how the stream is doing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import requests

from brokers.kis.endpoint import Endpoint
from brokers.kis.outcome import Delivery, HttpReply
from brokers.kis.websocket import RealtimeSocket
from engine.trading.api_meter import ApiMeter
from engine.trading.health import Feed

_FIRST_ERROR = 400  # statuses from here on; KIS answers 500 to what comes too fast, 200 to a refused order


def measured_session(meter: ApiMeter) -> requests.Session:
    """A session that tells the meter of each answer, tokens included."""
    session = requests.Session()

    def note(response: requests.Response, *_: Any, **__: Any) -> None:
        meter.answered(response.elapsed.total_seconds(), is_error=response.status_code >= _FIRST_ERROR)

    session.hooks["response"].append(note)
    return session


def losses(meter: ApiMeter) -> Callable[[Endpoint, Delivery], None]:
    """For `KisRest(observe=…)`: tells the meter of calls that brought no answer."""

    def note(endpoint: Endpoint, delivery: Delivery) -> None:
        if not isinstance(delivery, HttpReply):
            meter.lost()

    return note


def feed_of(socket: RealtimeSocket, *, leaps: bool) -> Callable[[datetime], Feed]:
    """How the stream is doing at an instant of the clock's time.

    Args:
        socket: of the stream.
        leaps: time goes from step to step, as in a served world: then silence means nothing, and has no age.
    """

    def look(now: datetime) -> Feed:
        status = socket.status()
        heard = status.last_received_at
        return Feed(
            connected=status.connected,
            wanted=status.wanted,
            registered=status.registered,
            queue=len(socket.queue),
            dropped=status.dropped,
            age_seconds=None if leaps or heard is None else max((now - heard).total_seconds(), 0.0),
        )

    return look
