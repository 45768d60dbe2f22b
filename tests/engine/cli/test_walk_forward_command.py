"""`geoul walk-forward`, as a person types it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.ledger.trials import recorded_trials
from engine.rules.problem import RuleProblem
from tests.builders_ledger import make_ledger

runner = CliRunner(env={"COLUMNS": "100"})
PROMPT = """## 투자 원칙 및 규칙
### Entry Criteria: cross
**규칙**: 5일 평균이 20일 평균을 상향 돌파하면 산다
**조건**: `crosses_above(mean(close, 5), mean(close, 20))`
**행동**: `buy 20% of equity`
**우선순위**: 5/10

### Exit Criteria: stop
**규칙**: 손실이 7%에 이르면 판다
**조건**: `pnl <= -7%`
**행동**: `sell all`
**우선순위**: 9/10
"""
CUT = ["--train", "150", "--test", "60", "--purge", "10", "--folds", "6"]
VARY = ["--vary", "cross.1=3,5,10", "--vary", "stop.1=-9%:-5%:2%"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("walk")
    make_sample(folder / "data", tickers=12, years=2, seed=3)
    (folder / "mine.md").write_text(PROMPT, encoding="utf-8")
    return folder


def walk(place: Path, tmp_path: Path, *options: str):
    arguments = ["walk-forward", str(place / "mine.md"), "--data", str(place / "data")]
    files = ["--ledger", str(tmp_path / "ledger.db"), "--report", str(tmp_path / "page.html")]
    return runner.invoke(app, [*arguments, *files, *options])


def trials(tmp_path: Path):
    if not (tmp_path / "ledger.db").exists():
        return []
    with make_ledger(tmp_path) as ledger:
        return recorded_trials(ledger)


def test_the_terminal_the_page_and_the_ledger_tell_the_same(place, tmp_path):
    result = walk(place, tmp_path, *VARY, *CUT, "--lang", "en")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    headline = re.search(r"Out of sample [^ ]+ \(Sharpe [^)]+\)", result.output)
    assert headline is not None
    assert headline[0] in page
    assert "9 variants are trials" in " ".join(result.output.split())
    assert len(trials(tmp_path)) == 9
    assert {trial.kind for trial in trials(tmp_path)} == {"walk forward"}
    assert "SYNTHETIC" in result.output
    assert "SYNTHETIC" in page


def test_korean_is_the_first_language_of_the_page(place, tmp_path):
    result = walk(place, tmp_path, *VARY, *CUT)
    assert result.exit_code == 0, result.output
    assert "표본 밖 수익률" in result.output
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<html lang="ko">' in page
    assert page.count("<svg") == 9  # equity twice, drawdown, windows, pairs, two constants, paths, their spread
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_json_is_the_whole_result_and_adds_up(place, tmp_path):
    result = walk(place, tmp_path, *VARY, *CUT, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["variants"] == {"tried": 9, "without_meaning": 0}
    assert found["plan"]["train"] == 150
    growth = 1.0
    for window in found["windows"]:
        growth *= 1 + window["out_of_sample"]["total_return"]
        assert window["chosen"]["cross.1"] in ("3", "5", "10")
        assert window["chosen"]["stop.1"] in ("-9%", "-7%", "-5%")
    assert growth == pytest.approx(1 + found["out_of_sample"]["total_return"])
    assert growth == pytest.approx(found["equity"]["out_of_sample_won"][-1] / 100_000_000)
    assert found["paths"]["count"] == 5
    assert not (tmp_path / "page.html").exists()


def test_two_processes_print_the_bytes_of_one(place, tmp_path):
    one = walk(place, tmp_path, *VARY, *CUT, "--json", "--processes", "1")
    two = walk(place, tmp_path, *VARY, *CUT, "--json", "--processes", "2")
    assert one.exit_code == two.exit_code == 0
    assert one.stdout == two.stdout


def test_without_vary_the_constants_are_listed(place, tmp_path):
    result = walk(place, tmp_path, "--lang", "en")
    assert result.exit_code == 0, result.output
    assert "cross.1" in result.output
    assert "stop.1" in result.output
    assert "geoul walk-forward --vary" in result.output
    assert trials(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([*VARY, "--train", "9y"], "longer than the range"),
        ([*VARY, "--train", "100000"], "nothing to test"),
        ([*VARY, "--train", "150", "--test", "0"], "a test one"),
        ([*VARY, "--train", "20", "--test", "20", "--purge", "5"], "needs 21 bars"),
        ([*VARY, "--train", "50", "--test", "20", "--purge", "60"], "not shorter than the training window"),
        ([*VARY, "--train", "two years"], "no length"),
        ([*VARY, *CUT, "--from", "2030-01-01"], "No session"),
        (["--vary", "cross.1=5:3:1", *CUT], None),
        (["--vary", "cross.9=5", *CUT], None),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_counted(place, tmp_path, options, message):
    result = walk(place, tmp_path, *options)
    assert isinstance(result.exception, BadInput)
    if message is None:
        assert isinstance(result.exception, RuleProblem)
    else:
        assert message in str(result.exception)
    assert trials(tmp_path) == []
    assert not (tmp_path / "page.html").exists()


def test_a_grid_of_a_thousand_million_points_tells_the_time_and_asks_for_a_sample(place, tmp_path):
    wide = ["--vary", "stop.1=-50%:-1%:0.001%", "--vary", "cross.1=2:200:1", "--vary", "cross.2=201:400:1"]
    result = walk(place, tmp_path, *wide, *CUT, "--lang", "en")
    assert result.exit_code == 2
    assert "--samples" in result.stderr
    assert "would take about" in result.stderr
    assert trials(tmp_path) == []
    drawn = walk(place, tmp_path, *wide, *CUT, "--train", "420", "--folds", "2", "--test-folds", "1", "--samples", "3")
    assert drawn.exit_code == 0, drawn.output
    assert len(trials(tmp_path)) == 3


def test_a_ledger_of_another_dataset_is_refused_before_anything_runs(place, tmp_path):
    assert walk(place, tmp_path, *VARY, *CUT).exit_code == 0
    make_sample(tmp_path / "other", tickers=5, years=2, seed=9)
    result = walk(place, tmp_path, *VARY, *CUT, "--data", str(tmp_path / "other"))
    assert isinstance(result.exception, BadInput)
    assert "another dataset" in str(result.exception)
    assert len(trials(tmp_path)) == 9
    both = walk(place, tmp_path, *VARY, *CUT, "--data", str(tmp_path / "other"), "--new-dataset")
    assert both.exit_code == 0, both.output
    assert len(trials(tmp_path)) == 18


def test_no_figure_is_cut_in_a_narrow_terminal(place, tmp_path):
    narrow = CliRunner(env={"COLUMNS": "40"})
    arguments = ["walk-forward", str(place / "mine.md"), "--data", str(place / "data"), *VARY, *CUT]
    files = ["--ledger", str(tmp_path / "ledger.db"), "--report", str(tmp_path / "page.html")]
    result = narrow.invoke(app, [*arguments, *files])
    assert result.exit_code == 0, result.output
    assert "…" not in result.output.partition("╯")[2]  # the path in the heading may be
    windows = re.findall(r"^\d{4}-\d\d-\d\d ~ \d{4}-\d\d-\d\d .*\d$", result.output, re.MULTILINE)
    assert len(windows) == len(set(windows)) >= 4
