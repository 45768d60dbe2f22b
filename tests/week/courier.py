"""The process that delivers alerts in a trading week; it dies by SIGKILL, and another one goes on.

It dies whenever it comes so, or at the worst moment: a message has arrived, and the courier has not heard that it has.
Such a message comes again, under the same id.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import yaml

from engine.clock import Clock
from engine.notify.courier import Courier
from engine.notify.delivery_file import Delivery
from engine.notify.outbox import Outbox
from engine.notify.settings import load_notify_settings
from tests.notify_servers import Mailbox, Web, channels_of, secrets_of

ROOT = Path(__file__).parents[2]
_PAUSE = "0.1"  # seconds between two messages of a channel
ANYWHERE, UNANSWERED = "courier: anywhere", "courier: message sent"


class WeekCourier:
    """`tests.notify_process` on one account.

    Args:
        folder: of the account.
        world: address of the venue.
        web, mailbox: where messages arrive.
    """

    def __init__(self, folder: Path, world: str, web: Web, mailbox: Mailbox) -> None:
        self._folder, self._web, self._mailbox = folder, web, mailbox
        everything = {name: {**channel, "minimum": "info"} for name, channel in channels_of(web, mailbox).items()}
        del everything["phone"]
        section = {"channels": everything, "quiet": None, "oldest_hours": 1_000}
        self._config = folder / "geoul.yaml"
        self._config.write_text(yaml.safe_dump({"notify": section}), encoding="utf-8")
        self._secrets = secrets_of(web)
        self._command = [sys.executable, "-m", "tests.notify_process", str(folder), str(self._config), _PAUSE, world]
        self._process: subprocess.Popen[bytes] | None = None
        self._is_armed = False
        self.deaths: Counter[str] = Counter()
        web.before_answer = mailbox.before_answer = self._arrived

    def start(self) -> None:
        """A courier goes on where the one before has stopped."""
        variables = {**os.environ, **self._secrets, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(self._command, cwd=ROOT, env=variables)

    def arm(self) -> None:
        """It dies when its next message has arrived."""
        self._is_armed = True

    def kill(self) -> None:
        """It dies now."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None
        self.deaths[ANYWHERE] += 1

    def revive(self) -> None:
        """Another one goes on; one whose message has not come by now dies first."""
        if self._is_armed:
            self._is_armed = False
            self.kill()
        elif self._process is not None:
            self._process.wait()
        self.start()

    def close(self) -> None:
        """It is stopped, as by a service manager."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def finish(self, clock: Clock, alerts: int) -> list[str]:
        """Deliver what is left, and say what is wrong with all that came in.

        Args:
            clock: late enough for everything to be due.
            alerts: in the ledger.
        """
        self.close()
        settings, told = load_notify_settings(self._config, self._secrets), list[str]()
        courier = Courier(self._folder, settings, clock, tell=told.append, lang="en", reports={})
        while courier.turn():
            pass
        rows, received = Outbox(self._folder).deliveries(most=1_000_000), self.received()
        return told + [
            f"{name}: {problem}"
            for name, ids in received.items()
            for problem in self._wrong([row for row in rows if row.channel == name], ids, alerts)
        ]

    def received(self) -> dict[str, list[str]]:
        """The ids of what came in, by channel."""
        return {
            "team": _slack_ids(self._web),
            "mail": [str(mail["X-Geoul-Message"]) for mail in self._mailbox.mails],
        }

    def _wrong(self, rows: list[Delivery], ids: list[str], alerts: int) -> list[str]:
        """Each message is in once; one more for each death, which may have come between a message and its answer."""
        wrong = [f"{row.code} is {row.status}: {row.told}" for row in rows if row.status != "delivered"]
        if (told := sum(row.count for row in rows)) != alerts:
            wrong.append(f"{alerts} alerts, and messages about {told}")
        if len(set(ids)) != len(rows):
            wrong.append(f"{len(rows)} messages, {len(set(ids))} came in")
        if (again := len(ids) - len(set(ids))) > self.deaths.total():
            wrong.append(f"{again} messages came in again, and {self.deaths.total()} couriers died")
        return wrong

    def _arrived(self) -> None:
        """In a thread of the server, before it answers."""
        process = self._process
        if not self._is_armed or process is None:
            return
        self._is_armed = False
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        self.deaths[UNANSWERED] += 1


def _slack_ids(web: Web) -> list[str]:
    return [message["text"].splitlines()[-1] for message in web.slack]
