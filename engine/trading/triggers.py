"""When regular work is due: times of the week, and moments after a close of the exchange.

The arithmetic of times is that of APScheduler's triggers. Its scheduler is not used: it lives by the machine's clock
and its own threads, and the world that we trade in may step, stand still or be replayed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from apscheduler.triggers.cron import CronTrigger

from engine.clock import KST
from engine.errors import BrokenInvariant
from engine.krx.sessions import is_session, next_session, session_close

_TICK = timedelta(microseconds=1)


class Trigger(Protocol):
    """As APScheduler's triggers."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first moment at or after `now`, and after the previous one; None = never again."""
        ...


class AfterClose:
    """Some time after the close of every session; late and early closes count as they are.

    Args:
        delay: after the nominal close; less than a day.
    """

    def __init__(self, delay: timedelta) -> None:
        self._delay = delay

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first moment at or after `now`, and after the previous one."""
        earliest = now if previous_fire_time is None else max(now, previous_fire_time + _TICK)
        session = (earliest - self._delay).date()
        if not is_session(session):
            session = next_session(session)
        moment = session_close(session) + self._delay
        return moment if moment >= earliest else session_close(next_session(session)) + self._delay


def weekly(day: str, hour: int, minute: int = 0) -> Trigger:
    """Every week at a time of Seoul, whether the exchange trades or not; `day` is mon, tue, … sun."""
    trigger: Trigger = CronTrigger(day_of_week=day, hour=hour, minute=minute, timezone=KST)
    return trigger


def moments_between(trigger: Trigger, after: datetime, until: datetime) -> list[datetime]:
    """All moments of a trigger with `after < moment <= until`, in order."""
    found: list[datetime] = []
    moment = next_moment(trigger, after)
    while moment <= until:
        found.append(moment)
        moment = next_moment(trigger, moment)
    return found


def next_moment(trigger: Trigger, after: datetime) -> datetime:
    """The first moment of a trigger after an instant, in Seoul."""
    moment = trigger.get_next_fire_time(None, (after + _TICK).astimezone(KST))
    if moment is None:
        raise BrokenInvariant("Regular work has no end, and its trigger says that it has.")
    return moment.astimezone(KST)
