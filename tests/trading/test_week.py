"""A week at the served venue: regular work runs once and alerts are told once, although the trader is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from brokers.kis_server.server import ServerThread
from engine.clock import SystemClock
from engine.data.panel import CLOSE, HIGH, LOW, Panel
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tick_size import grid_below
from engine.ledger.alerts import alerts_after
from engine.ledger.days import fills_of_day
from engine.ledger.ledger import Ledger, open_ledger
from engine.trading.account_jobs import RegularWork
from engine.trading.backup import moment_of, read_backup
from engine.trading.schedule_store import ScheduleStore, State
from tests.builders_panel import DAY_ONE, make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, trader_on, write_prompt

ROOT = Path(__file__).parents[2]
SESSIONS = 6
REFLECTING = 2  # each day of these starts commands beside the trader
LIVELY = 0.05  # a day's standard deviation: steps of 5 % on most days


def lively_market(seed: int) -> Panel:
    """Names that move a lot, within a day too."""
    draw = np.random.default_rng(seed)
    bars = {}
    for name in NAMES:
        close, rows = int(draw.integers(8_000, 40_000)), []
        for _ in range(BEFORE + SESSIONS):
            prices = [close * (1 + float(np.clip(draw.normal(0, LIVELY), -0.25, 0.25))) for _ in range(4)]
            grid = [grid_below(int(price), DAY_ONE, InstrumentClass.KOSPI_STOCK) for price in prices]
            close = grid[3]
            rows.append((grid[0], max(grid), min(grid), close, 500_000))
        bars[name] = rows
    return make_panel(bars, index=list(2_000.0 + np.cumsum(draw.normal(0, 10, BEFORE + SESSIONS))))


def market_alerts(ledger: Ledger) -> list[tuple[Any, ...]]:
    """(kind, name, step, session, fill) of every alert of the watch."""
    found = []
    for alert in alerts_after(ledger.connection, 0, 10_000):
        if alert.code.startswith("market_"):
            values = alert.parameters
            found.append((values["kind"], values["ticker"], values["step"], values["session"], values.get("fill")))
    return found


def steps_of(panel: Panel, kind: str, ticker: str, session: str) -> int:
    """How many steps of 5 % the day's extreme lies from the close before, by the bars."""
    row = next(row for row in range(panel.rows) if panel.session_date(row).isoformat() == session)
    column = panel.tickers.index(ticker)
    base = int(panel.bars[CLOSE, row - 1, column])
    extreme = int(panel.bars[HIGH if kind == "rise" else LOW, row, column])
    return abs(extreme - base) * 100 // (base * 5)


def backups_of(folder: Path) -> list[date]:
    """The days of the backups, each read and checked."""
    paths = sorted((folder / "backups").glob("geoul-backup-*.zip"))
    assert all(read_backup(path).sequence > 0 for path in paths)
    return [moment.date() for path in paths if (moment := moment_of(path)) is not None]


def test_days_with_restarts_reflect_once_and_back_up_each_day(tmp_path: Path) -> None:
    panel, prompt, folder = lively_market(4), write_prompt(tmp_path), tmp_path / "a"
    work = RegularWork(reflect="weekly")
    days = [panel.session_date(BEFORE + number) for number in range(SESSIONS)]
    assert days[0].isoweekday() == 1, "the Sunday before it is the only one"
    with make_server(panel, SETTINGS, start=days[0]) as server:
        for number in range(REFLECTING):
            with trader_on(server, folder, prompt, NAMES, SETTINGS, work=work) as running:
                advance(server, running, "open")
            with trader_on(server, folder, prompt, NAMES, SETTINGS, work=work) as running:
                advance(server, running, "evening")
                finish_work(running.trading.schedule, running.trading.trader.turn)
                ledger = running.trading.ledger
                told, fills = market_alerts(ledger), [fill.key for day in days for fill in fills_of_day(ledger, day)]
                assert backups_of(folder) == days[: number + 1], running.lines
                reflections = ledger.connection.execute("SELECT time FROM reflections").fetchall()
    sundays = {moment[:10] for (moment,) in reflections}
    assert len(reflections) == len(sundays) == 1
    assert date.fromisoformat(next(iter(sundays))).isoweekday() == 7
    assert [kind for kind, *_ in told].count("fill") == len(fills)
    assert sorted(key for kind, *_, key in told if kind == "fill") == sorted(fills)
    assert max(Counter(each for each in told if each[0] != "fill").values()) == 1
    moves = [(kind, ticker, step, session) for kind, ticker, step, session, _ in told if kind in ("rise", "fall")]
    assert moves
    for kind, ticker, step, session in moves:
        assert 1 <= step <= steps_of(panel, kind, ticker, session)


def finish_work(schedule: object, turn: object) -> None:
    """Turn until the work that is due has been done."""
    deadline = time.monotonic() + 60
    while schedule.is_busy or any(  # type: ignore[attr-defined]
        standing is not None and standing.state is State.BEGUN
        for _, standing, _ in schedule.standings()  # type: ignore[attr-defined]
    ):
        assert time.monotonic() < deadline, "the work does not end"
        turn(0.02)  # type: ignore[operator]


def wait_until_registered(server: ServerThread) -> None:
    deadline = time.monotonic() + 60
    while not len(server.server.clients):
        assert time.monotonic() < deadline, "the trader did not come"
        time.sleep(0.05)


def test_killed_at_moments_nobody_chose_each_alert_is_told_once_and_none_is_lost(tmp_path: Path) -> None:
    sessions, kills, folder = 5, 4, tmp_path / "account"
    panel, prompt, draw = lively_market(4), write_prompt(tmp_path), np.random.default_rng(11)
    folder.mkdir()
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE), answer_seconds=1.0) as server:
        client = Client(server, "live")
        write_server_keys(folder, server, client)
        command = [sys.executable, "-m", "tests.trading_process", server.url, str(folder), str(prompt), "live"]
        command += [",".join(NAMES), SETTINGS.model_dump_json(), "5", "work"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            wait_until_registered(server)
            deadline, done = time.monotonic() + float(draw.uniform(0.05, 1.0)), 0
            while done < sessions:
                answer = client.session.post(f"{server.url}/_world/advance", json={"until": "evening"})
                done += answer.status_code == 200
                if kills and (answer.status_code == 504 or time.monotonic() > deadline):
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    kills -= 1
                    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
                    deadline = time.monotonic() + float(draw.uniform(0.3, 2.0))
                assert process.poll() is None, "the trader ended by itself"
        finally:
            process.kill()
            process.wait()
            client.session.close()
        assert kills < 4
        with trader_on(server, folder, prompt, None, SETTINGS) as running:
            running.trading.trader.begin()
            running.trading.trader.turn(0.05)
            ledger = running.trading.ledger
            told = market_alerts(ledger)
            days = [panel.session_date(BEFORE + number) for number in range(sessions)]
            fills = [fill.key for day in days for fill in fills_of_day(ledger, day)]
    assert max(Counter(told).values()) == 1
    assert sorted(key for kind, *_, key in told if kind == "fill") == sorted(fills)
    assert fills
    standing = ScheduleStore(folder).standing("backup")
    assert standing is not None and standing.moment.date() in days
    with open_ledger(folder / "ledger.db", SystemClock(), read_only=True) as ledger:
        assert not ledger.unresolved_orders()
