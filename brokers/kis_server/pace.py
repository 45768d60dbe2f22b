"""How the world goes on: stepped by a test, or by itself at ×N for people who watch.

A step waits for the programs that have registered before the next one is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from brokers.kis_server.clients import Clients
from brokers.kis_server.session_path import OPENING_CALL
from brokers.kis_server.world import World
from engine.errors import BadInput, GeoulError

_BLINK = 0.2  # seconds of real time between two looks at the clock
_BEFORE_MORNING = timedelta(minutes=5)
_BREATH = 32  # steps taken in one go, before others get their turn


class ClientsBusy(GeoulError):
    """A registered program did not acknowledge a step in time; the world stands at that step."""


class Pace:
    """Moves a world.

    Args:
        world: what is moved.
        clients: who is waited for.
        answer_seconds: how long, of real time.
        follow: at ×1, the instant of the data that belongs to the machine's clock; None = time only goes on from here.
        mark: is told the time that the world has reached between two steps.
        breathe: lets others work for a moment on a long way; by default whoever is ready.
    """

    def __init__(
        self,
        world: World,
        clients: Clients,
        answer_seconds: float,
        follow: Callable[[], datetime] | None = None,
        mark: Callable[[datetime], None] = lambda now: None,
        breathe: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0),
    ) -> None:
        self._mark, self._breathe = mark, breathe
        self.world, self.clients, self._answer_seconds, self._follow = world, clients, answer_seconds, follow
        self.speed = 0.0
        self.waits_for_company = False  # time that flows by itself stands while nobody takes part
        self.has_company = False
        self._lock = asyncio.Lock()
        self._stepped = asyncio.Condition()

    async def advance(self, target: datetime) -> None:
        """Take every step up to an instant of the data, then stand there.

        Raises:
            BadInput: the instant has passed.
            ClientsBusy: a registered program did not acknowledge a step in time.
        """
        async with self._lock:
            if target < self.world.now():
                raise BadInput(
                    f"The world stands at {self.world.dates.out(self.world.now()).isoformat()} and cannot go back to "
                    f"{self.world.dates.out(target).isoformat()}. Start the server again."
                )
            await self._until(target)

    async def steps(self, count: int) -> None:
        """Take so many steps; errors as for `advance`."""
        async with self._lock:
            for _ in range(count):
                await self._wait_for_clients()
                await self._step()

    async def _until(self, target: datetime) -> None:
        await self._wait_for_clients()
        while (coming := self.world.next_step) is not None and coming.time <= target:
            await self._step()
        self.world.set_time(target)
        self._mark(self.world.now())

    async def _step(self) -> None:
        self.world.run_step()
        async with self._stepped:
            self._stepped.notify_all()
        await self._wait_for_clients()
        if self.world.sequence % _BREATH == 0:
            await self._breathe()

    async def _wait_for_clients(self) -> None:
        busy = await self.clients.wait(self.world.sequence, self._answer_seconds)
        if busy:
            raise ClientsBusy(
                f"The world stands at step {self.world.sequence}: {', '.join(busy)} has not acknowledged it within "
                f"{self._answer_seconds:g} seconds. Acknowledge it, or remove the client, and advance again."
            )

    async def next_step_after(self, sequence: int, seconds: float) -> None:
        """Wait until a step after `sequence` has been taken, or so many seconds."""
        async with self._stepped:
            try:
                await asyncio.wait_for(self._stepped.wait_for(lambda: self.world.sequence > sequence), seconds)
            except TimeoutError:
                return

    @property
    def is_alone(self) -> bool:
        """Whether time stands because nobody takes part."""
        return self.waits_for_company and not self.has_company

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes: the data is at its end, and so is its last evening unless time stands still."""
        return self.world.next_step is None and (self.speed <= 0 or self.world.next_evening is None)

    async def run(self) -> None:
        """Go on for ever at `speed` (0 stands still).

        Unless time is real, nights pass at once, but only when everybody has handled the evening too, and no further
        than to the next instant at which a client has work to do; what clients take for a step is no time of the world.
        So a trader closes its books in the evening and reflects on Sunday, however fast or slow the two are.
        """
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(_BLINK)
            elapsed, before = timedelta(seconds=loop.time() - before), loop.time()
            if self.speed <= 0 or self.world.next_evening is None or self.is_alone:
                continue
            try:
                async with self._lock:
                    await self._wait_for_clients()  # what they say last decides how far the world goes
                    halt = self._next_halt()
                    if not self.is_alone:  # the last one may have left
                        await self._until(max(self._target(elapsed, halt), self.world.now()))
            except ClientsBusy:
                halt = None  # it is tried again at the next look; the page shows who is busy
            if self.speed != 1:
                before = loop.time()
                if self.world.now() == halt and not self.is_alone:
                    self.clients.ask_again(self.world.sequence, self.world.wire_now())

    def _next_halt(self) -> datetime | None:
        """The next evening, or the instant before it at which a client has work to do; None at the end of the data."""
        evening, now = self.world.next_evening, self.world.now()
        wanted = [self.world.dates.into(client.due) for client in self.clients if client.due is not None]
        return None if evening is None else min([evening, *(due for due in wanted if due > now)])

    def _target(self, elapsed: timedelta, halt: datetime | None) -> datetime:
        """How far the world has come after so much real time."""
        coming, target = self.world.next_step, self.world.now() + elapsed * self.speed
        if self.speed == 1:
            return target if self._follow is None else self._follow()
        evening = self.world.next_evening
        if halt is None or evening is None:
            return target
        if coming is not None and coming.phase == OPENING_CALL and coming.time < evening:
            target = max(target, coming.time - _BEFORE_MORNING)
        return min(target, halt)
