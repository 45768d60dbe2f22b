"""A trader at a served world: the world takes its next step when we have handled the last one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import requests
from pydantic import SecretStr

from brokers.kis.errors import KisError
from brokers.kis.world_clock import WorldClock


class WorldPartner:
    """Steps together with a served world: it goes on when we have read and handled everything it has sent us.

    It waits for us from here on: no day passes while a trader downloads its history, or before it listens.

    Args:
        url: base address of the server.
        app_key: whose frames are counted.
        name: under which we take part.
        clock: is told to look again.
        wait_seconds: how long to wait for the next step, of real time.
    """

    def __init__(
        self,
        url: str,
        app_key: SecretStr,
        name: str,
        clock: WorldClock,
        wait_seconds: float = 0.5,
    ) -> None:
        self._url, self._name, self._clock = url.rstrip("/"), name, clock
        self._taken, self._connections = _nothing_yet, _nothing_yet
        self._settled: Callable[[], bool] = lambda: False
        self._work: Callable[[], tuple[bool, datetime | None]] = lambda: (False, None)
        self.wait_seconds = wait_seconds
        self._app_key = app_key
        self._session = requests.Session()
        self._session.trust_env = False
        self._connection = 0  # the one from which frames are counted
        self._before = self._sequence = self._frames = 0
        self._seen, self._is_fast = "", False
        self.has_ended = self.stands = False
        self._register()

    def follow(
        self,
        taken: Callable[[], int],
        settled: Callable[[], bool],
        connections: Callable[[], int],
        work: Callable[[], tuple[bool, datetime | None]],
    ) -> None:
        """Say what there is to handle.

        Args:
            taken: how many records of the stream we have handled.
            settled: whether every name that we asked for is registered, so that nothing of the next step is missed.
            connections: how often the stream has been connected.
            work: whether regular work is going on, and when more is due; a world at its own speed waits for it.
        """
        self._taken, self._settled, self._connections, self._work = taken, settled, connections, work

    def _register(self) -> None:
        key = self._app_key.get_secret_value()
        told = self._ask("POST", "clients", {"name": self._name, "app_key": key, "ready": False})
        self._before = int(told["frames"]) - self._taken()  # frames of an earlier connection under this key

    def look(self) -> None:
        """Note the step at which the turn begins, and the time."""
        told = self._ask("GET", f"clock?client={self._name}")
        self.has_ended, self.stands = bool(told["ended"]), bool(told["stands"])
        self._sequence, self._frames = int(told["sequence"]), int(told["frames"]) - self._before
        # Nights of a world at its own speed pass at once; stepped, or in real time, nothing waits for our work.
        self._seen, self._is_fast = str(told["time"]), float(told["speed"]) not in (0, 1)
        self._clock.refresh()

    def patience(self, seconds: float) -> float:
        """Nothing is waited for when everything up to this step has arrived: what comes next, our answer sets off."""
        return 0.0 if self._connections() == self._connection and self._has_all() else seconds

    def handled(self) -> None:
        """Acknowledge that step if all of it has arrived, and wait a moment for the next one."""
        if self._connections() != self._connection and self._settled():
            self._count_anew()
        works, due = self._work()
        if works and self._is_fast:
            self._ask("GET", f"clock?after={self._sequence}&wait={self.wait_seconds}")
            return
        if self._has_all():
            seen = {"name": self._name, "sequence": self._sequence, "wait": self.wait_seconds}
            told = self._ask("POST", "acknowledge", {**seen, "seen": self._seen, "due": due and due.isoformat()})
            if "error" in told:  # the server has been started again and does not know us
                self._register()

    def _has_all(self) -> bool:
        return self._taken() >= self._frames and self._settled()

    def _count_anew(self) -> None:
        """What was on its way when the line was cut never comes: the trader asks for it, as after any gap."""
        if self._connection:
            told = self._ask("GET", f"clock?client={self._name}")
            self._before = int(told["frames"]) - self._taken()
            self._frames = self._taken()
        self._connection = self._connections()

    def leave(self) -> None:
        """The world need not wait for us any more."""
        with suppress(KisError):  # a world that has gone waits for nobody
            self._ask("DELETE", f"clients/{self._name}")
        self._session.close()

    def _ask(self, method: str, path: str, content: object = None) -> dict[str, Any]:
        try:
            answer = self._session.request(method, f"{self._url}/_world/{path}", json=content, timeout=60)
            told: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise KisError(f"The world at {self._url} does not answer ({type(error).__name__}).") from None
        return told


def _nothing_yet() -> int:
    return 0
