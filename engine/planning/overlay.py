"""Overlay: a model's decisions frozen from one run and laid over other rules; free, and the same every time.

What is frozen is which signals the model took and how much of each, which holdings it sold and how much of each. The
other rules may veto a purchase (they do not signal it), resize it (they signal another quantity), and sell by
themselves. What they signal and the model never saw is not bought: that is the price of asking nobody, and it is
counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from engine.operating.desk import FailedPlan, NoPlan, Planner
from engine.operating.state import Action, Plan, Situation
from engine.order import Side


@dataclass(frozen=True, slots=True)
class FrozenAction:
    """An action, and the part of its signal or holding that it is."""

    action: Action
    part: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenDecision:
    """One decision.

    Args:
        plan: as it was made, or why there was none.
        actions: of the plan, with their parts.
        signals: names that the model could choose from.
    """

    plan: Plan | FailedPlan
    actions: tuple[FrozenAction, ...] = ()
    signals: frozenset[str] = frozenset()


Tape = dict[str, FrozenDecision]


class TapeRecorder:
    """Another planner, whose decisions are written onto a tape.

    Args:
        planner: that plans.
        tape: decision -> what was decided.
    """

    def __init__(self, planner: Planner, tape: Tape) -> None:
        self.name = planner.name
        self._planner, self._tape = planner, tape

    def plan(self, situation: Situation) -> Plan | None:
        """The other planner's plan."""
        signals = frozenset(action.ticker for action in situation.signals)
        try:
            plan = self._planner.plan(situation)
        except NoPlan as error:
            self._tape[situation.decision_id] = FrozenDecision(plan=FailedPlan.of(error), signals=signals)
            raise
        if plan is not None:
            self._tape[situation.decision_id] = FrozenDecision(
                plan=plan, actions=_frozen(plan, situation), signals=signals
            )
        return plan


@dataclass(slots=True, kw_only=True)
class OverlayCounts:
    """What became of the frozen decisions under the other rules.

    Args:
        followed: actions that could be followed, resized or not.
        resized: purchases of another quantity, because the rules signal another one.
        vetoed: purchases that the rules do not signal.
        not_held: sells of names that are not held.
        signals: purchases that the rules signal.
        unseen: of those, the ones that the model never saw.
        decisions: that were asked for.
        missing: of those, the ones that are not on the tape.
    """

    followed: int = 0
    resized: int = 0
    vetoed: int = 0
    not_held: int = 0
    signals: int = 0
    unseen: int = 0
    decisions: int = 0
    missing: int = 0

    @property
    def miss_share(self) -> float | None:
        """Share of the signals that the frozen model could say nothing about; None without signals."""
        return self.unseen / self.signals if self.signals else None


@dataclass
class TapePlanner:
    """Plans what a tape says, as far as the rules of this run signal it.

    Args:
        tape: decisions of another run.
        name: of the model.
        counts: filled while it plans.
    """

    tape: Tape
    name: str
    counts: OverlayCounts = field(default_factory=OverlayCounts)

    def plan(self, situation: Situation) -> Plan:
        """The frozen plan on this account.

        Raises:
            NoPlan: the decision had no plan on the tape either, or is not there.
        """
        frozen = self.tape.get(situation.decision_id)
        self._count_signals(situation, frozen)
        if frozen is None:
            raise NoPlan(f"The tape has no decision {situation.decision_id}.", "not_on_tape")
        if isinstance(frozen.plan, FailedPlan):
            raise NoPlan(frozen.plan.text, frozen.plan.code, frozen.plan.trace)
        actions = (self._laid_over(each, situation) for each in frozen.actions)
        kept = tuple(action for action in actions if action is not None)
        return replace(frozen.plan, actions=kept, trace=None)

    def _count_signals(self, situation: Situation, frozen: FrozenDecision | None) -> None:
        seen = frozen.signals if frozen is not None else frozenset[str]()
        counts = self.counts
        counts.decisions += 1
        counts.missing += frozen is None
        counts.signals += len(situation.signals)
        counts.unseen += sum(signal.ticker not in seen for signal in situation.signals)

    def _laid_over(self, frozen: FrozenAction, situation: Situation) -> Action | None:
        """The action on this account, None where it cannot be followed."""
        action, counts = frozen.action, self.counts
        if action.side is Side.SELL:
            quantity = sum(held.quantity for held in situation.diagnosis.holdings if held.ticker == action.ticker)
            if not quantity:
                counts.not_held += 1
                return None
            counts.followed += 1
            return replace(action, quantity=max(int(quantity * frozen.part), 1))
        signal = next((each for each in situation.signals if each.ticker == action.ticker), None)
        shares = 0 if signal is None else int(signal.quantity * frozen.part)
        if signal is None or shares < 1:
            counts.vetoed += 1
            return None
        counts.followed += 1
        counts.resized += shares != action.quantity
        return replace(action, quantity=shares)


def _frozen(plan: Plan, situation: Situation) -> tuple[FrozenAction, ...]:
    offered = {signal.ticker: signal.quantity for signal in situation.signals}
    held = {holding.ticker: holding.quantity for holding in situation.diagnosis.holdings}
    frozen = []
    for action in plan.actions:
        whole = (offered if action.side is Side.BUY else held).get(action.ticker, 0)
        part = Fraction(action.quantity, whole) if whole else Fraction(1)
        frozen.append(FrozenAction(action, part))
    return tuple(frozen)
