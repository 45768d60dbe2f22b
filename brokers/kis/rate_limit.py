"""How often KIS is called: a token bucket per app key, shared by all threads and processes that use the key.

KIS counts in a sliding second and refuses bursts, so the bucket is small and calls come evenly. Its state is one
instant, `free_at`: when the bucket has been drained of what was taken so far. A call may go at
free_at − (burst − 1) × interval and moves free_at by one interval. Between processes the instant lives in a small
file behind a lock. An order that waits makes the reads stand back, here and in the other processes.

Source: KIS's notice on rates of 2026-04-20 (18 calls a second live, 1 on paper), as quoted by public programs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from filelock import FileLock

from brokers.kis.private_files import OWNER_ONLY
from engine.clock import Clock, to_nanoseconds
from engine.errors import BadInput

_SECOND = 1_000_000_000
_LONGEST_PAUSE = 5 * _SECOND
_SHORTEST_PAUSE = _SECOND // 10
_STATE_BYTES = 64


class Priority(Enum):
    """Who goes first."""

    ORDER = "order"
    READ = "read"


@dataclass(slots=True)
class _Bucket:
    """What the threads and processes share, in nanoseconds: the next free instant, and until when reads stand back."""

    free_at: int = 0
    held_until: int = 0


class RateLimiter:
    """Makes callers wait so that a key stays within its rate.

    Args:
        calls_per_second: the rate, kept evenly.
        burst: calls that may go at once after a pause; KIS allows hardly any.
        clock: tells the time; the limit is kept in its time.
        sleep: waits that many seconds of the clock's time.
        state: file shared with the other processes that use the key; None = this process alone.
    """

    def __init__(
        self,
        *,
        calls_per_second: float,
        clock: Clock,
        sleep: Callable[[float], None],
        burst: int = 1,
        state: Path | None = None,
    ) -> None:
        if calls_per_second <= 0 or burst < 1:
            raise BadInput(f"A rate of {calls_per_second} calls a second with a burst of {burst} lets nothing through.")
        self._interval = round(_SECOND / calls_per_second)
        self._slack = (burst - 1) * self._interval
        self._clock, self._sleep = clock, sleep
        self._state = state
        self._lock = threading.Lock()
        self._bucket = _Bucket()
        self._orders_waiting = 0
        self._too_fast = 0
        self._file_lock: FileLock | None = None
        if state is not None:
            state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file_lock = FileLock(state.with_suffix(".lock"), mode=OWNER_ONLY, poll_interval=0.002)

    def acquire(self, priority: Priority) -> None:
        """Wait for a turn and take it."""
        if priority is Priority.ORDER:
            with self._lock:
                self._orders_waiting += 1
        try:
            while wait := self._try_to_take(priority):
                self._sleep(-(-wait // 1_000) / 1_000_000)  # whole microseconds, rounded up, as clocks count
        finally:
            if priority is Priority.ORDER:
                with self._lock:
                    self._orders_waiting -= 1

    def back_off(self) -> float:
        """KIS said that it was too fast: nobody calls for a while, longer each time in a row. Returns the seconds."""
        with self._lock, self._shared() as bucket:
            pause = min(_LONGEST_PAUSE, max(self._interval, _SHORTEST_PAUSE) << min(self._too_fast, 16))
            self._too_fast += 1
            bucket.free_at = max(bucket.free_at, self._now() + pause + self._slack)
        return pause / _SECOND

    def recovered(self) -> None:
        """KIS answered: the next pause starts short again."""
        self._too_fast = 0

    def _try_to_take(self, priority: Priority) -> int:
        """Take a turn and return 0, or the nanoseconds after which to ask again."""
        with self._lock, self._shared() as bucket:
            now = self._now()
            self._forget_the_future(bucket, now)
            wait = bucket.free_at - self._slack - now
            if priority is Priority.READ and (self._orders_waiting or bucket.held_until > now):
                return max(wait, self._interval)
            if wait > 0:
                if priority is Priority.ORDER:
                    # One interval longer than the wait, in case this process wakes up late.
                    bucket.held_until = max(bucket.held_until, now + wait + self._interval)
                return wait
            bucket.free_at = max(bucket.free_at, now) + self._interval
            if priority is Priority.ORDER and self._orders_waiting <= 1:
                bucket.held_until = 0
            return 0

    def _forget_the_future(self, bucket: _Bucket, now: int) -> None:
        """A state further ahead than any pause was written by a clock that has since been set back."""
        furthest = now + self._slack + 2 * self._interval + _LONGEST_PAUSE
        if bucket.free_at > furthest:
            bucket.free_at = now
        if bucket.held_until > furthest:
            bucket.held_until = now

    def _now(self) -> int:
        return to_nanoseconds(self._clock.now())

    @contextmanager
    def _shared(self) -> Iterator[_Bucket]:
        """The bucket, read from the shared file and written back."""
        if self._file_lock is None or self._state is None:
            yield self._bucket
            return
        with self._file_lock:
            handle = os.open(self._state, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
            try:
                bucket = _parse(os.read(handle, _STATE_BYTES))
                yield bucket
                text = f"{bucket.free_at} {bucket.held_until}".ljust(_STATE_BYTES)
                os.lseek(handle, 0, os.SEEK_SET)
                os.write(handle, text.encode("ascii"))
            finally:
                os.close(handle)


def _parse(content: bytes) -> _Bucket:
    """The state in the file; a fresh one if it is damaged, which costs at most one early call."""
    parts = content.split()
    if len(parts) != 2 or not all(part.isdigit() and len(part) <= 20 for part in parts):
        return _Bucket()
    return _Bucket(free_at=int(parts[0]), held_until=int(parts[1]))
