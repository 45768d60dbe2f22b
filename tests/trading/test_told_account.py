"""The account folded from a ledger is, bar for bar, the account that a replay of the same fills has."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from brokers.replay import ReplayBroker
from engine.backtest import prepare
from engine.clock import from_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.events import CashMoved, CashReason, Event, OrderCancelled, OrderExpired, OrderIntended, Slice
from engine.fill import Fill
from engine.matching import arrays as at
from engine.operating.plan import rules_behind
from engine.order import OrderKind, OrderRequest, Side
from engine.rules.tree import IndexField, RuleSet
from engine.rules.walk import rule_expressions, walk
from engine.simulation import Simulation
from engine.trading.told_account import GUARD, told_account
from tests.builders_panel import flat, make_config, make_panel, make_rules
from tests.lively_rules import any_rules
from tests.random_panels import configs, panels

KINDS = {at.MARKET: OrderKind.MARKET, at.LIMIT: OrderKind.LIMIT, at.STOP: OrderKind.STOP}
STATE = [
    at.CASH,
    at.RECEIVABLE,
    at.PAYABLE,
    at.RESERVED,
    at.DEPOSITS,
    at.REALISED,
    at.FEES,
    at.TAXES,
    at.RURAL_TAXES,
    at.HOLDINGS_COST,
    at.HOLDINGS_VALUE,
    at.EQUITY,
    at.HELD,
    at.PENDING_NAMES,
    at.DAY_START_EQUITY,
    at.MONTH_START_EQUITY,
    at.PEAK_EQUITY,
    at.CONSECUTIVE_LOSSES,
    at.HALTED,
    at.DAY_LOSS_HIT,
    at.OPEN_COUNT,
    at.ARM_COUNT,
    at.POSITION_COUNT,
    at.PENDING_VALUE,
    at.BUYS_BLOCKED,
]


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


def compare(rules: RuleSet, panel: Panel, config: BacktestConfig, first: int, every: int) -> int:
    """Replay, and fold the diary at every n-th bar. Returns the number of fills."""
    simulation = prepare(rules, panel, config, start=panel.session_date(first))
    broker = ReplayBroker(simulation)
    diary = Diary(simulation, first)
    for event in broker.events():
        if not isinstance(event, Slice):
            continue
        broker.catch_up()
        diary.write()  # an order goes out in the morning, restated for a split, and not before
        count = simulation.decide()
        if event.row % every == 0:
            told = told_account(rules, cut(panel, event.row + 1), config, diary.events)
            same_count = told.decide()
            here, there = told.book, simulation.book
            for name in STATE:
                assert here.account[name] == there.account[name], (event.row, name)
            np.testing.assert_array_equal(
                here.positions[:, : at.POSITION_BUDGET_ROW], there.positions[:, : at.POSITION_BUDGET_ROW]
            )
            np.testing.assert_array_equal(here.exits, there.exits)
            np.testing.assert_array_equal(
                here.arms[: here.account[at.ARM_COUNT]], there.arms[: there.account[at.ARM_COUNT]]
            )
            assert same_count == count
            np.testing.assert_array_equal(here.proposals[:count], there.proposals[:count])
        for place in range(count):
            code, quantity = simulation.check(place)
            if code == at.ACCEPTED:
                broker.submit_proposal(place, quantity)
        broker.watch_guards()
    return diary.fills


RULES = make_rules(
    ("entry", "close > mean(close, 5)", "buy 20% of equity"),
    ("exit", "close < mean(close, 5)", "sell 50%"),
    ("exit", "pnl <= -3%", "sell all"),
    ("exit", "pnl >= 4%", "sell 50%"),
)


def wandering(seed: int, rows: int = 120, names: int = 6) -> Panel:
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


@pytest.mark.parametrize("seed", [1, 2])
def test_a_ledger_gives_the_account_and_the_proposals_of_the_replay_at_every_bar(seed: int) -> None:
    config = make_config(cash_won=50_000_000, costs=True)
    assert compare(RULES, wandering(seed), config, first=10, every=7) > 60


def test_deposits_move_every_figure_that_profit_is_measured_from() -> None:
    panel = make_panel({"000100": flat(10_000, 12)})
    rules = make_rules(("entry", "close > 20_000", "buy 10% of equity"))
    begin = from_nanoseconds(int(panel.closed_at_ns[2])) + timedelta(hours=1)
    later = from_nanoseconds(int(panel.closed_at_ns[5])) + timedelta(hours=1)
    history = [
        CashMoved(time=begin, reason=CashReason.DEPOSIT, amount=1_000_000),
        CashMoved(time=later, reason=CashReason.DEPOSIT, amount=500_000),
        CashMoved(time=later, reason=CashReason.COST_ADJUSTMENT, amount=-30),
    ]
    told = told_account(rules, panel, make_config(), history)
    account = told.book.account
    assert told.decide() == 0
    assert account[at.EQUITY] == account[at.CASH] == 1_499_970
    assert account[at.DEPOSITS] == 1_500_000
    assert account[at.FEES] == 30
    assert account[at.BROKEN] == 0


def test_without_a_deposit_or_history_before_it_there_is_a_sentence() -> None:
    panel = make_panel({"000100": flat(10_000, 5)})
    rules = make_rules(("entry", "close > 20_000", "buy 10% of equity"))
    with pytest.raises(BadInput, match="no deposit"):
        told_account(rules, panel, make_config(), [])
    early = CashMoved(
        time=from_nanoseconds(int(panel.closed_at_ns[0])) - timedelta(days=3), reason=CashReason.DEPOSIT, amount=5
    )
    with pytest.raises(BadInput, match="earlier history"):
        told_account(rules, panel, make_config(), [early])


@given(data=st.data(), panel=panels(adjusted=False), config=configs())
@settings(max_examples=60, deadline=None)
def test_any_rules_on_any_market_fold_to_the_same_account(
    data: st.DataObject, panel: Panel, config: BacktestConfig
) -> None:
    """Splits, distributions, suspensions and delistings included."""
    assume(panel.rows > 2)
    assume(panel.interval == "1d" or not len(panel.actions))  # an order of the evening reserves at unsplit prices
    rules = data.draw(any_rules(panel.interval))
    assume("session_open" not in " ".join(rule.action_source for rule in rules.rules))  # held until it has a price
    assume(not {field.index for field in index_fields(rules)} - panel.indices.keys())
    plain = config.model_copy(update={"latency_bars": 0, "latency_points": 0, "costs": True})
    compare(rules, panel, plain, first=1, every=3)


def index_fields(rules: RuleSet) -> list[IndexField]:
    expressions = [node for rule in rules.rules for node in rule_expressions(rule)]
    return [node for tree in expressions for node in walk(tree) if isinstance(node, IndexField)]
