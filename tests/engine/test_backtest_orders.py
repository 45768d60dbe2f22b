"""Strategies in Python that send random orders, against the exchange written a second time in plain Python."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.replay import ReplayBroker
from engine.config import BacktestConfig
from engine.data.panel import CLOSE, Panel
from engine.events import Slice
from engine.exchange import build_exchange
from engine.fill import Fill
from engine.krx.instrument_class import instrument_class
from engine.krx.tick_size import grid_below
from engine.loop import Engine
from engine.matching import arrays as at
from engine.order import OrderKind, OrderRequest, Side
from engine.outcome import KINDS, STATUSES
from engine.risk import RiskPolicy
from engine.rules.program import compile_rules
from engine.rules.tree import RuleSet
from engine.simulation import Simulation
from engine.strategy import Strategy, View
from tests.builders_panel import make_rules
from tests.random_panels import configs, panels
from tests.reference_exchange import Ask, Outcome, Reference
from tests.reference_guards import Guard, GuardedReference

PATIENT = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


class Dice:
    """Random orders that depend on the seed and the place alone, so that both exchanges are asked the same."""

    def __init__(self, panel: Panel, seed: int, often: float, sells: float = 0.4) -> None:
        self.panel, self.seed, self.often, self.sells = panel, seed, often, sells

    def at_close(self, row: int) -> list[Ask]:
        """Orders of an evening."""
        return self._asks(np.random.default_rng((self.seed, 1, row)), row, 3)

    def at_fill(self, number: int, row: int) -> list[Ask]:
        """Orders in answer to a fill in the bar after `row`."""
        return self._asks(np.random.default_rng((self.seed, 2, number)), row, 1)

    def _asks(self, generator: np.random.Generator, row: int, most: int) -> list[Ask]:
        if generator.random() > self.often:
            return []
        return [self._ask(generator, row) for _ in range(generator.integers(1, most + 1))]

    def _ask(self, generator: np.random.Generator, row: int) -> Ask:
        col = int(generator.integers(self.panel.columns))
        side = -1 if generator.random() < self.sells else 1
        quantity = int(10 ** generator.uniform(0, 5))
        kind = ("market", "limit", "stop")[int(generator.integers(3))]
        close = int(self.panel.bars[CLOSE, row, col]) or 1_000
        price = max(int(close * (1 + generator.normal(0, 0.04))), 1)
        if not self.panel.manifest.adjusted and generator.random() < 0.95:
            market, product = self.panel.instruments.select("market", "product").row(col)
            next_row = min(row + 1, self.panel.rows - 1)
            price = max(grid_below(price, self.panel.session_date(next_row), instrument_class(market, product)), 1)
        return Ask(col, side, quantity, kind, 0 if kind == "market" else price)


class Random(Strategy):
    """Sends what the dice say."""

    def __init__(self, dice: Dice) -> None:
        self.dice, self.row, self.fills = dice, -1, 0

    def on_bar(self, view: View) -> None:
        self.row += 1
        self._send(view, self.dice.at_close(self.row))

    def on_fill(self, view: View, fill: Fill) -> None:
        self._send(view, self.dice.at_fill(self.fills, self.row))
        self.fills += 1

    def _send(self, view: View, asks: list[Ask]) -> None:
        for ask in asks:
            view.requests.append(
                OrderRequest(
                    ticker=view.tickers[ask.col],
                    side=Side.BUY if ask.side > 0 else Side.SELL,
                    quantity=ask.quantity,
                    kind=OrderKind(ask.kind),
                    price=ask.price or None,
                )
            )


def run_kernels(panel: Panel, config: BacktestConfig, dice: Dice) -> Simulation:
    """The compiled exchange, in event mode."""
    simulation = Simulation(build_exchange(panel, config), compile_rules(RuleSet(interval=panel.interval, rules=())))
    broker = ReplayBroker(simulation)
    engine = Engine(Random(dice), View(simulation, {}), RiskPolicy(simulation, broker), broker)
    for event in broker.events():
        engine.process(event)
    return simulation


def run_reference(panel: Panel, config: BacktestConfig, dice: Dice) -> Outcome:
    """The plain one."""
    exchange = Reference(panel, config)
    for row in range(panel.rows):
        exchange.trade_bar(row, lambda _, number: dice.at_fill(number, exchange.result.fills[number].row - 1))
        for ask in dice.at_close(row):
            exchange.send(ask, row, sent_row=row, point=None)
    return exchange.result


GUARDS = {
    "pnl <= -3%": Guard(Fraction(-3, 100)),
    "pnl <= -7%": Guard(Fraction(-7, 100)),
    "pnl < -1%": Guard(Fraction(-1, 100), strict=True),
    "pnl >= 2%": Guard(Fraction(2, 100), falling=False),
    "pnl > 15%": Guard(Fraction(15, 100), falling=False, strict=True),
    "drawdown_from_peak <= -4%": Guard(Fraction(-4, 100), of_peak=True),
}
SHARES = {"sell all": Fraction(1), "sell 50%": Fraction(1, 2), "sell 33.3%": Fraction(333, 1000)}


def run_guarded_kernels(panel: Panel, config: BacktestConfig, dice: Dice, exits: list[tuple[str, str]]) -> Simulation:
    """The compiled exchange with exit rules in event mode, and the dice's orders after those of the rules."""
    rules = make_rules(*[("exit", condition, action) for condition, action in exits], interval=panel.interval)
    simulation = Simulation(build_exchange(panel, config), compile_rules(rules))
    broker = ReplayBroker(simulation)
    engine = Engine(Random(dice), View(simulation, {}), RiskPolicy(simulation, broker), broker)
    for event in broker.events():
        if isinstance(event, Slice):
            for place in range(simulation.decide()):
                code, quantity = simulation.check(place)
                assert code == at.ACCEPTED
                broker.submit_proposal(place, quantity)
            broker.watch_guards()
        engine.process(event)
    return simulation


