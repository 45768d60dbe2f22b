"""Who writes the orders of the intraday suite: entries at the closes of bars, profit targets from fills, flat by night.

It sees closes of bars, its fills and a broker, nothing else; two of them with one seed stay the same while that is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np

from engine.broker import Accepted, Broker
from engine.clock import Clock
from engine.config import BacktestConfig, RiskLimits
from engine.fill import Fill
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tick_size import grid_below
from engine.order import Approved, OrderKind, OrderRequest, Side
from tests.parity.record import Day, answer_of, positions_of

CANCELS, LEAVES = 1, 2  # bars of a session at whose close targets are withdrawn, and holdings sold
CONFIG = BacktestConfig(
    cash_won=40_000_000,
    participation=0.1,
    limits=RiskLimits(max_positions=10_000, min_order_share=0.0, allow_managed=True),
)
_SHARE = 4  # of the money goes into one name, as far as there is any


class IntradayWriter:
    """Acts at the close of every bar and on every fill inside one.

    Args:
        broker: where the orders go.
        clock: says when they were approved.
        classes: the names and their classes.
        seed: of what chance decides.
        note: is told which reference has which number.
    """

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        classes: Mapping[str, InstrumentClass],
        seed: int,
        money: int,
        note: Callable[[str, str], None],
    ) -> None:
        self._broker, self._clock, self._classes, self._note = broker, clock, classes, note
        self._draw = np.random.default_rng(seed)
        self._names = sorted(classes)
        self._money = money
        self._before: dict[str, int] = {}
        self._working: dict[str, tuple[str, int]] = {}  # number of each limit order of today, with its price
        self._written = 0

    def bar_closed(self, number: int, closes: Mapping[str, int], day: Day) -> None:
        """A bar of the session has closed; `number` counts from 0."""
        day.seen.append(tuple(sorted(closes.items())))
        held = positions_of(self._broker.positions())
        day.seen.append(tuple(held))
        if number == CANCELS:
            self._change_working(day)
        elif number == LEAVES:
            for ticker, quantity, _ in held:
                self._send(ticker, Side.SELL, min(quantity, self._broker.sellable(ticker)), 0, day)
        else:
            self._enter(closes, {ticker for ticker, _, _ in held}, day)
        self._before = dict(closes)

    def filled(self, fill: Fill, day: Day) -> None:
        """Inside a bar: what was bought gets its profit target at once; what was sold is sometimes bought back."""
        if fill.side is Side.BUY:
            target = self._grid(fill.ticker, fill.price * (1 + self._draw.uniform(0.001, 0.008)), day.session)
            self._send(fill.ticker, Side.SELL, fill.quantity, max(target, fill.price), day)
        elif self._draw.random() < 0.3:
            limit = self._grid(fill.ticker, fill.price * (1 - self._draw.uniform(0, 0.004)), day.session)
            self._send(fill.ticker, Side.BUY, fill.quantity, limit, day)

    def session_over(self) -> None:
        """What is left has expired."""
        self._working.clear()

    def _enter(self, closes: Mapping[str, int], held: set[str], day: Day) -> None:
        rising = [
            (self._before[ticker] / closes[ticker], ticker)
            for ticker in self._names
            if ticker not in held and closes[ticker] > self._before.get(ticker, closes[ticker])
        ]
        for _, ticker in sorted(rising)[:2]:
            quantity = self._money // _SHARE // closes[ticker]
            limit = 0
            if self._draw.random() < 0.6:
                limit = self._grid(ticker, closes[ticker] * (1 + self._draw.normal(0, 0.004)), day.session)
            self._send(ticker, Side.BUY, quantity, limit, day)

    def _change_working(self, day: Day) -> None:
        """Half of the limit orders that can still fill are withdrawn, the others moved."""
        for order in self._broker.open_orders():
            reference, price = self._working[str(int(order.order_number))]
            if price == 0:
                continue  # a market order that waits for more volume
            if self._draw.random() < 0.5:
                answer = answer_of(self._broker.cancel(order.order_number))
            else:
                moved = self._grid(order.request.ticker, price * (1 + self._draw.normal(0, 0.004)), day.session)
                if moved == price:
                    continue
                changed = self._broker.amend(order.order_number, price=moved)
                answer = answer_of(changed)
                if isinstance(changed, Accepted):
                    self._take(reference, changed.order_number, moved)
            day.answers.append((reference, answer))

    def _send(self, ticker: str, side: Side, quantity: int, price: int, day: Day) -> None:
        if quantity <= 0:
            return
        self._written += 1
        request = OrderRequest(
            ticker=ticker,
            side=side,
            quantity=quantity,
            kind=OrderKind.LIMIT if price else OrderKind.MARKET,
            price=price or None,
            decision_id=f"order {self._written}",
        )
        outcome = self._broker.submit(Approved(value=request, checked_at=self._clock.now()))
        day.answers.append((request.decision_id, answer_of(outcome)))
        if isinstance(outcome, Accepted):
            self._take(request.decision_id, outcome.order_number, price)

    def _take(self, reference: str, number: str, price: int) -> None:
        self._note(reference, number)
        self._working[str(int(number))] = reference, price

    def _grid(self, ticker: str, price: float, day: date) -> int:
        return grid_below(int(price), day, self._classes[ticker])
