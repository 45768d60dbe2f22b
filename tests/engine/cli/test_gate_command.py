"""`geoul gate`, as a person types it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli.main import app
from engine.data.sample import make_sample
from engine.errors import BadInput, DataError, RuleError
from engine.ledger.connection import connect
from engine.ledger.lineage import ForeignLedger
from tests.gate_world import BASE, rule

runner = CliRunner(env={"COLUMNS": "120"})
HIGH = rule("busy", "Entry Criteria", "volume_ratio(10) >= 1.8", "buy 20% of equity")
NEVER = rule("never", "Entry Criteria", "returns(3) > 900%", "buy 9% of equity")
QUICK = ("--neighbours", "6", "--resamples", "100", "--untouched", "60", "--processes", "1")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=12, years=2, seed=3)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a base, a whole candidate, and single rules."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("base.md", BASE), ("new.md", BASE + HIGH), ("busy.md", HIGH), ("never.md", NEVER)):
        Path(name).write_text(text, encoding="utf-8")
    return tmp_path


def gate(*arguments: object) -> Result:
    return runner.invoke(app, ["gate", *(str(argument) for argument in arguments)])


def trials(file: str = "ledger.db") -> int:
    with connect(Path(file), None, read_only=True) as connection:  # type: ignore[arg-type]
        return int(connection.execute("SELECT count(*) FROM rule_trials").fetchone()[0])


def test_a_verdict_is_printed_with_its_reason_and_written_as_a_page(market: Path) -> None:
    done = gate("base.md", "new.md", "--data", market, *QUICK, "--lang", "en")
    assert done.exit_code in (0, 10, 11), done.output
    assert done.exit_code == {"promote": 0, "shadow": 10, "reject": 11}[done.output.split("│")[1].split()[0]]
    for title in ("training window", "untouched window", "deflated Sharpe", "false promotions", "market regimes"):
        assert title in done.output
    page = Path("reports/gate.html").read_text(encoding="utf-8")
    assert "new.md" in page and "<svg" in page
    assert trials() == 1


def test_json_holds_a_code_for_every_step_and_the_exit_status_says_the_verdict(market: Path) -> None:
    done = gate("base.md", "new.md", "--data", market, *QUICK, "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == {"promote": 0, "shadow": 10, "reject": 11}[document["decision"]]
    assert len(document["steps"]) == 19
    assert all({"name", "outcome", "reason", "figures", "sentence"} <= set(step) for step in document["steps"])
    assert document["counted_as_trial"] and document["dataset"]["synthetic"]
    assert not Path("reports").exists()


def test_a_refused_rule_ends_with_eleven_and_is_no_trial(market: Path) -> None:
    done = gate("base.md", "never.md", "--data", market, *QUICK)
    assert done.exit_code == 11, done.output
    assert "never" in done.output and "작동하지 않았습니다" in done.output
    assert trials() == 0


def test_one_rule_is_added_to_the_current_prompt(market: Path) -> None:
    prompts = Path("prompts")
    prompts.mkdir()
    (prompts / "core_decision_prompt.md").write_text(BASE, encoding="utf-8")
    single = json.loads(gate("--rule", "busy.md", "--data", market, *QUICK, "--json").stdout)
    whole = json.loads(gate("new.md", "--data", market, *QUICK, "--json", "--ledger", "other.db").stdout)
    assert single["changes"] == whole["changes"] == ["+ busy"]
    assert single["hashes"] == whole["hashes"]
    assert [step["figures"] for step in single["steps"]] == [step["figures"] for step in whole["steps"]]


def test_a_git_revision_is_a_base(market: Path, here: Path) -> None:
    Path("rules.md").write_text(BASE, encoding="utf-8")
    for command in (("init", "-q"), ("add", "rules.md"), ("commit", "-q", "-m", "base")):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], cwd=here, check=True, capture_output=True
        )
    Path("rules.md").write_text(BASE + HIGH, encoding="utf-8")
    done = gate("HEAD:rules.md", "rules.md", "--data", market, *QUICK, "--json")
    assert json.loads(done.stdout)["changes"] == ["+ busy"]


def test_the_other_convention_is_named_in_the_figures(market: Path) -> None:
    done = gate("base.md", "new.md", "--data", market, *QUICK, "--json", "--convention", "2025")
    document = json.loads(done.stdout)
    assert document["settings"]["convention"] == "2025"


def test_a_pool_of_processes_gives_the_same_bytes(market: Path) -> None:
    alone = gate("base.md", "new.md", "--data", market, *QUICK, "--json")
    pooled = gate("base.md", "new.md", "--data", market, *QUICK[:-1], "2", "--json", "--ledger", "other.db")
    assert alone.stdout == pooled.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), BadInput, "needs a candidate"),
        (("base.md", "new.md", "--rule", "busy.md"), BadInput, "needs a candidate"),
        (("base.md", "missing.md"), BadInput, "There is no prompt file missing.md"),
        (("base.md", "base.md"), RuleError, ""),
        (("base.md", "new.md", "--convention", "2020"), BadInput, "2014 or 2025"),
        (("base.md", "new.md", "--untouched", "5000"), BadInput, "the gate needs at least"),
        (("base.md", "new.md", "--from", "2030-01-01"), DataError, "No session from 2030-01-01"),
        (("base.md", "new.md", "--from", "2024-06-01", "--to", "2024-01-01"), BadInput, "Exchange them"),
        (("base.md", "new.md", "--from", "2024-09-01"), BadInput, "60 to train on"),
    ],
)
def test_bad_input_is_told_and_nothing_is_counted(
    market: Path, arguments: tuple[str, ...], error: type[Exception], message: str
) -> None:
    quick = [part for part in QUICK if part not in arguments]
    if "--untouched" in arguments:
        quick = ["--processes", "1"]
    done = gate(*arguments, "--data", market, *quick)
    assert isinstance(done.exception, error), done.output
    assert message in str(done.exception)
    assert not Path("ledger.db").exists() or trials() == 0


def test_a_ledger_of_another_dataset_is_refused_until_the_user_says_so(
    market: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "sample"
    make_sample(other, tickers=8, years=2, seed=4)
    gate("base.md", "new.md", "--data", market, *QUICK)
    refused = gate("base.md", "new.md", "--data", other, *QUICK)
    assert isinstance(refused.exception, ForeignLedger) and trials() == 1
    accepted = gate("base.md", "new.md", "--data", other, *QUICK, "--new-dataset")
    assert accepted.exit_code in (0, 10, 11) and trials() == 2


def test_help_names_the_exit_status() -> None:
    text = gate("--help").output
    assert "10" in text and "11" in text and "shadow" in text
