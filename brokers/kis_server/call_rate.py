"""Calls an app key may make in a sliding second."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from engine.clock import Clock

_WINDOW = timedelta(seconds=1)


class CallRate:
    """Counts the calls of each app key by the machine's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, deque[datetime]] = {}

    def admits(self, app_key: str, limit: int) -> bool:
        """Whether one more call is within the limit; a call that is refused does not count."""
        now = self._clock.now()
        calls = self._calls.setdefault(app_key, deque())
        while calls and now - calls[0] >= _WINDOW:
            calls.popleft()
        if len(calls) >= limit:
            return False
        calls.append(now)
        return True
