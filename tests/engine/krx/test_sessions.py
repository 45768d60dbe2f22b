"""The session calendar: days, hours, settlement and the ordinal."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadInput, UnknownDate
from engine.krx.dated import date_of, days_since_epoch
from engine.krx.sessions import (
    FIRST_SESSION,
    KST,
    LAST_DAY,
    close_times_ns,
    is_session,
    next_session,
    offset_session,
    ordinal,
    ordinals,
    previous_session,
    session_close,
    session_days,
    session_hours,
    session_index,
    session_open,
    sessions_between,
    settlement_day,
)
from engine.krx.tables.build_session_days import SESSION_DAYS_FILE, session_days_text
from engine.krx.tables.special_days import EXAM_DAYS, NOT_A_SESSION

any_day = st.dates(FIRST_SESSION, LAST_DAY - timedelta(days=10))


def test_the_session_file_is_what_the_package_and_the_corrections_give() -> None:
    assert SESSION_DAYS_FILE.read_text(encoding="utf-8") == session_days_text()


def test_sessions_equal_real_price_data_from_1990(krx_data: Path) -> None:
    real = pl.read_parquet(krx_data / "krx_sessions.parquet")["date"].to_list()
    assert sessions_between(real[0], real[-1]) == real
    assert real[0] == FIRST_SESSION and len(real) > 9_000


@pytest.mark.parametrize(
    "day",
    [
        *NOT_A_SESSION,
        date(2024, 4, 10),
        date(2024, 10, 1),
        date(2025, 1, 27),
        date(2025, 6, 3),
        date(2026, 5, 25),
    ],
)
def test_special_closures_are_no_sessions(day: date) -> None:
    assert not is_session(day)
    assert is_session(next_session(day)) and is_session(previous_session(day))


def test_saturdays_trade_until_the_fifth_of_december_1998() -> None:
    assert is_session(date(1998, 12, 5)) and not is_session(date(1998, 12, 12))
    saturdays = [day for day in sessions_between(FIRST_SESSION, date(1998, 12, 31)) if day.weekday() == 5]
    assert len(saturdays) == 437


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        (date(2026, 11, 18), "09:00", "15:30"),
        (date(2026, 11, 19), "10:00", "16:30"),  # college entrance exam
        (date(2021, 11, 18), "10:00", "16:30"),  # exam day that the package lacks
        (date(2015, 11, 12), "10:00", "16:00"),
        (date(1997, 11, 19), "10:00", "15:30"),  # half an hour in those years
        (date(2026, 1, 2), "10:00", "15:30"),  # first session of the year
        (date(2016, 1, 4), "10:00", "15:00"),
        (date(1998, 1, 5), "10:30", "15:00"),
        (date(2001, 9, 12), "12:00", "15:00"),
        (date(2016, 7, 29), "09:00", "15:00"),
        (date(2016, 8, 1), "09:00", "15:30"),
        (date(1998, 12, 4), "09:30", "15:00"),
        (date(1998, 12, 5), "09:30", "11:30"),  # Saturday
        (date(1998, 12, 7), "09:00", "15:00"),
    ],
)
def test_opening_hours_of_ordinary_and_special_days(day: date, opens: str, closes: str) -> None:
    assert session_open(day) == datetime.combine(day, time.fromisoformat(opens), KST)
    assert session_close(day) == datetime.combine(day, time.fromisoformat(closes), KST)


def test_call_auctions_move_with_the_open_and_the_close() -> None:
    def clock(window: tuple[datetime, datetime] | None) -> list[str]:
        return [f"{moment:%H:%M}" for moment in window or ()]

    exam, new_year, usual = (session_hours(day) for day in (date(2024, 11, 14), date(2024, 1, 2), date(2024, 1, 3)))
    assert (clock(usual.opening_call), clock(usual.closing_call)) == (["08:30", "09:00"], ["15:20", "15:30"])
    assert (clock(exam.opening_call), clock(exam.closing_call)) == (["09:30", "10:00"], ["16:20", "16:30"])
    assert (clock(new_year.opening_call), clock(new_year.closing_call)) == (
        ["09:30", "10:00"],
        ["15:20", "15:30"],
    )
    two_halves = session_hours(date(1999, 6, 1))
    assert [clock(period) for period in two_halves.periods] == [["09:00", "12:00"], ["13:00", "15:00"]]
    assert two_halves.closing_call is None and session_hours(date(1998, 12, 5)).opening_call is None


def test_every_exam_day_is_a_session() -> None:
    assert all(is_session(day) for day in EXAM_DAYS)


def test_closing_times_of_a_column_equal_the_single_ones() -> None:
    days = session_days()[::7]
    special = [days_since_epoch(day) for day in (*EXAM_DAYS, date(1998, 12, 5), date(2026, 1, 2))]
    days = np.concatenate([days, np.array(special, dtype=np.int64)])
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    expected = [(session_close(date_of(int(day))) - epoch) // timedelta(microseconds=1) * 1_000 for day in days]
    assert close_times_ns(days).tolist() == expected


def test_settlement_counts_sessions_not_days() -> None:
    assert settlement_day(date(2024, 2, 7)) == date(2024, 2, 13)  # Lunar New Year in between
    assert settlement_day(date(2024, 12, 27)) == date(2025, 1, 2)
    assert settlement_day(date(2024, 12, 26)) == date(2024, 12, 30)


@settings(deadline=None)
@given(any_day)
def test_next_and_previous_are_neighbours(day: date) -> None:
    after = next_session(day)
    assert after > day and is_session(after)
    if is_session(day):
        assert previous_session(after) == day and offset_session(day, 1) == after
        assert session_index(after) == session_index(day) + 1
    else:
        assert next_session(previous_session(day)) == after if day > FIRST_SESSION else True
    assert not any(is_session(day + timedelta(days=step)) for step in range(1, (after - day).days))


def test_the_ordinal_of_a_session_is_its_index() -> None:
    assert ordinals(session_days()).tolist() == list(range(session_days().size))
    assert ordinal(date(2024, 1, 1)) == ordinal(date(2024, 1, 2)) == session_index(date(2024, 1, 2))


def test_the_ordinal_goes_on_by_weekdays_after_the_verified_years() -> None:
    days = np.arange(days_since_epoch(LAST_DAY), days_since_epoch(date(2031, 1, 1)), dtype=np.int64)
    trading = [day for day in days.tolist() if date_of(day).weekday() < 5 and date_of(day) > LAST_DAY]
    numbers = ordinals(np.array(trading, dtype=np.int64))
    assert np.diff(numbers).tolist() == [1] * (len(trading) - 1)
    assert numbers[0] == session_days().size
    assert (np.diff(ordinals(days)) >= 0).all()


def test_days_outside_the_calendar_are_refused() -> None:
    for day in (date(1990, 1, 2), date(2028, 1, 3)):
        with pytest.raises(UnknownDate, match=str(day)):
            is_session(day)
    with pytest.raises(UnknownDate, match="1989-12-28"):
        ordinal(date(1989, 12, 28))
    with pytest.raises(UnknownDate, match="2027-12-30"):
        settlement_day(date(2027, 12, 30))


def test_hours_of_a_closed_day_are_refused_with_the_next_session() -> None:
    with pytest.raises(BadInput, match="2024-02-13"):
        session_open(date(2024, 2, 10))
