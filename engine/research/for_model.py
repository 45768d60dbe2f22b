"""What a model may hear about its candidate: pass or fail, and why its text was refused; never how it did.

A model that hears a score, or which test on unseen data it failed, can write its next rule for that test. After a few
rounds the unseen data are training data. So everything that was measured on prices becomes one word.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.research.verdict import Verdict

NOT_PROMOTED = "not_promoted"

# Steps that judge the text of a rule. They tell nothing about prices that the rule does not say itself. Any other
# step is hidden, one that is added later too.
OPEN_STEPS = frozenset({"compiles", "units", "category", "numbers", "look_back", "complexity"})


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The whole answer to a model.

    Args:
        passed: the candidate was promoted.
        reasons: `step.reason` of every step that refused its text, in order; `not_promoted` alone stands for
            everything that was measured on prices. Empty when it passed.
    """

    passed: bool
    reasons: tuple[str, ...]


def for_model(verdict: Verdict) -> ModelAnswer:
    """Reduce a verdict to what a model may hear: codes without figures.

    A shadow is a fail like a rejection: which of the two it was would tell how near the candidate came.
    """
    if verdict.decision == "promote":
        return ModelAnswer(passed=True, reasons=())
    told = tuple(
        f"{step.name}.{step.reason}" for step in verdict.steps if step.name in OPEN_STEPS and step.outcome == "fail"
    )
    return ModelAnswer(passed=False, reasons=told or (NOT_PROMOTED,))
