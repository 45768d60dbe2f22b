"""Two honest replays of a changed prompt: decisions frozen and laid over it, or asked again and counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brokers.graph_replay import GraphRun, run_graph
from engine.cli.main import app
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.operating.desk import NoPlan
from engine.operating.state import Plan, Situation
from engine.order import Side
from engine.planning.divergence import divergence
from engine.planning.overlay import Tape, TapePlanner, TapeRecorder
from engine.rules.tree import RuleSet
from tests.engine.operating.builders_graph import make_rules
from tests.model_server import ModelServer
from tests.planning.test_planner_over_http import half_of_all

ENTRY = ("Entry Criteria: rise", "close > lag(close, 1) * 1.03", "buy 20% of equity", "크게 오른 날 산다")
EXIT = ("Exit Criteria: tired", "days_held >= 5", "sell all", "닷새 뒤 판다")
VETO = ("Entry Criteria: calm", "volume_ratio(5) >= 1.5", "require", "거래가 는 종목만")


class EverySecond:
    """Takes the first signal of every day but the third ones, half of it, and has no plan on every seventh."""

    name = "every-second"

    def __init__(self) -> None:
        self.asked = 0

    def plan(self, situation: Situation) -> Plan:
        self.asked += 1
        if self.asked % 7 == 0:
            raise NoPlan("no answer", "unavailable")
        if self.asked % 3 == 0 or not situation.signals:
            return Plan(planner=self.name)
        first = situation.signals[0]
        from dataclasses import replace  # noqa: PLC0415

        return Plan(planner=self.name, actions=(replace(first, quantity=first.quantity // 2),))


def taped(rules: RuleSet, panel: Panel) -> tuple[GraphRun, Tape]:
    tape: Tape = {}
    return run_graph(rules, panel, planner=TapeRecorder(EverySecond(), tape)), tape


def laid_over(rules: RuleSet, panel: Panel, tape: Tape) -> tuple[GraphRun, TapePlanner]:
    planner = TapePlanner(tape, "every-second")
    return run_graph(rules, panel, planner=planner), planner


def test_laid_over_the_same_rules_nothing_changes(panel: Panel) -> None:
    rules = make_rules(ENTRY, EXIT)
    old, tape = taped(rules, panel)
    new, planner = laid_over(rules, panel, tape)
    assert len(old.result.fills) > 20
    assert new.result.result_hash == old.result.result_hash
    assert [cycle.failure_code for cycle in new.cycles] == [cycle.failure_code for cycle in old.cycles]
    found = divergence(old.cycles, new.cycles)
    assert (found.first, found.differing, found.cycles) == ("", 0, panel.rows)
    assert (planner.counts.unseen, planner.counts.vetoed, planner.counts.missing) == (0, 0, 0)
    assert planner.counts.miss_share == 0


def test_a_rule_vetoes_what_the_model_bought(panel: Panel) -> None:
    old, tape = taped(make_rules(ENTRY, EXIT), panel)
    new, planner = laid_over(make_rules(ENTRY, EXIT, VETO), panel, tape)
    taken = {(cycle.decision_id, a.ticker) for cycle in old.cycles if cycle.plan for a in cycle.plan.actions}
    still = {(cycle.decision_id, a.ticker) for cycle in new.cycles if cycle.plan for a in cycle.plan.actions}
    assert still < taken
    assert planner.counts.vetoed == len(taken) - len(still) > 5
    found = divergence(old.cycles, new.cycles)
    assert found.first
    before = [cycle for cycle in new.cycles if cycle.decision_id < found.first]
    assert all(cycle.diagnosis == other.diagnosis for cycle, other in zip(before, old.cycles, strict=False))


def test_a_rule_resizes_what_the_model_bought_by_the_same_part(panel: Panel) -> None:
    old, tape = taped(make_rules(ENTRY, EXIT), panel)
    new, planner = laid_over(make_rules((*ENTRY[:2], "buy 10% of equity", ENTRY[3]), EXIT), panel, tape)
    assert planner.counts.resized > 5
    bought = next(cycle for cycle in old.cycles if cycle.plan and cycle.plan.actions)
    other = next(cycle for cycle in new.cycles if cycle.decision_id == bought.decision_id)
    assert bought.plan is not None
    assert other.plan is not None
    assert other.plan.actions[0].quantity == pytest.approx(bought.plan.actions[0].quantity / 2, abs=1)


def test_a_rule_adds_exits_and_the_model_is_not_asked(panel: Panel) -> None:
    old, tape = taped(make_rules(ENTRY, EXIT), panel)
    stop = ("Exit Criteria: stop", "pnl <= -2%", "sell all", "2% 잃으면 판다")
    new, _ = laid_over(make_rules(ENTRY, EXIT, stop), panel, tape)
    assert any("stop" in rules for rules in new.result.orders["rule_ids"].to_list())
    assert divergence(old.cycles, new.cycles).differing > 0


def test_signals_that_the_model_never_saw_are_counted_and_not_bought(panel: Panel) -> None:
    _, tape = taped(make_rules(ENTRY, EXIT), panel)
    wider = make_rules(("Entry Criteria: rise", "close > lag(close, 1)", "buy 20% of equity", "오른 날 산다"), EXIT)
    new, planner = laid_over(wider, panel, tape)
    assert planner.counts.unseen > 20
    assert 0 < (planner.counts.miss_share or 0) < 1
    for cycle in new.cycles:
        frozen = tape[cycle.decision_id]
        bought = {check.action.ticker for check in cycle.checks if check.action.side is Side.BUY}
        assert bought <= frozen.signals


def test_a_decision_that_is_not_on_the_tape_has_no_plan(panel: Panel) -> None:
    run, planner = laid_over(make_rules(ENTRY, EXIT), panel, {})
    assert {cycle.failure_code for cycle in run.cycles} == {"not_on_tape"}
    assert planner.counts.missing == panel.rows
    assert len(run.result.fills) == 0


PROMPT = """# 원칙

