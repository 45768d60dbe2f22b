"""Event mode step by step, with somebody looking at the books after every part of every bar."""

from __future__ import annotations

import datetime

from brokers.replay import ReplayBroker
from engine.backtest import row_range
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.events import Slice
from engine.exchange import build_exchange
from engine.matching import arrays as at
from engine.rules.program import compile_rules
from engine.rules.tree import RuleSet
from engine.simulation import AFTER_CLOSE, Simulation
from tests.book_invariants import BookWatcher


def simulate(
    rules: RuleSet, panel: Panel, config: BacktestConfig, start: datetime.date | None = None, block_rows: int = 0
) -> Simulation:
    """A fresh simulation; `block_rows` cuts its feature blocks."""
    exchange = build_exchange(panel, config)
    simulation = Simulation(exchange, compile_rules(rules, price_scale=exchange.scale), *row_range(panel, start, None))
    if block_rows:
        simulation.feed.block_rows = min(block_rows, simulation.feed.block_rows)
    return simulation


def run_batch(simulation: Simulation) -> Simulation:
    """Batch mode."""
    simulation.run()
    return simulation


def run_events(simulation: Simulation, stop_after: int = -1) -> Simulation:
    """Event mode: the broker's events, the rules asked at every slice, each proposal checked and sent by itself.

    `stop_after` leaves the simulation as it stands after the orders of that row.
    """
    broker = ReplayBroker(simulation)
    for event in broker.events():
        if isinstance(event, Slice):
            count = simulation.decide()
            for place in range(count):
                code, quantity = simulation.check(place)
                if code == at.ACCEPTED:
                    broker.submit_proposal(place, quantity)
                else:
                    simulation.book.refusals[code] += 1
            broker.watch_guards()
            if event.row == stop_after:
                break
    return simulation


def run_watched(simulation: Simulation) -> Simulation:
    """The same, every bar part by part and without the broker, looking at the books after each part and decision."""
    watcher = BookWatcher(simulation)
    for row in range(simulation.first, simulation.last):
        simulation.make_room()
        for part in range(-1, at.POINTS + 1):
            simulation.trade_part(part)
            watcher.look(row)
        simulation.row, simulation.point = row, AFTER_CLOSE
        for place in range(simulation.decide()):
            code, quantity = simulation.check(place)
            if code == at.ACCEPTED:
                simulation.accept(place, quantity)
            else:
                simulation.book.refusals[code] += 1
            watcher.look(row)
        watcher.look(row)
    return simulation
