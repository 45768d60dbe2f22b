"""Training, purge and untouched window; and that no training figure knows what comes after training."""

from __future__ import annotations

import dataclasses
import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.panel import CLOSE, Panel, freeze
from engine.errors import BadInput, DataError
from engine.ledger.looks import Window, WindowLooks
from engine.research.gate_settings import GateSettings
from engine.research.gate_windows import plan_windows
from tests.builders_panel import flat, make_panel
from tests.gate_world import ABSURD, FALLEN, GOOD, HEAD, LEAVE, gate, make_world, rule

EPOCH = datetime.date(1970, 1, 1)


def days_of(window: Window, panel: Panel) -> int:
    days = np.unique(panel.session)
    low, high = (window.first - EPOCH).days, (window.last - EPOCH).days
    return int(((days >= low) & (days <= high)).sum())


def test_the_purge_lies_between_training_and_the_untouched_window() -> None:
    panel = make_panel({"A": flat(1000, 400)})
    windows = plan_windows(panel, GateSettings(untouched_sessions=100))
    days = np.unique(panel.session)
    assert len(windows.training_days) == 400 - 100 - 30
    assert windows.untouched.window is not None
    assert days_of(windows.untouched.window, panel) == len(windows.untouched_days) == 100
    between = days[(days > windows.training_days[-1]) & (days < windows.untouched_days[0])]
    assert len(between) == 30
    assert windows.rows_available == 270


def test_without_a_length_the_window_is_a_year_or_a_quarter_of_less() -> None:
    long, short = (make_panel({"A": flat(1000, rows)}, start=datetime.date(2014, 1, 2)) for rows in (2000, 400))
    assert len(plan_windows(long, GateSettings()).untouched_days) == 252
    assert len(plan_windows(short, GateSettings()).untouched_days) == 100


def test_a_used_up_window_rolls_forward_and_may_be_trained_on() -> None:
    panel = make_panel({"A": flat(1000, 500)})
    days = np.unique(panel.session)
    old = Window(*(EPOCH + datetime.timedelta(days=int(days[place])) for place in (250, 349)))
    windows = plan_windows(panel, GateSettings(untouched_sessions=100), [WindowLooks(old, 20)])
    assert windows.untouched.number == 2
    assert windows.untouched_days.tolist() == days[350:450].tolist()
    assert windows.training_days[-1] == days[350 - 30 - 1]


def test_when_all_is_used_up_there_is_no_window_until_sessions_come() -> None:
    panel = make_panel({"A": flat(1000, 500)})
    days = np.unique(panel.session)
    last = Window(*(EPOCH + datetime.timedelta(days=int(days[place])) for place in (400, 499)))
    windows = plan_windows(panel, GateSettings(untouched_sessions=100), [WindowLooks(last, 20)])
    assert windows.untouched.window is None and not len(windows.untouched_days)
    assert windows.untouched.missing_sessions == 100
    assert len(windows.training_days) == 500


def test_too_little_data_is_refused_with_what_is_needed() -> None:
    panel = make_panel({"A": flat(1000, 100)})
    with pytest.raises(BadInput, match=r"100 sessions .* at least 115: 60 to train on, 30 left out .* 25 untouched"):
        plan_windows(panel, GateSettings())
    with pytest.raises(DataError, match="No session from 2031-01-01"):
        plan_windows(panel, GateSettings(), start=datetime.date(2031, 1, 1))


def test_looks_that_leave_nothing_to_train_on_are_refused() -> None:
    panel = make_panel({"A": flat(1000, 300)})
    days = np.unique(panel.session)
    early = Window(*(EPOCH + datetime.timedelta(days=int(days[place])) for place in (50, 149)))
    with pytest.raises(BadInput, match=r"Only 20 sessions .* left to train on"):
        plan_windows(panel, GateSettings(untouched_sessions=100), [WindowLooks(early, 1)])


# A change of an exit is judged at equal volatility; the scale is measured in training too.
SOONER = HEAD + FALLEN + LEAVE.replace(">= 4", ">= 2")


@settings(max_examples=9)
@given(seed=st.integers(0, 2**16), added=st.sampled_from([GOOD, ABSURD, SOONER]))
def test_nothing_after_training_changes_a_training_figure(seed: int, added: str) -> None:
    panel = make_world()
    training = plan_windows(panel, GateSettings(untouched_sessions=80)).training
    after = int(np.searchsorted(panel.session, (training.last - EPOCH).days, side="right"))
    generator = np.random.default_rng(seed)
    bars = panel.bars.copy()
    bars[:, after:] = np.maximum(1, bars[:, after:] * generator.integers(1, 5, bars[:, after:].shape) // 2)
    bars[1, after:], bars[2, after:] = bars[:4, after:].max(axis=0), bars[:4, after:].min(axis=0)
    other = dataclasses.replace(panel, bars=freeze(bars))
    assert (other.bars[CLOSE, after:] != panel.bars[CLOSE, after:]).any()
    one, two = gate(added, panel), gate(added, other)
    for name in ("alive", "duplicate", "training", "overfitting"):
        assert one.step(name) == two.step(name)
    trained = one.step("training")
    assert trained is not None and (trained.figures["scale"] != 1.0) == (added == SOONER)
    cut = one.training_sessions
    assert one.difference[:cut].tolist() == two.difference[:cut].tolist()


def test_a_window_shorter_than_the_look_back_is_a_refusal_not_a_run() -> None:
    panel = make_panel({"A": flat(1000, 200)})
    report = gate(rule("deep", "Entry Criteria", "close > mean(close, 150)", "buy 9% of equity"), panel)
    assert report.verdict.reason == "look_back.too_long"
