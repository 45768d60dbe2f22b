"""The exact binomial test, against scipy and against the definition of its limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from engine.errors import BadInput
from engine.research.placebo import binomial_pass


@given(
    worlds=st.integers(1, 400),
    share=st.floats(0, 1),
    level=st.sampled_from([0.01, 0.05, 0.2]),
    significance=st.sampled_from([0.01, 0.05, 0.3]),
)
def test_it_equals_the_exact_test_of_scipy_and_its_own_limit(
    worlds: int, share: float, level: float, significance: float
) -> None:
    promotions = round(share * worlds)
    result = binomial_pass(promotions, worlds, level, significance)
    assert result.p_value == pytest.approx(binomtest(promotions, worlds, level, alternative="greater").pvalue, rel=1e-9)
    assert result.passed == (result.p_value >= significance) == (promotions <= result.largest_allowed)
    assert binomial_pass(result.largest_allowed, worlds, level, significance).passed
    if result.largest_allowed < worlds:
        assert not binomial_pass(result.largest_allowed + 1, worlds, level, significance).passed


def test_many_worlds_do_not_lose_their_tail() -> None:
    result = binomial_pass(150, 2_000, 0.05)
    assert result.p_value == pytest.approx(float(binomtest(150, 2_000, 0.05, alternative="greater").pvalue), rel=1e-9)
    assert (result.largest_allowed, result.passed) == (116, False)


@pytest.mark.parametrize("arguments", [(1, 0, 0.05), (3, 2, 0.05), (-1, 2, 0.05), (0, 2, 0.0), (0, 2, 0.05, 1.0)])
def test_impossible_numbers_are_refused(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(BadInput):
        binomial_pass(*arguments)
