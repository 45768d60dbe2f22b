"""`geoul placebo`, as a person types it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.cli.proposal import read_proposal
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.research import gate
from tests.gate_world import HEAD, LEAVE, rule

runner = CliRunner(env={"COLUMNS": "140"})
SWING = rule("swing", "Entry Criteria", "rank(returns(3)) <= 20%", "buy 10% of equity")
QUIET = rule("calm", "Entry Criteria", "rank(volatility(20)) <= 40%", "require")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("placebo") / "market"
    make_sample(folder, tickers=30, years=2, seed=3)
    return folder


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.md").write_text(HEAD + SWING + LEAVE, encoding="utf-8")
    (tmp_path / "calm.md").write_text(QUIET, encoding="utf-8")
    return tmp_path


def placebo(*arguments: object) -> Any:
    return runner.invoke(app, ["placebo", *(str(argument) for argument in arguments)])


def test_a_page_in_the_terminal_and_a_file_tell_how_many_worlds_promoted(market: Path, sources: Path) -> None:
    done = placebo("base.md", "calm.md", "--data", market, "--worlds", 10, "--report", "p.html", "--lang", "en")
    assert done.exit_code == 0, done.output
    assert "passed" in done.output and "of 10 worlds in which nothing can be found" in done.output
    assert "base.md → calm.md" in done.output and "training.worse" in done.output
    page = (sources / "p.html").read_text(encoding="utf-8")
    assert "of 10 worlds in which nothing can be found" in page and page.count("<svg") == 2
    assert "the market itself" in page and "calm.md" in page
    korean = placebo("base.md", "calm.md", "--data", market, "--worlds", 10, "--report", "k.html")
    assert "통과" in korean.output and "예측할 것이 없는 세계 10개" in korean.output
    assert "실제 시장" in (sources / "k.html").read_text(encoding="utf-8")


def test_json_has_every_world_and_writes_no_page(market: Path, sources: Path) -> None:
    arguments = ("base.md", "calm.md", "--data", market, "--worlds", 6, "--seed", 4, "--json")
    done = placebo(*arguments)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [world["seed"] for world in told["worlds"]] == [4_000_000 + number for number in range(6)]
    assert told["test"]["worlds"] == 6 and told["kind"] == "flipped" and told["block"] == 1
    assert told["settings"]["neighbours"] == 0 and told["free_of_costs"] is True
    assert sum(step["left"] for step in told["steps"] if step["name"] == "compiles") == 6
    assert list(sources.glob("**/*.html")) == []
    assert json.loads(placebo(*arguments).stdout) == told


def test_more_promotions_than_the_level_allows_end_with_status_1(
    market: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A gate that heeds no step but "training" promotes about half of all worlds.
    def blind(step_of: gate.StepOf) -> gate.StepOf:
        return lambda evidence: dataclasses.replace(step_of(evidence), outcome="pass")

    steps = tuple((name, step_of if name == "training" else blind(step_of)) for name, step_of in gate.STEPS)
    monkeypatch.setattr(gate, "STEPS", steps)
    done = placebo("base.md", "calm.md", "--data", market, "--worlds", 12, "--report", "p.html", "--lang", "en")
    assert done.exit_code == 1, done.output
    assert "failed" in done.output and "Worlds that promoted" in done.output
    assert "Worlds that promoted" in (sources / "p.html").read_text(encoding="utf-8")


def test_random_rules_need_no_candidate(market: Path, sources: Path) -> None:
    done = placebo("base.md", "--random", 6, "--data", market, "--worlds", 6, "--json", "--lang", "en")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["candidate"] == "6 random rules" and told["market_sharpe"] is None
    assert [world["candidate"] for world in told["worlds"]] == list(range(6))
    assert len(set(told["rules"])) == 6 and all(label.startswith("random-") for label in told["rules"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "geoul placebo needs a candidate"),
        (("a.md", "b.md", "--random", "3"), "Give the base alone"),
        (("base.md", "missing.md"), "missing.md"),
        (("base.md", "calm.md", "--level", "0"), "level of 0"),
        (("base.md", "--random", "5", "--worlds", "4"), "one each"),
        (("base.md", "calm.md", "--block", "100000"), "moves nothing"),
        (("base.md", "base.md"), "똑같이 거래합니다"),
    ],
)
def test_bad_input_is_told(market: Path, sources: Path, arguments: tuple[str, ...], words: str) -> None:
    done = placebo(*arguments, "--data", market, "--lang", "en")
    assert isinstance(done.exception, BadInput), done.output
    assert words in str(done.exception)


def test_the_prompt_in_force_is_the_base_where_none_is_named(sources: Path) -> None:
    (sources / "prompts").mkdir()
    (sources / "prompts/core_decision_prompt.md").write_text(HEAD + SWING, encoding="utf-8")
    names, proposed = read_proposal("placebo", ["calm.md"], None)
    assert names == ("prompts/core_decision_prompt.md", "calm.md")
    assert proposed.added == ("calm",)
    assert read_proposal("placebo", ["base.md"], Path("calm.md"))[1].added == ("calm",)