def run_guarded_reference(panel: Panel, config: BacktestConfig, dice: Dice, exits: list[tuple[str, str]]) -> Outcome:
    """The plain one with the same exits."""
    guards = tuple(dataclasses.replace(GUARDS[condition], share=SHARES[action]) for condition, action in exits)
    exchange = GuardedReference(panel, config, guards)
    for row in range(panel.rows):
        exchange.trade_bar(row, lambda _, number: dice.at_fill(number, exchange.result.fills[number].row - 1))
        exchange.decide(row)
        for ask in dice.at_close(row):
            exchange.send(ask, row, sent_row=row, point=None)
    return exchange.result


def orders_of(simulation: Simulation) -> list[tuple[object, ...]]:
    book = simulation.book
    return [
        (
            int(order[at.ORDER_ID]),
            int(order[at.ORDER_COL]),
            int(order[at.ORDER_SIDE]),
            KINDS[order[at.ORDER_KIND]],
            int(order[at.ORDER_PRICE]),
            int(order[at.ORDER_QUANTITY]),
            int(order[at.ORDER_FILLED]),
            STATUSES[order[at.ORDER_STATUS]],
            int(order[at.ORDER_ROW]),
            (int(order[at.ORDER_FROM_ROW]), int(order[at.ORDER_FROM_POINT])),
            int(order[at.ORDER_DONE_ROW]),
            int(order[at.ORDER_AMOUNT]),
            (int(order[at.ORDER_FEE]), int(order[at.ORDER_TAX]), int(order[at.ORDER_RURAL])),
            int(order[at.ORDER_RESERVED]),
        )
        for order in book.orders[: book.account[at.ORDER_COUNT]]
    ]


def expected_orders(outcome: Outcome) -> list[tuple[object, ...]]:
    return [
        (
            order.number,
            order.ask.col,
            order.ask.side,
            order.ask.kind,
            order.price,
            order.quantity,
            order.filled,
            order.status,
            order.sent_row,
            order.first,
            order.done_row,
            order.amount,
            (order.fee, order.tax, order.rural),
            order.reserved,
        )
        for order in outcome.orders
    ]


def fills_of(simulation: Simulation) -> list[tuple[int, ...]]:
    fields = [
        *(at.FILL_ORDER, at.FILL_ROW, at.FILL_POINT, at.FILL_COL, at.FILL_SIDE, at.FILL_QUANTITY, at.FILL_PRICE),
        *(at.FILL_FEE, at.FILL_TAX, at.FILL_RURAL, at.FILL_SLIPPAGE),
    ]
    book = simulation.book
    return [tuple(fill) for fill in book.fills[: book.account[at.FILL_COUNT]][:, fields].tolist()]


def expected_fills(outcome: Outcome) -> list[tuple[int, ...]]:
    return [
        (f.order, f.row, f.point, f.col, f.side, f.quantity, f.price, f.fee, f.tax, f.rural, f.slippage)
        for f in outcome.fills
    ]


def compare(found: Simulation, expected: Outcome) -> None:
    """Orders, fills, refusals, equity after each bar and every sum of the account are equal."""
    assert fills_of(found) == expected_fills(expected)
    assert orders_of(found) == expected_orders(expected)
    refusals = {
        name: count for name, count in zip(at.REFUSAL_NAMES, found.book.refusals.tolist(), strict=True) if count
    }
    assert refusals == expected.refusals
    assert found.book.marks.tolist() == [after.equity for after in expected.curve]
    last, account = expected.curve[-1], found.book.account
    assert (last.settled, last.fees, last.taxes, last.rural, last.realised) == tuple(
        account[[at.CASH, at.FEES, at.TAXES, at.RURAL_TAXES, at.REALISED]].tolist()
    )
    assert expected.income == tuple(account[[at.DIVIDENDS, at.DIVIDEND_TAX, at.INCOME]].tolist())


@settings(PATIENT, max_examples=300)
@given(
    panel=panels(most_rows=16),
    config=configs(decidable_limits=False),
    seed=st.integers(0, 10**6),
    often=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_kernels_and_plain_python_agree_on_every_order_fill_and_won(panel, config, seed, often):
    dice = Dice(panel, seed, often)
    compare(run_kernels(panel, config, dice), run_reference(panel, config, dice))


@settings(PATIENT, max_examples=200)
@given(
    panel=panels(most_rows=20),
    config=configs(decidable_limits=False),
    seed=st.integers(0, 10**6),
    exits=st.lists(st.tuples(st.sampled_from(list(GUARDS)), st.sampled_from(list(SHARES))), min_size=1, max_size=4),
)
def test_kernels_and_plain_python_agree_on_guarded_exits(panel, config, seed, exits):
    dice = Dice(panel, seed, 0.7, sells=0.1)
    compare(run_guarded_kernels(panel, config, dice, exits), run_guarded_reference(panel, config, dice, exits))
