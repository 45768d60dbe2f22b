"""The rate: even, shared, orders first, and slower after KIS said so. All time is simulated."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from brokers.kis.rate_limit import Priority, RateLimiter
from engine.errors import BadInput
from tests.scripted_kis import MORNING, SharedClock

ORDER, READ = Priority.ORDER, Priority.READ


def limiter(clock: SharedClock, rate: float = 10, burst: int = 1, state: Path | None = None) -> RateLimiter:
    return RateLimiter(calls_per_second=rate, burst=burst, clock=clock, sleep=clock.sleep, state=state)


def most_in_a_second(times: list[datetime]) -> int:
    """The largest number of calls in any second, sliding."""
    return max(sum(start <= time < start + timedelta(seconds=1) for time in times) for start in times)


def test_calls_come_evenly_and_not_in_bursts() -> None:
    clock = SharedClock()
    limit = limiter(clock, rate=15)
    times = []
    for _ in range(60):
        limit.acquire(READ)
        times.append(clock.now())
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert min(gaps) >= timedelta(microseconds=66_666) and max(gaps) <= timedelta(microseconds=66_668)
    assert most_in_a_second(times) <= 15


def test_the_first_call_and_a_call_after_a_pause_do_not_wait() -> None:
    clock = SharedClock()
    limit = limiter(clock, rate=1)
    limit.acquire(READ)
    clock.pass_by(timedelta(seconds=5))
    limit.acquire(READ)
    assert clock.now() == MORNING + timedelta(seconds=5)


def test_a_bucket_of_two_lets_two_go_at_once_and_no_third() -> None:
    clock = SharedClock()
    limit = limiter(clock, rate=1, burst=2)
    times = []
    for _ in range(4):
        limit.acquire(READ)
        times.append((clock.now() - MORNING).total_seconds())
    assert times == [0, 0, 1, 2]


def test_two_processes_share_one_rate_through_the_file(tmp_path: Path) -> None:
    clock = SharedClock()
    limits = [limiter(clock, rate=4, state=tmp_path / "rate.txt") for _ in range(2)]
    times = []
    for number in range(12):
        limits[number % 2].acquire(READ)
        times.append(clock.now())
    assert most_in_a_second(times) == 4
    assert (tmp_path / "rate.txt").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"garbage", b"1", b"-5 3", b"\xff" * 64, b"9" * 64])
def test_a_damaged_file_is_a_fresh_start(tmp_path: Path, content: bytes) -> None:
    state = tmp_path / "rate.txt"
    state.write_bytes(content)
    clock = SharedClock()
    limit = limiter(clock, rate=1, state=state)
    limit.acquire(READ)
    limit.acquire(READ)
    assert clock.now() == MORNING + timedelta(seconds=1)


def test_a_state_from_a_clock_that_was_set_back_does_not_stop_anybody(tmp_path: Path) -> None:
    state = tmp_path / "rate.txt"
    limiter(SharedClock(MORNING + timedelta(days=30)), rate=1, state=state).acquire(ORDER)
    clock = SharedClock()
    limiter(clock, rate=1, state=state).acquire(READ)
    assert clock.now() == MORNING


class StopsHere(Exception):
    """Raised by a sleep that a test wants to look at."""


def test_a_read_stands_back_while_an_order_of_another_process_waits(tmp_path: Path) -> None:
    clock, state = SharedClock(), tmp_path / "rate.txt"
    reads = limiter(clock, rate=1, state=state)
    reads.acquire(READ)

    def stop(seconds: float) -> None:
        raise StopsHere(seconds)

    orders = RateLimiter(calls_per_second=1, clock=clock, sleep=stop, state=state)
    with pytest.raises(StopsHere):
        orders.acquire(ORDER)  # it waits for its turn, in its own process
    clock.pass_by(timedelta(seconds=1))
    waiting = RateLimiter(calls_per_second=1, clock=clock, sleep=stop, state=state)
    with pytest.raises(StopsHere):
        waiting.acquire(READ)  # the turn is free, but it is the order's
    orders.acquire(ORDER)
    assert clock.now() == MORNING + timedelta(seconds=1)


def test_a_process_that_died_waiting_does_not_hold_the_reads_for_ever(tmp_path: Path) -> None:
    clock, state = SharedClock(), tmp_path / "rate.txt"

    def die(seconds: float) -> None:
        raise StopsHere

    limiter(clock, rate=1, state=state).acquire(READ)
    with pytest.raises(StopsHere):
        RateLimiter(calls_per_second=1, clock=clock, sleep=die, state=state).acquire(ORDER)
    limiter(clock, rate=1, state=state).acquire(READ)
    assert clock.now() <= MORNING + timedelta(seconds=3)


def test_reads_of_many_threads_never_go_before_an_order_that_waits() -> None:
    """While the order sleeps its turn becomes free and every read asks for it; none may have it."""
    clock = SharedClock()
    taken: list[str] = []
    standing_back, order_done = threading.Semaphore(0), threading.Event()

    def sleep(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():
            clock.sleep(seconds + 5)  # it wakes up late
            for thread in readers:
                thread.start()
            for _ in readers:
                standing_back.acquire()
        else:
            standing_back.release()
            order_done.wait()
            clock.sleep(seconds)

    limit = RateLimiter(calls_per_second=1, clock=clock, sleep=sleep)

    def read() -> None:
        limit.acquire(READ)
        taken.append("read")
        standing_back.release()  # so that a read that was let through fails the test and does not hang it

    readers = [threading.Thread(target=read) for _ in range(4)]
    limit.acquire(READ)
    limit.acquire(ORDER)
    taken.append("order")
    order_done.set()
    for thread in readers:
        thread.join()
    assert taken == ["order", "read", "read", "read", "read"]


def test_a_call_that_was_too_fast_makes_everybody_wait_longer_each_time(tmp_path: Path) -> None:
    clock = SharedClock()
    limit = limiter(clock, rate=10, state=tmp_path / "rate.txt")
    assert [limit.back_off() for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    limiter(clock, rate=10, state=tmp_path / "rate.txt").acquire(ORDER)
    assert clock.now() == MORNING + timedelta(seconds=5)
    limit.recovered()
    assert limit.back_off() == 0.1


def test_a_rate_that_lets_nothing_through_is_refused() -> None:
    for rate, burst in ((0, 1), (-1, 1), (1, 0)):
        with pytest.raises(BadInput):
            limiter(SharedClock(), rate=rate, burst=burst)


def test_many_threads_keep_the_rate_together(tmp_path: Path) -> None:
    clock = SharedClock()
    limit = limiter(clock, rate=20, state=tmp_path / "rate.txt")
    start = clock.now()
    threads = [threading.Thread(target=lambda: [limit.acquire(READ) for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Forty turns, an interval of 50 ms each: the last cannot come sooner.
    assert clock.now() - start >= timedelta(milliseconds=50) * 39
