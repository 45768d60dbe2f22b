"""`geoul serve` as a process: it listens, answers, and stops at Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from engine.cli.main import app
from engine.data.sample import make_sample
from engine.errors import BadInput, ConfigError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "market"
    make_sample(folder, tickers=5, years=1, seed=1)
    return folder


@contextlib.contextmanager
def served(data: Path, *options: str, state_root: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`geoul serve` that stands still on its first evening; the process and its address."""
    command = [sys.executable, "-m", "engine.cli.main", "serve", "--data", str(data), "--speed", "0", "--lang", "en"]
    surroundings = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "120"}
    if state_root is not None:
        surroundings["GEOUL_STATE"] = str(state_root)
    process = subprocess.Popen(
        [*command, "--from", "2024-06-03", *options], stdout=subprocess.PIPE, text=True, env=surroundings
    )
    assert process.stdout is not None
    try:
        address = None
        while address is None:
            line = process.stdout.readline()
            assert line, "the server ended"
            address = re.search(r"http://127\.0\.0\.1:\d+", line)
        yield process, address[0]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_server_starts_answers_and_stops(data: Path, tmp_path: Path) -> None:
    with served(data, "--port", "0", state_root=tmp_path) as (process, address):
        clock = requests.get(f"{address}/_world/clock", timeout=30).json()
        assert clock["time"][:16] == "2024-05-31T18:00"
        moved = requests.post(f"{address}/_world/advance", json={"until": "open"}, timeout=30).json()
        assert moved["time"][:16] == "2024-06-03T09:00"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stdout is not None
        told = process.stdout.read()
        assert f"geoul paper --world {address}" in told
        assert "stopped" in told
    assert not list(tmp_path.iterdir()), "a server on any free port keeps nothing"


def test_the_same_command_goes_on_where_it_was_killed_and_fresh_begins_anew(data: Path, tmp_path: Path) -> None:
    options = ["--port", str(free_port())]
    with served(data, *options, state_root=tmp_path) as (_, address):
        requests.post(f"{address}/_world/advance", json={"to": "2024-06-03T12:34:56+09:00"}, timeout=30)
    (folder,) = (tmp_path / "worlds").iterdir()
    with served(data, *options, state_root=tmp_path) as (process, address):
        clock = requests.get(f"{address}/_world/clock", timeout=30).json()
        assert (clock["time"][:19], clock["life"]) == ("2024-06-03T12:34:56", 2)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert process.stdout is not None
        assert f"(--fresh begins anew): {folder}" in process.stdout.read()
    with served(data, *options, "--fresh", state_root=tmp_path) as (_, address):
        clock = requests.get(f"{address}/_world/clock", timeout=30).json()
        assert (clock["time"][:16], clock["life"]) == ("2024-05-31T18:00", 1)
    elsewhere = ["serve", "--data", str(data), "--state", str(folder), "--from", "2024-06-04"]
    result = CliRunner().invoke(app, elsewhere)
    assert isinstance(result.exception, ConfigError)
    assert "first session differ" in str(result.exception)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (["--host", "0.0.0.0"], ConfigError, "key"),
        (["--layout", "2030"], ConfigError, "layout"),
        (["--faults", "nowhere.yaml"], BadInput, "nowhere.yaml"),
        (["--accounts", "nowhere.yaml"], ConfigError, "nowhere.yaml"),
    ],
)
def test_impossible_options_are_named(data: Path, options: list[str], error: type[Exception], words: str) -> None:
    result = CliRunner().invoke(app, ["serve", "--data", str(data), "--port", "0", *options])
    assert isinstance(result.exception, error)
    assert words in str(result.exception)
