"""The operating graph on history: graph, replay exchange and ledger put together.

    run = run_graph(load_rules(path), panel, ledger_path=Path("ledger.db"))

gives what `engine.backtest.backtest` gives, bit for bit, and every decision with its reasons besides.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brokers.replay import ReplayBroker
from engine.backtest import prepare
from engine.broker import Outcome
from engine.clock import to_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import CLOSE, Panel
from engine.events import Slice
from engine.ledger.canonical import digest
from engine.ledger.ledger import open_ledger
from engine.ledger.runs import write_run
from engine.ledger.trades import mature_outcomes
from engine.operating.alerts import alerts_of_run
from engine.operating.desk import Desk, Planner
from engine.operating.evidence import market_parts
from engine.operating.graph import OperatingGraph
from engine.operating.late_plan import PATIENCE, LatePlanner
from engine.operating.plan import RulePlanner
from engine.operating.record import decision_of, model_costs
from engine.operating.signals import ratio_between
from engine.operating.state import Cycle, Proposal
from engine.order import Approved
from engine.outcome import build_result
from engine.reports.language import Lang
from engine.result import Result
from engine.risk import RiskPolicy
from engine.rules.tree import RuleSet
from engine.settled_heap import settled_heap
from engine.simulation import Simulation


@dataclass(frozen=True)
class GraphRun:
    """A finished run of the graph.

    Args:
        result: as a batch run gives it.
        cycles: every decision cycle, in the order in which they were finished.
        run_id: its number in the ledger; None without a ledger.
    """

    result: Result
    cycles: tuple[Cycle, ...]
    run_id: int | None = None


def run_graph(
    rules: RuleSet,
    panel: Panel,
    config: BacktestConfig | None = None,
    ledger_path: Path | None = None,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    lang: Lang = "ko",
    on_cycle: Callable[[Cycle], None] | None = None,
    *,
    planner: Planner | None = None,
    latency_bars: int | None = None,
    patience: datetime.timedelta = PATIENCE,
    label: str = "",
    prompt_text: str = "",
) -> GraphRun:
    """Run a rule set through the operating graph, one decision cycle for every bar.

    Args:
        rules: checked rules; their interval must be the panel's.
        panel: the data.
        config: cash, costs, limits; the defaults if None.
        ledger_path: writes the run, its decisions and its matured outcomes there, once, at the end.
        start: first session that trades; earlier rows only feed the windows.
        end: last session that trades.
        lang: of justifications and reports.
        on_cycle: called with every finished cycle.
        planner: chooses among the purchases that the rules signal; None lets the rules stand.
        latency_bars: bars after which a plan of `planner` arrives; None: at once, inside its cycle.
        patience: a later plan is void.
        label: of the run in the ledger.
        prompt_text: the decision prompt that the rules come from, for the ledger.

    Raises:
        ConfigError: the interval of the rules is not the panel's, or an impossible latency.
        DataError: no session between start and end, or the rules name an index that the data lacks.
        RuleError: the rules do not compile.
    """
    began = time.perf_counter()
    watched = market_parts(rules.rules)
    simulation = prepare(rules, panel, config or BacktestConfig(), start, end, watched)
    broker = ReplayBroker(simulation)
    late = None if planner is None or latency_bars is None else LatePlanner(planner, latency_bars, patience)
    cycles: list[Cycle] = []

    with settled_heap() as settle:

        def keep(cycle: Cycle) -> None:
            cycles.append(cycle)
            settle()
            if on_cycle is not None:
                on_cycle(cycle)

        graph = OperatingGraph(_desk(simulation, broker, late or planner, keep, lang))
        prepared = time.perf_counter()
        for event in broker.events():
            graph.process(event)
            if late is not None and type(event) is Slice:
                for ready in late.due(event):
                    graph.process(ready)
            broker.watch_guards()
        graph.finish()
        ran = time.perf_counter()
        result = build_result(simulation, {"prepare": prepared - began, "run": ran - prepared})
        result.model_costs.update(model_costs(cycles))
        run_id = None
        if ledger_path is not None:
            run_id = _write(ledger_path, result, cycles, broker, planner, label, prompt_text, lang)
            result.timings["ledger"] = time.perf_counter() - ran
    return GraphRun(result=result, cycles=tuple(cycles), run_id=run_id)


def _desk(
    simulation: Simulation,
    broker: ReplayBroker,
    planner: Planner | None,
    keep: Callable[[Cycle], None],
    lang: Lang,
) -> Desk:
    panel = simulation.exchange.panel
    known = panel.instruments["name"].to_list()
    names = tuple(name or ticker for name, ticker in zip(known, panel.tickers, strict=True))

    def submit(order: Approved[Proposal]) -> Outcome:
        return broker.submit_proposal(order.value.place, order.value.action.quantity)

    return Desk(
        broker=broker,
        simulation=simulation,
        risk=RiskPolicy(simulation, broker),
        rules=RulePlanner(simulation, names, lang),
        planner=planner,
        submit=submit,
        record=keep,
        clock=broker,
        names=dict(zip(panel.tickers, names, strict=True)),
        index=simulation.exchange.config.benchmark,
        lang=lang,
    )


def _write(
    path: Path,
    result: Result,
    cycles: list[Cycle],
    broker: ReplayBroker,
    planner: Planner | None,
    label: str,
    prompt_text: str,
    lang: Lang,
) -> int:
    """Write the run in one transaction, then the outcomes that the run has lived to see. Returns its number."""
    name = "rules" if planner is None else planner.name
    prompt_hash = digest(prompt_text) if prompt_text else ""
    decisions = [decision_of(cycle, name, prompt_hash) for cycle in cycles]
    exchange = broker.simulation.exchange
    prices = PanelPrices(exchange.panel, exchange.config.delisting_haircut)
    with open_ledger(path, broker) as ledger:
        run_id = write_run(ledger, result, label=label, prompt_text=prompt_text, decisions=decisions)
        if planner is not None:
            alerts_of_run(ledger, cycles, run_id, lang)
        mature_outcomes(ledger, broker.now(), prices, run_id=run_id)
    return run_id


class PanelPrices:
    """What a share was worth later, from a panel: splits are undone, distributions are not counted.

    A name whose rows end keeps its last price; one that is delisted is worth what is left of it.

    Args:
        panel: the data.
        haircut: share of the last price that is lost at a delisting.
    """

    def __init__(self, panel: Panel, haircut: float = 1.0) -> None:
        self._panel, self._haircut = panel, haircut
        self._column = {ticker: col for col, ticker in enumerate(panel.tickers)}

    def __call__(self, ticker: str, traded_at: datetime.datetime, at: datetime.datetime) -> float | None:
        """Won at `at` for one share as it was at `traded_at`; None before the first bar of the name."""
        panel, col = self._panel, self._column[ticker]
        traded, row = (self._row(moment) for moment in (traded_at, at))
        last = int(panel.last_row[col])
        if row < panel.first_row[col]:
            return None
        left = 1.0 - self._haircut if row > last and panel.delisted_known[col] else 1.0
        row = min(row, last)
        ratio = ratio_between(panel, col, traded, row)
        return left * float(int(panel.bars[CLOSE, row, col]) * ratio / panel.manifest.price_scale)

    def _row(self, moment: datetime.datetime) -> int:
        """The last bar that had closed."""
        return int(np.searchsorted(self._panel.closed_at_ns, to_nanoseconds(moment), side="right")) - 1
