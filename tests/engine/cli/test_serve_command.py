"""`geoul serve` as a process: it listens, answers, and stops at Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
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


def test_the_server_starts_answers_and_stops(data: Path) -> None:
    command = [sys.executable, "-m", "engine.cli.main", "serve", "--data", str(data), "--port", "0", "--speed", "0"]
    process = subprocess.Popen(
        [*command, "--lang", "en", "--from", "2024-06-03"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "120"},
    )
    assert process.stdout is not None
    try:
        address = None
        while address is None:
            line = process.stdout.readline()
            assert line, "the server ended"
            address = re.search(r"http://127\.0\.0\.1:\d+", line)
        clock = requests.get(f"{address[0]}/_world/clock", timeout=30).json()
        assert clock["time"][:16] == "2024-05-31T18:00"
        moved = requests.post(f"{address[0]}/_world/advance", json={"until": "open"}, timeout=30).json()
        assert moved["time"][:16] == "2024-06-03T09:00"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert "stopped" in process.stdout.read()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


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
    result = CliRunner().invoke(app, ["serve", "--data", str(data), *options])
    assert isinstance(result.exception, error)
    assert words in str(result.exception)
