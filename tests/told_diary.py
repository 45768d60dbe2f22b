"""What a venue would have told of a replay, and panels as they were when only so many bars were known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from engine.clock import from_nanoseconds
from engine.data.panel import Panel
from engine.events import CashMoved, CashReason, Event, OrderCancelled, OrderExpired, OrderIntended
from engine.fill import Fill
from engine.krx.sessions import close_times_ns
from engine.matching import arrays as at
from engine.operating.plan import rules_behind
from engine.order import OrderKind, OrderRequest, Side
from engine.rules.tree import IndexField, RuleSet
from engine.rules.walk import rule_expressions, walk
from engine.simulation import Simulation
from engine.trading.told_account import GUARD
from tests.builders_panel import make_panel

KINDS = {at.MARKET: OrderKind.MARKET, at.LIMIT: OrderKind.LIMIT, at.STOP: OrderKind.STOP}


def cut(panel: Panel, rows: int) -> Panel:
    """The panel as it was after so many bars: nothing later is known."""
    actions = panel.actions
    known = actions.row < rows
    return replace(
        panel,
        bars=np.ascontiguousarray(panel.bars[:, :rows]),
        state=panel.state[:rows],
        base=panel.base[:rows],
        value=None if panel.value is None else panel.value[:rows],
        shares=None if panel.shares is None else panel.shares[:rows],
        closed_at_ns=panel.closed_at_ns[:rows],
        session=panel.session[:rows],
        ordinal=panel.ordinal[:rows],
        last_row=np.minimum(panel.last_row, rows - 1),
        indices={name: series[:, :rows] for name, series in panel.indices.items()},
        actions=type(actions)(*(getattr(actions, name)[known] for name in actions.__dataclass_fields__)),
    )


def whole_sessions(panel: Panel) -> int:
    """How many rows there are up to the last that ends its session."""
    ends = np.flatnonzero(panel.closed_at_ns >= close_times_ns(panel.session))
    return int(ends[-1]) + 1 if len(ends) else 0


# At one point of the path: sells, then guarded levels one after the other, then purchases.
SOLD, GUARDED, BOUGHT = timedelta(milliseconds=1), timedelta(milliseconds=2), timedelta(milliseconds=900)
ONE_GUARD = timedelta(microseconds=10)


class Diary:
    """What a venue would have told of a replay: intents, fills, ends of orders."""

    def __init__(self, simulation: Simulation, first: int) -> None:
        self.simulation, self.panel = simulation, simulation.exchange.panel
        self.rules = simulation.rules.source
        start = from_nanoseconds(int(self.panel.closed_at_ns[first]))
        self.events: list[Event] = [
            CashMoved(time=start, reason=CashReason.DEPOSIT, amount=simulation.exchange.config.cash_won)
        ]
        self.orders = self.fills = 0
        self.ended: set[int] = set()

    def close(self, row: int) -> datetime:
        return from_nanoseconds(int(self.panel.closed_at_ns[row]))

    def inside(self, row: int, point: int) -> datetime:
        """An instant inside a bar, those of later points later."""
        return self.close(row) - timedelta(seconds=10 - point)

    def write(self) -> None:
        """Everything since the last call."""
        book = self.simulation.book
        news: list[tuple[datetime, Event]] = []
        for index in range(self.orders, int(book.account[at.ORDER_COUNT])):
            order = book.orders[index]
            kind = int(order[at.ORDER_KIND])
            if order[at.ORDER_STATUS] == at.STATUS_REFUSED or kind == at.DELISTING:
                self.ended.add(index)  # no venue has it
                continue
            guarded = kind in (at.GUARD_STOP, at.GUARD_TARGET)
            request = OrderRequest(
                ticker=self.panel.tickers[order[at.ORDER_COL]],
                side=Side.BUY if order[at.ORDER_SIDE] == at.BUY else Side.SELL,
                quantity=int(order[at.ORDER_QUANTITY]),
                kind=OrderKind.MARKET if guarded else KINDS[kind],
                price=int(order[at.ORDER_PRICE]) if kind in (at.LIMIT, at.STOP) else None,
                rule_ids=tuple(self.rules[number].id for number in self.behind(order)),
                decision_id=GUARD if guarded else "d",
            )
            sent = int(order[at.ORDER_ROW])
            time = self.inside(sent, int(order[at.ORDER_FROM_POINT])) if guarded else self.close(sent)
            time += GUARDED + index * ONE_GUARD if guarded else SOLD
            news.append((time, OrderIntended(time=time, order_id=str(index), request=request)))
        self.orders = int(book.account[at.ORDER_COUNT])
        for place in range(self.fills, int(book.account[at.FILL_COUNT])):
            fill = book.fills[place]
            if book.orders[int(fill[at.FILL_ORDER]) - 1, at.ORDER_KIND] == at.DELISTING:
                continue
            index = int(fill[at.FILL_ORDER]) - 1
            turn = BOUGHT if fill[at.FILL_SIDE] == at.BUY else SOLD
            if book.orders[index, at.ORDER_KIND] in (at.GUARD_STOP, at.GUARD_TARGET):
                turn = GUARDED + index * ONE_GUARD + ONE_GUARD / 2
            time = self.inside(int(fill[at.FILL_ROW]), int(fill[at.FILL_POINT])) + turn
            told = Fill(
                time=time,
                order_id=str(index),
                key=str(place),
                ticker=self.panel.tickers[fill[at.FILL_COL]],
                side=Side.BUY if fill[at.FILL_SIDE] == at.BUY else Side.SELL,
                quantity=int(fill[at.FILL_QUANTITY]),
                price=int(fill[at.FILL_PRICE]),
            )
            news.append((time, told))
        self.fills = int(book.account[at.FILL_COUNT])
        for index in range(self.orders):
            order = book.orders[index]
            if index in self.ended or order[at.ORDER_STATUS] not in (at.STATUS_EXPIRED, at.STATUS_CANCELLED):
                continue
            self.ended.add(index)
            time = self.close(int(order[at.ORDER_DONE_ROW]))
            over = OrderExpired if order[at.ORDER_STATUS] == at.STATUS_EXPIRED else OrderCancelled
            news.append((time, over(time=time, order_id=str(index))))
        self.events += [event for _, event in sorted(news, key=lambda item: item[0])]

    def behind(self, order: np.ndarray) -> list[int]:
        row = [0] * at.PROPOSAL_FIELDS
        row[at.PROPOSAL_RULE] = int(order[at.ORDER_RULE])
        row[at.PROPOSAL_RULES_LOW] = int(order[at.ORDER_RULES_LOW])
        row[at.PROPOSAL_RULES_HIGH] = int(order[at.ORDER_RULES_HIGH])
        return rules_behind(row)


def index_fields(rules: RuleSet) -> list[IndexField]:
    expressions = [node for rule in rules.rules for node in rule_expressions(rule)]
    return [node for tree in expressions for node in walk(tree) if isinstance(node, IndexField)]


def wandering(seed: int, rows: int = 120, names: int = 6) -> Panel:
    """Names that go up and down without aim, none of them stopped, split or ended."""
    draw = np.random.default_rng(seed)
    bars = {}
    for name in range(names):
        close, cells = 10_000.0, []
        for _ in range(rows):
            opening = close * (1 + draw.normal(0, 0.008))
            close = opening * (1 + draw.normal(0, 0.015))
            prices = [round(price, -1) for price in (opening, close)]
            high, low = max(prices) + 10 * int(draw.integers(0, 12)), min(prices) - 10 * int(draw.integers(0, 12))
            cells.append((int(prices[0]), int(high), int(low), int(prices[1]), 100_000))
        bars[f"00{name}000"] = cells
    return make_panel(bars)
