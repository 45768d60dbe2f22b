"""Where a trader or its venue dies: SIGKILL to one of them at the n-th passage of a named point of the trader's work.

The points are those of `chaos.death`, with `write` and `written` instead of its alerts: before and after any entry of
the ledger (decisions, equity, alerts, supervision). Here they are put around the classes of the product, because the
whole trader runs, and not the adapter alone.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.connection import HTTPConnection

from brokers.kis_trading.logged_books import LedgerBooks
from engine.ledger.ledger import Ledger
from tests.chaos.death import INSIDE

_SQLITE_STEPS = 20
_CALLS = {"order-cash": "order", "order-rvsecncl": "change"}

# Point -> the largest number of the passage at which it may strike.
_ENTRIES = {"write": 4, "written": 4, INSIDE: 40}
_READS = {"read sent": 4, "read answered": 4}
_ORDERS = {"intent": 4, "intended": 4, "order piece": 8, "order sent": 4, "order answered": 4}
_ANSWERS = {"outcome": 4, "recorded": 4, "booking": 3, "booked": 3}
_CHANGES = ("change piece", "change sent", "change answered")
POINTS = (*_ENTRIES, *_READS, *_ORDERS, *_ANSWERS, *_CHANGES)


def points_at(instant: int, last: int, *, starts: bool) -> dict[str, int]:
    """Where one may die at an instant of a day.

    Args:
        instant: 0 = the decision, from which orders leave; in between fills come and levels are reached.
        last: the evening, when the books are closed.
        starts: it is to happen to a trader that starts; it asks the venue first.
    """
    if instant == 0:
        return _ORDERS | _ANSWERS | _ENTRIES | _READS
    if starts:
        return _READS
    if instant == last:
        return _ENTRIES | _READS
    return _ENTRIES | {"booking": 2, "booked": 2} | dict.fromkeys((*_ORDERS, *_ANSWERS, *_CHANGES), 1)


class Strike:
    """Who dies next, and where.

    Args:
        tell: is told just before it happens, with the point.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._point, self._left, self._victim = "", 0, 0

    def arm(self, point: str, passages: int, victim: int) -> None:
        """Kill a process at the n-th passage of a point from now on; "" = nobody.

        Args:
            point: of `POINTS`.
            passages: n.
            victim: number of the process; 0 = this one.
        """
        self._point, self._left, self._victim = point, passages, victim

    def passes(self, point: str) -> None:
        """The trader is here; somebody may die now."""
        if point != self._point:
            return
        self._left -= 1
        if self._left <= 0:
            self._point = ""
            self._tell(point)
            os.kill(self._victim or os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Put the points around the books, the ledger and the calls of this process, for good."""
        self._watch_books()
        self._watch_ledger()
        self._watch_calls()

    def _watch_books(self) -> None:
        for name, before, after in (
            ("record_intent", "intent", "intended"),
            ("record_outcome", "outcome", "recorded"),
            ("append", "booking", "booked"),
        ):
            setattr(LedgerBooks, name, self._around(getattr(LedgerBooks, name), before, after))

    def _around(self, method: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
        def watched(books: LedgerBooks, *given: Any) -> Any:
            self.passes(before)
            done = method(books, *given)
            self.passes(after)
            return done

        return watched

    def _watch_ledger(self) -> None:
        opened, writing = Ledger.__init__, Ledger.writing

        def watched_open(ledger: Ledger, connection: Any, *given: Any, **named: Any) -> None:
            def inside() -> int:
                if connection.in_transaction and connection.total_changes:
                    self.passes(INSIDE)
                return 0

            opened(ledger, connection, *given, **named)
            connection.set_progress_handler(inside, _SQLITE_STEPS)

        @contextmanager
        def watched_writing(ledger: Ledger) -> Iterator[Any]:
            self.passes("write")
            with writing(ledger) as connection:
                yield connection
            self.passes("written")

        Ledger.__init__ = watched_open  # type: ignore[method-assign, assignment]
        Ledger.writing = watched_writing  # type: ignore[method-assign, assignment]

    def _watch_calls(self) -> None:
        """Calls of REST, from whatever thread; the clock and the stream are no calls."""
        ask, send, answer = requests.Session.request, HTTPConnection.send, HTTPConnection.getresponse
        here = threading.local()

        def watched_ask(session: requests.Session, method: Any, url: Any, *given: Any, **named: Any) -> Any:
            path = urlsplit(str(url)).path
            if "/uapi/" not in path:
                return ask(session, method, url, *given, **named)
            here.call = _CALLS.get(path.rpartition("/")[2], "read")
            try:
                response = ask(session, method, url, *given, **named)
            finally:
                call, here.call = here.call, ""
            self.passes(f"{call} answered")
            return response

        def watched_send(connection: HTTPConnection, data: Any) -> None:
            if call := getattr(here, "call", ""):
                self.passes(f"{call} piece")
            send(connection, data)

        def watched_answer(connection: HTTPConnection) -> Any:
            if call := getattr(here, "call", ""):
                self.passes(f"{call} sent")
            return answer(connection)

        requests.Session.request = watched_ask  # type: ignore[method-assign, assignment]
        HTTPConnection.send = watched_send  # type: ignore[method-assign]
        HTTPConnection.getresponse = watched_answer  # type: ignore[method-assign]
