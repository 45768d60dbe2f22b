"""A trader at a served world: the world takes its next step when we have handled the last one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from pydantic import SecretStr

from brokers.kis.errors import KisError
from brokers.kis.world_clock import WorldClock


class WorldPartner:
    """Steps together with a served world: it goes on when we have read and handled everything it has sent us.

    Args:
        url: base address of the server.
        app_key: whose frames are counted.
        name: under which we take part.
        taken: how many records of the stream we have handled.
        settled: whether every name that we asked for is registered, so that nothing of the next step is missed.
        connections: how often the stream has been connected.
        clock: is told to look again.
        wait_seconds: how long to wait for the next step, of real time.
    """

    def __init__(
        self,
        url: str,
        app_key: SecretStr,
        name: str,
        taken: Callable[[], int],
        settled: Callable[[], bool],
        connections: Callable[[], int],
        clock: WorldClock,
        wait_seconds: float = 0.5,
    ) -> None:
        self._url, self._name, self._taken, self._clock = url.rstrip("/"), name, taken, clock
        self._settled, self._connections = settled, connections
        self._wait_seconds = wait_seconds
        self._app_key = app_key
        self._session = requests.Session()
        self._session.trust_env = False
        self._connection = 0  # the one from which frames are counted
        self._before = self._sequence = self._frames = 0
        self.has_ended = self.stands = False
        self._register()

    def _register(self) -> None:
        key = self._app_key.get_secret_value()
        told = self._ask("POST", "clients", {"name": self._name, "app_key": key, "ready": False})
        self._before = int(told["frames"]) - self._taken()  # frames of an earlier connection under this key

    def look(self) -> None:
        """Note the step at which the turn begins, and the time."""
        told = self._ask("GET", f"clock?client={self._name}")
        self.has_ended, self.stands = bool(told["ended"]), bool(told["stands"])
        self._sequence, self._frames = int(told["sequence"]), int(told["frames"]) - self._before
        self._clock.refresh()

    def handled(self) -> None:
        """Acknowledge that step if all of it has arrived, and wait a moment for the next one."""
        if self._connections() != self._connection and self._settled():
            self._count_anew()
        if self._taken() >= self._frames and self._settled():
            seen = {"name": self._name, "sequence": self._sequence, "wait": self._wait_seconds}
            told = self._ask("POST", "acknowledge", seen)
            if "error" in told:  # the server has been started again and does not know us
                self._register()

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
