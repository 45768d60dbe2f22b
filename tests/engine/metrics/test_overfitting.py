"""Published answers and invariants of the probability of backtest overfitting."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.errors import BadInput
from engine.metrics.overfitting import Overfitting, pbo
from engine.metrics.undefined import Undefined
from tests.published_series import published_normals

# Whole numbers, so that sums are exact and equal figures are equal to the bit.
profits = arrays(np.int64, st.tuples(st.integers(8, 20), st.integers(2, 5)), elements=st.integers(-50, 50)).map(
    lambda values: values.astype(np.float64)
)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return published_normals(12_345, 320, 8)


def plainly(performance: np.ndarray, blocks: int, metric: str = "sharpe") -> tuple[float, np.ndarray]:
    """The definition, step by step, without sums of blocks."""
    length = len(performance) // blocks
    cut = performance[len(performance) - length * blocks :].reshape(blocks, length, -1)
    logits = []
    for chosen in combinations(range(blocks), blocks // 2):
        rest = [block for block in range(blocks) if block not in chosen]
        train, test = np.concatenate(cut[list(chosen)]), np.concatenate(cut[rest])
        if metric == "mean":
            before, after = train.mean(axis=0), test.mean(axis=0)
        else:
            before, after = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in (train, test))
        rank = scipy.stats.rankdata(after)[before.argmax()] / (performance.shape[1] + 1)
        logits.append(np.log(rank / (1 - rank)))
    return float(np.mean(np.array(logits) <= 0)), np.array(logits)


def test_the_noise_is_the_published_one(noise):
    assert noise[0, :3] == pytest.approx([-0.65048061, 1.79780939, -0.85014697], abs=5e-9)
    assert noise.mean() == pytest.approx(-0.0019636115, abs=5e-11)
    assert noise.std() == pytest.approx(0.9899597746, abs=5e-11)


def test_eight_blocks_of_noise_have_the_published_answer(noise):
    answer = pbo(noise, blocks=8)
    assert answer.pbo == pytest.approx(0.7571428571, abs=5.1e-11)
    assert answer.logits.mean() == pytest.approx(-0.5452937, abs=5.1e-8)
    assert len(answer.logits) == 70


def test_sixteen_blocks_of_noise_have_the_published_answer(noise):
    answer = pbo(noise)
    assert answer.pbo == pytest.approx(0.7944832945, abs=5.1e-11)
    assert answer.logits.mean() == pytest.approx(-0.6649225, abs=5.1e-8)
    assert answer.probability_of_loss == pytest.approx(0.7756021756, abs=5.1e-11)
    assert len(answer.logits) == 12_870


def test_variants_that_swap_places_in_the_middle_have_the_published_answer(noise):
    swapped = noise.copy()
    swapped[:160, 0] += 0.5
    swapped[160:, 0] -= 0.5
    swapped[:160, 1] -= 0.5
    swapped[160:, 1] += 0.5
    answer = pbo(swapped, blocks=8)
    assert answer.pbo == pytest.approx(0.9142857143, abs=5.1e-11)
    assert answer.slope < 0


@pytest.mark.parametrize("metric", ["sharpe", "mean"])
def test_sums_of_blocks_give_what_the_definition_gives(noise, metric):
    answer = pbo(noise[:101], blocks=6, metric=metric)
    expected, logits = plainly(noise[:101], 6, metric)
    assert answer.pbo == expected
    assert answer.logits == pytest.approx(logits, abs=1e-12)


def test_batches_give_what_one_batch_gives(noise, monkeypatch):
    whole = pbo(noise, blocks=8)
    monkeypatch.setattr("engine.metrics.overfitting.BATCH_VALUES", 24)
    assert (pbo(noise, blocks=8).logits == whole.logits).all()


def test_the_line_is_the_one_of_least_squares(noise):
    answer = pbo(noise, blocks=8)
    slope, intercept = np.polyfit(answer.in_sample, answer.out_of_sample, 1)
    assert answer.slope == pytest.approx(slope, abs=1e-12)
    assert answer.intercept == pytest.approx(intercept, abs=1e-12)


def test_rows_that_fill_no_block_are_dropped_from_the_start(noise):
    longer = np.vstack([np.full((5, 8), 100.0), noise])
    answer = pbo(longer, blocks=8)
    assert (answer.logits == pbo(noise, blocks=8).logits).all()
    assert answer.observations == 320


def test_the_level_of_noise_is_a_coin_with_a_wide_range():
    generator = np.random.default_rng(20_240)
    answers = np.array([pbo(generator.normal(size=(320, 8)), blocks=8).pbo for _ in range(1_000)])
    assert answers.mean() == pytest.approx(0.489, abs=0.03)
    assert answers.std() == pytest.approx(0.235, abs=0.02)
    assert np.quantile(answers, [0.05, 0.95]) == pytest.approx([0.114, 0.871], abs=0.05)
    # Why it is no gate alone: a limit of 0.2 lets 12.5 % of pure noise through, one of 0.5 half of it.
    assert (answers < 0.2).mean() == pytest.approx(0.125, abs=0.035)
    assert (answers < 0.5).mean() == pytest.approx(0.498, abs=0.05)


@given(profits, st.data())
def test_what_all_variants_have_in_common_does_not_count(performance, data):
    common = data.draw(arrays(np.int64, len(performance), elements=st.integers(-1_000, 1_000)))
    plain = pbo(performance, blocks=4, metric="mean")
    assert pbo(performance + common[:, None], blocks=4, metric="mean").pbo == plain.pbo


@given(profits, st.sampled_from([0.125, 0.5, 4.0, 1024.0]), st.sampled_from(["mean", "sharpe"]))
def test_the_unit_of_profit_does_not_count(performance, scale, metric):
    assert pbo(performance * scale, blocks=4, metric=metric).pbo == pbo(performance, blocks=4, metric=metric).pbo


@given(profits)
def test_the_share_and_the_logits_agree_and_each_half_is_used_twice(performance):
    answer = pbo(performance, blocks=4)
    assert isinstance(answer, Overfitting)
    assert 0 <= answer.pbo <= 1
    assert answer.pbo == (answer.logits <= 0).mean()
    assert len(answer.logits) == 6


@given(profits)
def test_a_variant_that_is_best_in_every_block_is_never_overfitted(performance):
    best = performance.max(axis=1, keepdims=True) + 1
    answer = pbo(np.hstack([performance, best]), blocks=4, metric="mean")
    assert answer.pbo == 0.0


def test_variants_that_do_the_same_share_the_middle_rank(noise):
    same = np.repeat(noise[:, :1], 7, axis=1)
    answer = pbo(same, blocks=8)
    assert (answer.logits == 0).all()
    assert answer.pbo == 1.0


def test_a_variant_that_does_not_trade_in_a_half_has_a_figure_of_zero_there(noise):
    lazy = noise[:, :3].copy()
    lazy[160:, 0] = 0.0
    lazy[:, 1:] -= 5.0
    answer = pbo(lazy, blocks=2)
    # Chosen on the lively half, best of all on the still one, where it neither won nor lost.
    assert answer.out_of_sample[0] == answer.in_sample[1] == 0.0
    assert answer.in_sample[0] == answer.out_of_sample[1] > 0
    assert answer.pbo == answer.probability_of_loss == 0.0


def test_no_variant_trades_at_all():
    answer = pbo(np.zeros((40, 3)), blocks=4)
    assert answer.slope is Undefined.NO_VARIATION
    assert answer.pbo == 1.0
    assert answer.probability_of_loss == 0.0


def test_what_cannot_be_asked_says_why(noise):
    assert pbo(noise[:, :1], blocks=8) is Undefined.NO_ALTERNATIVE
    assert pbo(noise[:7], blocks=8) is Undefined.TOO_FEW_SESSIONS
    assert pbo(noise[:3], blocks=2) is Undefined.TOO_FEW_SESSIONS
    with pytest.raises(BadInput, match="even number from 2 to 18"):
        pbo(noise, blocks=7)
    with pytest.raises(BadInput, match="even number from 2 to 18"):
        pbo(noise, blocks=40)
    broken = noise.copy()
    broken[12, 3] = np.nan
    with pytest.raises(BadInput, match="Variant 3 has no finite value in session 12"):
        pbo(broken)
