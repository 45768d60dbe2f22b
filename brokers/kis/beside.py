"""A call that waits in a thread of its own, while the thread that asked goes on listening.

    answer = beside(ask, listen)      `listen` is called every few milliseconds until `ask` is done

An answer of KIS may take ten seconds, and a stop that is passed meanwhile must be sold now. What `listen` does may ask
KIS in turn: then that call waits beside the first one. Each call has a thread of its own that dies with the process:
those of `concurrent.futures` are waited for at its end, and a call that hangs would hold it up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.002  # much less than a tick may take to become an order


class _Asking(threading.Thread, Generic[T]):
    """Keeps what an action gives or raises; it may be left behind when the process ends."""

    def __init__(self, action: Callable[[], T]) -> None:
        super().__init__(name="kis-call", daemon=True)
        self._action = action
        self._given: list[T] = []
        self._error: BaseException | None = None
        self.is_done = threading.Event()

    def run(self) -> None:
        try:
            self._given.append(self._action())
        except BaseException as error:  # belongs to the thread that asked
            self._error = error
        finally:
            self.is_done.set()

    def outcome(self) -> T:
        if self._error is not None:
            raise self._error
        return self._given[0]


def beside(action: Callable[[], T], listen: Callable[[], None]) -> T:
    """What `action` gives, done in another thread; `listen` is called in this one until then.

    Raises:
        BaseException: what `action` or `listen` raised; in the second case nobody waits for `action` any more.

    >>> beside(lambda: 6 * 7, lambda: None)
    42
    """
    asking = _Asking(action)
    asking.start()
    while not asking.is_done.wait(LOOK_SECONDS):
        listen()
    return asking.outcome()


class Listener:
    """Lets the calls of one thread wait beside it; the calls of other threads are made as they are.

    Args:
        listen: returns soon.
    """

    def __init__(self, listen: Callable[[], None]) -> None:
        self._listen, self._owner = listen, threading.get_ident()

    def wait_for(self, action: Callable[[], T]) -> T:
        """What an action gives."""
        if threading.get_ident() != self._owner:
            return action()
        return beside(action, self._listen)
