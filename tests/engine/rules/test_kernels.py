"""Promises of single kernels that no market of a test would reach by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.rules.kernels_cross import sort_ascending
from engine.rules.kernels_elementwise import both, either, negate
from engine.rules.kernels_recursive import cumulate
from engine.rules.kernels_window import integer_window
from engine.rules.parse import parse_expression
from tests.builders_market import make_market, run_graph


@given(
    st.lists(st.one_of(st.floats(allow_nan=False), st.sampled_from([0.0, -0.0, 1.0, -1.0])), min_size=1, max_size=40)
)
def test_the_radix_sort_is_the_stable_sort_of_numpy(numbers: list[float]) -> None:
    values = np.array(numbers) + 0.0
    keys, order = values.copy(), np.arange(len(values))
    with np.errstate(over="ignore"):
        sort_ascending(keys, order, len(values), np.empty_like(keys), np.empty_like(order), np.zeros(2048, np.int64))
    assert order.tolist() == np.argsort(values, kind="stable").tolist()


def test_a_window_sum_is_exact_although_the_cumulated_sum_wrapped_around() -> None:
    volumes = np.full(6, 2**62 - 1, np.int64) // 4 + np.arange(6)
    volumes.flags.writeable = False
    total, ages = np.zeros(6 + 2, np.int64), np.arange(1, 7, dtype=np.int32)
    total[1] = 2**63 - 5  # what a long run may have come to
    cumulate(total, 2, 6, 1, volumes, 0)
    out = np.empty(6)
    integer_window(out, 0, 6, 1, total, 2, ages, 0, 2, 1.0)
    assert total[2] < 0
    assert out[1:].tolist() == [float(a + b) for a, b in zip(volumes[:-1].tolist(), volumes[1:].tolist(), strict=True)]


@pytest.mark.parametrize("left", [0, 1, -1])
@pytest.mark.parametrize("right", [0, 1, -1])
def test_verdicts_combine_by_kleene(left: int, right: int) -> None:
    def known(verdict: int) -> bool | None:
        return None if verdict < 0 else bool(verdict)

    def call(kernel: Any, *verdicts: int) -> bool | None:
        out: NDArray[np.int8] = np.empty(1, np.int8)
        inputs: list[Any] = [part for verdict in verdicts for part in (np.array([verdict], np.int8), 0)]
        kernel(out, 0, 1, 1, *inputs)
        return known(int(out[0]))

    sides = {known(left), known(right)}
    assert call(both, left, right) is (False if False in sides else None if None in sides else True)
    assert call(either, left, right) is (True if True in sides else None if None in sides else False)
    assert call(negate, left) is (None if left < 0 else not left)


@given(st.integers(1, 10**9), st.integers(0, 10**6))
def test_differences_of_adjusted_prices_meet_a_literal_in_won_exactly(units: int, difference: int) -> None:
    market = make_market([units + difference], open_=[units], price_scale=100)
    node = parse_expression(f"close - open == {difference / 100:.2f}")
    assert run_graph([node], market)[node][0, 0] == 1
