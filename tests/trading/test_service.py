"""SIGTERM ends a trader in order and in time; the unit that runs it is one that systemd understands."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from engine.cli.graceful_stop import leaving_when_stopped
from engine.cli.main import app
from engine.clock import SystemClock
from engine.errors import BadInput
from engine.ledger.connection import connect
from engine.ledger.verify import verify
from engine.service.unit import unit_name, unit_text
from engine.trading.heartbeat import last_beat
from engine.trading.monitor import EVERY_SECONDS
from engine.trading.status_file import StatusFile
from tests.kis_client import Client, make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, market, write_prompt

ROOT = Path(__file__).parents[2]
SECONDS = 5.0  # that a stop may take
HANGING = """
import hashlib, sys, threading, time
from engine.cli.graceful_stop import stop_on_signals
stopped = stop_on_signals()
print("ready", flush=True)
try:
    {work}
finally:
    print("cleared up", flush=True)
    {clearing}
"""


def stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=SECONDS)


def test_a_trader_that_is_told_to_stop_leaves_a_ledger_that_is_whole(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 3), write_prompt(tmp_path), tmp_path / "account"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE), answer_seconds=20.0) as server:
        command = [sys.executable, "-m", "engine.cli.main", "paper", str(prompt), "--folder", str(folder)]
        command += ["--world", server.url, "--lang", "en", "--metrics-port", "0"]
        for name in NAMES:
            command += ["--ticker", name]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            address = next(line.split()[-1] for line in process.stdout if line.endswith("/metrics\n"))
            while not len(server.server.clients):
                assert process.poll() is None, "the trader ended by itself"
                time.sleep(0.05)
            with Client(server, "live").session as session:
                assert session.post(f"{server.url}/_world/advance", json={"until": "evening"}).status_code == 200
            time.sleep(EVERY_SECONDS)
            told = requests.get(address, timeout=10).text
            assert "\ngeoul_autonomy_level 3.0\n" in told
            assert "\ngeoul_silent_seconds 0." in told
            assert stop(process) == 0
        finally:
            process.kill()
            process.communicate()
    connection = connect(folder / "ledger.db", SystemClock().now(), read_only=True)
    try:
        assert verify(connection) == ()
        (orders,) = connection.execute("SELECT count(*) FROM orders").fetchone()
    finally:
        connection.close()
    assert orders > 0
    beat, health = last_beat(folder, SystemClock()), StatusFile(folder).read()
    assert beat is not None
    assert beat.has_ended
    assert health is not None
    assert health.ended


@pytest.mark.parametrize(
    ("work", "clearing"),
    [
        ("time.sleep(60)", "pass"),  # a call that nobody answers
        ("time.sleep(60)", "time.sleep(60)"),  # and a connection that does not close
        ("time.sleep(60)", "threading.Thread(target=time.sleep, args=(60,)).start()"),  # and a thread that goes on
    ],
)
def test_what_hangs_does_not_hold_up_a_stop(work: str, clearing: str) -> None:
    code = HANGING.format(work=work, clearing=clearing)
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            assert stop(process) == 0
            assert process.stdout.read() == "cleared up\n"
        finally:
            process.kill()


def test_a_stop_does_not_wait_until_the_interpreter_has_taken_itself_apart() -> None:
    """At that time no thread runs any more that could keep the time."""
    code = """
import time
from engine.cli.graceful_stop import leaving_when_stopped, stop_on_signals
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(60)
slow, stopped = Slow(), stop_on_signals()
with leaving_when_stopped(stopped):
    print("ready", flush=True)
    while not stopped():
        time.sleep(0.05)
    print("cleared up")
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            assert stop(process) == 0
            assert process.stdout.read() == "cleared up\n"
        finally:
            process.kill()


def test_what_was_not_asked_to_stop_ends_as_it_would() -> None:
    with pytest.raises(SystemExit, match="7"), leaving_when_stopped(lambda: False):
        raise SystemExit(7)
    with pytest.raises(BadInput), leaving_when_stopped(lambda: True):
        raise BadInput("an error is told, stop or no stop")


def test_a_call_that_no_signal_ends_does_not_hold_up_a_stop_either() -> None:
    """Such as the compiler of the first start, which comes back to Python when it is done."""
    code = HANGING.format(work="hashlib.pbkdf2_hmac('sha256', b'', b'', 1 << 30)", clearing="pass")
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.5)  # it is in the call
            assert stop(process) == 0
        finally:
            process.kill()


def test_a_second_signal_ends_the_process_as_usual() -> None:
    code = HANGING.format(work="time.sleep(60)", clearing="pass")
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
            while process.poll() is None:
                process.send_signal(signal.SIGTERM)
                time.sleep(0.05)
            assert process.returncode == -signal.SIGTERM
        finally:
            process.kill()


@pytest.mark.parametrize("user", ["", "root"])
def test_systemd_understands_the_unit_of_any_folder(tmp_path: Path, user: str) -> None:
    folder = tmp_path / 'a 100% "real" account $HOME'
    folder.mkdir()
    options = ["--ticker", "005930", "--config", "it's 5%.yaml"]
    text = unit_text(folder, "paper", [sys.executable, "-m", "x"], options=options, user=user, cache=tmp_path)
    assert ("ProtectSystem=strict" in text) is bool(user)
    assert "Restart=always\n" in text
    assert "StartLimitIntervalSec=0\n" in text, "a broker that is away for an hour is no reason to give up"
    assert "RestartPreventExitStatus=2\n" in text
    assert '"it\'s 5%%.yaml"' in text
    assert 'a 100%% \\"real\\" account $$HOME" --ticker 005930' in text
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not here to read the unit")
    path = tmp_path / unit_name(folder, "paper")
    path.write_text(text, encoding="utf-8")
    told = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")


def test_a_unit_is_printed_and_installed_with_the_options_of_the_trader(tmp_path: Path) -> None:
    account, home = tmp_path / "account", {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    account.mkdir()
    words = [str(account), "--mode", "live", "--i-am-trading-real-money", "1234"]
    printed = CliRunner().invoke(app, ["service", "print", *words])
    assert printed.exit_code == 0, printed.output
    command = f"ExecStart={sys.executable} -m engine.cli.main live --folder {account} --i-am-trading-real-money 1234\n"
    assert command in printed.output
    installed = CliRunner().invoke(app, ["service", "install", *words], env=home)
    assert installed.exit_code == 0, installed.output
    path = tmp_path / "config" / "systemd" / "user" / "geoul-live-account.service"
    assert path.read_text(encoding="utf-8") == printed.output
    assert "systemctl --user daemon-reload" in installed.output
    missing = CliRunner().invoke(app, ["service", "print", str(tmp_path / "none")])
    assert isinstance(missing.exception, BadInput)
    with pytest.raises(BadInput, match="control character"):
        unit_text(tmp_path / "a\nb", "paper", ["x"], cache=tmp_path)


def test_the_files_that_come_with_the_package_are_there() -> None:
    folder = ROOT / "engine" / "service"
    container = (folder / "Containerfile").read_text(encoding="utf-8")
    assert "STOPSIGNAL SIGTERM" in container
    told = CliRunner().invoke(app, ["paper", "--help"], env={"COLUMNS": "200"}).output
    words = [word.strip('[],"') for word in container.splitlines()[-1].split()]
    assert [word for word in words if word.startswith("--") and word not in told] == []
