"""Regular work runs once for every moment: late, after downtime, after failures and kills, by the world's clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from engine.clock import KST, SimulatedClock
from engine.errors import DataError
from engine.krx.sessions import session_close, sessions_between
from engine.reports.language import Text
from engine.trading.account_jobs import ending_hours, quiet_hours
from engine.trading.job_process import CommandWork
from engine.trading.schedule import Ended, Job, Schedule, Work
from engine.trading.schedule_store import FILE, ScheduleStore, State
from engine.trading.timetable import Timetable
from engine.trading.triggers import AfterClose, Trigger, moments_between, next_moment, weekly

MONDAY = datetime(2024, 5, 6, 8, 0, tzinfo=KST)  # a holiday: the first session of that week is the 7th
SUNDAY = weekly("sun", 18)


class Pending:
    """Work that ends when the test says so."""

    def __init__(self) -> None:
        self.result: tuple[bool, str] | None = None
        self.is_stopped = self.is_asked_to_end = False

    def ask_to_end(self) -> None:
        self.is_asked_to_end = True

    def ended(self) -> tuple[bool, str] | None:
        return self.result

    def stop(self) -> None:
        self.is_stopped = True


class Desk:
    """Jobs that note when they ran, on a schedule that can be killed."""

    def __init__(self, folder: Path, start: datetime) -> None:
        self.folder, self.clock = folder, SimulatedClock(start)
        self.ran: list[tuple[str, datetime]] = []
        self.told: list[str] = []
        self.warned: list[tuple[str, dict[str, object]]] = []
        self.jobs: list[Job] = []
        self.seconds = 0.0
        self.quiet: Callable[[datetime], bool] = lambda now: True
        self.must_end: Callable[[datetime], bool] = lambda now: False

    def job(self, name: str, trigger: Trigger, work: Callable[[datetime], Work] | None = None, **more: object) -> None:
        def start(moment: datetime) -> Work:
            self.ran.append((name, moment))
            return Ended(True, "done") if work is None else work(moment)

        self.jobs.append(Job(name=name, title=Text(name, name), trigger=trigger, start=start, **more))  # type: ignore[arg-type]

    def open(self) -> Schedule:
        return Schedule(
            jobs=self.jobs,
            clock=self.clock,
            store=ScheduleStore(self.folder),
            is_quiet=self.quiet,
            must_end=self.must_end,
            tell=self.told.append,
            warn=lambda code, text, values: self.warned.append((code, values)),
            lang="en",
            steady=lambda: self.seconds,
        )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KST)


def test_moments_follow_the_exchange_with_its_holidays_and_late_closes() -> None:
    days = sessions_between(date(2024, 1, 1), date(2024, 12, 31))
    delay = timedelta(minutes=30)
    found = moments_between(AfterClose(delay), at("2024-01-01"), at("2025-01-01"))
    assert found == [session_close(day) + delay for day in days]
    assert at("2024-11-14 17:00") in found  # the college entrance exam: an hour late
    assert next_moment(AfterClose(timedelta(hours=20)), at("2024-05-03 16:00")) == at("2024-05-04 11:30")


def test_the_week_is_that_of_seoul_whatever_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    found = moments_between(SUNDAY, MONDAY, MONDAY + timedelta(weeks=3))
    assert found == [at("2024-05-12 18:00"), at("2024-05-19 18:00"), at("2024-05-26 18:00")]


def test_a_new_schedule_owes_nothing_for_the_time_before_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MONDAY)
    desk.job("weekly", SUNDAY)
    desk.open().turn()
    assert desk.ran == []
    desk.clock.advance_to(at("2024-05-12 17:59:59"))
    desk.open().turn()
    assert desk.ran == []
    desk.clock.advance_to(at("2024-05-12 18:00"))
    desk.open().turn()
    assert desk.ran == [("weekly", at("2024-05-12 18:00"))]


@pytest.mark.parametrize(("makes_up", "expected"), [(True, ["2024-05-26 18:00"]), (False, [])])
def test_what_passed_while_nobody_traded_is_made_up_for_once_or_skipped(
    tmp_path: Path, makes_up: bool, expected: list[str]
) -> None:
    desk = Desk(tmp_path, MONDAY)
    desk.job("weekly", SUNDAY, makes_up=makes_up)
    desk.open().turn()
    desk.clock.advance_to(at("2024-05-28 07:00"))  # three Sundays later
    for _ in range(3):
        schedule = desk.open()
        schedule.turn()
        schedule.turn()
    assert desk.ran == [("weekly", at(moment)) for moment in expected]
    assert len([line for line in desk.told if "skipped" in line]) == 1
    standing = ScheduleStore(tmp_path).standing("weekly")
    assert standing is not None and standing.state is (State.DONE if makes_up else State.SKIPPED)


def test_a_skip_that_is_no_loss_is_not_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MONDAY)
    desk.job("weekly", SUNDAY, makes_up=False, tells_skips=False)
    desk.open().turn()
    desk.clock.advance_to(at("2024-05-28 07:00"))
    desk.open().turn()
    assert (desk.ran, desk.told) == ([], [])


def test_a_job_that_is_skipped_when_missed_still_runs_a_little_late(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MONDAY)
    desk.job("weekly", SUNDAY, makes_up=False, grace=timedelta(minutes=30))
    desk.open().turn()
    desk.clock.advance_to(at("2024-05-12 18:29"))
    desk.open().turn()
    assert len(desk.ran) == 1


def test_killed_while_it_works_a_job_is_run_again_for_the_same_moment(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MONDAY)
    first = Pending()
    desk.job("weekly", SUNDAY, lambda moment: first)
    desk.open().turn()
    desk.clock.advance_to(at("2024-05-12 19:00"))
    desk.open().turn()  # this schedule is never heard of again
    desk.clock.advance(timedelta(minutes=1))
    desk.open().turn()
    assert len(desk.ran) == 1, "not before the time between two attempts has passed"
    desk.clock.advance(timedelta(minutes=10))
    schedule = desk.open()
    schedule.turn()
    assert desk.ran == [("weekly", at("2024-05-12 18:00"))] * 2
    first.result = True, "well"
    schedule.turn()
    assert not schedule.is_busy
    desk.open().turn()
    assert len(desk.ran) == 2


def test_work_that_left_its_result_before_the_kill_is_not_done_again(tmp_path: Path) -> None:
    desk, results = Desk(tmp_path, MONDAY), set[datetime]()

    def work(moment: datetime) -> Work:
        results.add(moment)
        return Pending()

    desk.job("weekly", SUNDAY, work, is_done=lambda moment: moment in results)
    desk.open().turn()
    desk.clock.advance_to(at("2024-05-12 19:00"))
    desk.open().turn()
    desk.clock.advance(timedelta(hours=1))
    desk.open().turn()
    assert len(desk.ran) == 1
    standing = ScheduleStore(tmp_path).standing("weekly")
    assert standing is not None and standing.state is State.DONE


def test_failures_are_tried_again_then_told_once_and_the_next_moment_comes(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MONDAY)

    def work(moment: datetime) -> Work:
        if len(desk.ran) % 2:
            raise DataError("the disk is full")
        return Ended(False, "no answer")

    desk.job("close", AfterClose(timedelta(minutes=30)), work, attempts=3)
    schedule = desk.open()
    schedule.turn()
    desk.clock.advance_to(at("2024-05-07 16:00"))
    for _ in range(60):
        schedule.turn()
        desk.clock.advance(timedelta(minutes=1))
    assert len(desk.ran) == 3
    assert desk.warned == [
        ("job_failed", {"job": "close", "moment": "2024-05-07T16:00:00+09:00", "attempts": 3}),
    ]
    desk.clock.advance_to(at("2024-05-08 16:00"))
    schedule.turn()
    assert desk.ran[-1] == ("close", at("2024-05-08 16:00"))


def test_one_piece_of_work_at_a_time_in_quiet_hours_and_not_for_ever(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MONDAY)
    works: list[Pending] = []

    def work(moment: datetime) -> Work:
        works.append(Pending())
        return works[-1]

    desk.quiet = lambda now: now.hour >= 20
    desk.job("loud", SUNDAY, work, longest_seconds=60.0, attempts=1)
    desk.job("quiet", SUNDAY, quiet=True)
    schedule = desk.open()
    schedule.turn()
    desk.clock.advance_to(at("2024-05-12 18:00"))
    schedule.turn()
    schedule.turn()
    assert [name for name, _ in desk.ran] == ["loud"]
    desk.seconds = 61.0
    schedule.turn()
    assert works[0].is_stopped
    assert [code for code, _ in desk.warned] == ["job_failed"]
    schedule.turn()
    assert [name for name, _ in desk.ran] == ["loud"], "the other waits for quiet hours"
    desk.clock.advance_to(at("2024-05-12 20:00"))
    schedule.turn()
    assert [name for name, _ in desk.ran] == ["loud", "quiet"]


def test_a_clock_that_is_set_back_doubles_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MONDAY)
    desk.job("weekly", SUNDAY)
    desk.open().turn()
    desk.clock.advance_to(at("2024-05-12 18:00"))
    desk.open().turn()
    desk.clock = SimulatedClock(at("2024-05-12 17:00"))
    schedule = desk.open()
    for _ in range(5):
        schedule.turn()
        desk.clock.advance(timedelta(minutes=30))
    assert len(desk.ran) == 1


def test_seeded_kills_and_pauses_neither_skip_nor_double_a_daily_job(tmp_path: Path) -> None:
    draw, desk = np.random.default_rng(5), Desk(tmp_path, MONDAY)
    results: list[datetime] = []

    def work(moment: datetime) -> Work:
        if draw.uniform() < 0.3:
            return Pending()  # killed before it left a result
        results.append(moment)
        return Ended(True, "done") if draw.uniform() < 0.5 else Pending()

    desk.job("close", AfterClose(timedelta(minutes=30)), work, is_done=lambda moment: moment in results, attempts=99)
    schedule = desk.open()
    while desk.clock.now() < at("2024-06-08"):
        schedule.turn()
        if draw.uniform() < 0.4:
            schedule = desk.open()
        desk.clock.advance(timedelta(minutes=int(draw.integers(1, 45))))
    assert results == [
        session_close(day) + timedelta(minutes=30) for day in sessions_between(date(2024, 5, 6), date(2024, 6, 7))
    ]


def test_a_damaged_file_is_told_once_and_stops_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MONDAY)
    desk.job("weekly", SUNDAY)
    schedule = desk.open()
    schedule.turn()
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    desk.clock.advance_to(at("2024-05-12 18:00"))
    for _ in range(3):
        schedule.turn()
    assert [code for code, _ in desk.warned] == ["schedule_unusable"]
    assert desk.ran == []
    with pytest.raises(DataError, match="remove it"):
        ScheduleStore(tmp_path)


def test_a_command_beside_the_trader_tells_how_it_ended(tmp_path: Path) -> None:
    for arguments, done, word in (
        (["--version"], True, "geoul"),
        (["backup", str(tmp_path / "no")], False, "status 2"),
    ):
        work = CommandWork(arguments, tmp_path / "jobs" / "log")
        while (ended := work.ended()) is None:
            pass
        assert ended[0] is done
        assert word in ended[1]
    endless = CommandWork(["watch", "--help"], tmp_path / "log")
    endless.stop()
    assert endless.ended() is not None


def reflecting(desk: Desk, works: list[Pending], **more: object) -> Schedule:
    """A long job of Sunday evening on a desk whose sessions are from 8 to 16 o'clock."""

    def work(moment: datetime) -> Work:
        works.append(Pending())
        return works[-1]

    desk.quiet = lambda now: not 7 <= now.hour < 16
    desk.must_end = lambda now: 8 <= now.hour < 16
    desk.job("weekly", SUNDAY, work, quiet=True, attempts=2, **more)
    schedule = desk.open()
    schedule.turn()
    desk.clock.advance_to(at("2024-05-12 18:00"))
    schedule.turn()
    return schedule


