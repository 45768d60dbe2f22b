"""A plan that stands already: the purchases of a decision that a person has approved, exactly as they were shown."""

from __future__ import annotations

from collections.abc import Sequence

from engine.operating.state import Action, Plan, Situation


class ApprovedPlan:
    """Gives those purchases back; nobody is asked anew, so nothing else than what was approved can come out.

    Args:
        purchases: as they were shown.
    """

    name = "approved"

    def __init__(self, purchases: Sequence[Action]) -> None:
        self._purchases = tuple(purchases)

    def plan(self, situation: Situation) -> Plan:
        """The purchases; the risk check looks at them again."""
        sentences = "\n".join(action.justification for action in self._purchases)
        return Plan(planner=self.name, actions=self._purchases, justification=sentences)
