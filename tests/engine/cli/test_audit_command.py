"""`geoul audit` from the command line to the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from engine.cli.audit import audit_command
from engine.data.sample import make_sample
from engine.errors import BadInput, ConfigError, DataError

ROOT = Path(__file__).parents[3]
HONEST = ROOT / "strategies" / "moving_average_cross.py"
CHEAT = """
from engine.strategy import Strategy


class Peek(Strategy):
    def on_bar(self, view):
        closes = view._panel.bars[3, :, 0]
        row = view._row
        if row + 1 < len(closes) and closes[row + 1] > closes[row]:
            if not view.holding():
                view.buy(weight=0.5)
        else:
            view.sell()


class Dice(Strategy):
    def on_bar(self, view):
        import numpy

        if numpy.random.default_rng().random() < 0.5:
            view.buy(weight=0.1)
        else:
            view.sell()


class Idle(Strategy):
    pass
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=6, years=1, seed=3)
    return folder


@pytest.fixture
def cheat(tmp_path: Path) -> Path:
    path = tmp_path / "cheat.py"
    path.write_text(CHEAT, encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(audit_command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "140"})


def test_the_default_prompt_is_clean(market: Path) -> None:
    done = run("--data", market, "--lang", "en")
    assert done.exit_code == 0, done.output
    assert "No look-ahead found" in done.output
    assert "FOUND" not in done.output


def test_a_cheat_ends_with_status_1_and_says_what_it_looks_at(market: Path, cheat: Path) -> None:
    done = run("--strategy", f"{cheat}:Peek", "--data", market, "--ticker", "0001U0", "--lang", "en")
    assert done.exit_code == 1
    assert "moved by: close · needs 1 bar of the future" in done.output
    assert "0001U0  the strategy" in done.output
    assert "7: view._panel" in done.output
    korean = run("--strategy", f"{cheat}:Peek", "--data", market, "--ticker", "0001U0")
    assert korean.exit_code == 1
    assert "바꾼 값: 종가 · 미래 1봉이 필요합니다" in korean.output


def test_what_cannot_be_repeated_ends_with_status_1(market: Path, cheat: Path) -> None:
    done = run("--strategy", f"{cheat}:Dice", "--data", market, "--ticker", "0001U0", "--lang", "en")
    assert done.exit_code == 1
    assert "The same run twice gives two results" in done.output


def test_a_strategy_without_orders_is_neither_clean_nor_a_cheat(market: Path, cheat: Path) -> None:
    done = run("--strategy", f"{cheat}:Idle", "--data", market, "--lang", "en")
    assert done.exit_code == 0
    assert "Nothing can be said" in done.output


def test_json_holds_every_check(market: Path, cheat: Path) -> None:
    done = run("--strategy", f"{cheat}:Peek", "--data", market, "--ticker", "0001U0", "--json", "--cuts", 3)
    assert done.exit_code == 1
    document: dict[str, Any] = json.loads(done.stdout)
    assert not document["passed"]
    assert [check["name"] for check in document["checks"]] == [
        *("repeat", "future", "history", "names", "start", "source"),
    ]
    finding = document["checks"][1]["finding"]
    assert finding["inputs"] == ["close"]
    assert (finding["nearest_bars"], finding["furthest_bars"]) == (1, 1)
    assert finding["move"]["time"].endswith("+09:00")
    assert len(document["cuts"]) == 3


def test_a_strategy_that_comes_with_geoul_declares_its_history(market: Path) -> None:
    done = run("--strategy", HONEST, "--data", market, "--ticker", "0001U0", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["passed"]
    assert document["lookback_bars"] == 29  # before the bar of the decision: a mean over 30
    assert "source" not in [check["name"] for check in document["checks"]]


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("ko", "선언한 과거 0봉으로는 모자랍니다. 5봉이면 결정이 같아집니다."),
        ("en", "From 5 bars on the decisions are the same"),
    ],
)
def test_a_strategy_that_counts_its_own_bars_is_told_how_many_it_needs(market: Path, lang: str, words: str) -> None:
    """It buys in the first five bars that it sees: begun five bars earlier, it never buys here."""
    hold = ROOT / "strategies" / "buy_and_hold.py"
    done = run("--strategy", hold, "--data", market, "--ticker", "0001U0", "--ticker", "0002U0", "--lang", lang)
    assert done.exit_code == 0, done.output
    assert words in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("none.md",), BadInput),
        (("--cuts", "0"), BadInput),
        (("--cash", "0"), ConfigError),
        (("--interval", "1w"), BadInput),
        (("prompts/core_decision_prompt.md", "--strategy", "x.py"), BadInput),
        (("--from", "2099-01-01"), DataError),
    ],
)
def test_bad_arguments_are_told(market: Path, arguments: tuple[str, ...], error: type[Exception]) -> None:
    assert isinstance(run(*arguments, "--data", market).exception, error)
