"""Node 3, the plan: what to do, why, and which rules say so.

`RulePlanner` needs no network: what the rules ask for is the plan. With another planner the rules still decide at every
cycle: risk rules, exits and guarded levels take effect at once and wait for nobody, and the planner only chooses among
the purchases that the rules signal. A planner that fails costs the purchases of its cycle and nothing else.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.errors import BadInput, BrokenInvariant
from engine.matching import arrays as at
from engine.operating.desk import Desk, FailedPlan, StopsTheRun
from engine.operating.evidence import Evidence
from engine.operating.execution import send
from engine.operating.price_grid import PriceGrid
from engine.operating.risk_check import as_it_stands, check_written
from engine.operating.signals import take_signals
from engine.operating.state import Action, Cycle, Plan, Situation, label, whole
from engine.order import OrderKind, Side
from engine.outcome import KINDS
from engine.reports.language import Lang, Text
from engine.simulation import Simulation

NOTHING = Text("규칙이 낸 신호가 없다", "no rule gave a signal")
SENTENCE = {
    Side.BUY: Text(
        "{name} {quantity:,}주 매수: {rules}{figures}",
        "Buy {quantity:,} of {name}: {rules}{figures}",
    ),
    Side.SELL: Text(
        "{name} {quantity:,}주 매도: {rules}{figures}",
        "Sell {quantity:,} of {name}: {rules}{figures}",
    ),
}


def make_plan(cycle: Cycle, desk: Desk) -> None:
    """Fill in `cycle.plan`, or `cycle.failure`, or let the cycle wait for a slow planner."""
    situation = situation_of(cycle)
    rules = desk.rules.plan(situation)
    if desk.planner is None:
        cycle.plan = rules
        return
    protected = _protect(cycle, desk, rules)
    try:
        cycle.plan = desk.planner.plan(_offered(situation, rules.actions[protected:], cycle, desk))
    except StopsTheRun:
        raise
    except BadInput as error:
        fail(cycle, FailedPlan.of(error))
        return
    cycle.waiting = cycle.plan is None
    take_trace(cycle)


def take_trace(cycle: Cycle) -> None:
    """Keep how the model was asked with the cycle; the plan is stored without it."""
    if cycle.plan is not None and cycle.plan.trace is not None:
        cycle.trace, cycle.plan = cycle.plan.trace, replace(cycle.plan, trace=None)


def fail(cycle: Cycle, failed: FailedPlan) -> None:
    """Record that a cycle has no plan."""
    cycle.failure, cycle.failure_code, cycle.trace = failed.text, failed.code, failed.trace


def _offered(situation: Situation, signals: tuple[Action, ...], cycle: Cycle, desk: Desk) -> Situation:
    """The situation with the purchases that the rules signal, and what it takes to turn an answer into orders."""
    tickers = [action.ticker for action in signals if action.ticker not in cycle.quotes]
    return replace(
        situation,
        signals=signals,
        quotes={**cycle.quotes, **{quote.ticker: quote for quote in desk.broker.quotes(tickers)}},
        limits=desk.simulation.exchange.config.limits,
        grid=PriceGrid(desk.simulation),
    )


def _protect(cycle: Cycle, desk: Desk, rules: Plan) -> int:
    """Send the sells of the rules at once and remember their purchases as signals. Returns the number of sells."""
    actions = rules.actions
    sells = next((place for place, action in enumerate(actions) if action.side is Side.BUY), len(actions))
    cycle.signals = take_signals(desk.simulation, len(actions))
    desk.simulation.book.account[at.PROPOSAL_COUNT] = sells  # the step writes exits before entries
    checks, approved = check_written(as_it_stands(actions[:sells]), desk, protective=True)
    cycle.checks += checks
    cycle.orders += send(approved, desk.submit)
    return sells


def situation_of(cycle: Cycle) -> Situation:
    """What a planner is told, after the first two nodes."""
    if cycle.diagnosis is None or cycle.analysis is None:
        raise BrokenInvariant(f"Cycle {cycle.decision_id} reached its plan without a diagnosis and an analysis.")
    return Situation(decision_id=cycle.decision_id, time=cycle.time, diagnosis=cycle.diagnosis, analysis=cycle.analysis)


class RulePlanner:
    """The rules as a planner: their proposals, in the order in which the step makes them.

    Args:
        simulation: account, rules and features.
        names: of the instruments, in the order of the panel's columns.
        lang: of the sentences.
    """

    name = "rules"

    def __init__(self, simulation: Simulation, names: tuple[str, ...], lang: Lang = "ko") -> None:
        self._simulation, self._names, self._lang = simulation, names, lang
        self._evidence = Evidence(simulation, lang)
        self._rules = simulation.rules.source

    def plan(self, situation: Situation) -> Plan:
        """Let the rules decide after the last closed bar: limits in force, exits, guarded levels, purchases."""
        before = self._simulation.book.refusals.copy()
        count = self._simulation.decide()
        turned_away = self._simulation.book.refusals - before
        actions = tuple(map(self._action, range(count)))
        sentences = "\n".join(action.justification for action in actions)
        return Plan(
            planner=self.name,
            actions=actions,
            justification=sentences or NOTHING(self._lang),
            turned_away={at.REFUSAL_NAMES[code]: int(turned_away[code]) for code in np.flatnonzero(turned_away)},
        )

    def _action(self, place: int) -> Action:
        proposal = self._simulation.book.proposals[place].tolist()
        col, quantity = proposal[at.PROPOSAL_COL], proposal[at.PROPOSAL_QUANTITY]
        side = Side.BUY if proposal[at.PROPOSAL_SIDE] == at.BUY else Side.SELL
        kind = OrderKind(KINDS[proposal[at.PROPOSAL_KIND]])
        rules = rules_behind(proposal)
        panel = self._simulation.exchange.panel
        texts = " ".join(f"[{self._rules[number].id}] {self._rules[number].text}" for number in rules)
        figures = self._evidence.figures(rules, col, buying=side is Side.BUY)
        told = self._evidence.sentence(figures)
        price = proposal[at.PROPOSAL_PRICE] / self._simulation.exchange.scale
        return Action(
            ticker=panel.tickers[col],
            name=self._names[col],
            side=side,
            quantity=quantity,
            kind=kind,
            price=whole(price) if kind.has_price else None,
            from_open=bool(proposal[at.PROPOSAL_RELATIVE]),
            justification=SENTENCE[side](self._lang).format(
                name=label(self._names[col], panel.tickers[col]),
                quantity=quantity,
                rules=texts,
                figures=f" — {told}" if told else "",
            ),
            rule_ids=tuple(self._rules[number].id for number in rules),
            figures=figures,
        )


def rules_behind(proposal: list[int]) -> list[int]:
    """Indices of the rules that asked for a proposal, the deciding one first."""
    deciding = proposal[at.PROPOSAL_RULE]
    bits = proposal[at.PROPOSAL_RULES_LOW] | proposal[at.PROPOSAL_RULES_HIGH] << 63
    others = [number for number in range(bits.bit_length()) if bits >> number & 1 and number != deciding]
    return [deciding, *others] if deciding >= 0 else others
