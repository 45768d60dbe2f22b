"""A planner whose plans come bars after their cycle, as those of a slow model do; for replay.

The plan is made from what was known at its cycle and delivered later as a `PlanReady` event. Live, a thread asks the
model and puts the same event into the engine's queue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from engine.errors import BadInput, ConfigError
from engine.events import PlanReady, Slice
from engine.operating.desk import FailedPlan, Planner, StopsTheRun
from engine.operating.state import Plan, Situation

PATIENCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Thought:
    """A plan, or the failure to make one, and the bars for which it is still kept back."""

    bars: int
    situation: Situation
    plan: Plan | FailedPlan | None


class LatePlanner:
    """Delays another planner.

    Args:
        planner: makes the plans.
        latency_bars: bars from the cycle to its plan; 0 delivers it right after the cycle's own bar.
        patience: a plan older than this is void.
    """

    def __init__(self, planner: Planner, latency_bars: int, patience: timedelta = PATIENCE) -> None:
        if latency_bars < 0 or patience <= timedelta():
            raise ConfigError(
                f"A plan cannot come after {latency_bars} bars and be valid for {patience}: give 0 bars or more and "
                "a patience above zero."
            )
        self.name = planner.name
        self._planner, self._latency_bars, self._patience = planner, latency_bars, patience
        self._thinking: list[_Thought] = []
        self._sequence = 0

    def plan(self, situation: Situation) -> None:
        """Make the plan now and keep it back."""
        plan: Plan | FailedPlan | None
        try:
            plan = self._planner.plan(situation)
        except StopsTheRun:
            raise
        except BadInput as error:
            plan = FailedPlan.of(error)
        self._thinking.append(_Thought(self._latency_bars, situation, plan))

    def due(self, event: Slice) -> list[PlanReady]:
        """Plans that are ready after this bar; call once a bar, after the graph has seen it."""
        ready = [thought for thought in self._thinking if thought.bars == 0]
        self._thinking = [replace(thought, bars=thought.bars - 1) for thought in self._thinking if thought.bars > 0]
        return [self._event(event, thought) for thought in ready]

    def _event(self, event: Slice, thought: _Thought) -> PlanReady:
        self._sequence += 1
        return PlanReady(
            time=event.time,
            sequence=self._sequence,
            decision_id=thought.situation.decision_id,
            plan=thought.plan,
            deadline=thought.situation.time + self._patience,
            failure=thought.plan.text if isinstance(thought.plan, FailedPlan) else "",
        )
