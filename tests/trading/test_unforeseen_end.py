"""A trader that ends by itself, once or at every start: people are told why, now and then, and when it is back."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

import engine.cli.main as main
from brokers.kis_trading.right_clock import WrongClock
from engine.cli.trading_run import passing_troubles
from engine.clock import KST, SimulatedClock
from engine.errors import DataError, UnknownDate
from engine.krx.sessions import LAST_DAY, is_session
from engine.ledger.alerts import Urgency, all_alerts
from engine.ledger.connection import LedgerError
from engine.ledger.ledger import Ledger, open_ledger
from engine.notify.settings import FILE_VARIABLE
from engine.service.unit import unit_text
from engine.trading.unforeseen_end import tell_return, telling_why
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 23, 8, 0, tzinfo=KST))


@pytest.fixture
def ledger(tmp_path: Path, clock: SimulatedClock) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db", clock) as opened:
        yield opened


def end_by(error: Exception, ledger: Ledger) -> None:
    with pytest.raises(type(error)), telling_why(ledger, lambda line: None, "en"):
        raise error


def codes(ledger: Ledger) -> list[str]:
    return [alert.code for alert in all_alerts(ledger)]


def test_a_start_that_fails_every_quarter_of_a_minute_is_told_once_a_day(ledger: Ledger, clock: SimulatedClock) -> None:
    for _ in range(2 * 24 * 60):
        end_by(DataError("the key was refused"), ledger)
        clock.advance(timedelta(minutes=1))
    assert codes(ledger) == ["trader_ended"] * 2
    assert all(alert.urgency is Urgency.CRITICAL for alert in all_alerts(ledger))


def test_errors_in_other_words_are_told_three_times_an_hour(ledger: Ledger, clock: SimulatedClock) -> None:
    for number in range(100):
        end_by(DataError(f"error {number}"), ledger)
    assert codes(ledger) == ["trader_ended"] * 3
    clock.advance(timedelta(hours=2))
    end_by(UnknownDate("the table ends"), ledger)
    assert all_alerts(ledger)[-1].text.endswith("the table ends")


def test_a_fault_of_ours_is_told_without_what_it_may_quote(ledger: Ledger) -> None:
    end_by(KeyError("secret"), ledger)
    (alert,) = all_alerts(ledger)
    assert "KeyError" in alert.text and "geoul.log" in alert.text
    assert "secret" not in alert.text


@pytest.mark.parametrize(
    "error", [LedgerError("database or disk is full"), OSError(28, "No space left on device"), WrongClock("behind")]
)
def test_what_may_be_over_soon_ends_with_a_status_after_which_a_service_starts_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail() -> None:
        with passing_troubles():
            raise error

    monkeypatch.setattr(main, "app", fail)
    with pytest.raises(SystemExit) as ended:
        main.main()
    unit = unit_text(tmp_path, "paper", ["geoul"], cache=tmp_path)
    (prevented,) = re.findall(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)
    assert str(ended.value.code) not in prevented.split()


def test_the_end_of_the_table_ends_with_a_status_after_which_a_service_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "app", lambda: is_session(LAST_DAY + timedelta(days=1)))
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2


def test_the_all_clear_comes_once_and_only_after_an_end(ledger: Ledger) -> None:
    tell_return(ledger, "en")
    assert codes(ledger) == []
    end_by(DataError("no"), ledger)
    tell_return(ledger, "en")
    tell_return(ledger, "en")
    assert codes(ledger) == ["trader_ended", "trader_back"]


def test_a_revoked_app_key_at_a_start_reaches_the_channel_before_the_process_is_gone(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 3), write_prompt(tmp_path), tmp_path / "account"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS, environment="paper") as running:
            advance(server, running, "evening")
        faults = [{"fault": "server_error", "calls": ["inquire_daily_ccld", "inquire_balance"]}]
        requests.post(f"{server.url}/_world/faults", json=faults, timeout=10)
        settings = tmp_path / "notify.yaml"
        settings.write_text("notify: {channels: {here: {kind: console}}}\n", encoding="utf-8")
        command = [sys.executable, "-m", "engine.cli.main", "paper", str(prompt), "--folder", str(folder)]
        command += ["--world", server.url, "--lang", "en"]
        environment = os.environ | {FILE_VARIABLE: str(settings)}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 3, done.stdout + done.stderr
        with closing(sqlite3.connect(folder / "deliveries.db")) as connection:
            sent = connection.execute("SELECT status, text FROM deliveries WHERE code = 'trader_ended'").fetchall()
        assert [status for status, _ in sent] == ["delivered"]
        assert "app key" in sent[0][1]
        requests.post(f"{server.url}/_world/faults", json=[], timeout=10)
        with trader_on(server, folder, prompt, None, SETTINGS, environment="paper") as running:
            advance(server, running, "morning")
            assert codes(running.trading.ledger)[-1] == "trader_back"
