"""Published answers for haircuts and p-values, and statsmodels as oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from engine.errors import BadInput
from engine.metrics.multiple_testing import adjusted_p_values, haircut_sharpe, rejections, two_sided_p_value

ORACLE = {
    "bonferroni": "bonferroni",
    "holm": "holm",
    "benjamini_hochberg": "fdr_bh",
    "benjamini_yekutieli": "fdr_by",
}
T_VALUES = (1.99, 2.63, 2.21, 3.43, 2.17, 2.64, 4.56, 5.34, 2.75, 2.49)


@pytest.fixture(scope="module")
def p_values() -> np.ndarray:
    return np.array([two_sided_p_value(t) for t in T_VALUES])


def test_haircut_of_the_example_of_harvey_and_liu():
    answer = haircut_sharpe(0.75, years=20, trials=200)
    assert answer.p_value == pytest.approx(0.000796230, abs=5.1e-10)
    assert answer.adjusted_p_value == pytest.approx(0.147267571, abs=5.1e-10)
    assert answer.haircut_sharpe == pytest.approx(0.324062, abs=5.1e-7)
    assert answer.cut == pytest.approx(0.568, abs=5e-4)


@given(st.floats(0.01, 6), st.floats(0.5, 30), st.integers(1, 10_000))
def test_more_trials_cut_more_and_one_trial_cuts_nothing(sharpe, years, trials):
    fewer, more = haircut_sharpe(sharpe, years, trials), haircut_sharpe(sharpe, years, trials + 1)
    assert 0 <= more.haircut_sharpe <= fewer.haircut_sharpe + 1e-12
    assert haircut_sharpe(sharpe, years, 1).haircut_sharpe == sharpe
    assert 0 <= fewer.cut <= 1


def test_a_sharpe_beyond_any_doubt_keeps_its_digits():
    # 1 - p is 1 in floating point here; the cut must still be a small one and not all or nothing.
    answer = haircut_sharpe(9.0, years=1, trials=100)
    assert 0 < answer.adjusted_p_value < 1e-15
    assert 8.0 < answer.haircut_sharpe < 9.0


def test_a_loss_is_not_cut():
    answer = haircut_sharpe(-0.5, years=5, trials=100)
    assert (answer.haircut_sharpe, answer.cut) == (-0.5, 0.0)
    assert haircut_sharpe(0.0, years=5, trials=100).haircut_sharpe == 0.0


def test_no_time_and_no_trial_are_refused():
    with pytest.raises(BadInput, match="must be above 0"):
        haircut_sharpe(1.0, years=0, trials=5)
    with pytest.raises(BadInput, match="must be above 0"):
        haircut_sharpe(1.0, years=3, trials=0)


@pytest.mark.parametrize(
    ("procedure", "at_five", "at_one", "adjusted"),
    [
        ("bonferroni", 3, 3, 0.08538),
        ("holm", 6, 3, 0.04974),
        ("benjamini_hochberg", 10, 3, 0.01423),
        ("benjamini_yekutieli", 6, 3, 0.04168),
    ],
)
def test_ten_factors_have_the_published_answers(p_values, procedure, at_five, at_one, adjusted):
    assert rejections(p_values, procedure, 0.05).sum() == at_five
    assert rejections(p_values, procedure, 0.01).sum() == at_one
    assert adjusted_p_values(p_values, procedure)[1] == pytest.approx(adjusted, abs=5.1e-6)


@pytest.mark.parametrize("procedure", list(ORACLE))
@settings(max_examples=15)  # Holm's procedure takes statsmodels 0.2 s a call.
@given(st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.02]), min_size=1, max_size=30))
def test_adjusted_p_values_are_those_of_statsmodels(procedure, values):
    ours = adjusted_p_values(np.array(values), procedure)
    rejected, theirs, _, _ = multipletests(np.array(values), alpha=0.05, method=ORACLE[procedure])
    assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-300)
    at_the_edge = np.isclose(ours, 0.05, rtol=1e-12)
    assert (rejections(np.array(values), procedure)[~at_the_edge] == rejected[~at_the_edge]).all()


def test_no_test_has_no_p_value_and_an_impossible_one_is_refused():
    assert len(adjusted_p_values(np.array([]), "holm")) == 0
    for wrong in (-0.1, 1.5, np.nan):
        with pytest.raises(BadInput, match="between 0 and 1"):
            adjusted_p_values(np.array([0.2, wrong]), "bonferroni")
