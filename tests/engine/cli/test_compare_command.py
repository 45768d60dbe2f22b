"""`geoul compare` from the command line to the page."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from engine.cli.compare import compare_command
from engine.cli.dataset import dataset_folder
from engine.data.sample import make_sample
from engine.errors import BadInput, ConfigError, RuleError

PROMPT = """# 시험

## 투자 원칙 및 규칙
**주기**: 1d

### Entry Criteria: cross
**규칙**: 종가가 5일선을 상향 돌파하면 산다
**조건**: `crosses_above(close, mean(close, 5))`
**행동**: `buy 20% of equity`
**우선순위**: 7/10
**근거**: 시험
**추가일**: 2026-01-05

### Exit Criteria: stop
**규칙**: 7% 손실이면 판다
**조건**: `pnl <= -7%`
**행동**: `sell all`
**우선순위**: 10/10
**근거**: 시험
**추가일**: 2026-01-05
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=6, years=1, seed=3)
    return folder


@pytest.fixture
def prompts(tmp_path):
    old, new = tmp_path / "old.md", tmp_path / "new.md"
    old.write_text(PROMPT, encoding="utf-8")
    new.write_text(PROMPT.replace("-7%", "-3%").replace("mean(close, 5)", "mean(close, 10)"), encoding="utf-8")
    return str(old), str(new)


def run(*arguments):
    app = typer.Typer()
    app.command()(compare_command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_two_prompts_give_a_table_and_a_page(market, prompts, tmp_path):
    page = tmp_path / "out" / "compare.html"
    done = run(*prompts, "--data", market, "--report", page)
    assert done.exit_code == 0, done.output
    assert "~ cross" in done.output
    assert "~ stop" in done.output
    assert "합성 데이터" in done.output
    text = page.read_text(encoding="utf-8")
    assert "mean(close, 10)" in text
    assert "pnl &lt;= -3%" in text


def test_json_holds_both_runs_and_the_effect_of_each_change_and_writes_no_page(market, prompts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*prompts, "--data", market, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [effect["label"] for effect in document["effects"]] == ["~ cross", "~ stop"]
    hashes = {document["old"]["result_hash"], document["new"]["result_hash"]}
    assert len(hashes) == 2
    assert document["same_inputs"]
    # Ten rows instead of five fill the longer window: both runs are rated from there.
    assert document["rated_from"] > document["old"]["metrics"]["first_session"]
    assert document["old"]["metrics"]["rated_sessions"] == document["new"]["metrics"]["rated_sessions"]
    assert not (tmp_path / "reports").exists()


def test_a_prompt_compared_with_itself_is_identical(market, prompts, tmp_path):
    done = run(prompts[0], prompts[0], "--data", market, "--json")
    document = json.loads(done.stdout)
    assert document["identical"]
    assert document["first_equity_difference"] is None
    assert document["effects"] == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("none.md", "none.md"), BadInput),
        ((), BadInput),
    ],
)
def test_bad_arguments_stop_before_anything_runs(arguments, error):
    assert isinstance(run(*arguments).exception, error)


def test_a_rule_that_does_not_compile_and_an_impossible_configuration_stop(market, prompts, tmp_path):
    broken = tmp_path / "broken.md"
    broken.write_text(PROMPT.replace("mean(close, 5)", "meen(close, 5)"), encoding="utf-8")
    assert isinstance(run(prompts[0], broken, "--data", market).exception, RuleError)
    config = tmp_path / "config.yaml"
    config.write_text("cash_won: -1\n", encoding="utf-8")
    assert isinstance(run(*prompts, "--data", market, "--config", config).exception, ConfigError)


def test_a_named_folder_is_taken_as_it_is(tmp_path):
    assert dataset_folder(tmp_path, lambda text: None) == tmp_path
