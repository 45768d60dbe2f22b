"""`geoul backtest --demo`, as a new user without a key types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli.main import app
from engine.clock import SystemClock
from engine.errors import BadInput
from engine.ledger.ledger import open_ledger
from engine.ledger.reflections import reflections

runner = CliRunner(env={"COLUMNS": "200"})


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with prompts of the user's own, which the demo leaves alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    Path("prompts").mkdir()
    for name in ("core_decision_prompt.md", "reflection_analysis.md", "reflection_rules.md"):
        Path("prompts", name).write_text("나의 것", encoding="utf-8")


def demo(*more: object) -> Result:
    return runner.invoke(app, ["backtest", "--demo", *map(str, more)])


def test_the_report_shows_each_birth_with_its_verdict_and_what_it_earned() -> None:
    done = demo("--lang", "en", "--ledger", "ledger.db")
    assert done.exit_code == 0, done.output
    assert "scripted-demo" in done.output
    assert "Scripted answers, no model" in done.output
    assert "The gate was asked and not obeyed" in done.output
    assert "reject (let in for the demo) add avoid-" in done.output
    assert "in force from 2024-" in done.output
    page = Path("reports/learning.html").read_text(encoding="utf-8")
    assert page.count("let in for the demo") >= 3
    assert "Scripted answers, no model" in page
    assert "SYNTHETIC" in page
    with open_ledger(Path("ledger.db"), SystemClock()) as ledger:
        weeks = reflections(ledger, run_id=1)
        assert {week.writer for week in weeks} == {"scripted-demo"}
        born = [found for week in weeks for found in week.proposals]
        assert born
        assert all(found.decision == "promote" for found in born)
        assert all(found.verdict["steps"][-1]["figures"]["decision"] != "promote" for found in born)


def test_without_a_gate_the_same_rules_are_born_without_a_verdict() -> None:
    done = demo("--gate", "off", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["writer"], told["gated"], told["masked"], told["overruled"]) == ("scripted-demo", False, True, False)
    assert all(fate["promoted"] for fate in told["fates"])
    assert told["fates"]
    assert told["final_equity_won"] - told["baseline_equity_won"] == told["earned_won"] != 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--from", "2024-03-04"), "--from would change"),
        (("--cash", "1000000"), "--cash would change"),
        (("--reflect", "weekly", "--seed", "0"), "would change what is asked"),
        (("mine.md",), "the prompt mine.md would change"),
        (("--gate", "full"), "--gate advice, quick and off"),
    ],
)
def test_what_would_change_the_questions_is_refused(more: tuple[str, ...], words: str) -> None:
    done = demo(*more)
    assert isinstance(done.exception, BadInput)
    assert words in str(done.exception)
    assert not Path("reports").exists()
