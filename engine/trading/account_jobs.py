"""The regular work of an account: a backup after each close, bars that came late, the weekly reflection.

What takes long runs as a `geoul` command in a process of its own. The reflection writes its record, its trials and its
alerts into the ledger from there, which SQLite's lock orders; it starts only while no session goes on, so that the
trader never waits for it with a level to guard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from engine.clock import KST
from engine.config import BacktestConfig
from engine.data.atomic import atomic_path
from engine.ledger.canonical import stamp
from engine.ledger.ledger import Ledger
from engine.reports.language import Lang, Text
from engine.trading.backup import backup_path
from engine.trading.job_process import CommandWork
from engine.trading.schedule import Ended, Job, Work
from engine.trading.timetable import Timetable
from engine.trading.triggers import AfterClose, weekly

BACKUP_AFTER = timedelta(minutes=30)  # the books of the day are closed
BARS_AFTER = timedelta(hours=2, minutes=30)  # after-hours trading is over: the bars of the day are final
BEFORE_DECISION = timedelta(hours=1)  # nothing long begins so shortly before
BEFORE_THE_END = timedelta(minutes=10)  # before a decision: what is long and still runs is ended
_BACKUP = Text("백업", "Backup")
_BARS = Text("시세 보완", "Late bars")
_REFLECTION = Text("주간 성찰", "Weekly reflection")
_UP_TO = Text("{day}까지", "up to {day}")
_NOT_YET = Text("{day} 봉이 아직 없습니다", "the bars of {day} are not there yet")


@dataclass(frozen=True, kw_only=True)
class RegularWork:
    """What an account does beside its decisions.

    Args:
        backups: folder of the backups; None = `backups` in the account's folder.
        daily, weekly: backups that are kept: the last of each of so many days and weeks.
        reflect: the weekly reflection, Sundays at 18:00.
        writer: who writes the rules of a reflection: scripted or llm.
        reflection_data: dataset of the gate, for it asks for years; None = the account's own history.
        broker: options by which a reflection reaches the account's broker; none = it asks nobody.
    """

    backups: Path | None = None
    daily: int = 7
    weekly: int = 8
    reflect: Literal["off", "weekly"] = "off"
    writer: str = "scripted"
    reflection_data: Path | None = None
    broker: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WorkPlace:
    """Of which account.

    Args:
        folder: of the account; its ledger is `ledger.db` and its bars are in `data`.
        ledger: open, in the trader's thread.
        prompt: that it follows.
        settings: costs and limits.
        bring_up: downloads what is missing; returns the last session that is there.
        lang: of texts.
        on_reflection: told of the moment of a weekly reflection that is over; the same one may come again.
    """

    folder: Path
    ledger: Ledger
    prompt: Path
    settings: BacktestConfig
    bring_up: Callable[[], date]
    lang: Lang
    on_reflection: Callable[[datetime], None] = lambda moment: None


def jobs_of(work: RegularWork, place: WorkPlace) -> list[Job]:
    """The jobs of an account."""
    jobs = [_bars(place), _backup(work, place)]
    if work.reflect == "weekly":
        jobs.append(_reflection(work, place))
    return jobs


def quiet_hours(timetable: Timetable) -> Callable[[datetime], bool]:
    """Whether no session goes on, and none begins shortly."""

    def is_quiet(now: datetime) -> bool:
        day = timetable.day_at(now)
        return day is None or now < day.decide - BEFORE_DECISION or now >= day.ends

    return is_quiet


def ending_hours(timetable: Timetable) -> Callable[[datetime], bool]:
    """Whether a session goes on or is about to begin, so that quiet work has to end."""

    def must_end(now: datetime) -> bool:
        day = timetable.day_at(now)
        return day is not None and day.decide - BEFORE_THE_END <= now < day.ends

    return must_end


def _bars(place: WorkPlace) -> Job:
    """Bars that were not there, or not final, when the books were closed; asked for in the trader's own turn."""

    def start(moment: datetime) -> Work:
        wanted, last = moment.date(), place.bring_up()
        text = _UP_TO if last >= wanted else _NOT_YET
        return Ended(last >= wanted, text(place.lang).format(day=max(last, wanted)))

    return Job(
        name="bars",
        title=_BARS,
        trigger=AfterClose(BARS_AFTER),
        start=start,
        grace=timedelta(hours=12),
        makes_up=False,  # the next decision asks for all that is missing
        tells_skips=False,
        quiet=True,
        attempts=12,
    )


def _backup(work: RegularWork, place: WorkPlace) -> Job:
    target = (work.backups or place.folder / "backups").resolve()

    def start(moment: datetime) -> Work:
        told = ["backup", str(place.folder.resolve()), "--prompt", str(place.prompt.resolve()), "--to", str(target)]
        told += ["--daily", str(work.daily), "--weekly", str(work.weekly), "--lang", place.lang]
        return CommandWork([*told, "--now", f"{moment.astimezone(KST):%Y-%m-%dT%H:%M:%S}"], _log(place, "backup"))

    return Job(
        name="backup",
        title=_BACKUP,
        trigger=AfterClose(BACKUP_AFTER),
        start=start,
        is_done=lambda moment: backup_path(target, moment).is_file(),
        longest_seconds=3600.0,
    )


def _reflection(work: RegularWork, place: WorkPlace) -> Job:
    def start(moment: datetime) -> Work:
        settings = place.folder / "jobs" / "settings.yaml"
        with atomic_path(settings) as part:
            part.write_text(place.settings.model_dump_json(indent=1) + "\n", encoding="utf-8")  # JSON is YAML
        return CommandWork(_reflect_command(work, place, settings, moment), _log(place, "reflection"))

    return Job(
        name="reflection",
        title=_REFLECTION,
        trigger=weekly("sun", 18),
        start=start,
        is_done=lambda moment: _has_reflected(place.ledger, moment),
        finished=place.on_reflection,
        quiet=True,
        attempts=2,
        again=timedelta(hours=1),
        longest_seconds=12 * 3600.0,
    )


def _reflect_command(work: RegularWork, place: WorkPlace, settings: Path, moment: datetime) -> Sequence[str]:
    folder = place.folder.resolve()
    data = work.reflection_data or folder / "data"
    page = folder / "reports" / f"reflection-{moment:%Y%m%d}.html"
    command = ["reflect", "--prompt", str(place.prompt.resolve()), "--ledger", str(folder / "ledger.db")]
    command += ["--data", str(data), "--allow-gaps", "--config", str(settings.resolve()), "--writer", work.writer]
    command += ["--now", f"{moment.astimezone(KST):%Y-%m-%dT%H:%M}", "--report", str(page), "--lang", place.lang]
    return [*command, *work.broker]


def _has_reflected(ledger: Ledger, moment: datetime) -> bool:
    """Whether the ledger has a reflection of that moment that did not fail."""
    found = ledger.connection.execute(
        "SELECT 1 FROM reflections WHERE run_id = 0 AND time = ? AND status <> 'failed'", (stamp(moment),)
    )
    return found.fetchone() is not None


def _log(place: WorkPlace, name: str) -> Path:
    return place.folder / "jobs" / f"{name}.log"
