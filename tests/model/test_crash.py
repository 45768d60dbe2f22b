"""A program killed around a call: an answer that was stored is used, and is never asked for again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.model.transport import Mode
from tests.builders_transport import make_config, make_request, transport_to
from tests.model_server import ModelServer, good

ROOT = Path(__file__).parents[2]

# A program that dies at one step of a call, as if the power had failed.
_ASK = """
import os, signal, sys
from pathlib import Path
from engine.model.calls import CallLog
from engine.model.cassette import Cassette
from engine.model.client import ModelClient
from tests.builders_transport import Seconds, make_config, make_request, transport_to

url, folder, mode, step = sys.argv[1:]

def die_after(owner, name):
    before = getattr(owner, name)
    def dying(*given, **named):
        before(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, dying)

die_after(*{"reserved": (CallLog, "reserve"), "answered": (ModelClient, "send"), "stored": (CallLog, "settle"),
            "recorded": (Cassette, "put")}[step])
with transport_to(make_config(url), Path(folder), mode) as transport:
    transport.ask(make_request(), decision_id="d1")
"""


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def kill_at(step: str, server: ModelServer, folder: Path, mode: Mode) -> None:
    command = [sys.executable, "-c", _ASK, server.base_url, str(folder), mode, step]
    ended = subprocess.run(command, cwd=ROOT, check=False, timeout=120, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def statuses(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "ledger.db")) as file:
        return [status for (status,) in file.execute("SELECT status FROM llm_calls ORDER BY call_id")]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize(
    ("mode", "step"), [("live", "stored"), ("record", "stored"), ("record", "recorded"), ("refresh", "stored")]
)
def test_an_answer_that_was_stored_is_replayed_after_a_kill(
    server: ModelServer, tmp_path: Path, mode: Mode, step: str
) -> None:
    server.will(good("the answer"), good("another"))
    kill_at(step, server, tmp_path, mode)
    with transport_to(make_config(server.base_url), tmp_path, mode) as transport:
        reply = transport.ask(make_request(), decision_id="d1")
    assert (reply.text, reply.replayed) == ("the answer", True)
    assert len(server.questions) == 1
    if mode != "live":
        with transport_to(make_config(server.base_url), tmp_path, "replay") as replay:
            assert replay.ask(make_request()).text == "the answer"


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize(("step", "questions"), [("reserved", 1), ("answered", 2)])
def test_what_was_reserved_before_a_kill_stays_reserved(
    server: ModelServer, tmp_path: Path, step: str, questions: int
) -> None:
    server.otherwise = lambda question: good("x", input_tokens=100, output_tokens=10)
    kill_at(step, server, tmp_path, "live")
    assert statuses(tmp_path) == ["reserved"]
    with transport_to(make_config(server.base_url), tmp_path) as transport:
        assert transport.ask(make_request(), decision_id="d1").text == "x"
        assert transport.calls is not None
        assert transport.calls.spent().won > 1_000 + 120  # the lost call in full, and the new one
    assert statuses(tmp_path) == ["reserved", "answered"]
    assert len(server.questions) == questions
