"""`geoul reflect` and the versions of a prompt, as a person types them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli.main import app
from engine.clock import SystemClock
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.ledger.ledger import open_ledger
from engine.ledger.reflections import prompt_changes, reflections
from tests.gate_world import BASE

runner = CliRunner(env={"COLUMNS": "120"})
SUNDAY = "2024-06-30T18:00"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=24, years=2, seed=3)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: Path) -> Path:
    """A folder with a prompt and a ledger that holds a backtest as run 1."""
    monkeypatch.chdir(tmp_path)
    Path("prompts").mkdir()
    Path("prompts/core_decision_prompt.md").write_text(BASE, encoding="utf-8")
    done = run("backtest", "--data", market, "--to", "2024-06-28", "--ledger", "ledger.db", "--json")
    assert done.exit_code == 0, done.output
    return tmp_path


def run(*arguments: object) -> Result:
    return runner.invoke(app, [str(argument) for argument in arguments])


def reflect(market: Path, *more: object) -> Result:
    return run("reflect", "--run", 1, "--now", SUNDAY, "--days", 90, "--data", market, *more)


def test_a_new_version_can_be_listed_shown_and_rolled_back(market: Path) -> None:
    done = reflect(market, "--gate", "off", "--lang", "en")
    assert done.exit_code == 0, done.output
    assert "The prompt was updated." in done.output
    assert "Version: 1.1.0" in done.output
    page = Path("reports/reflection.html").read_text(encoding="utf-8")
    added = re.search(r"avoid-[a-z0-9-]+", page)
    assert added is not None
    prompt = Path("prompts/core_decision_prompt.md")
    assert added.group() in prompt.read_text(encoding="utf-8")
    listed = run("rules", "history")
    assert "1.1.0" in listed.output and "1.0.0" in listed.output
    assert run("rules", "show", "1.0.0").output == BASE
    back = run("rules", "rollback", "1.0.0", "--lang", "en")
    assert back.exit_code == 0, back.output
    assert prompt.read_text(encoding="utf-8") == BASE
    with open_ledger(Path("ledger.db"), SystemClock()) as ledger:
        changes = prompt_changes(ledger, "prompts/core_decision_prompt.md")
        assert [change.version for change in changes] == ["1.0.0", "1.1.0", "2.0.0"]
        assert reflections(ledger, run_id=1)[0].proposals[0].decision == "promote"
    assert run("rules", "check", prompt).exit_code == 0


def test_the_gate_sees_no_session_after_the_moment(market: Path) -> None:
    done = reflect(market, "--gate", "quick", "--json", "--dry-run")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    days = re.findall(r"20\d\d-\d\d-\d\d", json.dumps(told["proposals"]))
    assert told["proposals"] and days
    assert max(days) <= SUNDAY[:10]
    assert told["status"] == "dry run"
    assert run("rules", "history", "--lang", "en").output.startswith("prompts/core_decision_prompt.md has no versions")


def test_a_reflection_needs_a_ledger_and_a_run(market: Path) -> None:
    missing = reflect(market, "--ledger", "other.db")
    assert isinstance(missing.exception, BadInput)
    assert "no ledger" in str(missing.exception)
    wrong = run("reflect", "--run", 7, "--now", SUNDAY, "--data", market)
    assert "no run 7" in str(wrong.exception)
