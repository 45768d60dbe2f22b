"""Runs a script with somebody watching the broker: after every bar, and on every fill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from brokers.replay import ReplayBroker
from engine.account import AccountSnapshot
from engine.data.panel import Panel
from engine.events import Slice
from engine.exchange import build_exchange
from engine.fill import Fill
from engine.loop import Engine
from engine.risk import RiskPolicy
from engine.rules.program import compile_rules
from engine.rules.tree import RuleSet
from engine.simulation import Simulation
from engine.strategy import Strategy, View
from tests.builders_panel import make_config
from tests.scripted import Ask, Scripted

Look = Callable[[ReplayBroker], object]


def accounts_after(
    panel: Panel,
    orders: Mapping[int, Sequence[Ask]],
    on_fill: Look | None = None,
    **config: object,
) -> list[AccountSnapshot]:
    """`broker.account()` after each bar and its orders."""
    accounts: list[AccountSnapshot] = []
    watch(panel, Scripted(orders), lambda broker: accounts.append(broker.account()), on_fill, **config)
    return accounts


def watch(
    panel: Panel, strategy: Strategy, after_bar: Look, on_fill: Look | None = None, **config: object
) -> ReplayBroker:
    """Run a strategy; `after_bar` looks once its orders have been sent, `on_fill` before the strategy hears of it."""
    exchange = build_exchange(panel, make_config(**config))
    simulation = Simulation(exchange, compile_rules(RuleSet(interval=panel.interval, rules=())))
    broker = ReplayBroker(simulation)
    engine = Engine(strategy, View(simulation, {}), RiskPolicy(simulation, broker), broker)
    for event in broker.events():
        if isinstance(event, Fill) and on_fill is not None:
            on_fill(broker)
        engine.process(event)
        if isinstance(event, Slice):
            after_bar(broker)
    return broker
