"""Published answers and guarantees of the tests that watch a rule every day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.metrics.sequential import (
    CEILING,
    MIXTURE,
    EDetector,
    EProcess,
    e_detector,
    e_process,
    first_at_least,
    share_of_range,
    shares_of_range,
)

DIFFERENCES = np.tile([0.004, -0.002, 0.006, 0.001, -0.003, 0.005, 0.002, 0.004, -0.001, 0.003], 6)
BOUND = 0.02

observations = st.lists(st.floats(0, 1), min_size=1, max_size=80)
bets = st.lists(st.floats(0.01, 2), min_size=1, max_size=5).map(tuple)


@pytest.fixture(scope="module")
def shares() -> np.ndarray:
    return shares_of_range(DIFFERENCES, BOUND)


def test_a_run_of_the_best_possible_days_grows_by_a_quarter_each():
    evidence = e_process(np.ones(14), (0.5,))
    assert evidence == pytest.approx(1.25 ** np.arange(1, 15), rel=1e-12)
    assert evidence[-1] == pytest.approx(22.737, abs=5e-4)
    assert first_at_least(evidence, 20) == 14


@pytest.mark.parametrize(("bet", "answer"), [(0.5, 3.935435), (1.0, 13.962523), (1.5, 45.023252)])
def test_the_wealth_of_a_bettor_has_the_published_answer(shares, bet, answer):
    assert e_process(shares, (bet,))[-1] == pytest.approx(answer, abs=5.1e-7)


def test_the_bettor_who_reaches_twenty_does_so_on_day_forty_eight(shares):
    assert first_at_least(e_process(shares, (1.5,)), 20) == 48
    assert first_at_least(e_process(shares, (0.5,)), 20) is None


def test_the_mixture_has_the_published_answer(shares):
    assert MIXTURE == (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
    assert e_process(shares)[-1] == pytest.approx(25.138345, abs=5.1e-7)


def test_the_detector_of_a_decline_has_the_published_answers():
    candidate_less_base = -DIFFERENCES
    mirrored = shares_of_range(-candidate_less_base, BOUND)
    added, best = e_detector(mirrored, (1.0,), "sr"), e_detector(mirrored, (1.0,), "cusum")
    assert first_at_least(added, 100) == 38
    assert added[-1] == pytest.approx(301.810, abs=5.1e-4)
    assert first_at_least(best, 100) is None
    assert best[-1] == pytest.approx(13.963, abs=5.1e-4)


@given(observations, bets)
def test_one_observation_at_a_time_gives_the_bits_of_the_array(values, chosen):
    process, evidence = EProcess(bets=chosen), e_process(np.array(values), chosen)
    detectors = {form: EDetector(bets=chosen, form=form) for form in ("sr", "cusum")}
    alarms = {form: e_detector(np.array(values), chosen, form) for form in detectors}
    for place, value in enumerate(values):
        process = process.update(value)
        assert process.evidence == evidence[place]
        for form, detector in detectors.items():
            detectors[form] = detector.update(value)
            assert detectors[form].evidence == alarms[form][place]
    assert process.observations == detectors["sr"].observations == len(values)


@given(observations, bets, st.integers(0, 80))
def test_a_stored_state_goes_on_where_it_stopped(values, chosen, cut):
    through, first = EProcess(bets=chosen), EProcess(bets=chosen)
    for value in values:
        through = through.update(value)
    for value in values[:cut]:
        first = first.update(value)
    again = EProcess(bets=first.bets, wealth=first.wealth, observations=first.observations)
    for value in values[cut:]:
        again = again.update(value)
    assert again == through


@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(1, 10)), min_size=1, max_size=6),
    bets,
)
def test_expected_wealth_without_an_effect_never_exceeds_one(outcomes, chosen):
    """Over all days that a law with mean 1/2 or less can bring, wealth is multiplied by 1 or less on average."""
    values = np.array([outcome for outcome, _ in outcomes]) / 10
    chances = np.array([weight for _, weight in outcomes], dtype=float)
    chances /= chances.sum()
    values = values * min(1.0, 0.5 / max(chances @ values, 1e-9))
    before = EProcess(bets=chosen).update(0.7).update(0.4)
    after = sum(chance * before.update(value).evidence for value, chance in zip(values, chances, strict=True))
    assert after <= before.evidence * (1 + 1e-12)


def test_promotions_without_an_effect_are_rarer_than_alpha_although_every_day_is_looked_at():
    generator = np.random.default_rng(3)
    worlds = [e_process(generator.uniform(0, 1, 300)).max() >= 20 for _ in range(400)]
    # Ville: at most 5 %; three standard errors of 400 worlds above it would be 8.3 %.
    assert 0 < np.mean(worlds) <= 0.083
    ends = [e_process(generator.uniform(0, 1, 40), (0.5,))[-1] for _ in range(2_000)]
    assert np.mean(ends) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("form", ["sr", "cusum"])
def test_false_alarms_without_a_change_are_as_rare_as_promised(form):
    generator = np.random.default_rng(5)
    waits = np.array(
        [first_at_least(e_detector(generator.uniform(0, 1, 1_000), form=form), 50) or 1_000 for _ in range(100)]
    )
    # The sum form waits hardly longer than promised, so a sample may fall below by chance.
    assert waits.mean() + 3 * waits.std() / 10 >= 50


@given(observations, bets)
def test_adding_all_times_of_change_is_at_least_the_best_of_them(values, chosen):
    added, best = (e_detector(np.array(values), chosen, form) for form in ("sr", "cusum"))
    assert (added >= best * (1 - 1e-12)).all()


def test_a_decline_after_a_long_good_time_is_found_by_the_detector_and_not_by_the_process():
    good, bad = np.full(200, 0.35), np.full(60, 0.75)
    series = np.concatenate([good, bad])
    assert first_at_least(e_detector(series), 100) > 200
    assert first_at_least(e_process(series), 100) is None


def test_a_state_says_when_it_has_seen_enough():
    process = EProcess(bets=(0.5,))
    for _ in range(13):
        process = process.update(1.0)
    assert not process.rejects(0.05)
    assert process.update(1.0).rejects(0.05)
    detector = EDetector(bets=(1.0,)).update(1.0)
    assert detector.alarms(1.5)
    assert not detector.alarms(1.51)


def test_evidence_stays_finite_and_can_fall_again():
    evidence = e_process(np.concatenate([np.ones(3_000), np.zeros(10)]), (1.5,))
    assert evidence[2_999] == CEILING
    assert evidence[-1] < CEILING
    state = EProcess(bets=(1.5,), wealth=(CEILING,)).update(1.0)
    assert state.evidence == CEILING


def test_a_bettor_who_lost_everything_stays_there():
    assert e_process(np.array([0.0, 1.0, 1.0]), (2.0,)).tolist() == [0.0, 0.0, 0.0]


def test_differences_become_shares_of_their_range():
    assert shares_of_range(np.array([-0.02, 0.0, 0.01, 0.02, 0.3]), BOUND) == pytest.approx([0, 0.5, 0.75, 1, 1])


def test_a_loss_beyond_the_bound_is_refused_and_not_hidden():
    with pytest.raises(BadInput, match="not inside the bound 0"):
        share_of_range(-0.021, BOUND)
    with pytest.raises(BadInput, match="not inside the bound"):
        share_of_range(float("nan"), BOUND)
    with pytest.raises(BadInput, match="not inside the bound"):
        share_of_range(0.0, 0.0)


def test_what_would_break_the_guarantee_is_refused():
    for wrong in ((), (0.0,), (0.5, 2.1)):
        with pytest.raises(BadInput, match="above 0 and at most 2"):
            EProcess(bets=wrong)
        with pytest.raises(BadInput, match="above 0 and at most 2"):
            e_detector(np.array([0.5]), wrong)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(BadInput, match="not between 0 and 1"):
            EProcess().update(wrong)
        with pytest.raises(BadInput, match="not between 0 and 1"):
            EDetector().update(wrong)
        with pytest.raises(BadInput, match="not between 0 and 1"):
            e_process(np.array([0.5, wrong]))
    with pytest.raises(BadInput, match="start a new test"):
        EProcess(bets=(0.5, 1.0), wealth=(1.0,))
    with pytest.raises(BadInput, match="start a new test"):
        EDetector(bets=(0.5,), values=(-1.0,))
