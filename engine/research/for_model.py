"""What a model may hear about its candidate: pass or fail, and why its text was refused; never how it did.

A model that hears a score, or which test on unseen data it failed, can write its next rule for that test. After a few
rounds the unseen data are training data. So everything that was measured on prices becomes one word.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PROMOTE = "promote"
NOT_PROMOTED = "not_promoted"

# Steps of the gate that judge the text of a rule. They tell nothing about prices that the rule does not say itself.
OPEN_STEPS = frozenset(
    {
        "compiles",
        "units",
        "category",
        "numbers",
        "look_back",
        "equal_to_base",
        "duplicate",
        "complexity",
    }
)


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The whole answer to a model.

    Args:
        passed: the candidate was promoted.
        reasons: names of the steps that refused its text, in order; `not_promoted` alone stands for everything that
            was measured on prices.
    """

    passed: bool
    reasons: tuple[str, ...]


def for_model(verdict: str, reasons: Iterable[str], open_steps: frozenset[str] = OPEN_STEPS) -> ModelAnswer:
    """Reduce a verdict to what a model may hear.

    A shadow is a fail like a rejection: which of the two it was would tell how near the candidate came.

    Args:
        verdict: "promote", "shadow" or "reject".
        reasons: reason codes of the steps that failed; a detail after a colon is cut off.
        open_steps: steps whose names may be told. Any other code is hidden, an unknown one too.

    >>> for_model("shadow", ["deflated_sharpe:0.71"])
    ModelAnswer(passed=False, reasons=('not_promoted',))
    >>> for_model("reject", ["units:close > 7%"])
    ModelAnswer(passed=False, reasons=('units',))
    """
    if verdict == PROMOTE:
        return ModelAnswer(passed=True, reasons=())
    steps = dict.fromkeys(reason.split(":", 1)[0] for reason in reasons)
    told = tuple(step for step in steps if step in open_steps)
    return ModelAnswer(passed=False, reasons=told or (NOT_PROMOTED,))
