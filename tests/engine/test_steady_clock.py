"""A steady clock follows its machine's by ten minutes at most, whatever is done to that one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.clock import KST, SystemClock, elapsed_seconds
from engine.steady_clock import MOST_FOLLOWED, SteadyClock

BEGIN = datetime(2024, 5, 2, 8, 29, tzinfo=KST)
DAY = timedelta(days=1)


@dataclass
class Machine:
    """Its clock, which can be set, and the seconds that pass on it."""

    time: datetime = BEGIN
    passed: float = 0.0
    steady: SteadyClock = field(init=False)

    def __post_init__(self) -> None:
        self.steady = SteadyClock(self, lambda: self.passed)

    def now(self) -> datetime:
        return self.time

    def goes_on(self, by: timedelta) -> None:
        self.time, self.passed = self.time + by, self.passed + by.total_seconds()

    def is_set(self, by: timedelta) -> None:
        self.time += by


def test_small_steps_are_followed_and_told_to_the_microsecond() -> None:
    machine = Machine()
    for by in (timedelta(seconds=3), timedelta(minutes=-9), timedelta(microseconds=1)):
        machine.goes_on(timedelta(hours=1))
        machine.is_set(by)
        assert machine.steady.now() == machine.time
        assert machine.steady.lead == timedelta(0)


def test_a_jump_of_a_day_is_not_followed_and_one_back_ends_it() -> None:
    for jump in (DAY, -DAY):
        machine = Machine()
        machine.is_set(jump)
        machine.goes_on(timedelta(hours=2))
        assert machine.steady.now() == BEGIN + timedelta(hours=2)
        assert machine.steady.lead == jump
        machine.is_set(-jump)
        assert machine.steady.now() == BEGIN + timedelta(hours=2)
        assert machine.steady.lead == timedelta(0)


def test_time_goes_on_from_where_the_machine_was_last_believed() -> None:
    machine = Machine()
    machine.is_set(timedelta(minutes=-8))  # a time server has corrected it
    assert machine.steady.now() == BEGIN - timedelta(minutes=8)
    machine.is_set(DAY)
    assert machine.steady.now() == BEGIN - timedelta(minutes=8)


def test_many_small_steps_do_not_add_up_to_a_day() -> None:
    machine = Machine()
    for _ in range(160):
        machine.is_set(timedelta(minutes=9))
        machine.steady.now()
    assert machine.steady.now() == BEGIN + timedelta(minutes=9)
    assert machine.steady.lead > timedelta(hours=23)


def test_a_machine_that_was_stopped_is_believed_when_it_is_told_so() -> None:
    machine = Machine()
    machine.is_set(5 * timedelta(hours=1))  # for the machine nothing has passed
    assert machine.steady.now() == BEGIN
    machine.steady.follow_machine()
    assert machine.steady.now() == machine.time
    machine.goes_on(timedelta(minutes=1))
    assert machine.steady.lead == timedelta(0)
    assert machine.steady.now() == machine.time


Step = st.tuples(st.booleans(), st.timedeltas(-3 * DAY, 3 * DAY), st.booleans())


@given(st.lists(Step, max_size=30))
def test_never_off_by_more_than_what_is_followed_and_never_in_doubt_without_saying_so(
    steps: list[tuple[bool, timedelta, bool]],
) -> None:
    machine, true = Machine(), BEGIN
    for is_set, by, looks in steps:
        if is_set:
            machine.is_set(by)
        else:
            machine.goes_on(abs(by))
            true += abs(by)
        if looks:
            now, off = machine.steady.now(), machine.time - true
            assert abs(now - true) <= MOST_FOLLOWED
            assert (machine.steady.lead == timedelta(0)) == (now == machine.time) == (abs(off) <= MOST_FOLLOWED)


def test_the_clock_of_this_machine_is_believed() -> None:
    steady, before = SteadyClock(SystemClock(), elapsed_seconds), SystemClock().now()
    assert before <= steady.now() <= SystemClock().now()
    assert steady.lead == timedelta(0)
    assert elapsed_seconds() <= elapsed_seconds()
