"""History as a broker: the compiled exchange of `engine.matching` behind the Broker protocol.

`replay(strategy, panel)` is event mode in one call. What the market says stands in `replay_market`; `replay_records`
has the orders and fills as objects.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl

from brokers.replay_market import ReplayMarket
from brokers.replay_records import ReplayRecords, write_amended
from engine.account import AccountSnapshot
from engine.backtest import prepare
from engine.broker import Accepted, IndexQuote, Outcome, Quote, RefusedByVenue
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.events import Event, Slice
from engine.fill import Fill
from engine.loop import Engine
from engine.matching import arrays as at
from engine.matching import step
from engine.order import Approved, Order, OrderRequest, RefusalReason
from engine.outcome import build_result
from engine.position import Position
from engine.result import Result
from engine.risk import RiskPolicy, write_proposal
from engine.rules.annotate import annotate
from engine.rules.parse import parse_expression
from engine.rules.tree import RuleSet
from engine.simulation import AFTER_CLOSE, PROGRESS_STEPS, Simulation
from engine.strategy import Strategy, View


class ReplayBroker:
    """The replay exchange.

    Bars in which nothing can happen to the account (no open order, no guarded level, no corporate action, no delisting)
    are traded later, many in one call; every question about the account catches up first, so nobody can tell.

    Args:
        simulation: account and market.
        acts_on_fills: whether somebody may send orders from within a bar; else its points are traded in one call.
    """

    def __init__(self, simulation: Simulation, *, acts_on_fills: bool = True) -> None:
        self.simulation, self._acts_on_fills = simulation, acts_on_fills
        self._panel = simulation.exchange.panel
        self._market = ReplayMarket(simulation)
        self._records = ReplayRecords(simulation, self._market.time)
        self._told = 0  # fills that have been reported
        self.busy = False  # whether the next bar must be traded point by point
        self._eventful = self._eventful_rows()

    def now(self) -> datetime.datetime:
        """The broker is the clock of a replay: the close of the last bar."""
        return self._market.now()

    def events(self, on_progress: Callable[[int, int], None] | None = None) -> Iterator[Event]:
        """Fills and slices in order, from the first row to the last; `on_progress` is told rows done and in all."""
        closed_at = self._panel.closed_at_ns.tolist()
        eventful, simulation = self._eventful, self.simulation
        make = tuple.__new__  # what Slice(…) does, without the detour through its own signature
        first, last = simulation.first, simulation.last
        told_at = first if on_progress is not None else last
        for row in range(first, last):
            if row >= told_at and on_progress is not None:
                told_at += max((last - first) // PROGRESS_STEPS, 1)
                on_progress(row - first, last - first)
            if self.busy or eventful[row]:
                yield from self._trade_bar(row)
            simulation.row = row
            yield make(Slice, (row, closed_at[row], 0))
        simulation.trade(simulation.last)

    def _trade_bar(self, row: int) -> Iterator[Event]:
        simulation = self.simulation
        if self._acts_on_fills:
            simulation.catch_up()
            simulation.make_room()
            for part in simulation.parts_of(row):
                simulation.point = min(max(part, 0), at.POINTS - 1)
                yield from self._untold(simulation.trade_part(part))
            simulation.point = AFTER_CLOSE
        else:
            simulation.trade(row + 1)
            yield from self._untold(int(simulation.book.account[at.FILL_COUNT]))
        account = simulation.book.account
        self.busy = bool(account[at.OPEN_COUNT] or account[at.ARM_COUNT])

    def _untold(self, fills: int) -> Iterator[Fill]:
        while self._told < fills:
            self._told += 1
            yield self._records.fill(self._told - 1)

    def submit(self, order: Approved[OrderRequest]) -> Outcome:
        """Put an approved order into the book; it takes part from the next point or bar on."""
        request = order.value
        column = self._market.column.get(request.ticker)
        if column is None:
            return RefusedByVenue(reason=RefusalReason.VENUE, text=f"There is no ticker {request.ticker!r} here.")
        if self.simulation.row < 0:
            return RefusedByVenue(reason=RefusalReason.MARKET_CLOSED, text="No bar has closed yet.")
        write_proposal(self.simulation, request, column)
        return self.submit_proposal(0, request.quantity)

    def submit_proposal(self, place: int, quantity: int) -> Outcome:
        """The same for a proposal that a plan has already written. Whoever approved it, the account must cover it."""
        self.catch_up()
        index = self.simulation.accept(place, quantity)
        if index < 0:
            reason = RefusalReason(at.REFUSAL_NAMES[-index])
            return RefusedByVenue(reason=reason, text=f"The account does not cover an order of {quantity:,} shares.")
        self.busy = True
        return Accepted(order_number=str(index + 1))

    def watch_guards(self) -> None:
        """Trade the next bar point by point if a decision has armed price levels."""
        self.busy = self.busy or bool(self.simulation.book.account[at.ARM_COUNT])

    def cancel(self, order_number: str) -> Outcome:
        """Withdraw the rest of an open order."""
        self.catch_up()
        index = int(order_number) - 1
        if not 0 <= index < self.simulation.book.account[at.ORDER_COUNT]:
            return RefusedByVenue(reason=RefusalReason.VENUE, text=f"There is no order {order_number}.")
        if not self.simulation.cancel(index):
            return RefusedByVenue(reason=RefusalReason.VENUE, text=f"Order {order_number} is no longer open.")
        return Accepted(order_number=order_number)

    def amend(self, order_number: str, quantity: int | None = None, price: int | None = None) -> Outcome:
        """Replace the rest of an open order; the new order has a number of its own and stands last in the queue."""
        self.catch_up()
        index = int(order_number) - 1
        if not 0 <= index < self.simulation.book.account[at.ORDER_COUNT]:
            return RefusedByVenue(reason=RefusalReason.VENUE, text=f"There is no order {order_number}.")
        old = self.simulation.book.orders[index].copy()
        rest = int(old[at.ORDER_QUANTITY] - old[at.ORDER_FILLED])
        if old[at.ORDER_STATUS] != at.STATUS_OPEN:
            return RefusedByVenue(reason=RefusalReason.VENUE, text=f"Order {order_number} is no longer open.")
        wanted = rest if quantity is None else quantity
        if wanted <= 0 or wanted > rest:
            text = f"Order {order_number} has {rest:,} shares open; the quantity can only be reduced, to 1 or more."
            return RefusedByVenue(reason=RefusalReason.VENUE, text=text)
        write_amended(self.simulation.book.proposals[0], old, wanted, price)
        code = self.simulation.try_amend(index, wanted)
        if code != at.ACCEPTED:
            reason = RefusalReason(at.REFUSAL_NAMES[code])
            return RefusedByVenue(reason=reason, text=f"Order {order_number} stays as it is.")
        self.simulation.cancel(index)
        return self.submit_proposal(0, wanted)

    def account(self) -> AccountSnapshot:
        """Cash after the present bar, with what settles on the next two sessions."""
        self.catch_up()
        account = self.simulation.book.account
        cash, scale = int(account[at.CASH]), self.simulation.exchange.scale
        inside_a_bar = self.simulation.point != AFTER_CLOSE
        row = max(self.simulation.row + inside_a_bar, 0)
        session = int(self.simulation.exchange.session_number[row])
        due = [
            int(account[at.DUE_IN + slot % 3] - account[at.DUE_OUT + slot % 3]) for slot in (session + 1, session + 2)
        ]
        orderable = cash + int(account[at.RECEIVABLE] - account[at.PAYABLE] - account[at.RESERVED])
        return AccountSnapshot(
            time=self.now(),
            deposit=cash // scale,
            deposit_d1=(cash + due[0]) // scale,
            deposit_d2=(cash + sum(due)) // scale,
            orderable=orderable // scale,
        )

    def positions(self) -> Sequence[Position]:
        """Holdings by ticker; cost in price units of the dataset."""
        self.catch_up()
        book = self.simulation.book
        held = book.held[: book.account[at.HELD]]
        return [
            Position(
                ticker=self._panel.tickers[col],
                quantity=int(book.positions[col, at.POSITION_QUANTITY]),
                cost=int(book.positions[col, at.POSITION_COST]),
            )
            for col in held.tolist()
        ]

    def quotes(self, tickers: Sequence[str]) -> Sequence[Quote]:
        """Last prices of listed names."""
        return self._market.quotes(tickers)

    def rankings(self, kind: str, count: int = 10) -> Sequence[Quote]:
        """Names that traded today, by "volume_growth" against the session before or by "decline"."""
        return self._market.rankings(kind, count)

    def index(self, code: str) -> IndexQuote:
        """Level, change, 20-day mean and volatility, and the breadth of the data's own names."""
        return self._market.index(code)

    def history(self, ticker: str, interval: str, start: datetime.date, end: datetime.date) -> pl.DataFrame:
        """Bars of one ticker in won, up to the present one; nothing later can be read."""
        return self._market.history(ticker, interval, start, end)

    def buyable(self, ticker: str, price: int | None = None) -> int:
        """Shares that the orderable cash pays for, at a limit price or reserved as a market order."""
        self.catch_up()
        col = self._market.column[ticker]
        market, book = self.simulation.exchange.arrays, tuple(self.simulation.book)
        return int(step.buyable_one(market, book, self.simulation.row, col, price or 0))

    def sellable(self, ticker: str) -> int:
        """Shares held that no open order sells."""
        self.catch_up()
        position = self.simulation.book.positions[self._market.column[ticker]]
        return int(position[at.POSITION_QUANTITY] - position[at.POSITION_PENDING_SELL])

    def open_orders(self) -> Sequence[Order]:
        """Orders that can still fill."""
        self.catch_up()
        return self._records.open_orders()

    def orders(self, day: datetime.date) -> Sequence[Order]:
        """All orders sent on a day."""
        self.catch_up()
        return self._records.orders(day)

    def fills(self, day: datetime.date) -> Sequence[Fill]:
        """All fills of a day."""
        self.catch_up()
        return self._records.fills(day)

    def subscribe(self, tickers: Sequence[str]) -> None:
        """A replay delivers every instrument of its data; an unknown ticker is an error of the caller."""
        for ticker in tickers:
            self._market.column[ticker]

    def catch_up(self) -> None:
        """Trade the quiet bars up to the last closed one."""
        self.simulation.catch_up()

    def _eventful_rows(self) -> bytes:
        """1 where something can happen to a holding without an order of ours."""
        flags = np.zeros(self._panel.rows, dtype=np.uint8)
        flags[self._panel.actions.row[self._panel.actions.row < self._panel.rows]] = 1
        after = self._panel.last_row[self._panel.delisted_known] + 1
        flags[after[after < self._panel.rows]] = 1
        return flags.tobytes()


def replay(
    strategy: Strategy,
    panel: Panel,
    config: BacktestConfig | None = None,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Event mode: run a strategy in Python over a panel.

    Args:
        strategy: see `engine.strategy.Strategy`.
        panel: the data.
        config: cash, costs, limits; the defaults if None.
        start: first session that trades.
        end: last session that trades.
        on_progress: told how many bars of how many are done.
    """
    began = time.perf_counter()
    features = {name: annotate(parse_expression(text)) for name, text in strategy.features.items()}
    nothing = RuleSet(interval=panel.interval, rules=())
    simulation = prepare(nothing, panel, config or BacktestConfig(), start, end, tuple(features.values()))
    broker = ReplayBroker(simulation, acts_on_fills=type(strategy).on_fill is not Strategy.on_fill)
    view = View(simulation, features)
    engine = Engine(strategy, view, RiskPolicy(simulation, broker), broker)
    strategy.on_start(view)
    prepared = time.perf_counter()
    for event in broker.events(on_progress):
        engine.process(event)
    ran = time.perf_counter()
    return build_result(simulation, {"prepare": prepared - began, "run": ran - prepared})
