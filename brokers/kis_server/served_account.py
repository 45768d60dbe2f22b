"""One account at the replay exchange: it runs the parts of each bar and says what happened to its orders.

The compiled exchange does all matching and booking; here stands only what KIS has beside it: order numbers, orders that
wait for a trigger, IOC and FOK, cancels that are confirmed later, sums of the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from brokers.kis.notice import AMEND, CANCEL, CONFIRMED, NEW, RECEIVED, REST_CANCELLED, Notice
from brokers.kis_server.market import Market
from brokers.kis_server.order_book import BRANCH, OrderBook, ServedOrder
from brokers.kis_server.session_path import BEGIN, END
from brokers.kis_server.setup import AccountSetup
from engine.config import BacktestConfig
from engine.exchange import Exchange
from engine.matching import arrays as at
from engine.matching import step
from engine.order import OrderKind, OrderRequest, RefusalReason
from engine.risk import write_proposal
from engine.rules.program import CompiledRules
from engine.simulation import AFTER_CLOSE, Simulation

# An order that waits for its trigger stands in the book behind the last point of the last bar of its session: it
# reserves its cash, can be cancelled and expires with the others, but meets nothing.
_NO_POINT = at.POINTS


@dataclass(slots=True)
class DayOf:
    """What one instrument did in one session: shares, won, costs."""

    bought: int = 0
    bought_amount: int = 0
    sold: int = 0
    sold_amount: int = 0
    realised: int = 0
    buy_fees: int = 0
    sell_fees: int = 0
    taxes: int = 0
    cost_of_sold: int = 0

    @property
    def costs(self) -> int:
        """Fees and taxes, won."""
        return self.buy_fees + self.sell_fees + self.taxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Cash of an account now, won: settled, after the next session's settlement, after the one behind it."""

    deposit: int
    deposit_d1: int
    deposit_d2: int
    orderable: int


