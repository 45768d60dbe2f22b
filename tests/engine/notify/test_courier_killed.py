"""A courier that dies by SIGKILL at any moment: nothing is lost, and nothing that was acknowledged comes again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from engine.clock import SystemClock
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import open_ledger
from engine.notify.outbox import Outbox
from tests.notify_servers import Web, channels_of, secrets_of, web_server

ROOT = Path(__file__).parents[3]


class Killed:
    """Courier processes on one folder, one after the other."""

    def __init__(self, folder: Path, web: Web) -> None:
        config, channel = folder.with_suffix(".yaml"), channels_of(web)["team"]
        config.write_text(yaml.safe_dump({"notify": {"channels": {"team": channel}, "quiet": None}}), encoding="utf-8")
        self._command = [sys.executable, "-m", "tests.notify_process", str(folder), str(config), "0.001"]
        self._variables = {**os.environ, **secrets_of(web), "PYTHONPATH": str(ROOT)}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, cwd=ROOT, env=self._variables)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def marks(web: Web) -> list[str]:
    """The ids of the messages that the webhook has seen, in order."""
    return [message["text"].splitlines()[-1] for message in web.slack]


@pytest.mark.parametrize("moment", ["before the answer", "after the answer"])
def test_killed_between_sending_and_writing_it_down(tmp_path: Path, moment: str) -> None:
    """Before the answer nobody knows whether the channel has it: it comes again under the same id. The kill right after
    the answer races with the writing; either way the id tells."""
    folder = tmp_path / "paper"
    with open_ledger(folder / "ledger.db", SystemClock()) as ledger:
        numbers = [record_alert(ledger, Urgency.INFO, f"code_{number}", "text") for number in range(6)]
    with web_server() as web:
        killed, died = Killed(folder, web), threading.Event()

        def kill_on_third() -> None:
            if len(web.slack) == 3 and not died.is_set() and moment == "before the answer":
                killed.kill()
                died.set()

        web.before_answer = kill_on_third
        killed.start()
        if moment == "after the answer":
            while len(web.slack) < 3:
                assert not died.wait(0.001)
            killed.kill()
        else:
            assert died.wait(60)
        killed.start()
        wanted = [f"paper-{number}" for number in numbers]
        while sorted(set(marks(web))) != wanted or any(
            each.status != "delivered" for each in Outbox(folder).deliveries()
        ):
            assert not threading.Event().wait(0.02)
        killed.kill()
    seen = marks(web)
    assert list(dict.fromkeys(seen)) == wanted  # each, in order
    again = Counter(seen)
    again.subtract(wanted)
    doubled = [mark for mark, times in again.items() if times]
    assert doubled in (["paper-3"], []) if moment == "after the answer" else doubled == ["paper-3"]


def test_killed_again_and_again_at_seeded_moments(tmp_path: Path) -> None:
    """Only a message whose acknowledgement was cut off by a kill may come twice: at most one for each kill."""
    folder, kills = tmp_path / "paper", 5
    draw = np.random.default_rng(11)
    with open_ledger(folder / "ledger.db", SystemClock()) as ledger, web_server() as web:
        killed, wanted = Killed(folder, web), []
        for _ in range(kills):
            killed.start()
            for _ in range(6):
                number = record_alert(ledger, Urgency.INFO, f"code_{len(wanted)}", "text")
                wanted.append(f"paper-{number}")
            reached = len(web.slack) + int(draw.integers(1, 6))
            while len(web.slack) < reached and len(set(marks(web))) < len(wanted):
                assert not threading.Event().wait(0.001)
            threading.Event().wait(float(draw.uniform(0, 0.02)))
            killed.kill()
        killed.start()
        while len(set(marks(web))) < len(wanted) or any(
            each.status == "waiting" for each in Outbox(folder).deliveries()
        ):
            assert not threading.Event().wait(0.02)
        killed.kill()
        seen = marks(web)
    assert list(dict.fromkeys(seen)) == wanted
    assert len(seen) - len(wanted) <= kills
    assert {each.status for each in Outbox(folder).deliveries()} == {"delivered"}
