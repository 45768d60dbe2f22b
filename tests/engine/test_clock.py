"""Time is injected, aware and never goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import KST, SimulatedClock, SystemClock, from_nanoseconds, in_seoul, to_nanoseconds
from engine.errors import BadInput, BrokenInvariant

NINE = datetime(2024, 5, 2, 9, 0, tzinfo=KST)


def test_simulated_clock_stands_still_until_it_is_moved() -> None:
    clock = SimulatedClock(NINE)
    assert clock.now() == clock.now() == NINE
    clock.advance(timedelta(minutes=1))
    assert clock.now() == NINE + timedelta(minutes=1)


def test_simulated_clock_refuses_to_go_back() -> None:
    clock = SimulatedClock(NINE)
    with pytest.raises(BrokenInvariant, match="cannot go back"):
        clock.advance_to(NINE - timedelta(microseconds=1))
    assert clock.now() == NINE


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="no time zone"):
        SimulatedClock(datetime(2024, 5, 2, 9, 0))  # noqa: DTZ001


def test_a_foreign_zone_becomes_seoul() -> None:
    there = in_seoul(datetime(2024, 5, 2, 0, 0, tzinfo=UTC))
    assert there.isoformat() == "2024-05-02T09:00:00+09:00"


def test_system_clock_is_aware_in_seoul_and_agrees_with_the_file_system(tmp_path: Path) -> None:
    before = SystemClock().now()
    assert before.tzinfo is KST
    mark = tmp_path / "mark"
    mark.touch()
    assert abs(before.timestamp() - mark.stat().st_mtime) < 60


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(KST)))  # noqa: DTZ001
def test_nanoseconds_round_trip_to_the_microsecond(time: datetime) -> None:
    assert from_nanoseconds(to_nanoseconds(time)) == time
