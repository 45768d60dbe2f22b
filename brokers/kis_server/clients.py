"""Programs that step together with the world: it goes on when each of them has acknowledged what happened.

A client registers with a name and its app key, hears of every step (its number, its time, how many frames have been
sent to the socket of its app key), and acknowledges the number when it has handled all of that. Programs that do not
register are not waited for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from engine.errors import BadInput


@dataclass(slots=True)
class Client:
    """A registered program: its app key ("" = it has no socket) and the last step that it acknowledged."""

    name: str
    app_key: str
    acknowledged: int


class Clients:
    """Who has registered, and who is still busy."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._changed = asyncio.Condition()

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._clients.values())

    def __len__(self) -> int:
        return len(self._clients)

    async def register(self, name: str, app_key: str, sequence: int) -> Client:
        """Begin to wait for a client, from the step after `sequence` on; the same name again starts it afresh."""
        if not name:
            raise BadInput('A client needs a name to register with: send {"name": "…"}.')
        client = self._clients[name] = Client(name, app_key, sequence)
        await self._tell()
        return client

    async def leave(self, name: str) -> None:
        """Wait for it no more."""
        self._clients.pop(name, None)
        await self._tell()

    async def acknowledge(self, name: str, sequence: int) -> None:
        """A client has handled everything up to a step.

        Raises:
            BadInput: no such client.
        """
        client = self._clients.get(name)
        if client is None:
            raise BadInput(f"No client {name!r} has registered: post its name to /_world/clients first.")
        client.acknowledged = max(client.acknowledged, sequence)
        await self._tell()

    def busy(self, sequence: int) -> list[str]:
        """Names of those that have not acknowledged a step."""
        return [client.name for client in self._clients.values() if client.acknowledged < sequence]

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
