"""Where a trading process dies: SIGKILL to itself at the n-th passage of a named point, so nothing can be tidied up.

intent, intended      before and after the intent is in the ledger
order piece           before each piece of the request is written: the head, then the body
order sent            all bytes are written, the answer has not been read
order answered        the answer is here, and is not in the ledger yet
change …, read …      the same of amends and cancels, and of questions
outcome, recorded     before and after the outcome is in the ledger
booking, booked       before and after an event is in the ledger
alert, alerted        before and after an alert is in the outbox
inside a commit       in the middle of a transaction, counted in steps of SQLite
"""

from __future__ import annotations

import os
import signal
from typing import Any

import requests
from urllib3.connection import HTTPConnection

from brokers.kis.books import KisAlert
from brokers.kis_account import LedgerBooks
from engine.events import Event
from engine.ledger.ledger import Ledger
from engine.order import Approved, Order, OrderRequest

TAG = "x-intent"  # header of every order: our id, so that the judge knows what no KIS answer tells
INSIDE = "inside a commit"
_SQLITE_STEPS = 20

# Point -> the largest number of the passage at which it may strike.
POINTS = {
    "intent": 12,
    "intended": 12,
    "order piece": 24,
    "order sent": 12,
    "order answered": 12,
    "change piece": 8,
    "change sent": 4,
    "change answered": 4,
    "read sent": 40,
    "read answered": 40,
    "outcome": 12,
    "recorded": 12,
    "booking": 20,
    "booked": 20,
    "alert": 4,
    "alerted": 4,
    INSIDE: 400,
}


class Death:
    """The end of this process.

    Args:
        point: where, "" = nowhere.
        passages: at which passage, from 1.
    """

    def __init__(self, point: str, passages: int) -> None:
        self._point, self._left = point, passages

    def passes(self, point: str) -> None:
        """The process is here; it may be the last thing it does."""
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalBooks(LedgerBooks):
    """The ledger of a process that may die before and after every entry."""

    def __init__(self, ledger: Ledger, death: Death) -> None:
        super().__init__(ledger)
        self._death = death
        self.intent = ""
        ledger.connection.set_progress_handler(self._inside, _SQLITE_STEPS)

    def _inside(self) -> int:
        if self.ledger.connection.in_transaction:
            self._death.passes(INSIDE)
        return 0

    def record_intent(self, approved: Approved[OrderRequest], order_id: str = "") -> Order:
        self._death.passes("intent")
        order = super().record_intent(approved, order_id)
        self.intent = order.id
        self._death.passes("intended")
        return order

    def record_outcome(self, outcome: Any) -> Order:
        self._death.passes("outcome")
        order = super().record_outcome(outcome)
        self._death.passes("recorded")
        return order

    def append(self, event: Event) -> bool:
        self._death.passes("booking")
        news = super().append(event)
        self._death.passes("booked")
        return news

    def alert(self, alert: KisAlert) -> None:
        self._death.passes("alert")
        super().alert(alert)
        self._death.passes("alerted")


class MortalSession(requests.Session):
    """The connections of a process that may die before, between and after the bytes of a call."""

    def __init__(self, death: Death, books: MortalBooks) -> None:
        super().__init__()
        self._death, self._books = death, books
        self._call = ""
        self._watch()

    def request(self, method: Any, url: Any, *args: Any, **keywords: Any) -> requests.Response:
        path = str(url).rpartition("/")[2]
        self._call = {"order-cash": "order", "order-rvsecncl": "change"}.get(path, "read")
        if self._call == "order":
            keywords["headers"] = {**keywords["headers"], TAG: self._books.intent}
        try:
            response = super().request(method, url, *args, **keywords)
        finally:
            call, self._call = self._call, ""
        self._death.passes(f"{call} answered")
        return response

    def _watch(self) -> None:
        """Look at every plain HTTP connection of this process; those of the clock are outside any call."""
        send, answer = HTTPConnection.send, HTTPConnection.getresponse

        def watched_send(connection: HTTPConnection, data: Any) -> None:
            if self._call:
                self._death.passes(f"{self._call} piece")
            send(connection, data)

        def watched_answer(connection: HTTPConnection) -> Any:
            if self._call:
                self._death.passes(f"{self._call} sent")
            return answer(connection)

        HTTPConnection.send = watched_send  # type: ignore[method-assign]
        HTTPConnection.getresponse = watched_answer  # type: ignore[method-assign]
