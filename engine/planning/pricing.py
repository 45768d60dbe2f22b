"""What the plans of a run will cost, before anybody is asked.

The run is made with a stand-in for the model that takes every signal, so that its questions are about as long and as
many as they will be; answers that are recorded already cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.model.estimate import CallSize
from engine.model.tokens import most_input_tokens
from engine.operating.state import Plan, Situation
from engine.planning.llm_planner import LLMPlanner


class PricedPlanner:
    """Counts the questions of a planner and takes every signal.

    Args:
        planner: whose questions they are; it is not asked.
        recorded: whether an answer to a request's key is at hand.
        answers: gives the plan for a situation; by default that of the rules.
    """

    def __init__(
        self,
        planner: LLMPlanner,
        recorded: Callable[[str], bool] = lambda key: False,
        answers: Callable[[Situation], Plan] | None = None,
    ) -> None:
        self.name = planner.name
        self.sizes: list[CallSize] = []
        self.recorded = 0
        self._planner, self._recorded, self._answers = planner, recorded, answers

    def add(self, other: PricedPlanner) -> None:
        """Count the questions of another planner too."""
        self.sizes += other.sizes
        self.recorded += other.recorded

    def plan(self, situation: Situation) -> Plan:
        """The signals as a plan; the question is measured and thrown away."""
        request = self._planner.first_request(situation)
        if request is not None:
            if self._recorded(request.key):
                self.recorded += 1
            else:
                size = CallSize(input_bytes=most_input_tokens(request), max_output_tokens=request.max_output_tokens)
                self.sizes.append(size)
        return self._answers(situation) if self._answers else Plan(planner=self.name, actions=situation.signals)
