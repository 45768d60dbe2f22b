"""`geoul rules functions` and `geoul rules check`."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from engine.cli.rules import app
from engine.rules.functions import FIELDS, FUNCTIONS

ROOT = Path(__file__).parents[3]
GOOD = ROOT / "prompts" / "core_decision_prompt.md"


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "240", "NO_COLOR": "1", "TERM": "dumb"}).invoke(app, list(arguments))


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_functions_prints_every_word_with_its_meaning(lang: str) -> None:
    result = run("functions", "--lang", lang)
    assert result.exit_code == 0
    for word in [*FUNCTIONS.values(), *FIELDS.values()]:
        meaning = word.meaning.in_language("ko" if lang == "ko" else "en")
        assert meaning[:20] in result.output, word.name
    for function in FUNCTIONS.values():
        assert function.signature in result.output


def test_check_prints_cadence_priority_and_history() -> None:
    result = run("check", str(GOOD))
    assert result.exit_code == 0
    for word in ("cross-above-mean", "7/10", "21", "종가", "장중", "매입가 대비 -7%"):
        assert word in result.output
    assert "주의" not in result.output


def test_check_prints_the_restart_of_recursive_functions() -> None:
    result = run("check", str(ROOT / "strategies" / "rsi.md"), "--lang", "en")
    assert "restart 281" in result.output


def test_check_marks_the_column_below_the_line_and_exits_with_2(tmp_path: Path) -> None:
    bad = tmp_path / "bad.md"
    bad.write_text(
        GOOD.read_text(encoding="utf-8").replace("pnl <= -7%", "pnl <= -7% and close > 7%"), encoding="utf-8"
    )
    result = run("check", str(bad), "--lang", "en")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    source, mark = next((lines[i], lines[i + 1]) for i in range(len(lines)) if "pnl <= -7% and" in lines[i])
    start = source.index("close > 7%")
    assert mark == " " * cell_len(source[:start]) + "^" * len("close > 7%")
    assert "returns(1) > 7%" in result.stderr
    assert result.stdout == ""


def test_check_reports_every_wrong_rule_at_once(tmp_path: Path) -> None:
    bad = tmp_path / "bad.md"
    text = GOOD.read_text(encoding="utf-8").replace("pnl <= -7%", "pnl <= -7").replace("returns(20)", "foo(20)")
    bad.write_text(text, encoding="utf-8")
    result = run("check", str(bad))
    assert result.exit_code == 2
    assert "[stop-loss]" in result.stderr and "[rising-first]" in result.stderr


def test_check_shows_warnings_and_still_succeeds(tmp_path: Path) -> None:
    odd = tmp_path / "odd.md"
    odd.write_text(
        GOOD.read_text(encoding="utf-8").replace("volume_ratio(20) >= 1.5", "volume_ratio(20) >= 0"), encoding="utf-8"
    )
    result = run("check", str(odd))
    assert result.exit_code == 0
    assert "주의" in result.output and "[volume-filter]" in result.output


def test_check_of_a_missing_file_exits_with_2(tmp_path: Path) -> None:
    result = run("check", str(tmp_path / "none.md"))
    assert result.exit_code == 2
    assert "none.md" in result.stderr
