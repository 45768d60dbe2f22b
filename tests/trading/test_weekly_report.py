"""Unattended weeks: the reflection of a Sunday is announced once, arrives with its picture, and yields to sessions."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from engine.clock import KST, SimulatedClock
from engine.ledger.alerts import alerts_after
from engine.ledger.connection import connect
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.reflections import ReflectionRecord, record_reflection, reflections
from engine.ledger.verify import verify
from engine.notify.courier import Courier
from engine.notify.weekly_report import announce_week_of
from engine.trading.account_jobs import RegularWork
from engine.trading.job_process import CommandWork
from engine.trading.schedule_store import State
from tests.kis_client import make_server
from tests.notify_servers import mail_server, settings_for
from tests.trading_world import BEFORE, NAMES, SETTINGS, Running, advance, market, trader_on, write_prompt

WORK = RegularWork(reflect="weekly")
SUNDAY = datetime(2024, 5, 5, 18, 0, tzinfo=KST)
PATIENCE_SECONDS = 90.0


def codes(ledger: Ledger, code: str) -> list[dict[str, object]]:
    return [dict(each.parameters) for each in alerts_after(ledger.connection, 0, -1) if each.code == code]


def finish_work(running: Running) -> None:
    """Turn until nothing that is due is left."""
    schedule, deadline = running.trading.schedule, time.monotonic() + PATIENCE_SECONDS
    while schedule.is_busy or any(
        standing is not None and standing.state is State.BEGUN for _, standing, _ in schedule.standings()
    ):
        assert time.monotonic() < deadline, "the work does not end"
        running.trading.trader.turn(0.02)


def test_two_weeks_with_restarts_bring_two_weekly_reports_by_mail(tmp_path: Path) -> None:
    sessions, folder = 6, tmp_path / "account"
    panel, prompt = market(1, sessions), write_prompt(tmp_path)
    assert panel.session_date(BEFORE).isoweekday() == 1
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server, mail_server() as mailbox:
        for number in range(sessions):
            if 0 < number < sessions - 1:  # nobody trades from Tuesday to Friday
                requests.post(f"{server.url}/_world/advance", json={"until": "evening"}, timeout=60).raise_for_status()
                continue
            with trader_on(server, folder, prompt, NAMES, SETTINGS, work=WORK) as running:
                clock = SimulatedClock(running.trading.ledger.clock.now())
                courier = Courier(folder, settings_for(mailbox=mailbox, oldest_hours=1_000), clock, lang="ko")
                advance(server, running, "evening")
                finish_work(running)  # a Monday: the reflection of the day before is made up for
                clock.advance_to(running.trading.ledger.clock.now() + timedelta(minutes=1))
                while courier.turn():
                    pass
                ledger = running.trading.ledger
                done, announced = reflections(ledger), codes(ledger, "week_report")
    assert [each.time.isoweekday() for each in done] == [7, 7]
    assert announced == [{"reflection_id": each.reflection_id} for each in done]
    reports = [mail for mail in mailbox.mails if "주간 성찰 보고서" in mail["Subject"]]
    assert len(reports) == 2, [mail["Subject"] for mail in mailbox.mails]
    (picture,) = [part for part in reports[1].walk() if part.get_content_type() == "image/png"]
    assert picture.get_content()[:4] == b"\x89PNG"


def test_a_reflection_that_hangs_into_the_morning_is_ended_and_made_after_the_session(tmp_path: Path) -> None:
    sessions, folder = 2, tmp_path / "account"
    panel, prompt = market(1, sessions), write_prompt(tmp_path)
    text = prompt.read_text(encoding="utf-8")
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS, work=WORK) as running,
    ):
        schedule, ledger = running.trading.schedule, running.trading.ledger
        advance(server, running, "evening")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while schedule._running is None or schedule._running.job.name != "reflection":
            assert time.monotonic() < deadline
            running.trading.trader.turn(0.01)
        work = schedule._running.work
        assert isinstance(work, CommandWork)
        os.kill(work._process.pid, signal.SIGSTOP)  # it hangs
        advance(server, running, "open")
        assert schedule._running is not None and schedule._running.asked_to_end_at is not None
        os.kill(work._process.pid, signal.SIGCONT)
        while schedule.is_busy:
            assert time.monotonic() < deadline
            running.trading.trader.turn(0.02)
        (told,) = codes(ledger, "job_interrupted")
        assert told["job"] == "reflection"
        assert reflections(ledger) == []
        assert ledger.connection.execute("SELECT count(*) FROM decisions").fetchone() == (2,), "trading went on"
        assert prompt.read_text(encoding="utf-8") == text
        advance(server, running, "evening")
        finish_work(running)
        assert len(reflections(ledger)) == len(codes(ledger, "week_report")) == 1
        assert len(codes(ledger, "job_interrupted")) == 1


def week_of(ledger: Ledger, status: str, moment: datetime = SUNDAY) -> int:
    record = ReflectionRecord(
        time=moment,
        first=moment - timedelta(days=7),
        last=moment,
        writer="scripted",
        status=status,
        failure="M2: no answer" if status == "failed" else "",
        prompt_hash="a",
        new_prompt_hash=None,
        figures={"trades": 3, "win_rate": 1 / 3, "pnl": -5_000},
        analysis={},
        proposals=(),
    )
    return record_reflection(ledger, record)


def test_a_week_is_announced_once_however_often_its_end_is_told(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.db", SimulatedClock(SUNDAY + timedelta(hours=1))) as ledger:
        assert announce_week_of(ledger, SUNDAY, "en") is None, "nobody reflected"
        week_of(ledger, "failed")
        last = week_of(ledger, "unchanged")
        assert announce_week_of(ledger, SUNDAY, "en") is not None
        assert announce_week_of(ledger, SUNDAY, "en") is None
        assert codes(ledger, "week_report") == [{"reflection_id": last}]
        text = alerts_after(ledger.connection, 0, 1)[0].text
        assert "3 closed trades" in text and "2024-04-28" in text
        later = SUNDAY + timedelta(minutes=30)
        other = week_of(ledger, "unchanged", later)
        announce_week_of(ledger, later, "ko")
        assert [each["reflection_id"] for each in codes(ledger, "week_report")] == [last, other]


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_sigterm_ends_a_reflection_in_order_and_the_next_one_is_whole(tmp_path: Path, delay: float) -> None:
    sessions, folder = 1, tmp_path / "account"
    panel, prompt = market(1, sessions), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS) as running,
    ):
        advance(server, running, "evening")
        now = running.trading.ledger.clock.now()
    text, before = prompt.read_text(encoding="utf-8"), set(tmp_path.rglob("*.part*"))
    command = ["reflect", "--prompt", str(prompt), "--ledger", str(folder / "ledger.db"), "--allow-gaps"]
    command += ["--data", str(folder / "data"), "--now", f"{now + timedelta(minutes=1):%Y-%m-%dT%H:%M}"]
    command += ["--report", str(tmp_path / "page.html")]
    lock, deadline = tmp_path / f".{prompt.name}.reflection.lock", time.monotonic() + PATIENCE_SECONDS
    work = CommandWork(command, tmp_path / "log")
    while not lock.exists():
        assert work.ended() is None, work.ended()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(delay)
    work.ask_to_end()
    while (ended := work.ended()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with open_ledger(folder / "ledger.db", SimulatedClock(now + timedelta(hours=1))) as ledger:
        found = reflections(ledger)
    assert found or "exit status 143" in ended[1], ended
    if not found:
        assert prompt.read_text(encoding="utf-8") == text
    assert set(tmp_path.rglob("*.part*")) == before
    connection = connect(folder / "ledger.db", now, read_only=True)
    assert not verify(connection)
    connection.close()
    again = CommandWork(command, tmp_path / "log")
    while (ended := again.ended()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ended[0], ended
