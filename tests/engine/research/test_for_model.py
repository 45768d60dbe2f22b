"""A model hears pass or fail, and what is wrong with its text; nothing that was measured on prices."""

from __future__ import annotations

import json

import pytest

from engine.research.for_model import OPEN_STEPS, ModelAnswer, for_model
from engine.research.texts import STEPS
from engine.research.verdict import Outcome, Step, Verdict, conclude

HIDDEN = ("alive", "training", "untouched", "costs", "deflated_sharpe", "overfitting", "fdr", "a step of tomorrow")


def judged(*steps: tuple[str, Outcome]) -> Verdict:
    """A verdict with a figure in every step."""
    made = (
        Step(name=name, outcome=outcome, reason=f"{name}_says", figures={"sharpe": 0.8312}) for name, outcome in steps
    )
    return conclude(made)


def test_a_promotion_is_a_pass() -> None:
    assert for_model(judged(("units", "pass"), ("fdr", "warn"))) == ModelAnswer(passed=True, reasons=())


@pytest.mark.parametrize("name", HIDDEN)
def test_whatever_was_measured_is_hidden_and_a_shadow_looks_like_a_rejection(name: str) -> None:
    rejected, shadow = judged(("units", "pass"), (name, "fail")), judged(("units", "pass"), (name, "unknown"))
    assert {rejected.decision, shadow.decision} == {"reject", "shadow"}
    assert for_model(rejected) == for_model(shadow) == ModelAnswer(passed=False, reasons=("not_promoted",))


@pytest.mark.parametrize("name", sorted(OPEN_STEPS))
def test_a_fault_of_the_text_is_named_without_its_figures(name: str) -> None:
    assert name in STEPS, "the gate has no step of that name"
    answer = for_model(judged((name, "fail"), ("fdr", "fail")))
    assert answer == ModelAnswer(passed=False, reasons=(f"{name}.{name}_says",))
    assert "8312" not in json.dumps(answer.reasons)
