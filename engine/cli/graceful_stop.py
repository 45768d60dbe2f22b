"""Ending a trader in order, and in time: SIGTERM or SIGINT, and within five seconds the process is gone with status 0.

The loop ends at its next turn. Where a slow call holds it up, the call is given up after `PATIENCE_SECONDS`, and what
still hangs is left behind soon after. The ledger is whole at every moment: an order whose answer was not waited for
stays unresolved in it, and the next start asks the venue.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

PATIENCE_SECONDS = 2.5
_CLEARING_UP_SECONDS = 1.5


def stop_on_signals() -> Callable[[], bool]:
    """Whether a signal has asked to stop; a second signal ends the process as usual. For the main thread."""
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        seen.append(number)
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    def give_up(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGALRM, give_up)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
        signal.siginterrupt(number, True)
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    # A thread keeps the time: an alarm of the system would kill the interpreter in its last moments. It hears of the
    # signal at once, where `note` waits until the main thread comes back from the call that it is in.
    threading.Thread(target=_hurry, args=(heard, told), name="stop", daemon=True).start()
    return lambda: bool(seen)


def _hurry(heard: socket.socket, told: socket.socket) -> None:
    """Wait for a signal, then see to it that the process ends; `told` is kept open by being here."""
    while not {signal.SIGINT, signal.SIGTERM}.intersection(heard.recv(16)):
        pass
    time.sleep(PATIENCE_SECONDS)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)  # ends the call that holds it up
    time.sleep(_CLEARING_UP_SECONDS)
    _leave()


@contextmanager
def leaving_when_stopped(stopped: Callable[[], bool]) -> Iterator[None]:
    """Around everything that is cleared up: a process that was told to stop ends there, at once, with status 0.

    The interpreter would take all its objects apart first, while no thread that keeps the time runs any more: on a
    busy machine longer than a stop may take. An error other than the end itself is told as usual.
    """
    try:
        yield
    except SystemExit:
        if not stopped():
            raise
    if stopped():
        _leave()


def _leave() -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)


ENDED_BY_SIGNAL = 143  # as the shell counts SIGTERM


@contextmanager
def ended_by_signal() -> Iterator[Callable[[], None]]:
    """Let SIGTERM end a command in order: files and transactions that are open are closed as after an error.

    For the main thread. What it gives is called when the result is about to be written: from then on the command goes
    on to its end.
    """
    is_writing: list[bool] = []

    def end(number: int, _: object) -> None:
        if not is_writing:
            raise SystemExit(ENDED_BY_SIGNAL)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield lambda: is_writing.append(True)
    finally:
        signal.signal(signal.SIGTERM, before)
