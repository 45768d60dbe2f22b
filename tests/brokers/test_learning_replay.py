"""The learning loop: one account, no look ahead, and a rule's earnings are the difference that it makes."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from brokers.learning_replay import LearningSetup, run_learning
from engine.backtest import backtest
from engine.clock import Clock
from engine.data.panel import Panel, freeze
from engine.model.asking import Asks
from engine.model.reply import ModelReply
from engine.model.request import ModelRequest
from engine.reflection.answers import ModelSettings
from engine.reflection.learning import LearningRun, final_equity
from engine.reflection.m2_analyse import ANALYSIS
from engine.rules.prompt import load_rules_text
from tests.gate_world import BASE, CONFIG, SETTINGS, make_world

START = datetime.date(2022, 1, 3)
MODEL = ModelSettings(provider="test", model="model-1")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return make_world()


@pytest.fixture(scope="module")
def learned(panel: Panel) -> LearningRun:
    """Everything is accepted, so that there is something to look at."""
    return run_learning(BASE, panel, CONFIG, LearningSetup(gate=None), START)


def test_rules_that_are_born_are_used_from_the_next_session(panel: Panel, learned: LearningRun) -> None:
    assert learned.births
    for fate in learned.births:
        assert fate.time.strftime("%A %H:%M") == "Sunday 18:00"
        assert fate.in_force_from is not None
        assert 0 < (fate.in_force_from - fate.time.date()).days < 10
    rules = load_rules_text(learned.text).rules
    assert [rule.id for rule in rules[2:]] == [fate.proposal.rule_id for fate in learned.births]
    first = learned.births[0]
    before = learned.result.equity.filter(learned.result.equity["session"] < first.in_force_from)
    alone = learned.baseline.equity.filter(learned.baseline.equity["session"] < first.in_force_from)
    assert before["equity"].equals(alone["equity"])
    assert final_equity(learned.result) != final_equity(learned.baseline)


def test_the_run_without_learning_is_an_ordinary_backtest(panel: Panel, learned: LearningRun) -> None:
    whole = backtest(load_rules_text(BASE), panel, CONFIG, START)
    assert learned.baseline.result_hash == whole.result_hash
    nothing = run_learning(BASE, panel, CONFIG, LearningSetup(asks=lambda clock: Silent(), settings=MODEL), START)
    assert nothing.result.result_hash == whole.result_hash
    assert (nothing.births, nothing.earned_won, nothing.text) == ((), 0, BASE)


def test_what_a_rule_earned_is_the_difference_it_makes(panel: Panel, learned: LearningRun) -> None:
    """With one birth alone the whole difference is that rule's."""
    run = run_learning(BASE, panel, CONFIG, LearningSetup(gate=None), START, learned.weeks[-1].time.date())
    if len(run.births) != 1:
        cut = run.births[1].time.date() - datetime.timedelta(days=1)
        run = run_learning(BASE, panel, CONFIG, LearningSetup(gate=None), START, cut)
    (fate,) = run.births
    assert fate.earned_won == run.earned_won


def test_the_future_does_not_change_the_past(panel: Panel, learned: LearningRun) -> None:
    """Every price after a Sunday becomes another one: all that was thought up to it stays to the byte."""
    gate = replace(SETTINGS, untouched_sessions=40)
    whole = run_learning(BASE, panel, CONFIG, LearningSetup(gate=gate), START)
    middle = next(week for week in whole.weeks if week.time == whole.fates[-1].time)  # a week with a verdict
    assert middle.thought.gated.proposals[0].verdict["steps"]
    bars = panel.bars.copy()
    generator = np.random.default_rng(3)
    shape = (panel.rows - middle.row, panel.columns)
    close = generator.integers(30_000, 90_000, shape)
    for field in range(4):
        bars[field, middle.row :] = close
    index = panel.indices["KOSPI"].copy()
    index[:, middle.row :] *= 0.5
    other = replace(panel, bars=freeze(bars), indices={"KOSPI": index})
    changed = run_learning(BASE, other, CONFIG, LearningSetup(gate=gate), START)
    same = [week for week in whole.weeks if week.time <= middle.time]
    assert changed.weeks[: len(same)] == tuple(same)
    assert changed.weeks != whole.weeks


def test_the_gate_counts_trials_of_its_own_time_and_rejected_rules_stay(panel: Panel) -> None:
    run = run_learning(BASE, panel, CONFIG, LearningSetup(gate=SETTINGS), START)
    assert run.fates
    assert {fate.proposal.decision for fate in run.fates} <= {"promote", "shadow", "reject"}
    for fate in run.fates:
        assert fate.promoted == (fate.in_force_from is not None)
        days = [step["figures"]["last"] for step in fate.proposal.verdict["steps"] if "last" in step["figures"]]
        assert all(day <= fate.time.date().isoformat() for day in days)


def test_equal_runs_are_equal(panel: Panel, learned: LearningRun) -> None:
    again = run_learning(BASE, panel, CONFIG, LearningSetup(gate=None), START)
    assert again.weeks == learned.weeks
    assert again.fates == learned.fates
    assert again.result.result_hash == learned.result.result_hash


class Silent:
    """A model that finds nothing."""

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        empty = '{"common_failures": [], "key_insights": [], "improvement_areas": []}'
        return ModelReply(text=empty, asked_at=datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC))


class Curious:
    """A model that cites the ticker it was shown, and proposes rules that name it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.prompts: list[str] = []

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        import json  # noqa: PLC0415

        self.prompts.append("\n".join(message.content for message in request.messages))
        data = json.loads(request.messages[1].content)
        if request.schema_name == ANALYSIS:
            loser = data["losers"][0]
            answer: dict[str, Any] = {
                "common_failures": [
                    {"pattern": "하나", "trade_ids": [loser["trade_id"]], "feature": ""},
                ],
                "key_insights": [loser["ticker"]],
                "improvement_areas": [],
            }
            self.ticker, self.trade = loser["ticker"], loser["trade_id"]
        else:
            rule = {
                "rule_id": "named",
                "category": "entry_criteria",
                "condition": "returns(5) < 30%",
                "action": "require",
                "priority": 5,
                "rationale": f"{self.ticker}에서 잃었다",
                "evidence": [self.trade],
            }
            answer = {"new_rules": [rule], "deprecated_rules": []}
        return ModelReply(text=json.dumps(answer), asked_at=self.clock.now())


def test_a_masked_run_shows_no_name_and_takes_no_alias(panel: Panel) -> None:
    writers: list[Curious] = []

    def asks(clock: Clock) -> Asks:
        writers.append(Curious(clock))
        return writers[-1]

    end = datetime.date(2022, 3, 4)
    setup = LearningSetup(asks=asks, settings=MODEL, gate=None, mask_seed=5)
    run = run_learning(BASE, panel, CONFIG, setup, START, end)
    told = "\n".join(writers[0].prompts)
    assert told
    assert not any(ticker in told for ticker in panel.tickers)
    assert "2022-" not in told
    assert run.births == ()
    refused = [found for week in run.weeks for found in week.thought.gated.proposals]
    assert refused
    assert all("mask" in found.reason for found in refused)
    plain = run_learning(BASE, panel, CONFIG, replace(setup, mask_seed=None), START, end)
    assert [fate.proposal.rule_id for fate in plain.births][:1] == ["named"]