def test_work_that_is_not_over_before_a_session_is_ended_in_order_and_runs_again_after_it(tmp_path: Path) -> None:
    desk, works, over = Desk(tmp_path, MONDAY), list[Pending](), list[datetime]()
    schedule = reflecting(desk, works, finished=over.append)
    desk.clock.advance_to(at("2024-05-13 07:59:59"))
    schedule.turn()
    assert not works[0].is_asked_to_end
    desk.clock.advance_to(at("2024-05-13 08:00"))
    for _ in range(3):
        schedule.turn()
    assert works[0].is_asked_to_end
    assert not works[0].is_stopped
    assert schedule.is_busy
    works[0].result = False, "ended by a signal"
    schedule.turn()
    assert not schedule.is_busy
    values = {"job": "weekly", "moment": "2024-05-12T18:00:00+09:00", "attempts": 1}
    assert desk.warned == [("job_interrupted", values)]
    desk.clock.advance_to(at("2024-05-13 15:59"))
    schedule.turn()
    assert len(works) == 1, "not while the session goes on"
    desk.clock.advance_to(at("2024-05-13 16:00"))
    schedule.turn()
    assert desk.ran == [("weekly", at("2024-05-12 18:00"))] * 2
    assert over == []
    works[1].result = True, "done"
    schedule.turn()
    assert over == [at("2024-05-12 18:00")]
    assert len(desk.warned) == 1


