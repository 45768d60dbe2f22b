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
from dataclasses import dataclass, field, replace
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
INTERRUPTED = Text(
    "{job}({moment:%m-%d %H:%M}): 거래가 시작되므로 중단했습니다({count}번째). 거래가 끝나면 다시 합니다",
    "{job} of {moment:%m-%d %H:%M} was ended because a session begins (attempt {count}); it runs again after it",
)
NO_TIME = Text("거래가 시작되기 전에 끝나지 않았습니다", "it was not over before a session began")
TOO_LONG = Text("{seconds:,.0f}초가 넘어 끝냈습니다", "it was ended after {seconds:,.0f} s")


_PATIENCE_SECONDS = 20.0  # for work that was asked to end


class Work(Protocol):
    """One run of a job."""

    def ended(self) -> tuple[bool, str] | None:
        """None while it runs; then whether it succeeded, and a word about it. Never waits."""
        ...

    def ask_to_end(self) -> None:
        """Let it end in order, soon; never waits. `ended` tells when it has."""
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

    def ask_to_end(self) -> None:
        """There is nothing to end."""

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
        finished: told of a moment that is over, done or given up; told again if a crash left open whether it was.
        grace: what is later than that has been missed.
        makes_up: what was missed is run once; False = skipped.
        tells_skips: people are told of what was skipped; False = it was no loss.
        quiet: only while no session goes on: it takes long, or changes what decisions read. One that is not over when
            a session is about to begin is ended, and begun again after it; that was one of its attempts.
        attempts: before it is given up.
        again: between them.
        longest_seconds: of real time, then it is ended and has failed.
    """

    name: str
    title: Text
    trigger: Trigger
    start: Callable[[datetime], Work]
    is_done: Callable[[datetime], bool] = lambda moment: False
    finished: Callable[[datetime], None] = lambda moment: None
    grace: timedelta = timedelta(hours=1)
    makes_up: bool = True
    tells_skips: bool = True
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
    asked_to_end_at: float | None = None


@dataclass(kw_only=True)
class Schedule:
    """The jobs of one account.

    Args:
        jobs: with different names.
        clock: of the venue's world.
        store: what has been done.
        is_quiet: whether no session goes on at an instant, and none begins shortly.
        must_end: whether quiet work that still runs has to end now.
        may_begin: whether work may begin now, which reads the machine's own clock.
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
    must_end: Callable[[datetime], bool] = lambda now: False
    may_begin: Callable[[], bool] = lambda: True
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
                self._collect(self._running, now)
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

    @property
    def next_due(self) -> datetime | None:
        """When the next job wants to begin, or to try again; None before the first turn, or without jobs."""
        return min(self._coming.values(), default=None)

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
        if now < standing.again and self._running is None:
            self._coming[job.name] = standing.again
            return
        is_time = now >= standing.again and (self.is_quiet(now) or not job.quiet)
        if is_time and self._running is None and self.may_begin():
            self._start(job, standing, now)

    def _next(self, job: Job, moments: Sequence[datetime], now: datetime) -> Standing:
        """The latest of the moments that have come, begun or skipped."""
        latest = moments[-1]
        is_missed = not job.makes_up and now - latest > job.grace
        state = State.SKIPPED if is_missed else State.BEGUN
        standing = Standing(name=job.name, moment=latest, state=state, attempts=0, again=now)
        self.store.keep(standing)
        passed = len(moments) if is_missed else len(moments) - 1
        if passed and job.tells_skips:
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
        self._collect(self._running, now)

    def _collect(self, running: _Running, now: datetime) -> None:
        job, ended = running.job, self._ended(running, now)
        if ended is None:
            return
        self._running = None
        done, note = ended
        if done:
            self._finish(job, State.DONE, note)
            return
        standing = self._begun(job)
        count, interrupted = standing.attempts, running.asked_to_end_at is not None
        if interrupted:
            self.store.keep(replace(standing, again=now))  # the next quiet hour will do
            told = self._say(INTERRUPTED, job, moment=running.moment, count=count)
            values = {"job": job.name, "moment": running.moment.isoformat(), "attempts": count}
            self.warn("job_interrupted", told, dict(values))
            note = NO_TIME(self.lang)
        if count < job.attempts:
            if not interrupted:
                self._say(FAILED, job, count=count, why=note)
            return
        self._finish(job, State.FAILED, note)
        values = {"job": job.name, "moment": running.moment.isoformat(), "attempts": count}
        told = self._say(GIVEN_UP, job, moment=running.moment, count=count, why=note)
        self.warn("job_failed", told, dict(values))

    def _ended(self, running: _Running, now: datetime) -> tuple[bool, str] | None:
        """How it ended, None while it runs; what has run too long, or into a session, is made to end."""
        ended, job, asked_at = running.work.ended(), running.job, running.asked_to_end_at
        if ended is not None:
            return ended
        if self.steady() - running.since > job.longest_seconds:
            running.work.stop()
            return False, TOO_LONG(self.lang).format(seconds=job.longest_seconds)
        if asked_at is None and job.quiet and self.must_end(now):
            running.work.ask_to_end()
            running.asked_to_end_at = self.steady()
        elif asked_at is not None and self.steady() - asked_at > _PATIENCE_SECONDS:
            running.work.stop()
            return False, ""
        return running.work.ended()

    def _finish(self, job: Job, state: State, note: str) -> None:
        standing = self._begun(job)
        job.finished(standing.moment)
        self.store.keep(replace(standing, state=state, note=note))
        self._coming.pop(job.name, None)
        if state is State.DONE and note:
            self._say(DONE, job, moment=standing.moment, note=note)

    def _begun(self, job: Job) -> Standing:
        standing = self.store.standing(job.name)
        if standing is None:
            raise BrokenInvariant(f"The job {job.name} ended without having begun.")
        return standing

    def _say(self, text: Text, job: Job, **values: object) -> str:
        said = text(self.lang).format(job=job.title(self.lang), **values)
        self.tell(said)
        return said
