"""Published answers for CUSUM charts and the limits of Wald's test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.metrics.control_chart import Cusum, cusum, first_signal, run_length, sprt_limits

# NIST/SEMATECH e-Handbook of Statistical Methods, section 6.3.2.3.
PROCESS = np.array(
    [
        *(324.925, 324.675, 324.725, 324.350, 325.350, 325.225, 324.125, 324.525, 325.225, 324.600),
        *(324.625, 325.150, 328.325, 327.250, 327.825, 328.500, 326.675, 327.775, 326.875, 328.350),
    ]
)
TARGET, SLACK, LIMIT = 325.0, 0.3175, 4.1959


def test_the_chart_of_the_handbook():
    upper, lower = cusum(PROCESS, TARGET, SLACK)
    assert upper[12:] == pytest.approx([3.0075, 4.94, 7.4475, 10.63, 11.9875, 14.445, 16.0025, 19.035], abs=1e-9)
    assert lower[6:8] == pytest.approx([0.5575, 0.715], abs=1e-9)


def test_the_chart_of_the_handbook_signals_at_item_fourteen():
    assert first_signal(PROCESS, TARGET, SLACK, LIMIT) == 13
    assert first_signal(PROCESS[:13], TARGET, SLACK, LIMIT) is None
    state = Cusum(target=TARGET, slack=SLACK)
    items = []
    for item, value in enumerate(PROCESS, start=1):
        state = state.update(value)
        if state.signals(LIMIT):
            items.append(item)
    assert items[0] == 14


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=60), st.floats(-5, 5), st.floats(0, 3))
def test_one_value_at_a_time_gives_what_the_array_gives(values, target, slack):
    upper, lower = cusum(np.array(values), target, slack)
    state = Cusum(target=target, slack=slack)
    for place, value in enumerate(values):
        state = state.update(value)
        assert [state.upper, state.lower] == pytest.approx([upper[place], lower[place]], abs=1e-9)
        assert min(state.upper, state.lower) >= 0


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40))
def test_a_mirrored_series_has_mirrored_sums(values):
    upper, lower = cusum(np.array(values), 0.0, 0.5)
    mirrored_upper, mirrored_lower = cusum(-np.array(values), 0.0, 0.5)
    assert (mirrored_upper == lower).all()
    assert (mirrored_lower == upper).all()


@pytest.mark.parametrize(("limit", "in_control", "shifted"), [(5, 938.22, 10.34), (4, 338.09, 8.34)])
def test_run_lengths_have_the_published_answers(limit, in_control, shifted):
    assert run_length(limit, 0.5) == pytest.approx(in_control, abs=5.1e-3)
    assert run_length(limit, 0.5, shift=1.0) == pytest.approx(shifted, abs=5.1e-3)


def test_both_sides_together_are_near_the_exact_table():
    assert run_length(5, 0.5) / 2 == pytest.approx(469, abs=0.2)
    assert run_length(5, 0.5) / 2 == pytest.approx(465, rel=0.01)


def test_the_run_length_is_continuous_where_the_drift_vanishes():
    assert run_length(5, 0.5, shift=0.5) == pytest.approx(run_length(5, 0.5, shift=0.5 + 1e-4), rel=1e-3)


def test_the_run_length_is_about_that_of_simulated_charts():
    generator = np.random.default_rng(8)
    lengths = [first_signal(generator.normal(1.0, 1.0, 400), 0.0, 0.5, 4.0) + 1 for _ in range(2_000)]
    assert np.mean(lengths) == pytest.approx(run_length(4, 0.5, shift=1.0), rel=0.05)


def test_the_limits_of_walds_test_have_the_published_answers():
    assert sprt_limits(0.05, 0.2) == pytest.approx((2.7725887, -1.5581446), abs=5.1e-8)


def test_impossible_limits_are_refused():
    with pytest.raises(BadInput, match="signal at once"):
        run_length(0, 0.5)
    for wrong in ((0.0, 0.2), (0.05, 1.0), (0.6, 0.5)):
        with pytest.raises(BadInput, match="no test"):
            sprt_limits(*wrong)
