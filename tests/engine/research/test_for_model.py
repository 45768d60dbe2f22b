"""A model hears pass or fail, and what is wrong with its text; nothing that was measured on prices."""

from __future__ import annotations

import pytest

from engine.research.for_model import OPEN_STEPS, ModelAnswer, for_model


def test_a_promotion_is_a_pass_and_everything_else_a_fail() -> None:
    assert for_model("promote", []) == ModelAnswer(passed=True, reasons=())
    assert for_model("shadow", ["regimes"]) == for_model("reject", ["untouched_window"])


@pytest.mark.parametrize("step", sorted(OPEN_STEPS))
def test_a_fault_of_the_text_is_named_without_its_detail(step: str) -> None:
    assert for_model("reject", [f"{step}:0.83", step]) == ModelAnswer(passed=False, reasons=(step,))


def test_whatever_was_measured_is_hidden_an_unknown_code_too() -> None:
    hidden = ["alive", "training_window", "untouched_window", "costs", "deflated_sharpe:0.94", "pbo", "fdr", "new step"]
    assert for_model("reject", hidden).reasons == ("not_promoted",)
    assert for_model("reject", ["pbo", "complexity"]).reasons == ("complexity",)
