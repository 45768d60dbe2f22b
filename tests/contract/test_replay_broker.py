"""The replay broker under the contract of all brokers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from brokers.replay import ReplayBroker
from engine.events import Event, Slice
from engine.exchange import build_exchange
from engine.rules.program import compile_rules
from engine.rules.tree import RuleSet
from engine.simulation import Simulation
from tests.builders_panel import flat, make_config, make_panel
from tests.contract.broker_contract import CASH, NAMES, PRICE, BrokerContract, World


class ReplayWorld(World):
    """Eight quiet sessions."""

    def __init__(self) -> None:
        panel = make_panel({ticker: flat(PRICE, 8) for ticker in NAMES}, index=[2_000.0] * 8)
        exchange = build_exchange(panel, make_config(cash_won=CASH, costs=True))
        simulation = Simulation(exchange, compile_rules(RuleSet(interval="1d", rules=())))
        self.broker = ReplayBroker(simulation)
        self._panel, self._simulation = panel, simulation
        self._events: Iterator[Event] = iter(self.broker.events())
        self.next_session()

    @property
    def today(self) -> date:
        return self._panel.session_date(self._simulation.row)

    @property
    def now(self) -> datetime:
        return self.broker.now()

    def next_session(self) -> list[Event]:
        told = []
        for event in self._events:
            told.append(event)
            if isinstance(event, Slice):
                break
        return told


class TestReplayBroker(BrokerContract):
    def open_world(self) -> World:
        return ReplayWorld()
