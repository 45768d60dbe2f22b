"""What became of a learning loop in simulated time: every week, every rule with its verdict and what it earned."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from engine.ledger.reflections import RuleProposal
from engine.reflection.reflection import Thought
from engine.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One reflection.

    Args:
        time: of it, aware.
        thought: figures, failures, proposals and verdicts.
        before, after: the prompt that it read and the one that came into force.
        row: first row that the rules of `after` decide on.
    """

    time: datetime.datetime
    thought: Thought
    before: str
    after: str
    row: int

    @property
    def changed(self) -> bool:
        """Whether new rules came into force."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFate:
    """What became of a change that reached the gate.

    Args:
        time: of the reflection that proposed it.
        in_force_from: first session at whose close it decided; None if it never did.
        proposal: the rule with its verdict.
        earned_won: final equity with the change less that without it, everything else equal. Of a change that was not
            promoted it is what it would have earned; that figure is hindsight, and no evidence about the gate.
    """

    time: datetime.datetime
    in_force_from: datetime.date | None
    proposal: RuleProposal
    earned_won: float

    @property
    def promoted(self) -> bool:
        """Whether it came into force."""
        return self.proposal.decision == "promote"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRun:
    """What learning did.

    Args:
        result: of the account that learned.
        baseline: of the same account under the first prompt throughout.
        weeks: every reflection.
        fates: every change that reached the gate, in order.
        text: the last prompt.
        writer: who wrote the rules.
        gated: False where every rule was accepted.
        masked: the writer saw the trades through a mask.
        overruled: the gate was asked, and every rule came in whatever it said.
    """

    result: Result
    baseline: Result
    weeks: tuple[Week, ...]
    fates: tuple[RuleFate, ...]
    text: str
    writer: str
    gated: bool
    masked: bool
    overruled: bool = False

    @property
    def births(self) -> tuple[RuleFate, ...]:
        """The changes that came into force."""
        return tuple(fate for fate in self.fates if fate.promoted)

    @property
    def earned_won(self) -> float:
        """What learning added in won; below zero where it cost."""
        return final_equity(self.result) - final_equity(self.baseline)


def final_equity(result: Result) -> float:
    """Equity at the last close."""
    return float(result.equity["equity"][-1])
