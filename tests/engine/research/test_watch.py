"""Watching a rule: published answers, guarantees under the null, and states that survive being written down."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.metrics.sequential import EDetector, EProcess, e_detector, e_process, first_at_least, shares_of_range
from engine.research.placebo import binomial_pass
from engine.research.watch import PromotedWatch, ShadowWatch, read_watch, replay
from engine.research.watch_texts import watch_sentence

BOUND = 0.02
DAY = date(2024, 1, 2)
DIFFERENCES = np.tile([0.004, -0.002, 0.006, 0.001, -0.003, 0.005, 0.002, 0.004, -0.001, 0.003], 6)

inside = st.lists(st.floats(-BOUND, BOUND), min_size=1, max_size=60)


def dated(differences):
    return [(DAY + timedelta(days=place), float(value)) for place, value in enumerate(differences)]


def shadow(bets=None, **values):
    process = EProcess(bets=bets) if bets else EProcess()
    return ShadowWatch(bound=BOUND, process=process, **values)


def promoted(bets=None, **values):
    detector = EDetector(bets=bets) if bets else EDetector()
    return PromotedWatch(bound=BOUND, detector=detector, **values)


def test_ten_and_four_best_days_in_a_row_promote():
    watch = shadow((0.5,))
    for place, (session, _) in enumerate(dated(range(13))):
        watch = watch.advance(session, BOUND)
        assert watch.evidence == pytest.approx(1.25 ** (place + 1), rel=1e-12)
        assert watch.outcome == "watching"
    watch = watch.advance(DAY + timedelta(days=13), BOUND)
    assert watch.evidence == pytest.approx(22.737, abs=5e-4)
    assert watch.outcome == "promote"
    assert watch.decided == DAY + timedelta(days=13)


def test_the_published_series_promotes_on_its_forty_eighth_day():
    watch = replay(shadow((1.5,)), dated(DIFFERENCES))
    assert watch.decided == DAY + timedelta(days=47)
    assert replay(shadow((1.0,)), dated(DIFFERENCES)).evidence == pytest.approx(13.962523, abs=5.1e-7)
    assert replay(shadow(alpha=0.01), dated(DIFFERENCES)).evidence == pytest.approx(25.138345, abs=5.1e-7)


def test_the_mirrored_series_alarms_on_its_thirty_eighth_day():
    watch = replay(promoted((1.0,)), dated(-DIFFERENCES))
    assert watch.outcome == "roll back"
    assert watch.decided == DAY + timedelta(days=37)
    assert replay(promoted((1.0,), alpha=0.001), dated(-DIFFERENCES)).evidence == pytest.approx(301.810, abs=5.1e-4)


@given(inside)
def test_day_by_day_is_what_the_arrays_give(differences):
    # A level that is never reached, so that the states see every day.
    alone = replay(shadow(alpha=1e-100), dated(differences))
    assert alone.evidence == e_process(shares_of_range(np.array(differences), BOUND))[-1]
    guarded = replay(promoted(alpha=1e-100), dated(differences))
    assert guarded.evidence == e_detector(shares_of_range(-np.array(differences), BOUND))[-1]


@given(inside, st.integers(0, 60), st.sampled_from([shadow, promoted]))
def test_a_state_that_was_written_down_goes_on_to_the_bit(differences, cut, kind):
    days = dated(differences)
    whole = replay(kind(), days)
    half = read_watch(json.loads(json.dumps(replay(kind(), days[:cut]).as_plain())))
    assert half == replay(kind(), days[:cut])
    assert replay(half, days[cut:]) == whole


def test_a_gain_beyond_the_bound_counts_as_the_bound():
    assert shadow().advance(DAY, 0.5).evidence == shadow().advance(DAY, BOUND).evidence
    assert promoted().advance(DAY, 0.5).evidence == promoted().advance(DAY, BOUND).evidence
    assert shadow().advance(DAY, 0.5).beyond == 1
    assert shadow().advance(DAY, 0.5).mean == 0.5


def test_a_loss_beyond_the_bound_ends_both_watches_the_safe_way():
    stopped = shadow().advance(DAY, -0.021)
    assert stopped.outcome == "stopped"
    assert replay(stopped, dated(np.full(100, BOUND))[1:]).outcome == "stopped"
    assert promoted().advance(DAY, -0.021).outcome == "roll back"


def test_a_promotion_is_not_taken_back_by_later_days():
    watch = replay(shadow(), dated([BOUND] * 20 + [-BOUND] * 20))
    assert watch.outcome == "promote"
    assert watch.days == 40
    assert watch.decided < DAY + timedelta(days=20)


def test_a_session_is_counted_once():
    watch = shadow().advance(DAY, 0.001)
    with pytest.raises(BadInput, match="already"):
        watch.advance(DAY, 0.001)
    with pytest.raises(BadInput, match="nan"):
        watch.advance(DAY + timedelta(days=1), float("nan"))


@pytest.mark.parametrize("damage", [{"watch": "other"}, {"wealth": [1.0]}, {"days": None}, {"last": "yesterday"}])
def test_a_damaged_state_is_refused(damage):
    with pytest.raises(BadInput):
        read_watch({**shadow().as_plain(), **damage})


@pytest.mark.parametrize("values", [{"bound": 0.0}, {"bound": float("inf")}, {"alpha": 0.0}, {"alpha": 1.5}])
def test_an_impossible_bound_or_level_is_refused(values):
    with pytest.raises(BadInput):
        ShadowWatch(**{"bound": BOUND, **values})


def test_the_watch_after_a_promotion_starts_where_the_shadow_ended():
    ready = replay(shadow(), dated(DIFFERENCES))
    after = ready.promoted()
    assert (after.bound, after.days, after.last, after.outcome) == (BOUND, 0, ready.last, "watching")
    with pytest.raises(BadInput, match="not promoted"):
        shadow().promoted()


def worthless_days(generator, days):
    """Differences of mean zero in a skewed form: three small gains for one large loss, clustered in calm and storm."""
    size = np.where(generator.random(days).cumsum() % 20 < 10, 0.3, 1.0)
    return size * np.where(generator.random(days) < 0.75, 0.005, -0.015)


def test_a_worthless_rule_is_promoted_in_no_more_worlds_than_alpha_though_one_looks_every_day():
    alpha, worlds = 0.05, 600
    promotions = 0
    for seed in range(worlds):
        days = worthless_days(np.random.default_rng(seed), 250)
        promotions += first_at_least(e_process(shares_of_range(days, BOUND)), 1 / alpha) is not None
    assert binomial_pass(promotions, worlds, alpha).passed
    # A test that could not promote would pass as well: with an edge it does.
    edge = worthless_days(np.random.default_rng(0), 1_000) + 0.003
    assert first_at_least(e_process(shares_of_range(edge, BOUND)), 1 / alpha) is not None


def test_the_mean_time_to_a_false_alarm_is_at_least_one_over_alpha():
    alpha, longest = 0.05, 400
    lengths = []
    for seed in range(300):
        days = worthless_days(np.random.default_rng(seed), longest)
        lengths.append(first_at_least(e_detector(shares_of_range(-days, BOUND)), 1 / alpha) or longest)
    assert np.mean(lengths) >= 1 / alpha
    assert min(lengths) < longest  # it does alarm now and then


def test_sentences_say_what_is_missing():
    half = replay(shadow(), dated(DIFFERENCES[:30]))
    more = half.days_missing()
    assert f"about {more:,} more days" in watch_sentence(half, "en")
    assert f"약 {more:,}일 더" in watch_sentence(half, "ko")
    # The published series is periodic, so its pace holds and the forecast must be about right.
    long = replay(half, dated(np.tile(DIFFERENCES, 4))[30:])
    assert long.outcome == "promote"
    assert (long.decided - DAY).days + 1 == pytest.approx(30 + more, abs=6)


def test_sentences_of_every_state_exist_in_both_languages():
    states = [
        shadow(),
        replay(shadow(), dated(-DIFFERENCES)),
        replay(shadow(), dated([BOUND] * 30)),
        shadow().advance(DAY, -0.5),
        promoted(),
        promoted().advance(DAY, 0.001),
        replay(promoted(), dated(-DIFFERENCES[:10])),
        promoted().advance(DAY, -0.5),
    ]
    for lang in ("ko", "en"):
        sentences = [watch_sentence(state, lang) for state in states]
        assert len(set(sentences)) == len(states)
        assert not any("{" in sentence or "None" in sentence for sentence in sentences)
    assert "no promotion within ten years" in watch_sentence(states[1], "en")
    assert "no sign of a decline" in watch_sentence(states[5], "en")


def test_the_alarm_is_forecast_from_the_mean_so_far():
    losing = replay(promoted(), dated(np.full(5, -0.004)))
    more = losing.days_missing()
    days = dated(np.full(200, -0.004))[5:]
    assert replay(losing, days[: more - 1]).outcome == "watching"
    assert replay(losing, days[:more]).outcome == "roll back"
