"""The exchange's sessions: which days trade, when they open and close, which day settles.

The days come from `tables/session_days.txt`, derived from exchange_calendars with our corrections. They equal
real price data on every day from 1990-01-03 to 2026-08-14; from 1999-09-16 several sources agree, before that
it is one. Later days follow from the public holidays known on 2026-11-23; days on which the exchange is closed by
a later decision are named in the variable GEOUL_CLOSED_DAYS, such as 2027-05-06,2027-10-04.

Times are Asia/Seoul (UTC+9 without summer time since 1990). Opening hours before 1995 rest on one secondary
list.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput, UnknownDate
from engine.krx.dated import VERIFIED_UNTIL, date_of, days_since_epoch, distinct_days
from engine.krx.tables.build_session_days import SESSION_DAYS_FILE
from engine.krx.tables.costs import SETTLEMENT_SESSIONS
from engine.krx.tables.hours import CLOSING_CALL, OPENING_CALL, REGULAR, RegularHours, Window
from engine.krx.tables.special_days import (
    EXAM_DAYS,
    EXAM_DELAY_MINUTES,
    EXAM_DELAY_MINUTES_UNTIL_1998,
    FIRST_SESSION,
    LAST_OPEN_SATURDAY,
    NEW_YEAR_DELAY_MINUTES,
    OTHER_OPENS,
)

KST = ZoneInfo("Asia/Seoul")
LAST_DAY = VERIFIED_UNTIL
CLOSED_DAYS = "GEOUL_CLOSED_DAYS"
_MINUTE_NS = 60_000_000_000
_DAY_NS = 86_400_000_000_000
_UTC_OFFSET_NS = 9 * 60 * _MINUTE_NS
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class SessionHours:
    """Hours of one session, aware datetimes in Asia/Seoul.

    Attributes:
        session_date: the day.
        periods: (start, end) of each trading period; two before 2000-05-22, one on a Saturday.
        opening_call: collection of orders for the opening price; None before 1998-12-07 (unknown).
        closing_call: the same for the closing price; None before 2000-05-22 (unknown).
    """

    session_date: date
    periods: tuple[tuple[datetime, datetime], ...]
    opening_call: tuple[datetime, datetime] | None
    closing_call: tuple[datetime, datetime] | None


@cache
def session_days() -> NDArray[np.int64]:
    """All sessions as days since 1970-01-01: int64[S], increasing, read-only; position = session index."""
    first, last = days_since_epoch(FIRST_SESSION), days_since_epoch(LAST_DAY)
    days = np.arange(first, last + 1, dtype=np.int64)
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    is_open = (weekday < _SATURDAY) | ((weekday == _SATURDAY) & (days <= days_since_epoch(LAST_OPEN_SATURDAY)))
    is_open[np.array([*_closed_days(), *_closed_since()], dtype=np.int64) - first] = False
    sessions = days[is_open]
    sessions.setflags(write=False)
    return sessions


def _closed_days() -> list[int]:
    closed: list[int] = []
    for line in SESSION_DAYS_FILE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            year, *days = line.split()
            closed.extend(days_since_epoch(date.fromisoformat(f"{year}-{day}")) for day in days)
    return closed


def _closed_since() -> list[int]:
    told = os.environ.get(CLOSED_DAYS, "").replace(",", " ").split()
    try:
        days = [date.fromisoformat(day) for day in told]
    except ValueError:
        raise BadInput(f"{CLOSED_DAYS}={' '.join(told)}: write days as 2027-05-06,2027-10-04.") from None
    for day in days:
        if not FIRST_SESSION <= day <= LAST_DAY:
            raise _unknown(day)
    return [days_since_epoch(day) for day in days]


def is_session(day: date) -> bool:
    """Whether the exchange trades on `day`; raises `UnknownDate` outside 1990-01-03 to 2027-12-31.

    Example:
        >>> is_session(date(1998, 12, 5)), is_session(date(1998, 12, 12)), is_session(date(2026, 7, 17))
        (True, False, False)
    """
    number, exact = _position(day)
    return exact and number < session_days().size


def sessions_between(start: date, end: date) -> list[date]:
    """All sessions from `start` to `end`, both included; start after end gives none."""
    first, _ = _position(start)
    last, exact = _position(end)
    return [date_of(int(day)) for day in session_days()[first : last + exact]]


def next_session(day: date) -> date:
    """The first session after `day`, which need not be a session itself."""
    number, exact = _position(day)
    return _session_at(number + exact, day)


def previous_session(day: date) -> date:
    """The last session before `day`, which need not be a session itself."""
    number, _ = _position(day)
    return _session_at(number - 1, day)


def offset_session(session_date: date, sessions: int) -> date:
    """The session `sessions` after (negative: before) a session.

    Example:
        >>> offset_session(date(2024, 2, 8), 1)  # Lunar New Year follows
        datetime.date(2024, 2, 13)
    """
    return _session_at(session_index(session_date) + sessions, session_date)


def settlement_day(trade_date: date) -> date:
    """The day on which cash and shares of a trade change hands: two sessions later (T+2).

    Source: KOSPI Business Regulation, settlement; the T+2 count also dates the tax changes.

    Example:
        >>> settlement_day(date(2024, 12, 27))  # 12-31 is closed, so the tax of 2025 applies already
        datetime.date(2025, 1, 2)
    """
    return offset_session(trade_date, SETTLEMENT_SESSIONS.at(trade_date))


def session_index(session_date: date) -> int:
    """Number of the session counted from 1990-01-03 = 0; raises `BadInput` when the day is not a session."""
    number, exact = _position(session_date)
    if not exact:
        raise BadInput(
            f"{session_date} is not a session of the exchange; the next one is {next_session(session_date)}."
        )
    return number


def ordinal(day: date) -> int:
    """Time axis of anchored windows: the number of sessions before `day`, for any day from 1990-01-03.

    For a session this is its index. A day that is not a session gets the index of the session that follows,
    so two such days can share a number; data with bars on closed days must be refused or merged first. After
    2027-12-31, where holidays are not verified, every Monday to Friday counts as one, so the number stays
    increasing but may change with a later table.
    """
    return int(ordinals(np.array([days_since_epoch(day)], dtype=np.int64))[0])


def ordinals(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """`ordinal` of many days: int64[n] days since 1970-01-01 to int64[n].

    Raises:
        UnknownDate: a day before 1990-01-03.
    """
    distinct, position = distinct_days(days)
    if distinct.size and int(distinct[0]) < days_since_epoch(FIRST_SESSION):
        raise _unknown(date_of(int(distinct[0])))
    counted = np.searchsorted(session_days(), distinct, side="left").astype(np.int64)
    first_unverified = days_since_epoch(LAST_DAY) + 1
    beyond = np.maximum(distinct - first_unverified, 0)
    # Weekdays in [first_unverified, day): whole weeks, then day by day from the weekday of the first.
    weekday = (first_unverified + 3) % 7
    is_weekday = [(weekday + step) % 7 < _SATURDAY for step in range(6)]
    rest = np.cumsum([0, *is_weekday], dtype=np.int64)
    result: NDArray[np.int64] = (counted + beyond // 7 * 5 + rest[beyond % 7])[position]
    return result


def session_hours(session_date: date) -> SessionHours:
    """Opening hours of one session, with late openings.

    The first session of a year opens one hour late and closes as usual; on the day of the college entrance
    exam everything but the after-hours end moves by one hour (half an hour until 1998).

    Source: KOSPI Enforcement Rules (first trading day); hours in `engine.krx.tables.hours`, days in
    `special_days`.

    Raises:
        BadInput: the day is not a session.
        UnknownDate: the day lies outside 1990-01-03 to 2027-12-31.
    """
    number = session_index(session_date)
    late_open, late_all = _delays(session_date, number)
    hours = REGULAR.at(session_date)
    windows = _windows(hours, session_date)
    periods = [(_at(session_date, start, late_all), _at(session_date, end, late_all)) for start, end in windows]
    opening = periods[0][0] + timedelta(minutes=late_open)
    if session_date in OTHER_OPENS:
        opening = _at(session_date, OTHER_OPENS[session_date], 0)
    periods[0] = (opening, periods[0][1])
    shift = int((opening - _at(session_date, windows[0][0], 0)).total_seconds()) // 60
    return SessionHours(
        session_date,
        tuple(periods),
        _call(OPENING_CALL.at(session_date), session_date, shift)
        if session_date >= OPENING_CALL.verified_from
        else None,
        _call(CLOSING_CALL.at(session_date), session_date, late_all)
        if session_date >= CLOSING_CALL.verified_from
        else None,
    )


def session_open(session_date: date) -> datetime:
    """Nominal start of trading, Asia/Seoul; the opening price prints up to 30 seconds later (random end).

    Example:
        >>> session_open(date(2024, 1, 2)).isoformat()  # first session of the year
        '2024-01-02T10:00:00+09:00'
    """
    return session_hours(session_date).periods[0][0]


def session_close(session_date: date) -> datetime:
    """Nominal end of the regular session, Asia/Seoul; the close prints up to 30 seconds later (random end).

    Example:
        >>> session_close(date(2024, 11, 14)).isoformat()  # college entrance exam
        '2024-11-14T16:30:00+09:00'
    """
    return session_hours(session_date).periods[-1][1]


def close_times_ns(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Nominal end of the regular session on many days, as UTC nanoseconds since 1970: int64[n] to int64[n].

    A day that is not a session gets the usual closing time of its date, so that odd data can still be ordered
    in time.
    """
    days = np.asarray(days, dtype=np.int64)
    unique, position = distinct_days(days)
    rows = REGULAR.row_numbers(unique)
    if unique.size and int(rows.min()) < 0:
        raise _unknown(date_of(int(unique[np.argmin(rows)])))
    weekday_close = np.array([_minutes(entry.value.periods[-1][1]) for entry in REGULAR.rows], dtype=np.int64)
    saturday_close = np.array(
        [_minutes((entry.value.saturday or entry.value.periods)[-1][1]) for entry in REGULAR.rows],
        dtype=np.int64,
    )
    minute = np.where((unique + 3) % 7 == _SATURDAY, saturday_close[rows], weekday_close[rows])
    exam = np.array([days_since_epoch(day) for day in EXAM_DAYS], dtype=np.int64)
    delay = np.array([_exam_delay(day) for day in EXAM_DAYS], dtype=np.int64)
    place = np.minimum(np.searchsorted(exam, unique), exam.size - 1)
    minute = minute + np.where(exam[place] == unique, delay[place], 0)
    result: NDArray[np.int64] = (unique * _DAY_NS + minute * _MINUTE_NS - _UTC_OFFSET_NS)[position]
    return result


