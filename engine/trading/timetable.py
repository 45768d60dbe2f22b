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


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """When a venue's sessions ask for what.

    Args:
        before_open: it takes orders before the open.
        after_open: where it does not, how long after the open ours go; a venue is busiest in its first seconds.
    """

    before_open: bool
    after_open: timedelta = AFTER_OPEN

    def day_of(self, session: date) -> Day:
        """The moments of a session."""
        hours: SessionHours = session_hours(session)
        opens, closes = hours.periods[0][0], hours.periods[-1][1]
        decide = opens + self.after_open
        if self.before_open and hours.opening_call is not None:
            decide = hours.opening_call[0]
        return Day(
            session=session,
            decide=decide,
            buy_until=opens + PATIENCE,
            opens=opens,
            closes=closes,
            ends=closes + AFTER_CLOSE,
        )

    def day_at(self, now: datetime) -> Day | None:
        """The session of today, None where the exchange does not trade today."""
        return self.day_of(now.date()) if is_session(now.date()) else None

    def last_ended(self, now: datetime) -> Day:
        """The last session whose books can be closed."""
        today = self.day_at(now)
        if today is not None and now >= today.ends:
            return today
        return self.day_of(previous_session(now.date()))

    def next_moment(self, now: datetime) -> tuple[datetime, str]:
        """When something is due next, and what: "decide" or "end"."""
        day = self.day_at(now)
        if day is None or now >= day.ends:
            day = self.day_of(next_session(now.date()))
        return (day.decide, "decide") if now < day.decide else (day.ends, "end")
