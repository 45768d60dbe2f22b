"""Programs that step together with the world: it goes on when each of them has acknowledged what happened.

A client registers with a name and its app key, hears of every step (its number, its time, how many frames have been
sent to the socket of its app key), and acknowledges the number when it has handled all of that. Programs that do not
register are not waited for.

A server that was started again waits for those that had registered before, until they have registered once more: the
world does not run away while they connect.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from brokers.kis_server.access import hash_text
from brokers.kis_server.notes import Note, forget
from engine.errors import BadInput

_NEVER = -1


@dataclass(slots=True)
class Client:
    """A registered program.

    Args:
        name: it calls itself so.
        key_hash: of its app key; that of "" = it has no socket.
        acknowledged: the last step that it did.
        heard_at: when it said something, seconds of the machine's time.
        is_here: it has registered in this life of the server.
        due: when it has work to do before the market goes on, as clients see time; None = it does not say.
    """

    name: str
    key_hash: str
    acknowledged: int
    heard_at: float
    is_here: bool = True
    due: datetime | None = None


class Clients:
    """Who has registered, and who is still busy.

    Args:
        note: keeps who has registered.
        monotonic: seconds, for how long somebody has been silent.
    """

    def __init__(self, note: Note = forget, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clients: dict[str, Client] = {}
        self._changed = asyncio.Condition()
        self._asked_again: datetime | None = None
        self._note, self._monotonic = note, monotonic

    def __iter__(self) -> Iterator[Client]:
        return iter(self._clients.values())

    def __len__(self) -> int:
        return len(self._clients)

    def restore(self, kind: str, content: Mapping[str, Any]) -> None:
        """Wait, or wait no more, for a client of an earlier life."""
        if kind == "client":
            name = content["client"]
            self._clients[name] = Client(name, content["key"], _NEVER, self._monotonic(), is_here=False)
        else:
            self._clients.pop(content["client"], None)

    async def register(self, name: str, app_key: str, sequence: int) -> Client:
        """Begin to wait for a client, from the step after `sequence` on; the same name again starts it afresh."""
        if not name:
            raise BadInput('A client needs a name to register with: send {"name": "…"}.')
        before, key = self._clients.get(name), hash_text(app_key)
        client = self._clients[name] = Client(name, key, sequence, self._monotonic())
        if before is None or before.key_hash != key:
            self._note("client", {"client": name, "key": key})
        await self._tell()
        return client

    async def leave(self, name: str) -> None:
        """Wait for it no more."""
        if self._clients.pop(name, None) is not None:
            self._note("left", {"client": name})
        await self._tell()

    async def acknowledge(
        self, name: str, sequence: int, seen: datetime | None = None, due: datetime | None = None
    ) -> None:
        """A client has handled everything up to a step.

        Args:
            name: of the client.
            sequence: number of the step.
            seen: the time up to which it has, as it saw it; None = the step alone counts.
            due: when it wants the world to halt next.

        Raises:
            BadInput: no such client, or it has not registered since the server was started again.
        """
        client = self._clients.get(name)
        if client is None:
            raise BadInput(f"No client {name!r} has registered: post its name to /_world/clients first.")
        if not client.is_here:
            raise BadInput(
                f"The server has been started again since {name!r} registered, and counts its frames from 0: post its "
                "name to /_world/clients once more."
            )
        client.heard_at, client.due = self._monotonic(), due
        if seen is not None and self._asked_again is not None and seen < self._asked_again:
            return  # said before it was asked again
        client.acknowledged = max(client.acknowledged, sequence)
        await self._tell()

    def ask_again(self, sequence: int, now: datetime) -> None:
        """Time has come since a step that everybody acknowledged: wait until they have acknowledged it once more.

        Args:
            sequence: number of the step.
            now: the time, as clients see it.
        """
        self._asked_again = now
        for client in self._clients.values():
            client.acknowledged = min(client.acknowledged, sequence - 1)

    def find(self, name: str) -> Client | None:
        """The client of that name, which has just asked for something."""
        client = self._clients.get(name)
        if client is not None:
            client.heard_at = self._monotonic()
        return client

    def busy(self, sequence: int) -> list[str]:
        """Names of those that have not acknowledged a step."""
        return [client.name for client in self._clients.values() if client.acknowledged < sequence]

    def silence(self, sequence: int) -> dict[str, float]:
        """For how many seconds each of those has said nothing."""
        now = self._monotonic()
        return {name: round(now - self._clients[name].heard_at, 1) for name in self.busy(sequence)}

    async def wait(self, sequence: int, seconds: float) -> list[str]:
        """Wait until all have acknowledged a step. Returns the names of those that did not in time."""
        if not self.busy(sequence):
            return []
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: not self.busy(sequence)), seconds)
            except TimeoutError:
                return self.busy(sequence)
        return []

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