def _delays(session_date: date, number: int) -> tuple[int, int]:
    """Minutes by which only the open moves, and by which everything moves."""
    first_of_year = number == 0 or date_of(int(session_days()[number - 1])).year < session_date.year
    exam = _exam_delay(session_date) if session_date in EXAM_DAYS else 0
    return NEW_YEAR_DELAY_MINUTES if first_of_year else 0, exam


def _exam_delay(exam_day: date) -> int:
    return EXAM_DELAY_MINUTES if exam_day.year > 1998 else EXAM_DELAY_MINUTES_UNTIL_1998


def _windows(hours: RegularHours, day: date) -> tuple[Window, ...]:
    return hours.saturday if day.weekday() == _SATURDAY else hours.periods


def _call(window: Window, day: date, delay_minutes: int) -> tuple[datetime, datetime]:
    return _at(day, window[0], delay_minutes), _at(day, window[1], delay_minutes)


def _at(day: date, clock: str, delay_minutes: int) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), KST) + timedelta(minutes=delay_minutes)


def _minutes(clock: str) -> int:
    moment = time.fromisoformat(clock)
    return moment.hour * 60 + moment.minute


def _position(day: date) -> tuple[int, bool]:
    """Number of sessions before `day`, and whether `day` is a session."""
    if not FIRST_SESSION <= day <= LAST_DAY:
        raise _unknown(day)
    sessions = session_days()
    wanted = days_since_epoch(day)
    number = int(np.searchsorted(sessions, wanted, side="left"))
    return number, number < sessions.size and int(sessions[number]) == wanted


def _session_at(number: int, asked: date) -> date:
    sessions = session_days()
    if not 0 <= number < sessions.size:
        raise _unknown(asked, "the session asked for, counted from {day},")
    return date_of(int(sessions[number]))


def _unknown(day: date, what: str = "{day}") -> UnknownDate:
    return UnknownDate(
        f"session calendar: {what.format(day=day)} lies outside the verified range {FIRST_SESSION} to "
        f"{LAST_DAY}. Choose dates inside it, or rebuild engine/krx/tables/session_days.txt for later years."
    )
