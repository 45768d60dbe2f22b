"""Gate, sweep, walk-forward and trials with what people type by mistake: a message, status 2, and nothing counted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Geoul
from tests.gate_world import BASE, rule

BUSY = rule("busy", "Entry Criteria", "volume_ratio(10) >= 1.8", "buy 20% of equity")
GATE = ("gate", "base.md", "new.md", "--neighbours", "2", "--resamples", "100", "--untouched", "40", "--processes", "1")
WALK = ("walk-forward", "base.md", "--vary", "leave.1=3,4", "--train", "80", "--test", "40", "--folds", "4")
SWEEP = ("sweep", "base.md", "--vary", "leave.1=3,4", "--processes", "1")
COUNTING = pytest.mark.parametrize("command", [GATE, WALK, SWEEP], ids=lambda command: str(command[0]))


@pytest.fixture(autouse=True)
def prompts(own_surroundings: None) -> None:
    for name, text in (("base.md", BASE), ("new.md", BASE + BUSY)):
        Path(name).write_text(text, encoding="utf-8")


def trials(ledger: str = "ledger.db") -> int:
    """Rows of the trial count; 0 where there is no ledger."""
    if not Path(ledger).is_file():
        return 0
    with sqlite3.connect(ledger) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'rule_trials'").fetchone()[0]
        return int(connection.execute("SELECT count(*) FROM rule_trials").fetchone()[0]) if tables else 0


@COUNTING
def test_a_ledger_that_is_a_folder_is_named(geoul: Geoul, market: Path, command: tuple[str, ...]) -> None:
    Path("books").mkdir()
    answer = geoul(*command, "--data", market, "--ledger", "books")
    assert answer.status == 2
    assert "books is a folder" in answer.err and "books/ledger.db" in answer.err


@COUNTING
def test_a_ledger_that_another_program_holds_is_bad_input_and_counts_nothing(
    geoul: Geoul, market: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ledger.connection.BUSY_MS", 1)
    holder = sqlite3.connect("ledger.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    answer = geoul(*command, "--data", market)
    holder.execute("ROLLBACK")
    holder.close()
    assert answer.status == 2, answer.err
    assert "ledger.db" in answer.err and "no other program holds the file" in answer.err
    assert trials() == 0


@COUNTING
def test_a_ledger_of_another_dataset_says_which_options_help(
    geoul: Geoul, market: Path, command: tuple[str, ...], tmp_path: Path
) -> None:
    geoul("data", "sample", tmp_path / "other", "--tickers", "8", "--years", "1", "--seed", "4")
    assert geoul(*WALK, "--data", tmp_path / "other").status == 0
    before = trials()
    answer = geoul(*command, "--data", market)
    assert answer.status == 2
    assert "--ledger" in answer.err and "--new-dataset" in answer.err
    assert trials() == before > 0


@pytest.mark.parametrize("command", [GATE, WALK, SWEEP, ("audit", "base.md")], ids=lambda command: str(command[0]))
def test_a_seed_below_zero_is_refused(geoul: Geoul, market: Path, command: tuple[str, ...]) -> None:
    answer = geoul(*command, "--data", market, "--seed", "-1")
    assert answer.status == 2
    assert "--seed" in answer.err and "Traceback" not in answer.err
    assert trials() == 0


@pytest.mark.parametrize(
    "arguments", [("--resamples", "100000000000"), ("--neighbours", "1000000000")], ids=lambda pair: str(pair[0])
)
def test_more_draws_than_memory_holds_are_refused(geoul: Geoul, market: Path, arguments: tuple[str, str]) -> None:
    answer = geoul(*GATE, "--data", market, *arguments)
    assert answer.status == 2
    assert arguments[0] in answer.err
    assert trials() == 0


def test_a_problem_of_a_rule_is_told_in_the_language_of_the_command(geoul: Geoul, market: Path) -> None:
    same = ("gate", "base.md", "base.md", "--data", market)
    korean, english = geoul(*same), geoul(*same, "--lang", "en")
    assert korean.status == english.status == 2
    assert "똑같이 거래합니다" in korean.err
    assert english.err.startswith("geoul: base.md: ") and "똑같이" not in english.err
    assert geoul(*same, "--lang=en").err == english.err


def test_trials_reads_the_ledger_that_the_other_commands_write(geoul: Geoul, market: Path) -> None:
    assert geoul(*WALK, "--data", market).status == 0
    answer = geoul("trials")
    assert answer.status == 0
    assert "시험 전체 2건" in answer.out


@pytest.mark.parametrize("extra", [(), ("--samples", "2")], ids=["grid", "sample"])
def test_a_sweep_beyond_the_history_is_refused_before_anything_is_counted(
    geoul: Geoul, market: Path, extra: tuple[str, ...]
) -> None:
    Path("deep.md").write_text(BASE + BUSY, encoding="utf-8")
    answer = geoul("sweep", "deep.md", "--vary", "busy.1=2000:2400:100", "--data", market, "--processes", "1", *extra)
    assert answer.status == 2
    assert "busy.1=2" in answer.err and "could not be judged" in answer.err
    assert trials() == 0 and not Path("reports/sweep").exists()


@pytest.mark.parametrize("command", ["audit", "backtest"])
def test_a_strategy_that_fails_is_told_with_its_line(geoul: Geoul, market: Path, command: str) -> None:
    text = "from engine.strategy import Strategy\nclass Boom(Strategy):\n    def on_bar(self, view):\n        1 / 0\n"
    Path("boom.py").write_text(text, encoding="utf-8")
    answer = geoul(command, "--strategy", "boom.py", "--data", market)
    assert answer.status == 2
    assert "boom.py: Boom stopped with ZeroDivisionError: division by zero (line 4)" in answer.err
