"""`geoul backtest` from the command line to the page, with a prompt and with a strategy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from engine.cli.backtest import backtest_command
from engine.data.sample import make_sample
from engine.errors import BadInput, DataError

ROOT = Path(__file__).parents[3]
CROSS = str(ROOT / "strategies" / "moving_average_cross.py")
PROMPT = str(ROOT / "prompts" / "core_decision_prompt.md")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=6, years=1, seed=3)
    return folder


def run(*arguments: object):
    app = typer.Typer()
    app.command()(backtest_command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments: object) -> dict[str, object]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def error(*arguments: object) -> BaseException:
    done = run(*arguments)
    assert done.exception is not None, done.output
    return done.exception


@pytest.mark.parametrize("who", [("--strategy", CROSS, "--ticker", "0001U0"), (PROMPT,)])
def test_a_run_prints_a_table_and_writes_a_page(market: Path, tmp_path: Path, who: tuple[str, ...]) -> None:
    page = tmp_path / "page.html"
    done = run(*who, "--data", market, "--report", page, "--lang", "en")
    assert done.exit_code == 0, done.output
    assert "SYNTHETIC" in done.stdout
    assert str(page) in done.stdout
    assert "<html" in page.read_text(encoding="utf-8")


def test_a_strategy_answers_the_same_twice(market: Path) -> None:
    arguments = ("--strategy", CROSS, "--ticker", "0001U0", "--data", market)
    first, second = answer(*arguments), answer(*arguments)
    assert first["result_hash"] == second["result_hash"]


def test_a_strategy_counts_the_bars_that_are_asked_for(market: Path) -> None:
    arguments = ("--strategy", CROSS, "--ticker", "0001U0", "--data", market)
    weekly = answer(*arguments, "--interval", "1w")
    assert weekly["result_hash"] != answer(*arguments)["result_hash"]


def test_a_prompt_and_a_strategy_exclude_each_other(market: Path) -> None:
    caught = error(PROMPT, "--strategy", CROSS, "--data", market)
    assert isinstance(caught, BadInput)
    assert "Give one of them" in str(caught)


def test_a_prompt_takes_no_interval(market: Path) -> None:
    caught = error(PROMPT, "--interval", "1w", "--data", market)
    assert isinstance(caught, BadInput)
    assert "주기" in str(caught)


def test_a_ticker_that_the_data_lack_is_named(market: Path) -> None:
    caught = error("--strategy", CROSS, "--ticker", "005930", "--data", market)
    assert isinstance(caught, DataError)
    assert "005930" in str(caught)
