"""A planner that buys nothing: where purchases come too late, exits and watched levels go on."""

from __future__ import annotations

from engine.operating.state import Plan, Situation


class NoPurchases:
    """Leaves every signal alone.

    Args:
        reason: in words, for the record.
    """

    name = "no purchases"

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def plan(self, situation: Situation) -> Plan:
        """An empty plan."""
        return Plan(planner=self.name, justification=self._reason)
