"""What the gate says: one step after another, and the verdict that follows from them.

A step and a verdict hold codes and figures only; `engine.research.texts` makes the sentences in both languages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.errors import BrokenInvariant

Outcome = Literal["pass", "warn", "fail", "unknown"]
Decision = Literal["promote", "shadow", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The answer of one step.

    Attributes:
        name: which step, a stable code such as "units".
        outcome: "unknown" means that there was not enough to tell.
        reason: why, a stable code that is unique within the step.
        figures: what the step measured; JSON without not-a-number. A mapping with the keys "ko" and "en" is a text
            in both languages.
    """

    name: str
    outcome: Outcome
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            json.dumps(dict(self.figures), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BrokenInvariant(f"The figures of the step {self.name} are no JSON: {error}.") from None

    @property
    def passed(self) -> bool:
        """Whether nothing stands against going on; a warning does not."""
        return self.outcome in ("pass", "warn")

    def as_json(self) -> dict[str, Any]:
        """The step as plain values, for a file or the ledger."""
        return {"name": self.name, "outcome": self.outcome, "reason": self.reason, "figures": dict(self.figures)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Promote, shadow or reject, and the step that decided it; None when nothing stood against promotion."""

    decision: Decision
    steps: tuple[Step, ...]
    deciding: Step | None = None

    @property
    def reason(self) -> str:
        """`units.units_differ`, or `all_passed`."""
        return f"{self.deciding.name}.{self.deciding.reason}" if self.deciding else "all_passed"

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain values."""
        return {"decision": self.decision, "reason": self.reason, "steps": [step.as_json() for step in self.steps]}


def conclude(steps: Iterable[Step]) -> Verdict:
    """The verdict of the steps: the first that failed rejects, else the first that does not know means shadow.

    >>> conclude([Step(name="units", outcome="pass", reason="units_agree")]).decision
    'promote'
    """
    done = tuple(steps)
    decisions: tuple[tuple[Outcome, Decision], ...] = (("fail", "reject"), ("unknown", "shadow"))
    for outcome, decision in decisions:
        deciding = next((step for step in done if step.outcome == outcome), None)
        if deciding is not None:
            return Verdict(decision=decision, steps=done, deciding=deciding)
    return Verdict(decision="promote", steps=done)
