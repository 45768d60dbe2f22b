"""Published answers of the R package onlineFDR, and what the levels must never do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.metrics.online_fdr import Lond, LordPlusPlus, lond, lord_plus_plus, weight

SAMPLE = np.array(
    [
        *(2.90e-17, 0.06743, 0.01514, 0.08174, 0.00171, 3.60e-05, 0.79149, 0.27201, 0.28295, 7.59e-08),
        *(0.69274, 0.30443, 0.00136, 0.72342, 0.54757),
    ]
)

streams = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1e-6, 1e-3]), min_size=1, max_size=60)


def test_lond_has_the_published_levels():
    levels = lond(SAMPLE).levels[:10]
    assert levels == pytest.approx(
        [
            *(0.00267584, 0.00116382, 0.00099125, 0.00082436, 0.00069889),
            *(0.00060459, 0.00079792, 0.00071178, 0.00064214, 0.00058474),
        ],
        abs=5.1e-9,
    )


def test_lord_plus_plus_has_the_published_levels():
    levels = lord_plus_plus(SAMPLE).levels[:7]
    assert levels == pytest.approx(
        [0.00026758, 0.00246645, 0.00057328, 0.00048728, 0.00040591, 0.00034473, 0.0029745], abs=5.1e-9
    )


@pytest.mark.parametrize("procedure", [lond, lord_plus_plus])
def test_tests_one_six_and_ten_are_discoveries(procedure):
    assert (np.flatnonzero(procedure(SAMPLE).discoveries) + 1).tolist() == [1, 6, 10]


@given(streams)
def test_one_test_at_a_time_gives_the_bits_of_the_array(p_values):
    for start, answer in (
        (Lond(), lond(np.array(p_values))),
        (LordPlusPlus(), lord_plus_plus(np.array(p_values))),
    ):
        state = start
        for place, p_value in enumerate(p_values):
            assert state.level == answer.levels[place]
            assert (state.level >= p_value) == answer.discoveries[place]
            state = state.update(p_value)
        assert state.tests == len(p_values)


@given(streams, st.integers(0, 59), st.floats(0, 1))
def test_a_level_depends_on_the_past_only(p_values, place, other):
    changed = np.array(p_values)
    changed[min(place, len(p_values) - 1) :] = other
    for procedure in (lond, lord_plus_plus):
        before = procedure(np.array(p_values)).levels[: place + 1]
        assert (procedure(changed).levels[: place + 1] == before).all()


@given(streams, st.integers(0, 59))
def test_a_smaller_p_value_never_lowers_a_later_level(p_values, place):
    smaller = np.array(p_values)
    smaller[min(place, len(p_values) - 1)] = 0.0
    for procedure in (lond, lord_plus_plus):
        assert (procedure(smaller).levels >= procedure(np.array(p_values)).levels * (1 - 1e-12)).all()


@given(st.integers(1, 200))
def test_without_a_discovery_no_more_than_the_level_is_spent(tests):
    nothing = np.ones(tests)
    assert lond(nothing).levels.sum() <= 0.05
    assert lord_plus_plus(nothing).levels.sum() <= 0.005


def test_the_weights_of_all_tests_sum_to_a_little_less_than_one():
    numbers = np.arange(1, 1_000_001)
    logs = np.log(np.maximum(numbers, 2))
    first = 0.07720838 * logs / (numbers * np.exp(np.sqrt(np.log(numbers))))
    assert first[:100].tolist() == pytest.approx([weight(test) for test in range(1, 101)])
    # What is left beyond 10^6, by the integral: with u = sqrt(ln x) it is 2 * scale * integral of u^3 exp(-u).
    u = np.sqrt(np.log(1e6))
    rest = 2 * 0.07720838 * np.exp(-u) * (u**3 + 3 * u**2 + 6 * u + 6)
    assert first.sum() + rest == pytest.approx(0.976, abs=1e-3)


def test_false_discoveries_of_a_stream_of_rules_stay_below_the_level():
    """Of 300 candidates one in ten is real; the share of false ones among the promoted, averaged over worlds."""
    generator = np.random.default_rng(6)
    for procedure in (lond, lord_plus_plus):
        shares, found = [], []
        for _ in range(200):
            real = generator.uniform(size=300) < 0.1
            p_values = np.where(real, generator.uniform(size=300) * 1e-5, generator.uniform(size=300))
            discoveries = procedure(p_values).discoveries
            shares.append((discoveries & ~real).sum() / max(1, discoveries.sum()))
            found.append((discoveries & real).sum() / max(1, real.sum()))
        assert np.mean(shares) <= 0.05
        assert np.mean(found) > 0.8


def test_impossible_levels_states_and_p_values_are_refused():
    with pytest.raises(BadInput, match="not between 0 and 1"):
        Lond(alpha=0.0)
    with pytest.raises(BadInput, match="between 0 and alpha"):
        LordPlusPlus(initial_wealth=0.1)
    with pytest.raises(BadInput, match="damaged"):
        Lond(tests=1, discoveries=2)
    with pytest.raises(BadInput, match="damaged"):
        LordPlusPlus(tests=3, discovered_at=(4,))
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(BadInput, match="not between 0 and 1"):
            Lond().update(wrong)
        with pytest.raises(BadInput, match="not between 0 and 1"):
            LordPlusPlus().update(wrong)
        with pytest.raises(BadInput, match="not between 0 and 1"):
            lord_plus_plus(np.array([0.5, wrong]))
