"""The machine's clock while it can be believed, and the time that has passed where somebody has set it.

Small steps, as time servers make them, are followed, up to ten minutes in all. Further off, the machine's clock is
left alone and time goes on as it passes. Whether that is right only somebody else can say: a machine that was stopped
and goes on has missed time, and its clock is right to leap (see `brokers.kis_trading.right_clock`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from engine.clock import Clock

MOST_FOLLOWED = timedelta(minutes=10)  # far more than time servers correct, far less than moves an order to another day


class SteadyClock:
    """A clock that does not jump when the machine's does; an `engine.clock.Clock`.

    Args:
        machine: its clock, right when this one is made.
        elapsed: seconds that pass whatever anybody sets.
    """

    __slots__ = ("_elapsed", "_followed", "_start", "machine")

    def __init__(self, machine: Clock, elapsed: Callable[[], float]) -> None:
        self.machine, self._elapsed = machine, elapsed
        self.follow_machine()

    def now(self) -> datetime:
        """The machine's time, or what has passed since it could last be believed."""
        return self._look()[1]

    @property
    def lead(self) -> timedelta:
        """How far the machine's clock is ahead (behind: negative) of this one; exactly 0 while it is believed."""
        machine, now = self._look()
        return machine - now

    def _look(self) -> tuple[datetime, datetime]:
        """The machine's time, and ours."""
        machine, steady = self.machine.now(), self._start + timedelta(seconds=self._elapsed())
        if abs(machine - steady) <= MOST_FOLLOWED:
            self._followed = machine - steady
            return machine, machine
        return machine, steady + self._followed

    def follow_machine(self) -> None:
        """Whatever has passed: the machine's clock is right."""
        self._start = self.machine.now() - timedelta(seconds=self._elapsed())
        self._followed = timedelta(0)
