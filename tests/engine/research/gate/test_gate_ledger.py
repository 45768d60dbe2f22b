"""The gate and the ledger: one look a candidate, one trial a candidate, a stream of p-values, no foreign dataset."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from engine.data.panel import Panel
from engine.errors import BadInput
from engine.ledger.ledger import Ledger
from engine.ledger.lineage import ForeignLedger, dataset_key
from engine.ledger.looks import window_looks
from engine.ledger.trials import Trial, fdr_history, record_trials, recorded_trials, trial_count
from engine.ledger.verify import verify
from engine.metrics.online_fdr import LordPlusPlus
from engine.research.workers import InProcess
from tests.builders_ledger import make_ledger
from tests.gate_world import ABSURD, BASE, CONFIG, GOOD, HEAD, candidate, gate, make_world, reasons, rule

OTHER = rule("calm", "Entry Criteria", "volume_ratio(10) <= 0.85", "buy 20% of equity")


@pytest.fixture(scope="module")
def world() -> Panel:
    return make_world()


def looks(ledger: Ledger) -> int:
    return sum(entry.looks for windows in window_looks(ledger).values() for entry in windows)


class Counting(InProcess):
    """Counts the items it is given, and on which sessions they end."""

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self.ends: list[object] = []

    def map(self, task, items):  # type: ignore[no-untyped-def]
        self.ends += [item.last for item in items]
        return super().map(task, items)


def test_a_second_look_returns_what_the_first_saw_and_runs_nothing_on_the_window(world: Panel, tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        first = gate(GOOD, world, ledger)
        workers = Counting(world)
        second = gate(GOOD, world, ledger, workers=workers)
        assert first.untouched is not None
        assert str(first.untouched[1]) not in {str(end) for end in workers.ends}
        assert looks(ledger) == 1
        one, two = (report.step("untouched") for report in (first, second))
        assert one is not None and two is not None
        assert not one.figures["repeated"] and two.figures["repeated"]
        same = ("difference", "candidate_return", "base_return", "looks_used")
        assert [one.figures[name] for name in same] == [two.figures[name] for name in same]
        assert first.difference.tolist() == second.difference.tolist()
        for name in ("costs", "delay", "slippage", "probabilistic_sharpe", "deflated_sharpe", "online_fdr"):
            assert first.step(name) == second.step(name)
        assert second.verdict.decision == "promote"


def test_a_candidate_counts_once_however_often_it_is_gated(world: Panel, tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        for _ in range(3):
            gate(GOOD, world, ledger)
        gate(ABSURD, world, ledger)
        assert trial_count(ledger) == 2
        assert [trial.repeated for trial in recorded_trials(ledger)] == [False, True, True, False]
        assert len(fdr_history(ledger)) == 2
        assert gate(GOOD, world, ledger).step("deflated_sharpe").figures["raw_trials"] == 2  # type: ignore[union-attr]
        assert verify(ledger.connection) == ()


def test_what_is_not_run_is_no_trial_and_no_look(world: Panel, tmp_path: Path) -> None:
    refused = [
        rule("broken", "Entry Criteria", "close >", "buy 10% of equity"),
        rule("never", "Entry Criteria", "returns(3) > 900%", "buy 9% of equity"),
        rule("again", "Entry Criteria", "returns(5) <= -4% and volume >= 1", "buy 9% of equity"),
    ]
    with make_ledger(tmp_path) as ledger:
        for added in refused:
            assert not gate(added, world, ledger).counted
        with pytest.raises(BadInput):
            gate(GOOD, world, ledger, untouched_sessions=400)
        assert trial_count(ledger) == 0 and looks(ledger) == 0


def test_a_candidate_that_fails_in_training_keeps_the_window_for_others(world: Panel, tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        report = gate(ABSURD, world, ledger)
        assert report.counted and looks(ledger) == 0
        trial = recorded_trials(ledger)[0]
        assert (trial.verdict, trial.metrics["reason"]) == ("reject", "training.worse")
        assert trial.p_value is not None and trial.p_value > 0.5


def test_after_its_looks_the_window_rolls_and_the_report_says_so(world: Panel, tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        gate(GOOD, world, ledger, looks_per_window=1)
        report = gate(OTHER, world, ledger, looks_per_window=1)
        assert report.looks["window_number"] == 2
        assert reasons(report)["untouched"] in ("unknown no_window", "unknown not_looked")
        used_up = report.verdict.steps[9]
        assert used_up.figures["rolled"]
        if used_up.reason == "no_window":
            assert used_up.figures["missing"] == 80 and used_up.figures["weeks"] == 17


def test_another_configuration_does_not_open_the_window_again(world: Panel, tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        gate(GOOD, world, ledger)
        richer = CONFIG.model_copy(update={"cash_won": CONFIG.cash_won * 2})
        report = gate(GOOD, world, ledger, config=richer)
        assert reasons(report)["untouched"] == "unknown other_question"
        assert report.verdict.decision == "shadow"
        assert looks(ledger) == 1
        assert len(report.sessions) == report.training_sessions


def test_another_base_does_not_open_the_window_again(world: Panel, tmp_path: Path) -> None:
    whole = BASE + GOOD
    weaker_base = HEAD + BASE.removeprefix(HEAD).replace("-4%", "-5%")
    with make_ledger(tmp_path) as ledger:
        gate(candidate(whole), world, ledger)
        report = gate(candidate(whole, weaker_base), world, ledger)
        assert reasons(report)["untouched"] == "unknown other_question"


def test_the_ledger_of_another_dataset_is_refused_before_anything_runs(world: Panel, tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        record_trials(
            ledger, [Trial(kind="sweep", candidate_hash="a", data_hash="x", dataset="krx 1d raw", metrics={})]
        )
        workers = Counting(world)
        with pytest.raises(ForeignLedger, match="krx 1d raw"):
            gate(GOOD, world, ledger, workers=workers)
        assert not workers.ends and trial_count(ledger) == 1


def test_trials_made_before_raise_what_luck_shows(world: Panel, tmp_path: Path) -> None:
    alone = gate(OTHER, world).step("deflated_sharpe")
    generator = np.random.default_rng(3)
    with make_ledger(tmp_path) as ledger:
        record_trials(
            ledger,
            [
                Trial(
                    kind="sweep",
                    candidate_hash=f"{number}",
                    data_hash="x",
                    dataset=dataset_key(world.manifest, "1d"),
                    metrics={},
                    daily_returns=generator.normal(0, 0.01, 300),
                    sessions=world.session[:300],
                )
                for number in range(40)
            ],
        )
        among = gate(OTHER, world, ledger).step("deflated_sharpe")
    assert alone is not None and among is not None
    assert (alone.figures["raw_trials"], among.figures["raw_trials"]) == (1, 41)
    assert alone.figures["luck"] == 0.0 and among.figures["luck"] > 1.0
    assert among.figures["trials"] == 41, "unrelated trials are all effective"
    assert among.figures["measured_variance"] is not None
    assert among.figures["probability"] < alone.figures["probability"]


def test_the_level_of_a_candidate_follows_from_those_before_it(world: Panel, tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        first, second = gate(ABSURD, world, ledger), gate(GOOD, world, ledger)
        state = LordPlusPlus(alpha=0.05, initial_wealth=0.025)
        for report in (first, second):
            step = report.step("online_fdr")
            assert step is not None
            assert step.figures["level"] == state.level
            assert step.figures["tests_before"] == state.tests
            state = state.update(step.figures["p_value"])
        again = gate(ABSURD, world, ledger).step("online_fdr")
        assert again is not None and again.figures["tests_before"] == 0, "a repetition takes its old place"


def test_without_a_ledger_nothing_is_written_and_the_report_says_so(world: Panel) -> None:
    report = gate(GOOD, world)
    assert not report.counted
    step = report.step("untouched")
    assert step is not None and not step.figures["recorded"] and step.figures["looks_used"] == 0


def test_more_sessions_do_not_open_a_new_window_before_the_looks_are_used(tmp_path: Path) -> None:
    grown = make_world(rows=500)
    cut = {name: getattr(grown, name)[:420] for name in ("state", "base", "closed_at_ns", "session", "ordinal")}
    before = dataclasses.replace(
        grown,
        bars=grown.bars[:, :420],
        indices={name: values[:, :420] for name, values in grown.indices.items()},
        last_row=np.minimum(grown.last_row, 419),
        **cut,
    )
    # A dataset of a real market keeps its name while it grows.
    real = grown.manifest.model_copy(update={"synthetic": False})
    before, grown = (dataclasses.replace(panel, manifest=real) for panel in (before, grown))
    with make_ledger(tmp_path) as ledger:
        first, second = gate(GOOD, before, ledger), gate(OTHER, grown, ledger)
        assert first.training == second.training
        assert second.looks["window_number"] == 1