class ServedAccount:
    """An account and its orders.

    Args:
        setup: who it belongs to.
        exchange: the market with the account's own configuration.
        rules: no rules, compiled.
        market: prices now, shared by all accounts.
        row: first bar that it trades.
    """

    def __init__(self, setup: AccountSetup, exchange: Exchange, rules: CompiledRules, market: Market, row: int) -> None:
        self.setup, self.market = setup, market
        self.simulation = Simulation(exchange, rules, first=row)
        self.orders = OrderBook()
        self.days: dict[date, dict[int, DayOf]] = {}
        self.sold_out: dict[int, int] = {}  # instrument -> number of the session in which its last share went
        self._late_cancels: list[tuple[ServedOrder, ServedOrder, int]] = []
        self._told = 0

    @property
    def config(self) -> BacktestConfig:
        """Costs, path and participation."""
        return self.simulation.exchange.config

    # What happens in the market

    def run_part(self, row: int, part: int, now: datetime) -> list[Notice]:
        """One part of a bar; returns what the owner is told, in order."""
        simulation = self.simulation
        if part == BEGIN:
            simulation.make_room()
        told: list[Notice] = []
        if BEGIN < part < END:
            simulation.make_room()
            simulation.arrange_trade()
            told += self._drop_unfillable(row, part, now)
        simulation.trade_part(part)
        if part == END:
            simulation.row, simulation.point = row, AFTER_CLOSE
        elif part > BEGIN:
            simulation.point = part
        told += self._fills(now)
        if BEGIN < part < END:
            told += self._cancel_immediate(row, part, now)
            self._release_triggered(row, part)
        told += self._confirm_late_cancels(now)
        return told

    def _fills(self, now: datetime) -> list[Notice]:
        book = self.simulation.book
        told = []
        while self._told < book.account[at.FILL_COUNT]:
            fill = book.fills[self._told]
            self._told += 1
            self._count(fill)
            order = self.orders.behind(int(fill[at.FILL_ORDER]) - 1)
            if order is not None:
                quantity, price = int(fill[at.FILL_QUANTITY]), int(fill[at.FILL_PRICE])
                told.append(self.notice(order, now, quantity=quantity, price=price, filled=True, step=CONFIRMED))
        return told

    def _count(self, fill: Sequence[int]) -> None:
        col = int(fill[at.FILL_COL])
        day = self.days.setdefault(self._session_of(fill), {}).setdefault(col, DayOf())
        quantity, amount = int(fill[at.FILL_QUANTITY]), int(fill[at.FILL_QUANTITY]) * int(fill[at.FILL_PRICE])
        fee = int(fill[at.FILL_FEE])
        if fill[at.FILL_SIDE] == at.BUY:
            day.bought += quantity
            day.bought_amount += amount
            day.buy_fees += fee
            self.sold_out.pop(col, None)
            return
        day.sold += quantity
        day.sold_amount += amount
        day.sell_fees += fee
        day.taxes += int(fill[at.FILL_TAX]) + int(fill[at.FILL_RURAL])
        day.realised += int(fill[at.FILL_REALISED])
        day.cost_of_sold += int(fill[at.FILL_COST])
        if self.held(col) == 0:
            self.sold_out[col] = int(self.simulation.exchange.session_number[int(fill[at.FILL_ROW])])

    def _session_of(self, fill: Sequence[int]) -> date:
        return self.market.panel.session_date(int(fill[at.FILL_ROW]))

    def _drop_unfillable(self, row: int, part: int, now: datetime) -> list[Notice]:
        """FOK orders that this point would not fill whole are cancelled before it; found by a trial on copies."""
        told = []
        for order in self._due(row, part, "2"):
            trial = tuple(array.copy() for array in self.simulation.book)
            step.trade_part(self.simulation.exchange.arrays, trial, row, part)
            orders = at.Book(*trial).orders
            if any(orders[index, at.ORDER_FILLED] < orders[index, at.ORDER_QUANTITY] for index in order.parts):
                told += self._cancel_rest(order, now)
        return told

    def _cancel_immediate(self, row: int, part: int, now: datetime) -> list[Notice]:
        told = []
        for order in (*self._due(row, part, "1"), *self._due(row, part, "2")):
            told += self._cancel_rest(order, now)
        return told

    def _due(self, row: int, part: int, condition: str) -> list[ServedOrder]:
        """Open orders of a condition that take part at this point; a recorded trade is one of its own name only."""
        log = self.simulation.book.orders
        trades = self.simulation.trades
        traded = trades.column(row) if trades is not None and row >= trades.first else None
        found = []
        for index in self.open_parts():
            order = self.orders.behind(index)
            starts = (int(log[index, at.ORDER_FROM_ROW]), int(log[index, at.ORDER_FROM_POINT]))
            met = starts <= (row, part) and (traded is None or order is None or order.col == traded)
            if order is not None and order.immediate == condition and met:
                found.append(order)
        return found

    def _cancel_rest(self, order: ServedOrder, now: datetime) -> list[Notice]:
        rest = self.rest(order)
        self._withdraw(order)
        order.cancelled += rest
        return [self.notice(order, now, quantity=rest, step=REST_CANCELLED)]

    def _release_triggered(self, row: int, part: int) -> None:
        """Orders whose trigger the path has reached take part from the next point on."""
        log = self.simulation.book.orders
        for index in self.open_parts():
            order = self.orders.behind(index)
            if order is None or not order.waiting:
                continue
            now = int(self.market.path_price(row, part)[order.col])
            traded = bool(self.market.state[row, order.col] & at.TRADED)
            if traded and (now - order.trigger) * order.side.sign >= 0:
                order.waiting = False
                log[index, at.ORDER_FROM_ROW] = row if part + 1 < at.POINTS else row + 1
                log[index, at.ORDER_FROM_POINT] = (part + 1) % at.POINTS

    # What the owner does

    def place(self, order: ServedOrder) -> RefusalReason | None:
        """Put a new order into the book; why it is not covered, None if it is."""
        index = self._submit(order, order.quantity)
        if index < 0:
            return RefusalReason(at.REFUSAL_NAMES[-index])
        order.parts.append(index)
        if order.trigger:
            self._hold_back(order, index)
        self.orders.add(order)
        return None

    def cancel(self, order: ServedOrder, cancel: ServedOrder, *, late: bool = False) -> None:
        """Withdraw `cancel.quantity` shares of an open order; `late` does so after the next point of the path."""
        self.orders.add(cancel)
        if late:
            self._late_cancels.append((order, cancel, cancel.quantity))
        else:
            self._reduce(order, cancel.quantity)

    def amend(self, order: ServedOrder, new: ServedOrder) -> RefusalReason | None:
        """Move `new.quantity` shares of an open order to a new number; why it is not covered, None if it is."""
        trial = at.Book(*(array.copy() for array in self.simulation.book))
        code = self._try_amend(trial, order, new)
        if code < 0:
            return RefusalReason(at.REFUSAL_NAMES[-code])
        self._reduce(order, new.quantity)
        return self.place(new)

    def _try_amend(self, trial: at.Book, order: ServedOrder, new: ServedOrder) -> int:
        simulation, left = self.simulation, self.rest(order) - new.quantity
        arrays, market = tuple(trial), simulation.exchange.arrays
        for index in self._open_parts_of(order):
            step.cancel_one(arrays, index, simulation.row)
        for asked, quantity in ((order, left), (new, new.quantity)):
            if quantity > 0:
                self._write(asked, quantity)
                trial.proposals[0] = simulation.book.proposals[0]
                code = int(step.accept_one(market, arrays, simulation.row, 0, quantity, simulation.point))
                if code < 0:
                    return code
        return 0

    def _reduce(self, order: ServedOrder, quantity: int) -> None:
        left = self.rest(order) - quantity
        self._withdraw(order)
        order.cancelled += quantity
        if left > 0:
            index = self._submit(order, left)
            assert index >= 0, "what was reserved a moment ago is free again"
            self.orders.add_part(order, index)
            if order.waiting:
                self._hold_back(order, index)

    def _withdraw(self, order: ServedOrder) -> None:
        for index in self._open_parts_of(order):
            self.simulation.cancel(index)

    def _submit(self, order: ServedOrder, quantity: int) -> int:
        self._write(order, quantity)
        return self.simulation.accept(0, quantity)

    def _write(self, order: ServedOrder, quantity: int) -> None:
        request = OrderRequest(
            ticker=order.ticker,
            side=order.side,
            quantity=quantity,
            kind=OrderKind.LIMIT if order.price else OrderKind.MARKET,
            price=order.price or None,
        )
        write_proposal(self.simulation, request, order.col)

    def _hold_back(self, order: ServedOrder, index: int) -> None:
        order.waiting = True
        session = self.market.panel.session
        last = int(np.searchsorted(session, session[self.market.row], side="right")) - 1
        log = self.simulation.book.orders
        log[index, at.ORDER_FROM_ROW], log[index, at.ORDER_FROM_POINT] = last, _NO_POINT

    def _confirm_late_cancels(self, now: datetime) -> list[Notice]:
        told = []
        for order, cancel, quantity in self._late_cancels:
            rest = min(quantity, self.rest(order))
            if rest:
                self._reduce(order, rest)
            cancel.quantity, cancel.rejected = rest or quantity, 0 if rest else quantity
            told.append(self.notice(cancel, now, quantity=cancel.quantity, step=CONFIRMED, refused=not rest))
        self._late_cancels.clear()
        return told

    # What it has

    def open_parts(self) -> list[int]:
        """Orders of the replay exchange that can still fill, in order of acceptance."""
        book = self.simulation.book
        listed = book.open[: book.account[at.OPEN_COUNT]].tolist()
        return [index for index in listed if book.orders[index, at.ORDER_STATUS] == at.STATUS_OPEN]

    def _open_parts_of(self, order: ServedOrder) -> list[int]:
        log = self.simulation.book.orders
        return [index for index in order.parts if log[index, at.ORDER_STATUS] == at.STATUS_OPEN]

    def open_orders(self) -> list[ServedOrder]:
        """Orders that can still fill, amends included."""
        found = (self.orders.behind(index) for index in self.open_parts())
        return list({order.number: order for order in found if order is not None}.values())

    def rest(self, order: ServedOrder) -> int:
        """Shares that can still fill."""
        log = self.simulation.book.orders
        return sum(
            int(log[index, at.ORDER_QUANTITY] - log[index, at.ORDER_FILLED]) for index in self._open_parts_of(order)
        )

    def filled(self, order: ServedOrder) -> int:
        """Shares filled so far."""
        return self._sum(order.parts, at.ORDER_FILLED)

    def amount(self, order: ServedOrder) -> int:
        """Won of the shares filled."""
        return self._sum(order.parts, at.ORDER_AMOUNT)

    def costs(self, order: ServedOrder) -> int:
        """Fees and taxes of the shares filled, won."""
        fields = (at.ORDER_FEE, at.ORDER_TAX, at.ORDER_RURAL)
        return sum(self._sum(order.parts, field) for field in fields)

    def _sum(self, parts: Iterable[int], field: int) -> int:
        log = self.simulation.book.orders
        return sum(int(log[index, field]) for index in parts)

    def holdings(self) -> list[int]:
        """Instruments held."""
        book = self.simulation.book
        return [int(col) for col in book.held[: book.account[at.HELD]]]

    def held(self, col: int) -> int:
        """Shares held."""
        return int(self.simulation.book.positions[col, at.POSITION_QUANTITY])

    def cost(self, col: int) -> int:
        """Won paid for the shares held, without fees."""
        return int(self.simulation.book.positions[col, at.POSITION_COST])

    def sellable(self, col: int) -> int:
        """Shares held that no open order sells."""
        position = self.simulation.book.positions[col]
        return int(position[at.POSITION_QUANTITY] - position[at.POSITION_PENDING_SELL])

    def buyable(self, col: int, price: int = 0) -> int:
        """Shares that the orderable cash pays for, at a limit price or as a market order (price 0)."""
        market, book = self.simulation.exchange.arrays, tuple(self.simulation.book)
        return int(step.buyable_one(market, book, self.simulation.row, col, price))

    def money(self) -> Money:
        """Cash now."""
        account = self.simulation.book.account
        cash = int(account[at.CASH])
        session = int(self.simulation.exchange.session_number[self.market.row])
        d1, d2 = (
            int(account[at.DUE_IN + slot % 3] - account[at.DUE_OUT + slot % 3]) for slot in (session + 1, session + 2)
        )
        orderable = cash + int(account[at.RECEIVABLE] - account[at.PAYABLE] - account[at.RESERVED])
        return Money(deposit=cash, deposit_d1=cash + d1, deposit_d2=cash + d1 + d2, orderable=orderable)

    def settled_cash(self) -> int:
        """Cash without what is still to be settled, won."""
        return int(self.simulation.book.account[at.CASH])

    def equity_yesterday(self) -> int:
        """What the account was worth at the close of the session before, won."""
        return int(self.simulation.book.account[at.DAY_START_EQUITY])

    def day(self, session: date) -> dict[int, DayOf]:
        """What each instrument did in a session."""
        return self.days.get(session, {})

    # What it says

    def notice(
        self,
        order: ServedOrder,
        now: datetime,
        *,
        quantity: int | None = None,
        price: int | None = None,
        filled: bool = False,
        step: str = RECEIVED,
        refused: bool = False,
    ) -> Notice:
        """A notice about an order."""
        setup = self.setup
        pad = "{:010}" if setup.environment == "live" else "{}"
        return Notice(
            tr_id="H0STCNI0" if setup.environment == "live" else "H0STCNI9",
            account=f"{setup.number}01",
            customer=setup.hts_id,
            order_number=pad.format(order.number),
            original_number="" if order.original is None else pad.format(order.original),
            side=order.side,
            request=order.request,
            order_kind=order.kind.code,
            condition=order.immediate,
            ticker=order.ticker,
            quantity=order.quantity if quantity is None else quantity,
            price=order.price if price is None else price,
            time=now,
            received_at=now,
            refused=refused,
            filled=filled,
            step=step,
            branch=BRANCH[setup.environment],
            order_quantity=order.quantity,
            order_price=order.price,
            stop_price=order.trigger,
            exchange_code="1",
            owner=setup.owner,
            name=self.market.names[order.col],
        )

    def accepted(self, order: ServedOrder, now: datetime) -> Notice:
        """What the owner is told when an order, an amend or a cancel has been taken."""
        assert order.request in (NEW, AMEND, CANCEL)
        return self.notice(order, now, step=RECEIVED if order.request == NEW else CONFIRMED)
