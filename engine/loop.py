"""THE main loop. An event comes in, the strategy looks, the risk check decides, orders go to the broker.

    for event in broker.events():
        engine.process(event)

Synchronous and single-threaded; whatever waits (sockets, REST calls, models) puts events into the broker's queue.
"""

from __future__ import annotations

from typing import Protocol

from engine.broker import Outcome
from engine.events import Event, Slice
from engine.fill import Fill
from engine.order import Approved, OrderRequest, Refused
from engine.strategy import Strategy, View


class Gate(Protocol):
    """The risk check, as the loop sees it."""

    def check(self, request: OrderRequest) -> Approved[OrderRequest] | Refused[OrderRequest]:
        """Approve, shrink or refuse."""
        ...


class Venue(Protocol):
    """The part of a broker that the loop needs."""

    def submit(self, order: Approved[OrderRequest]) -> Outcome:
        """Send an approved order."""
        ...


class Engine:
    """One strategy on one account.

    Args:
        strategy: decides.
        view: what it sees; the engine moves it.
        risk: the gate before every order.
        broker: takes approved orders.
    """

    def __init__(self, strategy: Strategy, view: View, risk: Gate, broker: Venue) -> None:
        self._strategy, self._view, self._risk, self._broker = strategy, view, risk, broker
        self._on_bar, self._move_to, self._requests = strategy.on_bar, view.move_to, view.requests

    def process(self, event: Event) -> None:
        """Handle one event completely before the next one comes."""
        if type(event) is Slice:
            self._move_to(event.row)
            self._on_bar(self._view)
        elif type(event) is Fill:
            self._strategy.on_fill(self._view, event)
        if self._requests:
            self._send()

    def _send(self) -> None:
        requests = tuple(self._requests)
        self._requests.clear()
        for request in requests:
            verdict = self._risk.check(request)
            if isinstance(verdict, Refused):
                self._strategy.on_refused(self._view, verdict)
            else:
                self._broker.submit(verdict)
