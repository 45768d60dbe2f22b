"""`geoul backtest --reflect weekly`, as a new user without a key types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli.main import app
from engine.clock import SystemClock
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.ledger.ledger import open_ledger
from engine.ledger.reflections import reflections
from engine.ledger.verify import verify
from tests.gate_world import BASE

runner = CliRunner(env={"COLUMNS": "140"})


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=24, years=2, seed=3)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("base.md").write_text(BASE, encoding="utf-8")
    return tmp_path


def learn(market: Path, *more: object) -> Result:
    arguments = ["backtest", "base.md", "--reflect", "weekly", "--data", market, *more]
    return runner.invoke(app, [str(argument) for argument in arguments])


def test_the_page_shows_births_verdicts_and_earnings(market: Path) -> None:
    done = learn(market, "--gate", "off", "--lang", "en", "--ledger", "ledger.db")
    assert done.exit_code == 0, done.output
    assert "came into force" in done.output
    assert "in force from 2024-" in done.output
    assert "The gate is off" in done.output
    page = Path("reports/learning.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4
    assert "avoid-" in page and "Accepted without a gate" in page and "SYNTHETIC" in page
    assert Path("base.md").read_text(encoding="utf-8") == BASE
    with open_ledger(Path("ledger.db"), SystemClock()) as ledger:
        weeks = reflections(ledger, run_id=1)
        assert len(weeks) > 40
        assert any(week.status == "updated" for week in weeks)
        assert verify(ledger.connection) == ()


def test_json_tells_every_week_and_every_fate_and_is_the_same_again(market: Path) -> None:
    one, other = (learn(market, "--from", "2024-06-03", "--json") for _ in range(2))
    assert one.exit_code == 0, one.output
    assert one.output == other.output
    told = json.loads(one.output)
    assert told["gated"] is True
    assert told["final_equity_won"] - told["baseline_equity_won"] == told["earned_won"]
    assert told["weeks"]
    assert {fate["proposal"]["decision"] for fate in told["fates"]} <= {"promote", "shadow", "reject"}
    assert not Path("reports").exists()


def test_what_does_not_go_together_is_refused(market: Path) -> None:
    both = learn(market, "--planner", "llm")
    assert isinstance(both.exception, BadInput)
    unrecorded = learn(market, "--writer", "llm")
    assert isinstance(unrecorded.exception, BadInput)
    assert "--cassette" in str(unrecorded.exception)
