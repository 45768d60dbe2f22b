"""What a halt does beside stopping: it withdraws open orders and sells what the ledger holds, until that is done.

Nothing is remembered here: orders and holdings are those of the ledger, so a process that was killed in the middle is
followed by one that goes on, and no share is sold twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from engine.broker import Accepted, Outcome, RefusedByVenue
from engine.clock import Clock
from engine.ledger.alerts import Urgency
from engine.ledger.ledger import Ledger
from engine.order import WORKING, Approved, Order, OrderRequest, Side
from engine.risk import check_exit
from engine.trading import texts
from engine.trading.order_gate import OrderGate
from engine.trading.ports import Venue
from engine.trading.standing import Halt

CLEARANCE = "halt"  # decision of sells that a halt asked for
_AGAIN = timedelta(seconds=5)
Say = Callable[..., None]


class Clearance:
    """Withdraws and sells.

    Args:
        ledger: of the account.
        venue: takes the orders.
        clock: of the venue's world.
        gate: has the last word before an order leaves.
        say: is told what people should read.
        warn: is told what people should act on.
    """

    def __init__(self, ledger: Ledger, venue: Venue, clock: Clock, gate: OrderGate, say: Say, warn: Say) -> None:
        self._ledger, self._venue, self._clock, self._gate = ledger, venue, clock, gate
        self._say, self._warn = say, warn
        self._not_before: dict[str, datetime] = {}

    def act(self, halt: Halt | None, blocked: Mapping[str, str]) -> None:
        """Do what a halt asks for as far as it is not done; call it at every turn in which the venue takes orders."""
        if halt is None or not (halt.cancel or halt.sell):
            self._not_before.clear()
            return
        self._withdraw(whole=halt.everything or halt.sell)
        if halt.sell:
            for ticker in list(self._ledger.positions):
                self._sell(ticker, blocked)

    def _withdraw(self, *, whole: bool) -> None:
        for order in self._ledger.open_orders():
            is_ours = order.request.decision_id == CLEARANCE
            if is_ours or not order.order_number or not (whole or order.request.side is Side.BUY):
                continue
            if not self._is_due(order.id):
                continue
            outcome = self._venue.cancel(order.order_number)
            if isinstance(outcome, Accepted):
                self._say(texts.WITHDRAWN, ticker=order.request.ticker, quantity=order.remaining)
            else:
                self._warn(
                    "order_not_withdrawn",
                    texts.NOT_WITHDRAWN,
                    Urgency.CRITICAL,
                    ticker=order.request.ticker,
                    why=_words(outcome),
                )

    def _sell(self, ticker: str, blocked: Mapping[str, str]) -> None:
        held, active = self._ledger.positions[ticker].quantity, self._active(ticker)
        free = held - sum(order.remaining for order in active if order.request.side is Side.SELL)
        # A name with a lost order waits: what became of it decides how many shares there are.
        if free <= 0 or any(order.status not in WORKING for order in active) or not self._is_due(ticker):
            return
        if ticker in blocked:
            self._warn("not_sold", texts.NOT_TAKEN, Urgency.CRITICAL, ticker=ticker, why=blocked[ticker])
            return
        request = OrderRequest(ticker=ticker, side=Side.SELL, quantity=free, decision_id=CLEARANCE)
        approved = check_exit(request, free, self._clock)
        refused = self._gate.check(request)
        if refused is not None or not isinstance(approved, Approved):
            why = refused.message if refused is not None else ""
            self._warn("not_sold", texts.NOT_TAKEN, Urgency.CRITICAL, ticker=ticker, why=why)
            return
        outcome = self._venue.submit(approved)
        if isinstance(outcome, Accepted):
            self._say(texts.SELLS_OUT, ticker=ticker, quantity=free)
        else:
            self._warn("not_sold", texts.NOT_TAKEN, Urgency.CRITICAL, ticker=ticker, why=_words(outcome))

    def _active(self, ticker: str) -> list[Order]:
        orders = [*self._ledger.open_orders(), *self._ledger.unresolved_orders()]
        return [order for order in orders if order.request.ticker == ticker]

    def _is_due(self, what: str) -> bool:
        """Whether an attempt may be made now; if so, the next one waits a while."""
        now = self._clock.now()
        if now < self._not_before.get(what, now):
            return False
        self._not_before[what] = now + _AGAIN
        return True


def _words(outcome: Outcome) -> str:
    """What the venue said."""
    if isinstance(outcome, Accepted):
        return ""
    if isinstance(outcome, RefusedByVenue):
        return f"{outcome.code} {outcome.text}".strip() or outcome.reason.value
    return outcome.text