def test_work_that_does_not_listen_is_killed_and_after_its_last_attempt_given_up(tmp_path: Path) -> None:
    desk, works = Desk(tmp_path, MONDAY), list[Pending]()
    schedule = reflecting(desk, works)
    for day in ("2024-05-13", "2024-05-14"):
        desk.clock.advance_to(at(f"{day} 08:00"))
        schedule.turn()
        desk.seconds += 20.0
        schedule.turn()
        assert not works[-1].is_stopped
        desk.seconds += 0.1
        schedule.turn()
        assert works[-1].is_stopped
        desk.clock.advance_to(at(f"{day} 16:00"))
        schedule.turn()
    assert len(works) == 2
    assert [code for code, _ in desk.warned] == ["job_interrupted", "job_interrupted", "job_failed"]
    standing = ScheduleStore(tmp_path).standing("weekly")
    assert standing is not None and standing.state is State.FAILED


def test_work_that_was_over_when_it_was_asked_to_end_is_done(tmp_path: Path) -> None:
    desk, works = Desk(tmp_path, MONDAY), list[Pending]()
    schedule = reflecting(desk, works)
    desk.clock.advance_to(at("2024-05-13 08:00"))
    schedule.turn()
    works[0].result = True, "just in time"
    schedule.turn()
    assert desk.warned == []
    standing = ScheduleStore(tmp_path).standing("weekly")
    assert standing is not None and standing.state is State.DONE


