"""Where time comes from: always an injected `Clock`, always aware, always Asia/Seoul.

This is the only file that may read the machine's clock.
"""

from __future__ import annotations

import sys
import time as machine_time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from engine.errors import BadInput, BrokenInvariant

KST = ZoneInfo("Asia/Seoul")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Anything that knows the time: history while it is replayed, the machine while money is at stake."""

    def now(self) -> datetime:
        """The present instant, aware, in Asia/Seoul."""
        ...


class SimulatedClock:
    """A clock that stands still until it is told to move, and only moves forward."""

    __slots__ = ("_now",)

    def __init__(self, start: datetime) -> None:
        self._now = in_seoul(start)

    def now(self) -> datetime:
        """The instant to which the clock was last moved."""
        return self._now

    def advance_to(self, time: datetime) -> None:
        """Move to `time`; an earlier time than the present one raises `BrokenInvariant`."""
        target = in_seoul(time)
        if target < self._now:
            raise BrokenInvariant(
                f"The simulated clock stands at {self._now.isoformat()} and cannot go back to "
                f"{target.isoformat()}: events reached it out of order. Sort them by engine.events.sort_key."
            )
        self._now = target

    def advance(self, step: timedelta) -> None:
        """Move forward by `step`."""
        self.advance_to(self._now + step)


class SystemClock:
    """The machine's clock, for paper and live trading."""

    __slots__ = ()

    def now(self) -> datetime:
        """The present instant by the machine's clock."""
        return datetime.now(KST)


def elapsed_seconds() -> float:
    """Seconds that pass whatever anybody sets; where the system counts them, those too in which the machine slept."""
    if sys.platform == "linux":
        return machine_time.clock_gettime(machine_time.CLOCK_BOOTTIME)
    return machine_time.monotonic()


def in_seoul(time: datetime) -> datetime:
    """The same instant in Asia/Seoul; a time without zone raises `BadInput`."""
    if time.tzinfo is None:
        raise BadInput(
            f"The time {time.isoformat()} has no time zone. Give an aware time, such as "
            f"datetime(2024, 5, 2, 9, 0, tzinfo=engine.clock.KST)."
        )
    return time if time.tzinfo is KST else time.astimezone(KST)


def require_aware(time: datetime, what: str) -> None:
    """Raise `BadInput` unless `time` has a zone; `what` names the field in the message."""
    if time.tzinfo is None:
        raise BadInput(f"{what}: the time {time.isoformat()} has no time zone. Use engine.clock.KST.")


def session_of(time: datetime) -> date:
    """The calendar day in Seoul on which `time` falls."""
    return in_seoul(time).date()


def to_nanoseconds(time: datetime) -> int:
    """Whole nanoseconds since 1970-01-01 UTC, exact to the microsecond of `time`.

    >>> to_nanoseconds(datetime(1970, 1, 1, 9, 0, 0, 1, tzinfo=KST))
    1000
    """
    elapsed = in_seoul(time) - EPOCH
    return ((elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) * 1_000


def from_nanoseconds(nanoseconds: int) -> datetime:
    """The instant in Asia/Seoul; what is finer than a microsecond is dropped.

    >>> from_nanoseconds(0).isoformat()
    '1970-01-01T09:00:00+09:00'
    """
    return (EPOCH + timedelta(microseconds=nanoseconds // 1_000)).astimezone(KST)
