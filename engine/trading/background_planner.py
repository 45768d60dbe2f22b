"""A planner that thinks in a thread of its own: the loop goes on guarding while a model makes up its mind.

The plan, or the failure to make one, comes back as a `PlanReady` event through `deliver`, with the deadline after which
it is void.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from engine.clock import Clock
from engine.errors import BadInput
from engine.events import PlanReady
from engine.log import redact_text
from engine.operating.desk import FailedPlan, Planner
from engine.operating.state import Plan, Situation


class BackgroundPlanner:
    """Asks another planner without waiting for it.

    Args:
        planner: thinks; it must not touch what the loop owns.
        deliver: takes the event, from the planner's thread.
        clock: stamps it.
        deadline: after which the plan is void.
    """

    def __init__(
        self, planner: Planner, deliver: Callable[[PlanReady], None], clock: Clock, deadline: datetime
    ) -> None:
        self.name = planner.name
        self._planner, self._deliver, self._clock, self._deadline = planner, deliver, clock, deadline

    def plan(self, situation: Situation) -> None:
        """Begin to think; the answer comes later."""
        threading.Thread(target=self._think, args=(situation,), name="planner", daemon=True).start()

    def _think(self, situation: Situation) -> None:
        plan: Plan | FailedPlan | None
        try:
            plan = self._planner.plan(situation)
        except BadInput as error:
            plan = FailedPlan.of(error)
        except Exception as error:  # whatever goes wrong out there, the loop must hear of it and buy nothing
            plan = FailedPlan(text=redact_text(f"{type(error).__name__}: {error}"), code="planner_failed")
        self._deliver(
            PlanReady(
                time=self._clock.now(),
                decision_id=situation.decision_id,
                plan=plan,
                deadline=self._deadline,
            )
        )
