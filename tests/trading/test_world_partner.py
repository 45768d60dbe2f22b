"""A served world goes on although frames were on their way to its trader when the line was cut: they never come."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

import requests

from engine.ledger.reflections import reflections
from engine.trading.account_jobs import RegularWork
from engine.trading.job_process import CommandWork
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt


def test_frames_that_a_cut_line_has_swallowed_are_not_waited_for(tmp_path: Path) -> None:
    panel, prompt = market(1, 3), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE), answer_seconds=15.0) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS) as running,
    ):
        advance(server, running, "evening")
        stream = server.server.stream
        for key in stream._sent_to:
            stream._sent_to[key] += 3  # counted, and lost on the way
        assert (
            requests.post(f"{server.url}/_world/faults", json={"now": "socket_cut"}, timeout=60).json()["struck"] == 1
        )
        advance(server, running, "evening")
        advance(server, running, "evening")
        assert not running.trading.trader.differences


def test_a_fast_world_lets_sundays_reflection_end_before_monday_though_its_first_process_dies(tmp_path: Path) -> None:
    panel, prompt = market(1, 1), write_prompt(tmp_path)
    monday = panel.session_date(BEFORE)
    assert monday.isoweekday() == 1
    with (
        make_server(panel, SETTINGS, start=monday, answer_seconds=1.0) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS, work=RegularWork(reflect="weekly")) as running,
    ):
        schedule, ledger = running.trading.schedule, running.trading.ledger
        killed: list[int] = []

        def stop() -> bool:
            current = schedule._running
            if not killed and current is not None and current.job.name == "reflection":
                assert isinstance(current.work, CommandWork)
                os.kill(current.work._process.pid, signal.SIGKILL)
                killed.append(current.work._process.pid)
            return bool(ledger.connection.execute("SELECT count(*) FROM decisions").fetchone()[0])

        server.server.pace.speed = 1_000_000
        running.trading.run(stop)
        (done,) = reflections(ledger)
        (standing,) = [each for job, each, _ in schedule.standings() if job.name == "reflection"]
    assert done.time.date() == monday - timedelta(days=1)
    assert killed and standing is not None and standing.attempts == 2