## 투자 원칙 및 규칙
**주기**: 1d

### Entry Criteria: rise
**규칙**: 크게 오른 날 산다
**조건**: `close > lag(close, 1) * 1.05`
**행동**: `buy 20% of equity`
**우선순위**: 5/10

### Exit Criteria: tired
**규칙**: 며칠 뒤 판다
**조건**: `days_held >= {days}`
**행동**: `sell all`
**우선순위**: 5/10
"""


def geoul(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_compare_overlays_prices_and_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.data.sample import make_sample  # noqa: PLC0415

    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    make_sample(tmp_path / "data", tickers=12, years=1, seed=11)
    for days in (5, 3):
        (tmp_path / f"{days}.md").write_text(PROMPT.format(days=days), encoding="utf-8")
    usual = ["--data", "data", "--to", "2024-02-29", "--planner", "llm", "--cassette", "tape.db", "--lang", "en"]
    with ModelServer(half_of_all) as server:
        (tmp_path / "geoul.yaml").write_text(
            f"model:\n  provider: local\n  model: small-1\n  base_url: {server.base_url}\n"
            "  price: {input: 1000, output: 2000, currency: KRW}\n",
            encoding="utf-8",
        )
        recorded = json.loads(geoul("backtest", "5.md", *usual, "--mode", "record", "--json"))
        asked = len(server.questions)
        compare = ["compare", "5.md", "3.md", *usual]

        overlay = json.loads(geoul(*compare, "--json"))
        assert overlay["facts"]["replay"] == "overlay"
        assert overlay["facts"]["first_divergence"] > "2024-01-02"
        assert "The runs part at decision 2024-" in geoul(*compare, "--report", "page.html")
        assert "The runs part at decision 2024-" in Path("page.html").read_text(encoding="utf-8")

        with pytest.raises(BadInput, match="--mode record"):
            geoul(*compare, "--replay", "reask", "--model-config", "geoul.yaml")
        assert "questions" in geoul(*compare, "--replay", "reask", "--model-config", "geoul.yaml", "--estimate")
        assert len(server.questions) == asked

        again = json.loads(geoul(*compare, "--replay", "reask", "--mode", "record", "--json"))
        assert again["facts"]["miss_share"] == 1.0  # the rules stand in every question
        assert again["facts"]["misses"] == len(server.questions) - asked
        assert again["facts"]["spent_won"] == 3 * again["facts"]["misses"]
        assert recorded["model_costs"]["calls"] == asked