def test_a_crash_between_the_end_of_work_and_its_note_tells_the_end_again(tmp_path: Path) -> None:
    desk, over = Desk(tmp_path, MONDAY), list[datetime]()

    def finished(moment: datetime) -> None:
        over.append(moment)
        if len(over) == 1:
            raise KeyboardInterrupt  # the process dies here

    desk.job("weekly", SUNDAY, finished=finished, is_done=lambda moment: bool(desk.ran))
    desk.open().turn()
    desk.clock.advance_to(at("2024-05-12 18:00"))
    with pytest.raises(KeyboardInterrupt):
        desk.open().turn()
    desk.clock.advance(timedelta(minutes=10))
    desk.open().turn()
    assert over == [at("2024-05-12 18:00")] * 2
    assert len(desk.ran) == 1


def test_quiet_work_ends_ten_minutes_before_a_decision_and_begins_no_later_than_an_hour_before() -> None:
    for before_open, decision in ((True, "08:30"), (False, "09:00:05")):
        timetable = Timetable(before_open=before_open)
        quiet, must_end = quiet_hours(timetable), ending_hours(timetable)
        first = at(f"2024-05-13 {decision}")
        for minutes, expected in (
            (-61, (True, False)),
            (-59, (False, False)),
            (-10, (False, True)),
            (0, (False, True)),
        ):
            now = first + timedelta(minutes=minutes)
            assert (quiet(now), must_end(now)) == expected
        assert must_end(at("2024-05-13 15:39"))
        assert (quiet(at("2024-05-13 15:40")), must_end(at("2024-05-13 15:40"))) == (True, False)
        assert (quiet(at("2024-05-12 18:00")), must_end(at("2024-05-12 18:00"))) == (True, False)
