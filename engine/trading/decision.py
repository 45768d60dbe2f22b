"""One decision at a venue: the six nodes on the account as the ledger tells it and the market as the data tells it.

Nothing but the ledger, the data and the rules goes in, so the cycle can be run again at any time, and a replay of the
same day gives the same. Only what is approved leaves, through `submit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.broker import Broker, Outcome
from engine.clock import Clock
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.events import Event, PlanReady, Slice
from engine.operating.desk import Desk, Planner
from engine.operating.evidence import market_parts
from engine.operating.graph import OperatingGraph, decision_id_of
from engine.operating.plan import RulePlanner
from engine.operating.state import Cycle, Proposal
from engine.order import Approved
from engine.reports.language import Lang
from engine.risk import RiskPolicy
from engine.rules.tree import RuleSet
from engine.simulation import Simulation
from engine.trading.fold_history import History
from engine.trading.told_account import told_account


@dataclass(frozen=True, kw_only=True)
class RulesInForce:
    """The decision prompt that is followed now.

    Args:
        rules: checked.
        text: of the prompt.
        hash: of the text.
        since: when it came into force; None = it has been there from the start.
    """

    rules: RuleSet
    text: str = ""
    hash: str = ""
    since: datetime | None = None


class Decision:
    """A decision on the last finished bar.

    Args:
        rules: in force.
        panel: raw bars up to the last finished one.
        config: costs and limits.
        history: every event of the account.
        view_of: shows a simulation as a broker: account, quotes, rankings and index as of its last bar.
        clock: of the run.
        submit: takes what is approved.
        record: takes the finished cycle.
        planner: chooses among the purchases that the rules signal; None lets the rules stand.
        lang: of sentences and reports.
        resumed: see `told_account`.
    """

    def __init__(
        self,
        rules: RulesInForce,
        panel: Panel,
        config: BacktestConfig,
        history: Sequence[Event] | History,
        *,
        view_of: Callable[[Simulation], Broker],
        clock: Clock,
        submit: Callable[[Approved[Proposal]], Outcome],
        record: Callable[[Cycle], None],
        planner: Planner | None = None,
        lang: Lang = "ko",
        resumed: Sequence[str] = (),
    ) -> None:
        watched = market_parts(rules.rules.rules)
        self.simulation = told_account(rules.rules, panel, config, history, rules.since, watched, resumed=resumed)
        known = panel.instruments["name"].to_list()
        names = tuple(name or ticker for name, ticker in zip(known, panel.tickers, strict=True))
        row = panel.rows - 1
        self._slice = Slice(row=row, closed_at_ns=int(panel.closed_at_ns[row]))
        desk = Desk(
            broker=view_of(self.simulation),
            simulation=self.simulation,
            risk=RiskPolicy(self.simulation, clock),
            rules=RulePlanner(self.simulation, names, lang),
            planner=planner,
            submit=submit,
            record=record,
            clock=clock,
            names=dict(zip(panel.tickers, names, strict=True)),
            index=config.benchmark,
            lang=lang,
        )
        self._graph = OperatingGraph(desk)

    @property
    def decision_id(self) -> str:
        """The same as in a replay of the same bar."""
        return decision_id_of(self._slice.time)

    @property
    def is_waiting(self) -> bool:
        """Whether a planner has been asked and has not answered yet."""
        return self._graph.is_waiting

    def run(self) -> None:
        """Run the nodes; with a slow planner the last three wait for `resume`."""
        self._graph.process(self._slice)

    def resume(self, ready: PlanReady) -> None:
        """The plan has come."""
        self._graph.process(ready)

    def give_up(self) -> None:
        """No plan will come any more."""
        self._graph.finish()
