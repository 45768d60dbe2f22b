"""Ending a trader in order, and in time: SIGTERM or SIGINT, and within five seconds the process is gone with status 0.

The loop ends at its next turn. Where a slow call holds it up, the call is given up after `PATIENCE_SECONDS`, and what
still hangs is left behind soon after. The ledger is whole at every moment: an order whose answer was not waited for
stays unresolved in it, and the next start asks the venue.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

PATIENCE_SECONDS = 2.5
_CLEARING_UP_SECONDS = 1.5


def stop_on_signals() -> Callable[[], bool]:
    """Whether a signal has asked to stop; a second signal ends the process as usual. For the main thread."""
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        seen.append(number)
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        # A thread keeps the time: an alarm of the system would kill the interpreter in its last moments.
        threading.Thread(target=_hurry, name="stop", daemon=True).start()

    def give_up(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGALRM, give_up)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
        signal.siginterrupt(number, True)
    return lambda: bool(seen)


def _hurry() -> None:
    time.sleep(PATIENCE_SECONDS)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)  # ends the call that holds it up
    time.sleep(_CLEARING_UP_SECONDS)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)
