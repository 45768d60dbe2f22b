"""`geoul trials`, as a person types it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.errors import BadInput, DataError
from engine.ledger.looks import Outcome, Window, look
from engine.ledger.trials import Trial, record_trials
from tests.builders_ledger import make_ledger

runner = CliRunner(env={"COLUMNS": "140"})
DAYS = np.arange(18_000, 18_250)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two variants that move together, one of them tried twice; one gated candidate; three looks at one window."""
    generator = np.random.default_rng(2)
    idea, other = generator.normal(0, 0.01, (2, 250))
    common = {"data_hash": "content", "dataset": "krx 1d raw", "sessions": DAYS}
    with make_ledger(tmp_path) as ledger:
        sweep = [
            Trial(kind="sweep", candidate_hash=name, metrics={"sharpe": 1.25}, daily_returns=idea + shift, **common)
            for name, shift in (("a" * 64, 0.0), ("b" * 64, 0.001), ("a" * 64, 0.0))
        ]
        record_trials(ledger, sweep)
        gated = Trial(
            kind="candidate",
            candidate_hash="c" * 64,
            verdict="reject",
            metrics={"sharpe": None},
            daily_returns=other,
            p_value=0.3,
            **common,
        )
        record_trials(ledger, [gated])
        for name in "cde":
            look(
                ledger,
                dataset="krx 1d raw",
                data_hash="content",
                window=Window(date(2024, 1, 2), date(2024, 6, 28)),
                candidate_hash=name,
                evaluate=lambda: Outcome(passed=False, figures={}),
            )
    return tmp_path / "ledger.db"


def cells(output: str, word: str) -> list[list[str]]:
    """The cells of all lines of a table that hold a word."""
    lines = [line for line in output.splitlines() if word in line and line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_tables_show_trials_both_counts_and_looks(file: Path) -> None:
    result = runner.invoke(app, ["trials", "--ledger", str(file), "--lang", "en"])
    assert result.exit_code == 0, result.output
    assert cells(result.output, "aaaaaaaaaaaa") == [
        ["2024-05-02 09:00", "sweep", "aaaaaaaaaaaa", "–", "1.25", "krx 1d raw", ""],
        ["2024-05-02 09:00", "sweep", "aaaaaaaaaaaa", "–", "1.25", "krx 1d raw", "✓"],
    ]
    (gated,) = cells(result.output, "cccccccccccc")
    assert gated[3:5] == ["reject", "–"]
    assert cells(result.output, "krx 1d raw")[4:] == [
        ["krx 1d raw", "4", "3", "2"],
        ["krx 1d raw", "2024-01-02 … 2024-06-28", "3", "17"],
    ]
    assert "correlate by 0.5" in result.output


def test_a_narrow_terminal_loses_no_digits(file: Path) -> None:
    narrow = CliRunner(env={"COLUMNS": "30"}).invoke(app, ["trials", "--ledger", str(file), "--lang", "en"])
    assert cells(narrow.output, "krx 1d raw")[4:][-1] == ["krx 1d raw", "2024-01-02 … 2024-06-28", "3", "17"]


def test_korean_names_the_verdict_and_the_counts(file: Path) -> None:
    result = runner.invoke(app, ["trials", "--ledger", str(file), "--limit", "1", "--looks", "3"])
    assert "전체 4건 중 마지막 1건" in result.output
    assert "기각" in result.output and "유효 시험 수" in result.output
    assert cells(result.output, "…")[0][-2:] == ["3", "0"]


def test_json_holds_every_trial_and_is_valid(file: Path) -> None:
    result = runner.invoke(app, ["trials", "--ledger", str(file), "--json", "--threshold", "0.9"])
    document = json.loads(result.output)
    assert document["datasets"] == [
        {
            "dataset": "krx 1d raw",
            "recorded": 4,
            "raw": 3,
            "effective": 2,
            "windows": [{"first": "2024-01-02", "last": "2024-06-28", "looks_used": 3, "looks_left": 17}],
        }
    ]
    assert [trial["repeated"] for trial in document["trials"]] == [False, False, True, False]
    assert document["trials"][3]["p_value"] == 0.3
    assert (document["trials"][0]["first"], document["threshold"]) == ("2019-04-14", 0.9)


def test_an_empty_ledger_says_so_and_wrong_names_are_the_users_error(file: Path, tmp_path: Path) -> None:
    with make_ledger(tmp_path / "new"):
        pass
    empty = runner.invoke(app, ["trials", "--ledger", str(tmp_path / "new" / "ledger.db")])
    assert (empty.exit_code, "시험한 규칙이 없습니다" in empty.output) == (0, True)
    unknown = runner.invoke(app, ["trials", "--ledger", str(file), "--dataset", "other"])
    assert isinstance(unknown.exception, BadInput) and "krx 1d raw" in str(unknown.exception)
    missing = runner.invoke(app, ["trials", "--ledger", str(tmp_path / "none.db")])
    assert isinstance(missing.exception, DataError)
    wrong = runner.invoke(app, ["trials", "--ledger", str(file), "--threshold", "2"])
    assert isinstance(wrong.exception, BadInput)
