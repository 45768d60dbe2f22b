"""`geoul sweep` from the command line to the page, stopped and taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from engine.cli import sweep_run
from engine.cli.main import app
from engine.cli.options import Lang
from engine.cli.sweep_run import duration
from engine.clock import SystemClock
from engine.data.sample import make_sample
from engine.errors import BadInput, ConfigError, DataError
from engine.ledger.ledger import open_ledger
from engine.ledger.lineage import ForeignLedger
from engine.ledger.trials import recorded_trials, trial_count
from engine.research import sweep as sweep_module
from engine.rules.problem import RuleProblem

PROMPT = """# 시험

## 투자 원칙 및 규칙
**주기**: 1d

### Entry Criteria: cross
**규칙**: 종가가 5일선을 상향 돌파하면 산다
**조건**: `crosses_above(close, mean(close, 5))`
**행동**: `buy 20% of equity`
**우선순위**: 7/10

### Exit Criteria: stop
**규칙**: 7% 손실이면 판다
**조건**: `pnl <= -7%`
**행동**: `sell all`
**우선순위**: 10/10
"""
VARY = ("--vary", "cross.1=3:8:1", "--vary", "stop.1=-9%:-3%:1%")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=6, years=2, seed=3)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test has a folder of its own with the prompt in it, and small chunks so that one can stop in between."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep_module, "CHUNK", 10)
    (tmp_path / "rules.md").write_text(PROMPT, encoding="utf-8")
    yield tmp_path


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["sweep", "rules.md", *map(str, arguments)])


def counted(repeated: int = 0) -> int:
    if not Path("ledger.db").exists():
        return 0
    with open_ledger("ledger.db", SystemClock(), read_only=True) as ledger:
        assert sum(trial.repeated for trial in recorded_trials(ledger)) == repeated
        return trial_count(ledger)


def test_without_an_axis_it_lists_what_could_be_varied() -> None:
    english, korean = run("--lang", "en"), run()
    assert english.exit_code == korean.exit_code == 0
    for words in ("cross.1", "20%", "size of a purchase", "window of bars", "pnl <= -7%", "--vary"):
        assert words in english.output
    assert "과거 봉 수" in korean.output
    listed = json.loads(run("--json").output)["constants"]
    assert [(one["name"], one["value"]) for one in listed] == [("cross.1", "5"), ("cross.2", "20%"), ("stop.1", "-7%")]
    assert not Path("ledger.db").exists()


def test_the_line_that_the_list_suggests_can_be_typed(market: Path) -> None:
    suggested = run("--lang", "en").output.splitlines()[-1].split()
    assert suggested[:3] == ["geoul", "sweep", "--vary"]
    assert run("--vary", suggested[3], "--data", market).exit_code == 0


def test_a_sweep_prints_a_table_writes_a_page_and_counts_its_trials(market: Path) -> None:
    done = run(*VARY, "--data", market, "--lang", "en")
    assert done.exit_code == 0, done.output
    for words in ("all 42 points of the grid", "unchanged rules", "Map of the Sharpe ratio", "SYNTHETIC DATA"):
        assert words in done.output
    table = pl.read_parquet("reports/sweep/sweep.parquet")
    assert table.height == counted() == 42
    best = table.sort("sharpe", descending=True).row(0, named=True)
    line = next(line for line in done.output.splitlines() if line.split()[:1] == ["1"])
    assert line.split()[1:4] == [f"{best['cross.1']:g}", f"{best['stop.1']:.0%}", f"{best['sharpe']:.2f}"]
    page = Path("reports/sweep/sweep.html").read_text(encoding="utf-8")
    assert "SYNTHETIC" in page
    assert '<svg viewBox="0 0 1080' in page

    korean = run(*VARY, "--data", market)
    assert "격자 42점 전체" in korean.output
    assert counted() == 42  # the same command again runs and counts nothing
    assert "합성 데이터" in Path("reports/sweep/sweep.html").read_text(encoding="utf-8")


def test_json_holds_the_figures_of_the_table(market: Path) -> None:
    done = run(*VARY, "--data", market, "--json", "--processes", "1")
    found = json.loads(done.stdout)
    table = pl.read_parquet(found["table"])
    assert found["best"]["sharpe"] == table["sharpe"].max()
    assert found["base"]["variant"] == table.filter(pl.col("base"))["variant"][0]
    assert found["grid"] == {"constants": ["cross.1", "stop.1"], "size": 42, "tried": 42, "complete": True}
    assert found["luck"]["raw_trials"] == 42
    assert len(found["maps"][0]["sharpe"]) == 6
    assert not Path("reports/sweep/sweep.html").exists()


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*VARY, "--data", market, "--out", "whole", "--ledger", "other.db")
    keep, calls = sweep_run.count_chunk, []

    def pressed(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 3:  # after the chunk is on disk and before its trials are
            raise KeyboardInterrupt
        keep(*arguments)

    monkeypatch.setattr(sweep_run, "count_chunk", pressed)
    stopped = run(*VARY, "--data", market, "--lang", "en")
    assert stopped.exit_code == 130
    assert "Stopped. 2 of 5 chunks" in stopped.output
    assert "run the same command" in stopped.output
    assert counted() == 20
    assert len(list(Path("reports/sweep/parts").iterdir())) == 3

    monkeypatch.setattr(sweep_run, "count_chunk", keep)
    assert run(*VARY, "--data", market).exit_code == 0
    assert counted() == 42
    assert Path("reports/sweep/sweep.parquet").read_bytes() == Path("whole/sweep.parquet").read_bytes()


def test_another_sweep_into_the_same_folder_is_refused_unless_it_may_be_given_up(market: Path) -> None:
    run("--vary", "cross.1=4,5", "--data", market)
    refused = run("--vary", "cross.1=4,6", "--data", market)
    assert isinstance(refused.exception, BadInput)
    assert "another sweep; it differs in: axes" in str(refused.exception)
    assert counted() == 2
    assert run("--vary", "cross.1=4,6", "--data", market, "--overwrite").exit_code == 0
    assert pl.read_parquet("reports/sweep/sweep.parquet")["cross.1"].to_list() == [None, 4.0, 6.0]
    # The lengths 4, 5 and 6: the unchanged rules are those with 5, no trial of the second
    # sweep, whose grid does not have them; 4 was tried before.
    assert counted(repeated=1) == 3


def test_too_many_points_say_how_long_they_would_take(market: Path) -> None:
    vast = ("--vary", "cross.1=2:401:1", "--vary", "stop.1=-60%:-0.01%:0.01%", "--vary", "cross.2=0.02%:10%:0.02%")
    for lang, words in (("en", ("would take about", "--samples 1,000")), ("ko", ("걸립니다", "--samples"))):
        refused = run(*vast, "--data", market, "--lang", lang)
        assert refused.exit_code == 2
        assert "1,200,000,000" in refused.output
        assert all(word in refused.output for word in words)
    assert (Path("reports").exists(), counted()) == (False, 0)
    drawn = run(*vast, "--data", market, "--samples", "12", "--seed", "4", "--lang", "en")
    assert drawn.exit_code == 0
    assert "12 of 1,200,000,000 points, seed 4" in drawn.output
    assert pl.read_parquet("reports/sweep/sweep.parquet").height == 13  # the unchanged rules too
    assert counted() == 12


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("--vary", "nothing.1=1,2"), RuleProblem, "nothing.1"),
        (("--vary", "cross.1=8:3:1"), RuleProblem, "cross.1=3:8:1"),
        ((*VARY, "--from", "2031-01-02"), DataError, "No session"),
        ((*VARY, "--to", "2019-01-02"), DataError, "No session"),
        ((*VARY, "--from", "2021-06-01", "--to", "2021-01-04"), BadInput, "Exchange"),
        ((*VARY, "--out", "rules.md"), BadInput, "rules.md is a file"),
        ((*VARY, "--out", "."), BadInput, "holds files but no sweep"),
        ((*VARY, "--cash", "0"), ConfigError, "cash_won"),
        ((*VARY, "--data", "nowhere"), DataError, "nowhere"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_written(
    market: Path, arguments: tuple[str, ...], error: type[Exception], words: str
) -> None:
    refused = run("--data", market, *arguments)
    assert isinstance(refused.exception, error)
    assert words in str(refused.exception)
    assert sorted(path.name for path in Path().iterdir()) == ["rules.md"]


def test_a_look_back_longer_than_the_data_is_refused(market: Path) -> None:
    Path("rules.md").write_text(PROMPT.replace("mean(close, 5)", "mean(close, 900)"), encoding="utf-8")
    refused = run("--vary", "stop.1=-9%,-5%", "--data", market)
    assert isinstance(refused.exception, BadInput)
    assert "looks back 90" in str(refused.exception)
    assert counted() == 0


def test_a_ledger_of_another_dataset_is_refused_and_counts_nothing(market: Path, tmp_path: Path) -> None:
    run("--vary", "cross.1=4,5", "--data", market)
    make_sample(tmp_path / "second", tickers=4, years=1, seed=9)
    other = ("--vary", "cross.1=4,5", "--data", "second", "--out", "two")
    refused = run(*other)
    assert isinstance(refused.exception, ForeignLedger)
    assert (counted(), Path("two").exists()) == (2, False)
    assert run(*other, "--new-dataset").exit_code == 0
    assert counted() == 4


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (0.2, "0 seconds", "0초"),
        (59, "59 seconds", "59초"),
        (5_400, "1.5 hours", "1.5시간"),
        (1e7, "116 days", "116일"),
    ],
)
def test_a_duration_in_words(seconds: float, english: str, korean: str) -> None:
    assert (duration(seconds, Lang.en), duration(seconds, Lang.ko)) == (english, korean)


@pytest.mark.parametrize("command", ["gate", "placebo", "sweep", "walk-forward"])
def test_no_command_starts_thousands_of_processes(command: str) -> None:
    done = CliRunner().invoke(app, [command, "rules.md", "--processes", "5000"])
    assert isinstance(done.exception, BadInput)
    assert "--processes 5,000 is too many" in str(done.exception)
    assert not Path("ledger.db").exists()
