"""The `geoul data` commands, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli.data import app
from engine.errors import BadInput, DataError

ROOT = Path(__file__).parents[3]


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_sample_info_check_and_import_work_together(tmp_path: Path) -> None:
    made = run("sample", tmp_path / "market", "--tickers", "12", "--years", "1", "--seed", "4")
    assert made.exit_code == 0
    assert "합성 데이터" in made.output
    english = run("info", tmp_path / "market", "--lang", "en")
    assert "synthetic, not real prices" in english.output
    assert "KOSDAQ" in english.output
    assert run("check", tmp_path / "market").exit_code == 0
    imported = run(
        "import",
        tmp_path / "market" / "bars",
        tmp_path / "again",
        "--market",
        tmp_path / "market" / "instruments.parquet",
    )
    assert imported.exit_code == 0
    manifest = json.loads((tmp_path / "again" / "manifest.json").read_text())
    original = json.loads((tmp_path / "market" / "manifest.json").read_text())
    assert (manifest["from"], manifest["to"], manifest["rows"]) == (original["from"], original["to"], original["rows"])


def test_import_of_bad_rows_reports_what_was_dropped(tmp_path: Path) -> None:
    source = tmp_path / "prices.csv"
    source.write_text(
        "날짜,종목코드,시가,고가,저가,종가,거래량\n2024-01-02,005930,100,100,100,100,5\n2024-01-06,005930,1,1,1,1,1\n"
    )
    with pytest.raises(DataError, match=r"prices\.csv, row 3, column '날짜': value '2024-01-06'"):
        run("import", source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    result = run("import", source, tmp_path / "out", "--drop-bad")
    assert "1개 행을 뺐습니다" in result.output
    assert (
        (tmp_path / "out" / "dropped_rows.csv").read_text().splitlines()[1].startswith("prices.csv,3,날짜,2024-01-06")
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["import", "only-one"], "needs a source and a destination"),
        (["import", "missing.csv", "out"], "no CSV or Parquet file"),
        (["check", "missing.csv"], "no CSV or Parquet file"),
        (["info", "missing"], "is not a dataset"),
        (["sample", "out", "--interval", "5m"], "1d or 1m"),
        (["sample", "out", "--years", "99"], "out of range"),
    ],
)
def test_wrong_commands_are_bad_input(
    arguments: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=reason):
        run(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_readme_names_every_command_and_file() -> None:
    text = (ROOT / "datasets" / "README.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert f"geoul data {command.name} " in text
    for file in ("manifest.json", "instruments.parquet", "corporate_actions.parquet", "market_changes.parquet"):
        assert file in text
