"""How many decisions of a model flip when it may see what the mask hides.

Both questions are asked about the same situation of the same account: the masked plan is the one that trades, the
plain one is only compared. Two runs side by side would part at the first flip and then differ by their accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from math import isclose

from engine.errors import BadInput
from engine.operating.desk import Planner, StopsTheRun
from engine.operating.state import Action, ModelTrace, Plan, Situation

# Weights are told in hundredths of a percent, so the same wish differs by a share or so.
SAME_SIZE = 0.01
SAME_PRICE = 0.005
MOST_SHOWN = 20


class Flip(Enum):
    """How two plans for one situation compare, the harmless first."""

    SAME = "same"
    NOTHING = "nothing"
    SIZES = "sizes"
    DIFFERENT = "different"
    MASKED_FAILED = "masked_failed"
    PLAIN_FAILED = "plain_failed"
    BOTH_FAILED = "both_failed"

    @property
    def flips(self) -> bool:
        """Other names or another direction, or a plan on one side only."""
        return self in (Flip.DIFFERENT, Flip.MASKED_FAILED, Flip.PLAIN_FAILED)

    @property
    def says_something(self) -> bool:
        """Whether it is counted: two plans to do nothing agree without effort, two failures say nothing."""
        return self not in (Flip.NOTHING, Flip.BOTH_FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedDecision:
    """One decision.

    Args:
        decision_id: of the cycle.
        day: of the cycle.
        flip: how the two plans compare.
        masked: actions of the masked plan as short texts, or why there is none.
        plain: of the plain plan.
    """

    decision_id: str
    day: date
    flip: Flip
    masked: tuple[str, ...]
    plain: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    plan: Plan | None
    failure: BadInput | None

    @property
    def trace(self) -> ModelTrace | None:
        return self.plan.trace if self.plan is not None else getattr(self.failure, "trace", None)

    @property
    def told(self) -> tuple[str, ...]:
        if self.plan is None:
            return (f"! {self.failure}",)
        return tuple(f"{action.side.value} {action.ticker} {action.quantity:,}" for action in self.plan.actions)


class MaskedAndPlain:
    """A planner that plans masked and asks the plain question besides.

    Args:
        masked: plans.
        plain: is asked about the same situations; what it wants is compared and never sent.
    """

    def __init__(self, masked: Planner, plain: Planner) -> None:
        self.name = masked.name
        self._masked, self._plain = masked, plain
        self.decisions: list[ComparedDecision] = []
        self.plain_traces: list[ModelTrace] = []

    def plan(self, situation: Situation) -> Plan | None:
        """The masked plan, or its failure.

        Raises:
            BadInput: the masked question brought no plan.
            StopsTheRun: one of the two cannot be asked at all.
        """
        masked, plain = _ask(self._masked, situation), _ask(self._plain, situation)
        self.decisions.append(
            ComparedDecision(
                decision_id=situation.decision_id,
                day=situation.time.date(),
                flip=compare_plans(masked.plan, plain.plan),
                masked=masked.told,
                plain=plain.told,
            )
        )
        if plain.trace is not None:
            self.plain_traces.append(plain.trace)
        if masked.failure is not None:
            raise masked.failure
        return masked.plan

    def document(self, cutoff: date | None) -> dict[str, object]:
        """Counts on both sides of the knowledge cutoff and the first flips, as plain values for reports.

        Args:
            cutoff: last day that the model may have read about; None puts all decisions before it.
        """
        before = {kind.value: 0 for kind in Flip}
        after = dict(before)
        for decision in self.decisions:
            side = before if cutoff is None or decision.day <= cutoff else after
            side[decision.flip.value] += 1
        flipped = [decision for decision in self.decisions if decision.flip.flips]
        return {
            "decisions": len(self.decisions),
            "compared": sum(decision.flip.says_something for decision in self.decisions),
            "flipped": len(flipped),
            "before": before,
            "after": after,
            "first": [
                {
                    "decision": decision.decision_id,
                    "kind": decision.flip.value,
                    "masked": list(decision.masked),
                    "plain": list(decision.plain),
                }
                for decision in flipped[:MOST_SHOWN]
            ],
        }

    def plain_costs(self) -> Mapping[str, int]:
        """What the plain questions cost, under the names of a result's `model_costs`."""
        return {
            "spent_won": sum(trace.cost_won for trace in self.plain_traces),
            "calls": sum(len(trace.keys) for trace in self.plain_traces),
            "input_tokens": sum(trace.input_tokens for trace in self.plain_traces),
            "output_tokens": sum(trace.output_tokens for trace in self.plain_traces),
        }


def compare_plans(masked: Plan | None, plain: Plan | None) -> Flip:
    """How two plans for one situation compare; None is a plan that failed."""
    if masked is None or plain is None:
        if masked is plain:
            return Flip.BOTH_FAILED
        return Flip.MASKED_FAILED if masked is None else Flip.PLAIN_FAILED
    ours, theirs = _wishes(masked), _wishes(plain)
    if ours.keys() != theirs.keys():
        return Flip.DIFFERENT
    if not ours:
        return Flip.NOTHING
    return Flip.SAME if all(_alike(ours[key], theirs[key]) for key in ours) else Flip.SIZES


def _ask(planner: Planner, situation: Situation) -> _Answer:
    try:
        return _Answer(planner.plan(situation), None)
    except StopsTheRun:
        raise
    except BadInput as failure:
        return _Answer(None, failure)


def _wishes(plan: Plan) -> dict[tuple[str, str], Action]:
    return {(action.ticker, action.side.value): action for action in plan.actions}


def _alike(one: Action, other: Action) -> bool:
    """The same size within a share or 1 %, and the same price within half a percent."""
    if abs(one.quantity - other.quantity) > max(1, SAME_SIZE * max(one.quantity, other.quantity)):
        return False
    if one.price is None or other.price is None:
        return one.price is other.price
    return isclose(one.price, other.price, rel_tol=SAME_PRICE)
