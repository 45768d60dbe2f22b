"""The whole graph on a market in which one thing is true, with the real gate and with one that is told what to say."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from engine.backtest import backtest
from engine.clock import SimulatedClock
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.ledger.alerts import all_alerts
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.reflections import reflections
from engine.ledger.runs import write_run
from engine.ledger.trials import datasets_tried
from engine.reflection.answers import ModelSettings
from engine.reflection.entry_features import EntryConditions
from engine.reflection.executions import ratios_of
from engine.reflection.gating import Judge, accept_all, gate_on
from engine.reflection.m1_aggregate import PerformanceReport, Window, aggregate_ledger
from engine.reflection.m4_prompt import PromptConflict
from engine.reflection.prompt_history import PromptFiles
from engine.reflection.reflection import Reflection, Thinking, reflect
from engine.reflection.scripted_writer import ScriptedWriter, scripted_settings
from engine.research.verdict import Step, Verdict
from engine.research.workers import InProcess
from engine.rules.prompt import load_rules_text
from tests.builders_model import Says
from tests.gate_world import BASE, CONFIG, SETTINGS, make_world


def says(decision: str) -> Judge:
    """A gate that has made up its mind."""
    outcome: Any = {"promote": "pass", "shadow": "unknown", "reject": "fail"}[decision]
    step = Step(name="training", outcome=outcome, reason="told")

    def judge(base: str, proposed: str) -> Verdict:
        load_rules_text(proposed)
        return Verdict(decision=decision, steps=(step,), deciding=None if decision == "promote" else step)  # type: ignore[arg-type]

    return judge


class World:
    """A year of trading in a ledger, a prompt, and the Sunday after it."""

    def __init__(self, folder: Path, panel: Panel) -> None:
        self.panel = panel
        end = datetime.date(2022, 6, 3)
        result = backtest(load_rules_text(BASE), panel, CONFIG, end=end)
        self.clock = SimulatedClock(result.equity["time"][-1] + datetime.timedelta(days=2, hours=2))
        self.ledger: Ledger = open_ledger(folder / "ledger.db", self.clock)
        self.run_id = write_run(self.ledger, result)
        (folder / "prompts").mkdir()
        self.files = PromptFiles(folder / "prompts" / "core.md")
        self.files.prompt.write_text(BASE, encoding="utf-8")
        self.conditions = EntryConditions(panel, CONFIG)

    def aggregate(self, now: datetime.datetime) -> PerformanceReport:
        window = Window(first=now - datetime.timedelta(days=7), last=now)
        return aggregate_ledger(
            self.ledger, window, now, run_id=self.run_id, met=self.conditions.met, ratios=ratios_of(self.panel)
        )

    def thinking(self, judge: Judge) -> Thinking:
        return Thinking(asks=ScriptedWriter(self.clock), settings=scripted_settings(), judge=judge)

    def reflect(self, judge: Judge = accept_all, **more: Any) -> Reflection:
        thinking = more.pop("thinking", None) or self.thinking(judge)
        return reflect(self.aggregate, self.files, thinking, self.ledger, self.clock, run_id=self.run_id, **more)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, make_world())


def test_a_promoted_rule_is_in_the_prompt_and_everything_is_recorded(world: World) -> None:
    done = world.reflect(says("promote"))
    assert done.status == "updated"
    (proposal,) = done.proposals
    assert load_rules_text(world.files.text()).rules[-1].id == proposal.rule_id
    (record,) = reflections(world.ledger, run_id=world.run_id)
    assert (record.status, record.proposals) == ("updated", done.proposals)
    assert record.figures["trades"] == done.report.trades
    assert [alert.code for alert in all_alerts(world.ledger)] == ["prompt_updated"]


@pytest.mark.parametrize("decision", ["shadow", "reject"])
def test_what_is_not_promoted_is_kept_with_its_reason_and_not_proposed_again(world: World, decision: str) -> None:
    done = world.reflect(says(decision))
    assert (done.status, world.files.text()) == ("unchanged", BASE)
    (record,) = reflections(world.ledger, run_id=world.run_id)
    (proposal,) = record.proposals
    assert (proposal.decision, proposal.reason) == (decision, "training.told")
    assert proposal.verdict["steps"]
    again = world.reflect(says(decision))
    assert proposal.rule["condition"] not in [found.rule["condition"] for found in again.proposals]


def test_a_dry_run_writes_nothing(world: World) -> None:
    done = world.reflect(says("promote"), dry_run=True)
    assert done.status == "dry run"
    assert done.proposals
    assert world.files.text() == BASE
    assert reflections(world.ledger, run_id=world.run_id) == []
    assert all_alerts(world.ledger) == []


def test_the_real_gate_decides_and_counts_the_trial(world: World) -> None:
    judge = gate_on(world.panel, CONFIG, world.ledger, InProcess(world.panel), SETTINGS)
    done = world.reflect(judge)
    (proposal,) = done.proposals
    assert proposal.decision in ("reject", "shadow")
    assert proposal.verdict["steps"][0]["name"] == "compiles"
    assert sum(datasets_tried(world.ledger).values()) == 1
    assert world.files.text() == BASE


def test_too_little_data_for_the_gate_is_no_promotion(world: World) -> None:
    judge = gate_on(world.panel, CONFIG, None, InProcess(world.panel), replace(SETTINGS, least_training=4_000))
    (proposal,) = world.reflect(judge).proposals
    assert proposal.decision == "shadow"
    assert "the gate needs at least" in proposal.reason


def test_a_silent_model_leaves_the_prompt_and_raises_an_alert(world: World) -> None:
    silent = Thinking(asks=Says(None), settings=ModelSettings(provider="p", model="m"), judge=accept_all)
    done = world.reflect(thinking=silent)
    assert (done.status, world.files.text()) == ("failed", BASE)
    assert done.failure.startswith("M2:")
    assert [alert.code for alert in all_alerts(world.ledger)] == ["reflection_failed"]
    (record,) = reflections(world.ledger, run_id=world.run_id)
    assert record.status == "failed"


def test_a_prompt_edited_while_the_reflection_thinks_is_left_alone_and_the_verdicts_stay(world: World) -> None:
    theirs = BASE.replace("-4%", "-9%")

    def slow(base: str, proposed: str) -> Verdict:
        world.files.prompt.write_text(theirs, encoding="utf-8")
        return says("promote")(base, proposed)

    with pytest.raises(PromptConflict):
        world.reflect(slow)
    assert world.files.text() == theirs
    (record,) = reflections(world.ledger, run_id=world.run_id)
    assert (record.status, len(record.proposals)) == ("failed", 1)
    assert [alert.code for alert in all_alerts(world.ledger)] == ["prompt_not_written"]


def test_two_reflections_at_once_are_one(world: World) -> None:
    with FileLock(world.files.folder / ".core.md.reflection.lock"), pytest.raises(BadInput, match="Another reflection"):
        world.reflect()
    assert world.reflect(says("reject")).status == "unchanged"


def test_equal_weeks_give_equal_thoughts(world: World) -> None:
    one, other = (world.reflect(says("reject"), dry_run=True) for _ in range(2))
    assert one.thought == other.thought
