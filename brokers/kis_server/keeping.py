"""What a server does with the state of its world: restore it at the start, note what changes it, stop when it cannot.

    notes of the parts → journal → disk → answers and frames leave

A world is decided by its data and by what was asked of it. So the journal holds no balances: the steps and calls in it
are done again, and must come to the same order numbers, refusals, notices and cash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from brokers.kis_server.journal import JournalFailed
from brokers.kis_server.state import JOURNAL, WorldState
from brokers.kis_server.world import Happened, World
from engine.errors import BadInput, DataError

Restore = Callable[[str, Mapping[str, Any]], bool | None]  # False: it came to something else


class Keeper:
    """Keeps the world of one server.

    Args:
        world: the market.
        state: where it is kept; None keeps nothing.

    Attributes:
        life: of the server, from 1.
        failure: why nothing can be kept any more.
    """

    def __init__(self, world: World, state: WorldState | None) -> None:
        self._world, self._state = world, state
        self._journal: Any = None  # of the state, once everything has been restored
        self._failed = asyncio.Event()
        self.failure: JournalFailed | None = None
        self.life = 1

    # Beginning

    def restore(self, parts: Mapping[str, Restore]) -> None:
        """Do again what earlier lives did, and begin to keep.

        Args:
            parts: by the kind of what was noted, who does it again.

        Raises:
            DataError: it came to something else.
        """
        state = self._state
        if state is None:
            return
        own: dict[str, Restore] = {"step": self._step_again, "life": self._live_again}
        known = {**parts, **own}
        for number, (kind, content) in enumerate(state.records(), 2):
            try:
                same = known[kind](kind, content)
            except (BadInput, LookupError, ValueError, TypeError, AssertionError) as error:
                raise self._another(number, f"{type(error).__name__}: {error}") from None
            if same is False:
                raise self._another(number, f"{kind} {content}")
        marked = state.marked()
        if marked is not None:
            self._world.set_time(marked)
        self._journal = state.journal
        self._world.listeners.append(self._step)
        self.note("life", {"life": self.life})
        self._journal.settle()

    def _step_again(self, _: str, content: Mapping[str, Any]) -> bool:
        return self._told(self._world.run_step()) == content

    def _live_again(self, _: str, content: Mapping[str, Any]) -> None:
        self.life = content["life"] + 1

    def _another(self, number: int, what: str) -> DataError:
        assert self._state is not None
        path = self._state.folder / JOURNAL
        return DataError(
            f"Line {number} of {path} does not come out as it did ({what}): another version of Geoul wrote it. "
            "Start that version, or begin a new world with --fresh, which forgets its orders."
        )

    # Keeping

    def note(self, kind: str, content: Mapping[str, Any]) -> None:
        """Keep a change; nothing while the world is being restored.

        Raises:
            JournalFailed: nothing can be kept any more.
        """
        if self.failure is not None:
            raise self.failure
        if self._journal is not None:
            self._journal.append(kind, content)

    def mark(self, now: datetime) -> None:
        """Keep the time between two steps; what a loss of power takes of it is less than a moment."""
        if self._state is None:
            return
        try:
            self._state.mark(now)
        except OSError as error:
            raise self._fail(self._journal.failed(error)) from None

    def _step(self, happened: Happened) -> None:
        self.note("step", self._told(happened))
        try:
            self._journal.flush()  # perhaps nobody looks on, and nothing leaves for hours
        except JournalFailed as error:
            raise self._fail(error) from None

    def _told(self, happened: Happened) -> dict[str, int]:
        notices = sum(len(told) for told in happened.notices.values())
        return {"sequence": happened.sequence, "notices": notices, "cash": self._world.cash()}

    # Before anything leaves

    @property
    def behind(self) -> bool:
        """Whether something happened that is not on the disk yet: nobody may hear of it."""
        return self._journal is not None and (self._journal.behind or self.failure is not None)

    async def settled(self) -> None:
        """Wait until nothing is.

        Raises:
            JournalFailed: see `note`.
        """
        if self.failure is not None:
            raise self.failure
        try:
            await self._journal.settled()
        except JournalFailed as error:
            raise self._fail(error) from None

    def _fail(self, error: JournalFailed) -> JournalFailed:
        self.failure = error
        self._failed.set()
        return error

    async def failed(self) -> None:
        """Wait for ever, or until the world cannot be kept.

        Raises:
            JournalFailed: why.
        """
        await self._failed.wait()
        assert self.failure is not None
        raise self.failure
