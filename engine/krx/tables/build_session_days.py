"""Writes `session_days.txt`: the closed days of the exchange, from exchange_calendars and our corrections.

Building the package's calendar takes seconds and importing it most of one, too long for a command line;
reading the derived file takes a millisecond. Run `python -m engine.krx.tables.build_session_days` after
changing a correction or the package.
"""

from __future__ import annotations

import warnings
from datetime import date, timedelta
from pathlib import Path

from engine.krx.dated import VERIFIED_UNTIL
from engine.krx.tables.special_days import (
    A_SESSION,
    FIRST_SESSION,
    LAST_OPEN_SATURDAY,
    NOT_A_SESSION,
    PACKAGE_VERSION,
)

SESSION_DAYS_FILE = Path(__file__).parent / "session_days.txt"

HEADER = f"""\
# Closed days of the Korea Exchange, {FIRST_SESSION} to {VERIFIED_UNTIL}, one line a year.
# Every weekday, and every Saturday up to {LAST_OPEN_SATURDAY}, that is not listed is a session.
# Derived from exchange_calendars {PACKAGE_VERSION} (XKRX) and special_days.py by
# `python -m engine.krx.tables.build_session_days`; do not edit.
"""


def session_days_text() -> str:
    """The whole file, computed anew from the package."""
    sessions = corrected_sessions()
    closed: dict[int, list[str]] = {}
    day = FIRST_SESSION
    while day <= VERIFIED_UNTIL:
        if could_trade(day) and day not in sessions:
            closed.setdefault(day.year, []).append(f"{day:%m-%d}")
        day += timedelta(days=1)
    return HEADER + "".join(f"{year} {' '.join(days)}\n" for year, days in sorted(closed.items()))


def could_trade(day: date) -> bool:
    """Whether the exchange trades on that day of the week at all."""
    return day.weekday() < 5 or (day.weekday() == 5 and day <= LAST_OPEN_SATURDAY)


def corrected_sessions() -> set[date]:
    """All sessions: the package's weekdays, the Saturdays it calls no holiday, and the corrections."""
    import exchange_calendars  # noqa: PLC0415  slow, and needed only here

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package uses calls that newer versions of pandas deprecate
        calendar = exchange_calendars.get_calendar("XKRX", start=FIRST_SESSION, end=VERIFIED_UNTIL)
        holidays = {day.date() for day in calendar.regular_holidays.holidays(FIRST_SESSION, VERIFIED_UNTIL)}
    holidays |= {stamp.date() for stamp in calendar.adhoc_holidays}
    sessions = {stamp.date() for stamp in calendar.sessions}
    saturday = FIRST_SESSION + timedelta(days=5 - FIRST_SESSION.weekday())
    while saturday <= LAST_OPEN_SATURDAY:
        if saturday not in holidays:
            sessions.add(saturday)
        saturday += timedelta(days=7)
    return sessions - set(NOT_A_SESSION) | set(A_SESSION)


if __name__ == "__main__":
    SESSION_DAYS_FILE.write_text(session_days_text(), encoding="utf-8")
