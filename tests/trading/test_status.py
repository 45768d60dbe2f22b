"""`geoul status` shows a trader that runs, one that was killed, one that stopped, and a folder that is no account."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.clock import SystemClock
from engine.ledger.canonical import stamp
from engine.ledger.ledger import open_ledger
from engine.ledger.supervision import Supervision, What, record_supervision
from engine.trading.control import SILENT, ControlFile
from engine.trading.status_file import StatusFile
from tests.builders_ledger import approve, make_clock, make_ledger, make_request
from tests.trading.test_health import health_with

ROOT = Path(__file__).parents[2]


def status(folder: Path, *options: str) -> tuple[int, str]:
    told = CliRunner().invoke(app, ["status", str(folder), *options], env={"COLUMNS": "160"})
    if told.exception is not None and not isinstance(told.exception, SystemExit):
        raise told.exception
    return told.exit_code, told.output


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "account.json").write_text(json.dumps({"environment": "paper", "account": "x"}))
    with make_ledger(tmp_path, deposit=7_654_321) as ledger:
        halt = {"everything": False, "cancel": False, "sell": False}
        entry = Supervision(time=ledger.clock.now(), what=What.HALT, who="eun", reason="taifun", values=halt)
        record_supervision(ledger, entry)
    return tmp_path


def beat(folder: Path, word: str = "lives", age: float = 0.0) -> None:
    path = folder / "heartbeat"
    then = SystemClock().now() - timedelta(seconds=age)
    path.write_text(f"{word} {stamp(then)}\n")
    os.utime(path, (then.timestamp(), then.timestamp()))


def test_a_trader_that_runs_is_shown_by_its_snapshot(account: Path) -> None:
    beat(account)
    assert status(account, "--lang", "en") == (0, f"{account.name} · paper · starting\n")
    StatusFile(account).write(health_with(equity=9_700_000, losing_streak=4))
    code, shown = status(account, "--lang", "en")
    assert code == 0
    assert "paper · trading · warning" in shown
    assert "3.00%" in shown
    assert "9,700,000 won" in shown
    assert "LV3 paper trading" in shown
    assert "7,654,321" not in shown
    assert "평가금액" in status(account)[1]
    StatusFile(account).write(health_with(differences=1))
    assert status(account)[0] == 1


def test_a_trader_that_was_killed_is_shown_by_its_ledger_with_the_time_of_its_last_sign(account: Path) -> None:
    StatusFile(account).write(health_with())
    beat(account, age=3_600)
    code, shown = status(account, "--lang", "en")
    assert code == 1
    assert "no sign of life since" in shown
    assert f"{SystemClock().now() - timedelta(hours=1):%Y-%m-%d %H:}" in shown
    assert "7,654,321 won" in shown
    assert "eun: taifun" in shown
    beat(account, "ended")
    assert "stopped on purpose at" in status(account, "--lang", "en")[1]
    (account / "heartbeat").unlink()
    assert "아직 거래한 적이 없습니다" in status(account)[1]


def test_an_alarm_that_nobody_has_written_down_is_shown_until_a_trader_has(account: Path) -> None:
    beat(account, age=3_600)
    control, now = ControlFile(account), SystemClock().now()
    control.ask("resume", "eun", {"reason": "no alarm"}, now)
    asked = control.ask(SILENT, "geoul watch", {"text": "No sign of life for 60 s", "has_ended": False}, now)
    shown = status(account, "--lang", "en")[1]
    assert "alarm" in shown
    assert f"{now:%m-%d %H:%M:%S} No sign of life for 60 s" in shown
    control.listen()
    control.answer(control.request(asked), done=True, text="", now=now)
    control.close()
    assert "No sign of life" not in status(account, "--lang", "en")[1]


def test_open_orders_are_told_in_the_language_of_the_reader(account: Path) -> None:
    with open_ledger(account / "ledger.db", make_clock()) as ledger:
        ledger.record_intent(approve(make_request()))
    beat(account, age=3_600)
    assert "매수 005930 10" in status(account)[1]
    assert "buy 005930 10" in status(account, "--lang", "en")[1]


def test_a_folder_without_an_account_is_named(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="holds no account"):
        status(tmp_path)


def test_the_screen_is_drawn_anew_until_a_person_has_seen_enough(account: Path) -> None:
    beat(account)
    StatusFile(account).write(health_with(equity=11_111_111))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "engine.cli.main", "status", str(account), "--watch", "--lang", "en"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=theirs, env={**os.environ, "COLUMNS": "160", "TERM": "xterm"})
    os.close(theirs)
    try:
        shown = b""
        while b"11,111,111 won" not in shown:
            shown += os.read(ours, 4_096)
        StatusFile(account).write(health_with(equity=12_222_222))
        while b"12,222,222 won" not in shown:
            beat(account)
            shown += os.read(ours, 4_096)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
