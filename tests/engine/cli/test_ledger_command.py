"""`geoul ledger show` and `geoul ledger verify`, as a person types them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.ledger import Part, app
from engine.errors import DataError
from engine.ledger.runs import write_run
from tests.builders_ledger import buy, make_ledger
from tests.builders_result import make_result

runner = CliRunner(env={"COLUMNS": "160"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger of an account and one backtest."""
    with make_ledger(tmp_path, deposit=10_000_000) as ledger:
        buy(ledger, rule_ids=("volume-surge",))
        write_run(ledger, make_result(sessions=60, trade_probability=0.3), prompt_text="프롬프트")
    return tmp_path / "ledger.db"


@pytest.mark.parametrize("part", Part)
@pytest.mark.parametrize("lang", ["ko", "en"])
def test_every_table_can_be_shown_in_both_languages(file: Path, part: Part, lang: str) -> None:
    result = runner.invoke(app, ["show", str(file), part.value, "--lang", lang])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(part.value)


def test_trades_of_the_account_show_figures_uncut_and_unknown_outcomes_as_unknown(file: Path) -> None:
    result = runner.invoke(app, ["show", str(file), "trades", "--run", "0"])
    assert "전체 1건" in result.output
    (line,) = (line for line in result.output.splitlines() if "005930" in line)
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells == ["2024-05-02 09:00", "005930", "BUY", "10", "70,000", "–", "–", "filled", "volume-surge"]


def test_the_last_rows_are_shown_and_the_total_is_named(file: Path) -> None:
    result = runner.invoke(app, ["show", str(file), "equity", "--run", "1", "--limit", "3", "--lang", "en"])
    assert "last 3 of 60" in result.output
    assert result.output.count("│ 2021-") == 3


def test_a_narrow_terminal_loses_no_digits(file: Path) -> None:
    result = CliRunner(env={"COLUMNS": "40"}).invoke(app, ["show", str(file), "trades", "--run", "0"])
    assert "70,000" in result.output and "005930" in result.output


def test_an_untouched_ledger_passes_and_a_changed_one_fails_with_status_1(file: Path) -> None:
    good = runner.invoke(app, ["verify", str(file)])
    assert (good.exit_code, "이상 없음" in good.output) == (0, True)
    outsider = sqlite3.connect(file)
    outsider.execute("UPDATE fills SET price = price + 100 WHERE run_id = 0")
    outsider.commit()
    outsider.close()
    bad = runner.invoke(app, ["verify", str(file), "--lang", "en"])
    assert bad.exit_code == 1
    assert "the table of fills differs from the journal" in bad.output


def test_a_missing_file_is_the_users_error(tmp_path: Path) -> None:
    result = runner.invoke(app, ["show", str(tmp_path / "none.db")])
    assert isinstance(result.exception, DataError)
    assert "no ledger at" in str(result.exception)
