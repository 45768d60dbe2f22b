"""History as a broker: the compiled exchange of `engine.matching` behind the Broker protocol.

`replay(strategy, panel)` is event mode in one call.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.account import AccountSnapshot
from engine.backtest import prepare
from engine.broker import Accepted, IndexQuote, Outcome, Quote, RefusedByVenue
from engine.clock import KST
from engine.config import BacktestConfig
from engine.data.panel import SPLIT, Panel
from engine.errors import BadInput
from engine.events import Event, Slice
from engine.exchange import EPOCH
from engine.fill import Fill
from engine.loop import Engine
from engine.matching import arrays as at
from engine.matching import step
from engine.order import Approved, Order, OrderKind, OrderRequest, OrderStatus, RefusalReason, Side
from engine.outcome import KINDS, POINTS, build_result
from engine.position import Position
from engine.result import Result
from engine.risk import RiskPolicy, write_proposal
from engine.rules.annotate import annotate
from engine.rules.interval import bars_per_year
from engine.rules.parse import parse_expression
from engine.rules.tree import RuleSet
from engine.simulation import AFTER_CLOSE, PROGRESS_STEPS, Simulation
from engine.strategy import Strategy, View

INDEX_WINDOW = 20  # sessions
_STATUS = {
    at.STATUS_OPEN: OrderStatus.OPEN,
    at.STATUS_FILLED: OrderStatus.FILLED,
    at.STATUS_EXPIRED: OrderStatus.EXPIRED,
    at.STATUS_CANCELLED: OrderStatus.CANCELLED,
    at.STATUS_REFUSED: OrderStatus.REFUSED,
}


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
        self._column = {ticker: place for place, ticker in enumerate(self._panel.tickers)}
        self._told = 0  # fills that have been reported
        self.busy = False  # whether the next bar must be traded point by point
        self._eventful = self._eventful_rows()
        # Plain arrays: reading one value through a mapped file's own class costs three times as much.
        self._bars, self._state, self._base = simulation.exchange.arrays[:3]
        self._session_ends = np.flatnonzero(simulation.exchange.ends_session)
        self._closed_at = np.asarray(self._panel.closed_at_ns)
        self._last_row = np.asarray(self._panel.last_row)
        self._shares = None if self._panel.shares is None else np.asarray(self._panel.shares)
        # Of the bar that was asked for last: a decision looks at many names of one bar.
        self._timed: tuple[int, datetime.datetime] | None = None
        self._grown: tuple[int, NDArray[np.int64]] | None = None

    def now(self) -> datetime.datetime:
        """The broker is the clock of a replay: the close of the last bar."""
        return self._time(max(self.simulation.row, 0))

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
            yield self._fill(self._told - 1)

    def submit(self, order: Approved[OrderRequest]) -> Outcome:
        """Put an approved order into the book; it takes part from the next point or bar on."""
        request = order.value
        column = self._column.get(request.ticker)
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
        log = self.simulation.book.orders
        index = int(order_number) - 1
        if not 0 <= index < self.simulation.book.account[at.ORDER_COUNT]:
            return RefusedByVenue(reason=RefusalReason.VENUE, text=f"There is no order {order_number}.")
        old = log[index].copy()
        rest = int(old[at.ORDER_QUANTITY] - old[at.ORDER_FILLED])
        if old[at.ORDER_STATUS] != at.STATUS_OPEN:
            return RefusedByVenue(reason=RefusalReason.VENUE, text=f"Order {order_number} is no longer open.")
        wanted = rest if quantity is None else quantity
        if wanted <= 0 or wanted > rest:
            text = f"Order {order_number} has {rest:,} shares open; the quantity can only be reduced, to 1 or more."
            return RefusedByVenue(reason=RefusalReason.VENUE, text=text)
        proposal = self.simulation.book.proposals[0]
        proposal[:] = 0
        proposal[at.PROPOSAL_COL] = old[at.ORDER_COL]
        proposal[at.PROPOSAL_SIDE] = old[at.ORDER_SIDE]
        becomes_limit = price is not None and old[at.ORDER_KIND] == at.MARKET
        proposal[at.PROPOSAL_KIND] = at.LIMIT if becomes_limit else old[at.ORDER_KIND]
        proposal[at.PROPOSAL_PRICE] = old[at.ORDER_PRICE] if price is None else price
        proposal[at.PROPOSAL_QUANTITY] = wanted
        proposal[at.PROPOSAL_RULE] = old[at.ORDER_RULE]
        proposal[at.PROPOSAL_RULES_LOW] = old[at.ORDER_RULES_LOW]
        proposal[at.PROPOSAL_RULES_HIGH] = old[at.ORDER_RULES_HIGH]
        proposal[at.PROPOSAL_RELATIVE] = old[at.ORDER_RELATIVE] if price is None else 0
        proposal[at.PROPOSAL_WEIGHT_CAP] = at.PPB
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
        return self._quotes([self._column[ticker] for ticker in tickers if ticker in self._column])

    def rankings(self, kind: str, count: int = 10) -> Sequence[Quote]:
        """Names that traded today, by "volume_growth" against the session before or by "decline"."""
        if self.simulation.row == 0:
            return []
        row = self.simulation.row
        traded = (self._state[row] & at.TRADED != 0) & (self._state[row - 1] & at.PRESENT != 0)
        if kind == "volume_growth":
            now, before = self._bars[at.VOLUME, row], self._volume_before(row)
        else:  # against the base price, which a split or a distribution has moved
            now, before = self._bars[at.CLOSE, row], self._base[row]
        usable = np.flatnonzero(traded & (before > 0))
        change = (now[usable] - before[usable]) / before[usable]
        order = _lowest(-change if kind == "volume_growth" else change, count)
        return self._quotes(usable[order])

    def index(self, code: str) -> IndexQuote:
        """Level, change, 20-day mean and volatility, and the breadth of the data's own names."""
        advancers, decliners, unchanged = self._breadth()
        level, change, mean, volatility = self._index_figures(code)
        return IndexQuote(
            code=code,
            time=self.now(),
            level=level,
            change_rate=change,
            mean_20=mean,
            volatility_20=volatility,
            advancers=advancers,
            decliners=decliners,
            unchanged=unchanged,
        )

    def history(self, ticker: str, interval: str, start: datetime.date, end: datetime.date) -> pl.DataFrame:
        """Bars of one ticker in won, up to the present one; nothing later can be read."""
        if interval != self._panel.interval:
            raise BadInput(f"The data has bars of {self._panel.interval}, not of {interval}. Ask for those.")
        first, last = np.searchsorted(self._panel.session, [(start - EPOCH).days, (end - EPOCH).days + 1])
        rows = slice(int(first), min(int(last), self.simulation.row + 1))
        bars = self._panel.bars[:, rows, self._column[ticker]]
        stamps = pl.Series(self._panel.closed_at_ns[rows]).cast(pl.Datetime("ns", "Asia/Seoul"))
        names = ("open", "high", "low", "close", "volume")
        scale = self.simulation.exchange.scale
        in_won = bars if scale == 1 else [*(bars[: at.VOLUME] / scale), bars[at.VOLUME]]
        return pl.DataFrame({"time": stamps, **dict(zip(names, in_won, strict=True))})

    def buyable(self, ticker: str, price: int | None = None) -> int:
        """Shares that the orderable cash pays for, at a limit price or reserved as a market order."""
        self.catch_up()
        col = self._column[ticker]
        market, book = self.simulation.exchange.arrays, tuple(self.simulation.book)
        return int(step.buyable_one(market, book, self.simulation.row, col, price or 0))

    def sellable(self, ticker: str) -> int:
        """Shares held that no open order sells."""
        self.catch_up()
        position = self.simulation.book.positions[self._column[ticker]]
        return int(position[at.POSITION_QUANTITY] - position[at.POSITION_PENDING_SELL])

    def open_orders(self) -> Sequence[Order]:
        """Orders that can still fill."""
        self.catch_up()
        book = self.simulation.book
        listed = book.open[: book.account[at.OPEN_COUNT]]
        still = listed[book.orders[listed, at.ORDER_STATUS] == at.STATUS_OPEN]
        return [self._order(int(index)) for index in still]

    def orders(self, day: datetime.date) -> Sequence[Order]:
        """All orders sent on a day."""
        self.catch_up()
        book = self.simulation.book
        sent = book.orders[: book.account[at.ORDER_COUNT], at.ORDER_ROW]
        return [self._order(int(index)) for index in np.flatnonzero(self._panel.session[sent] == (day - EPOCH).days)]

    def fills(self, day: datetime.date) -> Sequence[Fill]:
        """All fills of a day."""
        self.catch_up()
        book = self.simulation.book
        rows = book.fills[: book.account[at.FILL_COUNT], at.FILL_ROW]
        return [self._fill(int(place)) for place in np.flatnonzero(self._panel.session[rows] == (day - EPOCH).days)]

    def subscribe(self, tickers: Sequence[str]) -> None:
        """A replay delivers every instrument of its data; an unknown ticker is an error of the caller."""
        for ticker in tickers:
            self._column[ticker]

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

    def _time(self, row: int) -> datetime.datetime:
        if self._timed is None or self._timed[0] != row:
            self._timed = row, datetime.datetime.fromtimestamp(int(self._closed_at[row]) / 1_000_000_000, KST)
        return self._timed[1]

    def _quotes(self, cols: Sequence[int] | NDArray[np.int64]) -> list[Quote]:
        """Last prices; of a name whose rows have ended the last one it had. One before its first bar is left out."""
        if not len(cols):
            return []
        now, scale = self.simulation.row, self.simulation.exchange.scale
        cols = np.asarray(cols)
        rows = np.minimum(now, self._last_row[cols])
        before = np.maximum(rows - 1, 0)
        bars, has_shares = self._bars, self._shares is not None
        columns = (
            (self._state[rows, cols] & at.PRESENT != 0),
            (self._state[before, cols] & at.PRESENT != 0) & (rows > 0),
            bars[at.CLOSE, rows, cols],
            bars[at.VOLUME, rows, cols],
            self._base[rows, cols],
            bars[at.CLOSE, before, cols],
            self._shares[rows, cols] if self._shares is not None else rows,
        )
        found = []
        values = zip(cols.tolist(), rows.tolist(), *(column.tolist() for column in columns), strict=True)
        for col, row, present, had, close, volume, base, close_before, shares in values:
            if not present:
                continue
            previous = base if base > 0 else (close_before if had else 0)
            found.append(
                Quote(
                    ticker=self._panel.tickers[col],
                    time=self._time(row),
                    price=close / scale,
                    previous_close=previous / scale if previous > 0 else None,
                    volume=volume,
                    previous_volume=int(self._volume_before(row)[col]) if had else None,
                    market_cap=close * shares // scale if has_shares and shares >= 0 else None,
                )
            )
        return found

    def _volume_before(self, row: int) -> NDArray[np.int64]:
        """Volumes of the bar before, in the shares of this one: a split multiplies them."""
        if self._grown is None or self._grown[0] != row:
            self._grown = row, self._grown_by(row)
        return self._grown[1]

    def _grown_by(self, row: int) -> NDArray[np.int64]:
        actions = self._panel.actions
        before: NDArray[np.int64] = self._bars[at.VOLUME, row - 1]
        first, last = np.searchsorted(actions.row, [row, row + 1])
        if first == last:
            return before
        before = before.copy()
        for place in range(first, last):
            if actions.kind[place] == SPLIT:
                col = actions.col[place]
                before[col] = before[col] * actions.numerator[place] // actions.denominator[place]
        return before

    def _index_figures(self, code: str) -> tuple[float | None, float | None, float | None, float | None]:
        """Level, change, 20-day mean, volatility: from the closes of sessions and the level now."""
        series, row = self._panel.indices.get(code), self.simulation.row
        if series is None:
            return None, None, None, None
        place = int(np.searchsorted(self._session_ends, row))  # ends of the sessions before this one
        ends = self._session_ends[max(place - INDEX_WINDOW, 0) : place]
        levels = np.append(series[3, ends], series[3, row])
        change = mean = volatility = None
        if len(levels) > 1:
            changes = np.diff(levels) / levels[:-1]
            change = _known(changes[-1])
        if len(levels) >= INDEX_WINDOW and self._panel.interval != "1w":
            mean = _known(levels[-INDEX_WINDOW:].mean())
        if len(levels) > INDEX_WINDOW and self._panel.interval != "1w":
            volatility = _known(changes.std(ddof=1) * bars_per_year("1d") ** 0.5)
        return _known(levels[-1]), change, mean, volatility

    def _breadth(self) -> tuple[int | None, int | None, int | None]:
        """Names that traded: above, below and at their base price."""
        row = self.simulation.row
        if row == 0:
            return None, None, None
        traded = (self._state[row] & at.TRADED != 0) & (self._base[row] > 0)
        change = self._bars[at.CLOSE, row, traded] - self._base[row, traded]
        return int((change > 0).sum()), int((change < 0).sum()), int((change == 0).sum())

    def _fill(self, place: int) -> Fill:
        log = self.simulation.book.fills[place]
        point = int(log[at.FILL_POINT])
        if self.simulation.exchange.config.path == "high_first":
            point = (0, 2, 1, 3)[point]
        return Fill(
            time=self._time(int(log[at.FILL_ROW])),
            order_id=str(int(log[at.FILL_ORDER])),
            key=f"{int(log[at.FILL_ORDER])}-{place}",
            ticker=self._panel.tickers[int(log[at.FILL_COL])],
            side=Side.BUY if log[at.FILL_SIDE] == at.BUY else Side.SELL,
            quantity=int(log[at.FILL_QUANTITY]),
            price=int(log[at.FILL_PRICE]),
            fee=int(log[at.FILL_FEE]),
            stt=int(log[at.FILL_TAX]),
            rural=int(log[at.FILL_RURAL]),
            point=POINTS[point],
            sequence=place,
        )

    def _order(self, index: int) -> Order:
        log = self.simulation.book.orders[index]
        kind = OrderKind(KINDS[int(log[at.ORDER_KIND])])
        filled = int(log[at.ORDER_FILLED])
        status = _STATUS[int(log[at.ORDER_STATUS])]
        if status is OrderStatus.OPEN and filled:
            status = OrderStatus.PARTLY_FILLED
        done = int(log[at.ORDER_DONE_ROW])
        return Order(
            id=str(index + 1),
            request=OrderRequest(
                ticker=self._panel.tickers[int(log[at.ORDER_COL])],
                side=Side.BUY if log[at.ORDER_SIDE] == at.BUY else Side.SELL,
                quantity=int(log[at.ORDER_QUANTITY]),
                kind=kind,
                price=self._price(log) if kind.has_price else None,
            ),
            intended_at=self._time(int(log[at.ORDER_ROW])),
            status=status,
            order_number=str(index + 1),
            filled=filled,
            filled_amount=int(log[at.ORDER_AMOUNT]),
            done_at=self._time(done) if done >= 0 else None,
        )

    def _price(self, order: NDArray[np.int64]) -> int:
        """An order's price; one that still waits for an opening price is shown around the last close."""
        price = int(order[at.ORDER_PRICE])
        if order[at.ORDER_RELATIVE]:
            price += int(self._panel.bars[at.CLOSE, self.simulation.row, int(order[at.ORDER_COL])])
        return max(price, 1)


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


def _lowest(values: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Places of the lowest values in order, the first of equals first: a stable sort of those that can matter."""
    if len(values) <= count:
        return np.argsort(values, kind="stable")
    near = np.flatnonzero(values <= np.partition(values, count - 1)[count - 1])
    return near[np.argsort(values[near], kind="stable")[:count]]


def _known(value: float) -> float | None:
    """None for a value that the data does not have."""
    return float(value) if np.isfinite(value) else None
