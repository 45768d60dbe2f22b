"""`geoul backtest --planner llm`: masked by default, plain when asked, both ways from one cassette; no network."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brokers.graph_replay import run_graph
from engine.cli.main import app
from engine.data.panel import load_part
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.model.cassette import Cassette
from engine.model.config import ModelConfig
from engine.model.reply import ModelReply
from engine.model.request import ModelRequest
from engine.planning.flips import MaskedAndPlain
from engine.planning.opening import PlannerSetup
from engine.rules.prompt import load_rules, read_prompt
from tests.planner_world import reply, take_every_signal
from tests.planning.builders_mask import take_every_signal_by_weight

LAST = "2024-04-30"


class Recorder:
    """Takes every signal, but behind the mask only of one name in two; records what it says."""

    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        fields = (request.schema or {})["properties"]["actions"]["items"]["properties"]
        if "quantity" in fields:
            said = take_every_signal(request)
        else:
            answer = json.loads(take_every_signal_by_weight(request))
            answer["actions"] = [action for action in answer["actions"] if action["ticker"] < "X-N"]
            said = json.dumps(answer, ensure_ascii=False)
        answered = reply(said)
        self._cassette.put(request, answered)
        return answered


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words of a replay whose cassette holds both ways."""
    folder = tmp_path_factory.mktemp("flips")
    make_sample(folder / "data", tickers=12, years=1, seed=11)
    prompt = folder / "prompt.md"
    prompt.write_text(
        "# 역할\n\n원금 보존이 먼저다.\n\n## 투자 원칙 및 규칙\n**주기**: 1d\n\n### Entry Criteria: rise\n"
        "**규칙**: 크게 오른 날 산다\n**조건**: `close > lag(close, 1) * 1.02`\n**행동**: `buy 20% of equity`\n"
        "**우선순위**: 5/10\n\n### Exit Criteria: tired\n**규칙**: 닷새 뒤 판다\n**조건**: `days_held >= 5`\n"
        "**행동**: `sell all`\n**우선순위**: 5/10\n",
        encoding="utf-8",
    )
    config = ModelConfig.model_validate(
        {"provider": "local", "model": "small-1", "base_url": "http://127.0.0.1:1/v1", "price": "free"}
    )
    rules, text = load_rules(prompt), read_prompt(prompt)
    panel = load_part(folder / "data", None, date.fromisoformat(LAST), None, rules.interval)
    cassette = folder / "answers.db"
    with Cassette(cassette) as tape:
        asks = Recorder(tape)
        masked, plain = (
            PlannerSetup(config=config, mask_seed=seed).planner(asks, rules, text, panel) for seed in (0, None)
        )
        run_graph(rules, panel, planner=MaskedAndPlain(masked, plain), end=date.fromisoformat(LAST))
    return [str(prompt), "--data", str(folder / "data"), "--to", LAST, "--planner", "llm", "--cassette", str(cassette)]


def geoul(*words: str) -> str:
    done = CliRunner().invoke(app, ["backtest", *words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_flips_are_counted_from_a_cassette(command: list[str], tmp_path: Path) -> None:
    both = json.loads(geoul(*command, "--masked-and-plain", "--json"))
    flips = both["mask_flips"]
    assert flips["flipped"] > 5
    assert flips["before"]["different"] == flips["flipped"]  # nobody told a cutoff: everything is before it
    assert both["knowledge_cutoff"]["after"] is None
    assert both["knowledge_cutoff"]["masked"] is True
    masked = json.loads(geoul(*command, "--json"))
    assert masked["result_hash"] == both["result_hash"]
    assert masked["mask_flips"] is None
    assert both["model_costs"]["calls"] > masked["model_costs"]["calls"]


def test_the_page_and_the_terminal_tell_flips_and_cutoff(command: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    model = tmp_path / "model.yaml"
    model.write_text(
        "model:\n  provider: local\n  model: small-1\n  base_url: http://127.0.0.1:1/v1\n  price: free\n"
        "  knowledge_cutoff: 2024-02-29\n",
        encoding="utf-8",
    )
    text = geoul(*command, "--masked-and-plain", "--report", str(page), "--model-config", str(model))
    html = page.read_text(encoding="utf-8")
    for words in ("2024-02-29까지 · 증거 아님", "small-1", "뒤집혔습니다", "2024-02-29 뒤"):
        assert words in html
        assert words.replace(" ", "") in "".join(text.split())
    cutoff = json.loads(geoul(*command, "--model-config", str(model), "--json"))["knowledge_cutoff"]
    assert cutoff["before"]["last_session"] == "2024-02-29"
    assert cutoff["after"]["sessions"] > 20


def test_the_price_of_both_ways_counts_what_is_not_recorded(command: list[str], tmp_path: Path) -> None:
    model = tmp_path / "model.yaml"
    model.write_text("model:\n  provider: local\n  model: small-1\n  base_url: http://127.0.0.1:1/v1\n  price: free\n")
    words = ("--model-config", str(model), "--estimate", "--json")
    told = json.loads(geoul(*command, *words, "--masked-and-plain"))
    one_way = json.loads(geoul(*command, *words))
    assert told["calls"] + told["recorded"] > 1.5 * (one_way["calls"] + one_way["recorded"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--planner", "llm", "--plain", "--masked-and-plain"], "Leave --plain out"),
        (["--masked-and-plain"], "Use --masked-and-plain with --planner llm"),
    ],
)
def test_what_does_not_go_together_is_refused(command: list[str], words: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["backtest", *command[:5], *words])
    assert done.exit_code != 0
    assert message in done.output or (isinstance(done.exception, BadInput) and message in str(done.exception))
