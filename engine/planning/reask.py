"""Re-ask: the model is asked again where its prompt changed, and only there; the price is told first.

A recorded answer is used where the question is the same to the letter. After the first other answer the account goes
its own way, so that later questions differ too: the share of misses says how much of the comparison is new.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.model.asking import Asks
from engine.model.reply import ModelReply
from engine.model.request import ModelRequest


@dataclass(slots=True, kw_only=True)
class ReaskCounts:
    """How many questions are new.

    Args:
        questions: of the new run, repairs among them.
        misses: of those, the ones that the old run did not ask.
        first_miss: decision of the first of them, "" if there is none.
    """

    questions: int = 0
    misses: int = 0
    first_miss: str = ""

    @property
    def miss_share(self) -> float | None:
        """Share of the questions that are new; None without questions."""
        return self.misses / self.questions if self.questions else None


class CountedAsks:
    """Another way to the model, which counts the questions that an earlier run did not ask.

    Args:
        asks: answers.
        known: keys of the earlier run's questions.
        counts: filled while it answers.
    """

    def __init__(self, asks: Asks, known: frozenset[str], counts: ReaskCounts) -> None:
        self._asks, self._known, self._counts = asks, known, counts

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        """The other's answer.

        Raises:
            ModelFailure: see `Asks`.
        """
        self._counts.questions += 1
        if request.key not in self._known:
            self._counts.misses += 1
            self._counts.first_miss = self._counts.first_miss or decision_id
        return self._asks.ask(request, decision_id=decision_id)
