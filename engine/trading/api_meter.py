"""How the calls to the venue went lately: how many failed, and how long the answers took."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 300.0
_MOST = 20_000  # calls; at 20 a second more than three times the window


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiUse:
    """The calls of the last minutes.

    Args:
        calls: how many.
        error_rate: share of them that brought no answer or an error of the server; None = no calls.
        latency_seconds: 95th percentile of the time an answer took; None = no answers.
    """

    calls: int = 0
    error_rate: float | None = None
    latency_seconds: float | None = None


class ApiMeter:
    """Notes calls from any thread.

    Args:
        steady: seconds of a clock that never jumps.
        window_seconds: for which a call counts.
    """

    def __init__(self, steady: Callable[[], float], window_seconds: float = WINDOW_SECONDS) -> None:
        self._steady, self._window = steady, window_seconds
        self._calls: deque[tuple[float, float | None, bool]] = deque(maxlen=_MOST)
        self._lock = threading.Lock()

    def answered(self, seconds: float, *, is_error: bool) -> None:
        """An answer came after so many seconds; `is_error` where the server could not do its work."""
        self._note(seconds, is_error)

    def lost(self) -> None:
        """No answer came."""
        self._note(None, True)

    def use(self) -> ApiUse:
        """What is in the window now."""
        with self._lock:
            oldest = self._steady() - self._window
            while self._calls and self._calls[0][0] < oldest:
                self._calls.popleft()
            calls = list(self._calls)
        if not calls:
            return ApiUse()
        times = sorted(seconds for _, seconds, _ in calls if seconds is not None)
        return ApiUse(
            calls=len(calls),
            error_rate=sum(is_error for _, _, is_error in calls) / len(calls),
            latency_seconds=times[(95 * len(times) + 99) // 100 - 1] if times else None,  # nearest rank
        )

    def _note(self, seconds: float | None, is_error: bool) -> None:
        with self._lock:
            self._calls.append((self._steady(), seconds, is_error))
