"""Who writes the orders of the daily suites: rules on closes, and a seeded hand that adds what people do to orders.

It sees a broker and nothing else. Two writers with one seed on two brokers stay the same as long as they see the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from engine.broker import Accepted, Broker, Outcome
from engine.clock import Clock
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tick_size import grid_below
from engine.order import Approved, OrderKind, OrderRequest, Side
from tests.parity.record import Day, answer_of, cash_of, positions_of

_MEAN_BARS = 8
_LOOKS_BACK = timedelta(days=20)


@dataclass(frozen=True, kw_only=True)
class Intent:
    """An order to send, and what is done to it right after.

    Args:
        request: the order; its `decision_id` is the reference.
        then: "" nothing, "cancel", or "amend".
        price: of the amend.
    """

    request: OrderRequest
    then: str = ""
    price: int = 0


class DailyWriter:
    """Looks after the close, writes the orders of the next session.

    Args:
        classes: the names and their classes.
        seed: of the hand.
        whole_cash: spends all that is orderable; else at most half, so that a refused order leaves room to none.
    """

    def __init__(self, classes: Mapping[str, InstrumentClass], seed: int, *, whole_cash: bool) -> None:
        self._classes, self._names, self._whole_cash = classes, sorted(classes), whole_cash
        self._draw = np.random.default_rng(seed)
        self._closes: dict[str, list[int]] = {ticker: [] for ticker in self._names}
        self._written = 0

    def look(self, broker: Broker, day: Day) -> list[Intent]:
        """After the close: read prices, cash and holdings, and write the orders of the next session."""
        quotes = {quote.ticker: quote for quote in broker.quotes(self._names)}
        for ticker in self._names:
            self._closes[ticker].append(int(quotes[ticker].price))
        account, positions = broker.account(), broker.positions()
        day.seen += [(ticker, int(quotes[ticker].price), quotes[ticker].volume) for ticker in self._names]
        day.seen += self._read_bars(broker, day.session)
        day.cash, day.positions = cash_of(account), positions_of(positions)
        held = {position.ticker: position for position in positions}
        values = {ticker: self._closes[ticker][-1] for ticker in self._names}
        equity = account.deposit_d2 + sum(values[ticker] * position.quantity for ticker, position in held.items())
        traded = {ticker for ticker in self._names if quotes[ticker].volume > 0}
        intents: list[Intent] = []
        for ticker, position in held.items():
            intents += self._leave(ticker, position.quantity, position.cost, day.session)
        intents += self._enter(set(held), traded, equity, account.orderable, day.session)
        if self._written and self._draw.random() < 0.15:
            intents += self._absurd(next(iter(held), ""), equity)
            if not self._whole_cash:
                intents = intents[-1:]
        return intents

    def _read_bars(self, broker: Broker, today: date) -> list[tuple[object, ...]]:
        """The bars of three names, another three every day."""
        first = 3 * len(self._closes[self._names[0]]) % len(self._names)
        chosen = [self._names[(first + place) % len(self._names)] for place in range(3)]
        found: list[tuple[object, ...]] = []
        for ticker in chosen:
            bars = broker.history(ticker, "1d", today - _LOOKS_BACK, today)
            found += [(ticker, *row) for row in bars.iter_rows()]
        return found

    def _mean(self, ticker: str) -> float:
        return float(np.mean(self._closes[ticker][-_MEAN_BARS:]))

    def _leave(self, ticker: str, quantity: int, cost: int, day: date) -> list[Intent]:
        price = self._closes[ticker][-1]
        if price < 0.985 * self._mean(ticker):
            return [self._intent(ticker, Side.SELL, quantity)]
        if price * quantity > 1.02 * cost:
            limit = self._grid(ticker, price * (1 + self._draw.uniform(0, 0.02)), day)
            return [self._intent(ticker, Side.SELL, -(-quantity // 2), limit, day)]
        return []

    def _enter(self, held: set[str], traded: set[str], equity: int, orderable: int, day: date) -> list[Intent]:
        found = [
            (-self._closes[ticker][-1] / self._mean(ticker), ticker)
            for ticker in self._names
            if ticker not in held and ticker in traded and self._closes[ticker][-1] > 1.005 * self._mean(ticker)
        ]
        left = orderable if self._whole_cash else orderable // 2
        intents = []
        for _, ticker in sorted(found)[:3]:
            price = self._closes[ticker][-1]
            quantity = equity // 12 // price
            # A market order is covered at the upper limit; whoever spends the whole cash lets the venue refuse.
            needed = quantity * price * 14 // 10
            if quantity == 0 or (needed > left and not self._whole_cash):
                continue
            left -= needed
            if self._draw.random() < 0.5:
                intents.append(self._intent(ticker, Side.BUY, quantity))
            else:
                limit = self._grid(ticker, price * (1 + self._draw.normal(-0.004, 0.012)), day)
                intents.append(self._intent(ticker, Side.BUY, quantity, limit, day))
        return intents

    def _absurd(self, ticker: str, equity: int) -> list[Intent]:
        """More than the cash can pay, or more than is held."""
        if ticker and self._draw.random() < 0.5:
            return [self._intent(ticker, Side.SELL, 100_000)]
        other = self._names[int(self._draw.integers(len(self._names)))]
        return [self._intent(other, Side.BUY, 2 * equity // self._closes[other][-1])]

    def _intent(self, ticker: str, side: Side, quantity: int, price: int = 0, day: date | None = None) -> Intent:
        self._written += 1
        then, amended = "", 0
        luck = self._draw.random()
        if luck < 0.06:
            then = "cancel"
        elif luck < 0.25 and price and day is not None:
            then, amended = "amend", self._grid(ticker, price * (1 + self._draw.normal(0, 0.008)), day)
        return Intent(
            request=OrderRequest(
                ticker=ticker,
                side=side,
                quantity=quantity,
                kind=OrderKind.LIMIT if price else OrderKind.MARKET,
                price=price or None,
                decision_id=f"order {self._written}",
            ),
            then=then if amended != price else "",
            price=amended,
        )

    def _grid(self, ticker: str, price: float, day: date) -> int:
        return grid_below(int(price), day, self._classes[ticker])


def send(broker: Broker, clock: Clock, intents: list[Intent], day: Day, note: Callable[[str, str], None]) -> None:
    """Send the orders of a session; `note` is told which reference has which number."""
    for intent in intents:
        reference = intent.request.decision_id
        outcome: Outcome = broker.submit(Approved(value=intent.request, checked_at=clock.now()))
        day.answers.append((reference, answer_of(outcome)))
        if not isinstance(outcome, Accepted):
            continue
        note(reference, outcome.order_number)
        if intent.then == "cancel":
            day.answers.append((reference, answer_of(broker.cancel(outcome.order_number))))
        elif intent.then == "amend":
            changed = broker.amend(outcome.order_number, price=intent.price)
            day.answers.append((reference, answer_of(changed)))
            if isinstance(changed, Accepted):
                note(reference, changed.order_number)
