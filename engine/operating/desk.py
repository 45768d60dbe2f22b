"""What the nodes work with: the broker, the rules, the risk check, and where a finished cycle goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from engine.broker import Broker, Outcome
from engine.clock import Clock
from engine.errors import BadInput
from engine.operating.state import Cycle, ModelTrace, Plan, Proposal, Situation
from engine.order import Approved
from engine.reports.language import Lang
from engine.risk import RiskPolicy
from engine.simulation import Simulation


class NoPlan(BadInput):
    """A planner has no plan for this cycle.

    Args:
        message: why.
        code: a stable name for the reason, such as "truncated".
        trace: how a model was asked.
    """

    def __init__(self, message: str, code: str, trace: ModelTrace | None = None) -> None:
        super().__init__(message)
        self.code, self.trace = code, trace


class StopsTheRun(BadInput):
    """A planner cannot work at all, so that a run without its plans would tell nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPlan:
    """Why a cycle has no plan, as a value; a `PlanReady` event carries it in the place of the plan."""

    text: str
    code: str = ""
    trace: ModelTrace | None = None

    @classmethod
    def of(cls, error: BadInput) -> FailedPlan:
        """What a planner raised."""
        if isinstance(error, NoPlan):
            return cls(text=str(error), code=error.code, trace=error.trace)
        return cls(text=str(error))


class Planner(Protocol):
    """Whoever makes a plan out of a situation: the rules, a model, a person."""

    name: str

    def plan(self, situation: Situation) -> Plan | None:
        """The plan; None when it will come later as a `PlanReady` event.

        Raises:
            BadInput: there is none for this cycle; `NoPlan` says so with a code.
            StopsTheRun: there can be none for any cycle; it ends the run.
        """
        ...


class Rules(Protocol):
    """The rules as a planner: they always have a plan."""

    def plan(self, situation: Situation) -> Plan:
        """What the rules ask for after the last closed bar; risk rules and guarded levels take effect by this call."""
        ...


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The resources of a graph.

    Args:
        broker: account, quotes, rankings, index.
        simulation: the account's book, which the rules and the risk check read.
        risk: the gate before every order.
        rules: decides what the rules ask for, at every cycle.
        planner: chooses among what the rules ask for; None lets the rules stand.
        submit: hands an approved proposal to the broker.
        record: takes a finished cycle.
        clock: of the run.
        names: of the instruments, by ticker.
        index: whose level and mean tell the mood.
        lang: of sentences and reports.
    """

    broker: Broker
    simulation: Simulation
    risk: RiskPolicy
    rules: Rules
    submit: Callable[[Approved[Proposal]], Outcome]
    record: Callable[[Cycle], None]
    clock: Clock
    names: Mapping[str, str]
    planner: Planner | None = None
    index: str = "KOSPI"
    lang: Lang = "ko"

    @property
    def price_scale(self) -> int:
        """Price units per won."""
        return self.simulation.exchange.scale

    @cached_property
    def column(self) -> Mapping[str, int]:
        """Column of each instrument in the panel, by ticker."""
        return {ticker: col for col, ticker in enumerate(self.simulation.exchange.panel.tickers)}

    def name(self, ticker: str) -> str:
        """Name of an instrument; its ticker where the data has none."""
        return self.names.get(ticker, ticker)
