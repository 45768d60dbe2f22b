"""When a trading day asks for what: the decision, the end of the day, and how long a decision may still be carried out.

    what        at a venue that takes orders before the open     at one that does not (모의투자)
    decision    when the opening call begins (08:30)              a few seconds after the open (09:00:05)
    day end     ten minutes after the close                       the same

A decision on daily bars looks at the close before; one that could not be made in time sends no purchases any more.
Hours follow `engine.krx.sessions`, so late openings and half days are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engine.krx.sessions import SessionHours, is_session, next_session, previous_session, session_hours

AFTER_OPEN = timedelta(seconds=5)
AFTER_CLOSE = timedelta(minutes=10)
PATIENCE = timedelta(minutes=30)  # after the open; later purchases would trade on old news


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The moments of one session, aware.

    Args:
        session: the day.
        decide: the decision is made and its orders go out.
        buy_until: purchases of a decision made later are dropped.
        opens: of continuous trading.
        closes: end of the closing auction.
        ends: the day's books are closed.
    """

    session: date
    decide: datetime
    buy_until: datetime
    opens: datetime
    closes: datetime
    ends: datetime


def day_of(session: date, *, before_open: bool) -> Day:
    """The moments of a session at a venue that takes orders before the open, or at one that does not."""
    hours: SessionHours = session_hours(session)
    opens, closes = hours.periods[0][0], hours.periods[-1][1]
    decide = opens + AFTER_OPEN
    if before_open and hours.opening_call is not None:
        decide = hours.opening_call[0]
    return Day(
        session=session,
        decide=decide,
        buy_until=opens + PATIENCE,
        opens=opens,
        closes=closes,
        ends=closes + AFTER_CLOSE,
    )


def day_at(now: datetime, *, before_open: bool) -> Day | None:
    """The session of today, None where the exchange does not trade today."""
    return day_of(now.date(), before_open=before_open) if is_session(now.date()) else None


def last_ended(now: datetime, *, before_open: bool) -> Day:
    """The last session whose books can be closed."""
    today = day_at(now, before_open=before_open)
    if today is not None and now >= today.ends:
        return today
    return day_of(previous_session(now.date()), before_open=before_open)


def next_moment(now: datetime, *, before_open: bool) -> tuple[datetime, str]:
    """When something is due next, and what: "decide" or "end"."""
    day = day_at(now, before_open=before_open)
    if day is None or now >= day.ends:
        day = day_of(next_session(now.date()), before_open=before_open)
    return (day.decide, "decide") if now < day.decide else (day.ends, "end")
