"""Regular work beside the decisions (backups, downloads, the weekly reflection), at times of the world's clock.

    schedule = Schedule(jobs, clock, ScheduleStore(folder), is_quiet, tell, warn)
    schedule.turn()      at every turn of the trader; returns at once
    schedule.close()     ends what still runs; it is begun again at the next start

A moment that passed while nobody traded is made up for once, the latest of several, or skipped, as the job says. One
piece of work at a time, so that the guard keeps a core; none may write the trader's ledger from another thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from engine.clock import Clock
from engine.errors import BrokenInvariant, DataError, GeoulError
from engine.ledger.connection import LedgerError
from engine.reports.language import Lang, Text
from engine.trading.schedule_store import ScheduleStore, Standing, State
from engine.trading.triggers import Trigger, moments_between, next_moment

FAILED = Text("{job} 실패({count}번째): {why}", "{job} failed (attempt {count}): {why}")
GIVEN_UP = Text(
    "{job}({moment:%m-%d %H:%M})을 {count}번 시도하고 그만둡니다: {why}",
    "{job} of {moment:%m-%d %H:%M} is given up after {count} attempts: {why}",
)
SKIPPED = Text(
    "{job}: 멈춰 있던 동안의 {count}회를 건너뜁니다(마지막 {moment:%m-%d %H:%M})",
    "{job}: {count} passed while nobody traded and are skipped (the last at {moment:%m-%d %H:%M})",
)
DONE = Text("{job}({moment:%m-%d %H:%M}) 끝: {note}", "{job} of {moment:%m-%d %H:%M} is done: {note}")
TOO_LONG = Text("{seconds:,.0f}초가 넘어 끝냈습니다", "it was ended after {seconds:,.0f} s")


class Work(Protocol):
    """One run of a job."""

    def ended(self) -> tuple[bool, str] | None:
        """None while it runs; then whether it succeeded, and a word about it. Never waits."""
        ...

    def stop(self) -> None:
        """End it now."""
        ...


class Ended:
    """Work that was done in the turn.

    Args:
        done: whether it succeeded.
        note: in words.
    """

    def __init__(self, done: bool, note: str = "") -> None:
        self._result = done, note

    def ended(self) -> tuple[bool, str]:
        """At once."""
        return self._result

    def stop(self) -> None:
        """There is nothing to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Regular work.

    Args:
        name: stable; under it the schedule is kept.
        title: for people.
        trigger: its moments.
        start: begins the work for a moment, outside this thread unless it is a matter of milliseconds or `quiet`.
        is_done: whether the work of a moment has left its result already; asked before every start.
        grace: what is later than that has been missed.
        makes_up: what was missed is run once; False = skipped.
        quiet: only while no session goes on: it takes long, or changes what decisions read.
        attempts: before it is given up.
        again: between them.
        longest_seconds: of real time, then it is ended and has failed.
    """

    name: str
    title: Text
    trigger: Trigger
    start: Callable[[datetime], Work]
    is_done: Callable[[datetime], bool] = lambda moment: False
    grace: timedelta = timedelta(hours=1)
    makes_up: bool = True
    quiet: bool = False
    attempts: int = 3
    again: timedelta = timedelta(minutes=10)
    longest_seconds: float = 4 * 3600.0


@dataclass(slots=True)
class _Running:
    job: Job
    moment: datetime
    work: Work
    since: float


@dataclass(kw_only=True)
class Schedule:
    """The jobs of one account.

    Args:
        jobs: with different names.
        clock: of the venue's world.
        store: what has been done.
        is_quiet: whether no session goes on at an instant.
        tell: is told one line for people at a time.
        warn: is told what a person must know: code, text, parameters.
        lang: of texts.
        steady: seconds of a clock that never jumps.
    """

    jobs: Sequence[Job]
    clock: Clock
    store: ScheduleStore
    is_quiet: Callable[[datetime], bool]
    tell: Callable[[str], None]
    warn: Callable[[str, str, dict[str, object]], None]
    lang: Lang = "ko"
    steady: Callable[[], float] = time.monotonic
    _running: _Running | None = field(default=None, init=False)
    _coming: dict[str, datetime] = field(default_factory=dict, init=False)
    _trouble: str = field(default="", init=False)

    def turn(self) -> None:
        """End what has ended, begin what is due. A failure of a job, or of the schedule's file, stops nobody."""
        now = self.clock.now()
        try:
            if self._running is not None:
                self._collect(self._running)
            for job in self.jobs:
                self._look_at(job, now)
        except (BrokenInvariant, LedgerError):
            raise
        except DataError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self.tell(self._trouble)
                self.warn("schedule_unusable", self._trouble, {})
            return
        self._trouble = ""

    @property
    def is_busy(self) -> bool:
        """Whether a job is running."""
        return self._running is not None

    def standings(self) -> list[tuple[Job, Standing | None, datetime]]:
        """Every job, where it stands, and when it is due next."""
        now = self.clock.now()
        return [(job, self.store.standing(job.name), next_moment(job.trigger, now)) for job in self.jobs]

    def close(self) -> None:
        """End what runs; on disk it stays begun."""
        if self._running is not None:
            self._running.work.stop()
            self._running = None

    # The work -----------------------------------------------------------------------------------------------

    def _look_at(self, job: Job, now: datetime) -> None:
        if now < self._coming.get(job.name, now):
            return
        standing = self.store.standing(job.name)
        if standing is None:
            standing = Standing(name=job.name, moment=now, state=State.SEEN, attempts=0, again=now)
            self.store.keep(standing)
        if standing.state is not State.BEGUN:
            moments = moments_between(job.trigger, standing.moment, now)
            if not moments:
                self._coming[job.name] = next_moment(job.trigger, max(now, standing.moment))
                return
            standing = self._next(job, moments, now)
            if standing.state is State.SKIPPED:
                return
        if now >= standing.again and self._running is None and (self.is_quiet(now) or not job.quiet):
            self._start(job, standing, now)

    def _next(self, job: Job, moments: Sequence[datetime], now: datetime) -> Standing:
        """The latest of the moments that have come, begun or skipped."""
        latest = moments[-1]
        is_missed = not job.makes_up and now - latest > job.grace
        state = State.SKIPPED if is_missed else State.BEGUN
        standing = Standing(name=job.name, moment=latest, state=state, attempts=0, again=now)
        self.store.keep(standing)
        passed = len(moments) if is_missed else len(moments) - 1
        if passed:
            self._say(SKIPPED, job, count=passed, moment=moments[passed - 1])
        return standing

    def _start(self, job: Job, standing: Standing, now: datetime) -> None:
        moment = standing.moment
        try:
            begun = Standing(
                name=job.name,
                moment=moment,
                state=State.BEGUN,
                attempts=standing.attempts + 1,
                again=now + job.again,
            )
            self.store.keep(begun)
            if job.is_done(moment):
                self._finish(job, State.DONE, "")
                return
            work = job.start(moment)
        except (BrokenInvariant, LedgerError):
            raise
        except (GeoulError, OSError) as error:
            work = Ended(False, str(error))
        self._running = _Running(job, moment, work, self.steady())
        self._collect(self._running)

    def _collect(self, running: _Running) -> None:
        job, ended = running.job, running.work.ended()
        if ended is None and self.steady() - running.since > job.longest_seconds:
            running.work.stop()
            ended = False, TOO_LONG(self.lang).format(seconds=job.longest_seconds)
        if ended is None:
            return
        self._running = None
        done, note = ended
        if done:
            self._finish(job, State.DONE, note)
            return
        standing = self.store.standing(job.name)
        count = standing.attempts if standing is not None else 1
        if count < job.attempts:
            self._say(FAILED, job, count=count, why=note)
            return
        self._finish(job, State.FAILED, note)
        values = {"job": job.name, "moment": running.moment.isoformat(), "attempts": count}
        told = self._say(GIVEN_UP, job, moment=running.moment, count=count, why=note)
        self.warn("job_failed", told, dict(values))

    def _finish(self, job: Job, state: State, note: str) -> None:
        standing = self.store.standing(job.name)
        if standing is None:
            raise BrokenInvariant(f"The job {job.name} ended without having begun.")
        again, attempts = standing.again, standing.attempts
        moment = standing.moment
        self.store.keep(Standing(name=job.name, moment=moment, state=state, attempts=attempts, again=again, note=note))
        self._coming.pop(job.name, None)
        if state is State.DONE and note:
            self._say(DONE, job, moment=moment, note=note)

    def _say(self, text: Text, job: Job, **values: object) -> str:
        said = text(self.lang).format(job=job.title(self.lang), **values)
        self.tell(said)
        return said
