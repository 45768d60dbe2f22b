"""The days that clients see: those of the data, or the same sessions counted from today on.

With `--as-today` the first replayed session bears today's date (the next session if today is none), and every other
one lies as many sessions away from it as in the data. Times of the day stay as they are.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

from engine.krx.dated import date_of
from engine.krx.sessions import LAST_DAY, is_session, next_session, session_days, session_index
from engine.krx.tables.special_days import FIRST_SESSION


class WireDates:
    """Days of the data to days on the wire and back.

    Args:
        first: first replayed session of the data.
        shown: the session whose date it bears; None = its own.
    """

    def __init__(self, first: date, shown: date | None = None) -> None:
        self._shift = 0
        if shown is not None:
            shown = shown if is_session(shown) else next_session(shown)
            self._shift = session_index(shown) - session_index(first)
        self.out_day = lru_cache(maxsize=16_384)(self._out_day)
        self.in_day = lru_cache(maxsize=16_384)(self._in_day)

    def out(self, instant: datetime) -> datetime:
        """An instant of the data as clients see it."""
        return instant + (self.out_day(instant.date()) - instant.date()) if self._shift else instant

    def into(self, instant: datetime) -> datetime:
        """What a client says, as an instant of the data."""
        return instant + (self.in_day(instant.date()) - instant.date()) if self._shift else instant

    def _out_day(self, day: date) -> date:
        return _moved(day, self._shift)

    def _in_day(self, day: date) -> date:
        return _moved(day, -self._shift)


def _moved(day: date, sessions: int) -> date:
    """The same day so many sessions away; a day between two sessions keeps its distance from the one before, if it can.

    Two days without trading may fall together: nothing happens on either. What would lie beyond the calendar falls on
    its first or last session.
    """
    if sessions == 0:
        return day
    session, beyond = min(max(day, FIRST_SESSION), LAST_DAY), 0
    while not is_session(session):
        session, beyond = session - timedelta(days=1), beyond + 1
    known = session_days()
    moved = date_of(int(known[min(max(session_index(session) + sessions, 0), len(known) - 2)]))
    return min(moved + timedelta(days=beyond), next_session(moved) - timedelta(days=1)) if beyond else moved
