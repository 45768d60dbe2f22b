"""The planner through the real transport: a provider on loopback, a cassette, a replay without any network, a price."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from brokers.graph_replay import GraphRun, run_graph
from engine.cli.main import app
from engine.clock import SimulatedClock
from engine.data.panel import Panel
from engine.model.config import ModelConfig
from engine.model.opening import open_replay, open_transport
from engine.operating.desk import StopsTheRun
from engine.order import Side
from engine.planning.opening import PlannerSetup
from engine.rules.tree import RuleSet
from tests.engine.operating.builders_graph import make_rules
from tests.model_server import (
    Answer,
    ModelServer,
    Question,
    cut_off,
    fails,
    filtered,
    good,
    huge,
    no_json,
    refuses,
    resets,
    slow,
    too_long,
)
from tests.planner_world import NOON, config

CLOCK = SimulatedClock(NOON)
TEXT = "# 원칙\n\n원금 보존이 먼저다.\n"


def calm_rules(days: int = 5) -> RuleSet:
    """Few signals, so that few questions are asked."""
    return make_rules(
        ("Entry Criteria: rise", "close > lag(close, 1) * 1.05", "buy 20% of equity", "크게 오른 날 산다"),
        ("Exit Criteria: tired", f"days_held >= {days}", "sell all", "며칠 뒤 판다"),
    )


def half_of_all(question: Question) -> Answer:
    """Half of each signal, in the form that was asked for."""
    context = json.loads(question.messages[1]["content"])
    actions: list[dict[str, Any]] = []
    for signal in context["signals"]:
        action = {"type": "buy", "ticker": signal["ticker"], "weight": round(signal["weight"] / 2, 4), "reason": "절반"}
        action["rule_ids"] = signal["rule_ids"]
        properties = question.format["json_schema"]["schema"]["properties"]["actions"]["items"]["properties"]
        actions.append({name: action.get(name) for name in properties})
    texts = dict.fromkeys(("justification", "risk_assessment", "expected_outcome"), "말")
    return good({"actions": actions, **texts}, input_tokens=2_000, output_tokens=200)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(half_of_all) as running:
        yield running


def settings(server: ModelServer, **values: Any) -> ModelConfig:
    price = {"input": 1_000, "output": 2_000, "currency": "KRW"}
    usual = {"base_url": server.base_url, "attempts": 1, "timeout_seconds": 5, "price": price}
    return config(**usual | values)


def recorded(panel: Panel, server: ModelServer, folder: Path, *, mask: int | None = None, **values: Any) -> GraphRun:
    chosen = settings(server, **values)
    setup = PlannerSetup(config=chosen, mask_seed=mask)
    with open_transport(
        chosen, "record", CLOCK, cassette=folder / "answers.db", ledger=folder / "ledger.db"
    ) as transport:
        planner = setup.planner(transport, calm_rules(), TEXT, panel)
        return run_graph(calm_rules(), panel, end=panel.session_date(45), planner=planner)


@pytest.mark.parametrize("mask", [None, 3])
def test_a_run_is_recorded_and_replayed_bit_for_bit_without_the_network(
    mask: int | None, panel: Panel, server: ModelServer, tmp_path: Path
) -> None:
    first = recorded(panel, server, tmp_path, mask=mask)
    asked = len(server.questions)
    assert asked > 10
    assert not [cycle.failure for cycle in first.cycles if cycle.failure]
    assert first.result.model_costs["spent_won"] == 3 * asked  # 2.4 won each, rounded up
    assert len(first.result.fills) > 4
    with open_replay(tmp_path / "answers.db", CLOCK) as transport:
        setup = PlannerSetup(config=settings(server), mask_seed=mask)
        end = panel.session_date(45)
        second = run_graph(calm_rules(), panel, end=end, planner=setup.planner(transport, calm_rules(), TEXT, panel))
        assert transport.tally.recorded_won == first.result.model_costs["spent_won"]
    assert second.result.result_hash == first.result.result_hash
    assert second.result.model_costs["spent_won"] == 0
    assert len(server.questions) == asked


def test_half_of_each_signal_is_half_of_it_behind_the_mask_too(
    panel: Panel, server: ModelServer, tmp_path: Path
) -> None:
    plain = recorded(panel, server, tmp_path)
    masked = recorded(panel, server, tmp_path / "masked", mask=3)
    assert masked.result.result_hash == plain.result.result_hash
    for question in server.questions[-5:]:
        assert not [ticker for ticker in panel.tickers if ticker in question.text]
        assert "원금 보존이 먼저다" in question.text


def test_a_change_of_a_rule_is_a_miss_that_says_what_differs(panel: Panel, server: ModelServer, tmp_path: Path) -> None:
    recorded(panel, server, tmp_path)
    asked = len(server.questions)
    with open_replay(tmp_path / "answers.db", CLOCK) as transport:
        planner = PlannerSetup(config=settings(server), mask_seed=None).planner(transport, calm_rules(4), TEXT, panel)
        with pytest.raises(StopsTheRun, match="days_held >= 4"):
            run_graph(calm_rules(4), panel, planner=planner)
    assert len(server.questions) == asked


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (refuses(), "refused"),
        (filtered(), "refused"),
        (too_long(), "truncated"),
        (fails(500), "unavailable"),
        (fails(401, "wrong key"), "request_refused"),
        (no_json(), "unavailable"),
        (cut_off(), "unavailable"),
        (resets(), "unavailable"),
        (slow(30), "unavailable"),
        (good("살 만한 종목이 많습니다."), "invalid"),
        (huge(3_000_000), "unavailable"),
    ],
)
def test_a_bad_answer_costs_one_cycle_and_the_exits_go_on(
    said: Answer, code: str, panel: Panel, server: ModelServer, tmp_path: Path
) -> None:
    server.will(said, *([said] if code == "invalid" else []))  # a wrong answer may be repaired once
    run = recorded(panel, server, tmp_path, timeout_seconds=0.5, max_answer_bytes=1_000_000)
    failed = [cycle for cycle in run.cycles if cycle.failure]
    assert [cycle.failure_code for cycle in failed] == [code]
    assert not [order for cycle in failed for order in cycle.orders if order.side is Side.BUY]
    assert len(run.result.fills.filter(side="sell")) > 2


def test_the_budget_of_a_run_ends_new_purchases_not_the_run(panel: Panel, server: ModelServer, tmp_path: Path) -> None:
    caps = {"run_won": 25, "day_won": None, "week_won": None}
    run = recorded(panel, server, tmp_path, caps=caps)
    codes = [cycle.failure_code for cycle in run.cycles if cycle.failure]
    assert set(codes) == {"budget"}
    assert run.result.model_costs["spent_won"] <= 25
    assert len(run.cycles) == 46
    assert len(run.result.positions) == 0


@pytest.fixture
def command(tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A dataset, a prompt and a configuration on disk."""
    from engine.data.sample import make_sample  # noqa: PLC0415

    make_sample(tmp_path / "data", tickers=12, years=1, seed=11)
    prompt = tmp_path / "prompt.md"
    prompt.write_text(
        TEXT + "\n## 투자 원칙 및 규칙\n**주기**: 1d\n\n### Entry Criteria: rise\n**규칙**: 크게 오른 날 산다\n"
        "**조건**: `close > lag(close, 1) * 1.05`\n**행동**: `buy 20% of equity`\n**우선순위**: 5/10\n"
        "\n### Exit Criteria: tired\n**규칙**: 닷새 뒤 판다\n**조건**: `days_held >= 5`\n**행동**: `sell all`\n"
        "**우선순위**: 5/10\n",
        encoding="utf-8",
    )
    model = tmp_path / "model.yaml"
    model.write_text(
        f"model:\n  provider: local\n  model: small-1\n  base_url: {server.base_url}\n"
        "  price: {input: 1000, output: 2000, currency: KRW}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(Path(__file__).parents[2])
    return {"data": tmp_path / "data", "prompt": prompt, "model": model, "cassette": tmp_path / "answers.db"}


def geoul(*words: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == status, (done.output, done.exception)
    return done.stdout


def test_backtest_prices_records_and_replays(command: dict[str, Path], server: ModelServer, tmp_path: Path) -> None:
    run = ["backtest", command["prompt"], "--data", command["data"], "--planner", "llm", "--lang", "en"]
    run += ["--to", "2024-03-15"]
    tape = ["--cassette", command["cassette"], "--ledger", tmp_path / "ledger.db"]
    asking = ["--model-config", command["model"], "--mode", "record"]

    told = json.loads(geoul(*run, *tape, *asking, "--estimate", "--json"))
    assert told["calls"] > 10
    assert 0 < told["likely_won"] < told["most_won"]
    assert not server.questions
    assert "questions" in geoul(*run, *tape, *asking, "--estimate")

    first = json.loads(geoul(*run, *tape, *asking, "--json"))
    assert first["model_costs"]["calls"] == len(server.questions) > 10
    assert first["model_costs"]["spent_won"] > 0
    assert "005930" not in server.questions[0].text

    page = tmp_path / "page.html"
    seen = geoul(*run, *tape, "--report", page)
    assert "Model (not from the account): ₩0" in seen
    assert "Model (not from the account)" in page.read_text(encoding="utf-8")
    again = json.loads(geoul(*run, *tape, "--json"))
    assert again["result_hash"] == first["result_hash"]
    assert again["model_costs"]["recorded_won"] == first["model_costs"]["spent_won"]
    assert len(server.questions) == first["model_costs"]["calls"]
