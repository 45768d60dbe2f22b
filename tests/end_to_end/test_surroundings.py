"""Whatever surrounds a run - terminal, pipe, cache, other processes - changes how it looks or how long it takes, not
what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.dataset import dataset_folder
from engine.data.sample import make_sample
from tests.end_to_end.conftest import OUTER_ENVIRONMENT, Geoul


def start(*arguments: object, cwd: Path, **environment: str) -> subprocess.Popen[bytes]:
    """`geoul ARGUMENTS` in a process of its own."""
    command = [sys.executable, "-m", "engine.cli.main", *map(str, arguments)]
    settings = {**OUTER_ENVIRONMENT, **environment}
    return subprocess.Popen(command, cwd=cwd, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("encoding", ["ascii", "cp949", "utf-8"])
def test_a_terminal_without_korean_letters_still_gets_the_figures(market: Path, tmp_path: Path, encoding: str) -> None:
    run = start("backtest", "--data", market, cwd=tmp_path, PYTHONIOENCODING=encoding, COLUMNS="100")
    out, err = run.communicate()
    assert (run.returncode, err) == (0, b"")
    assert b"100,000,000" in out and b"backtest.html" in out


def test_a_message_reaches_such_a_terminal_too(tmp_path: Path) -> None:
    run = start("rules", "check", "없는 파일.md", cwd=tmp_path, PYTHONIOENCODING="ascii")
    _, err = run.communicate()
    assert run.returncode == 2
    assert b"Traceback" not in err and b".md" in err


def test_a_reader_that_leaves_early_ends_the_run_without_a_word(market: Path, tmp_path: Path) -> None:
    with start("backtest", "--data", market, "--json", cwd=tmp_path) as run:
        assert run.stdout is not None and run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""


def test_json_is_all_that_stands_on_standard_output(geoul: Geoul, market: Path, tmp_path: Path) -> None:
    answer = geoul("backtest", "--data", market, "--json")
    assert json.loads(answer.out)["data"]["synthetic"] is True
    assert answer.err == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("columns", ["60", "80"])
def test_narrow_terminals_lose_no_figure(
    geoul: Geoul, market: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    figures = json.loads(geoul("backtest", "--data", market, "--json").out)["metrics"]
    printed = geoul("backtest", "--data", market).out
    for name in ("final_equity", "costs", "expectancy"):
        assert f"{round(figures[name]):,}원" in printed


def test_names_in_the_data_are_neither_markup_nor_script(geoul: Geoul, tmp_path: Path) -> None:
    names = {"005930": "<script>alert(1)</script>", "000660": "[red]x[/red] [/]", "035720": "=1+1", "005380": "{{ 7 }}"}
    days = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09")
    rows = [f"{day},{code},{name},100,100,100,100,9000000" for day in days for code, name in names.items()]
    (tmp_path / "prices.csv").write_text("date,ticker,name,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    (tmp_path / "prompt.md").write_text(
        "## 투자 원칙 및 규칙\n**주기**: 1d\n\n### Entry Criteria: buy\n"
        "**규칙**: <script>alert(2)</script> [bold]b[/bold]\n**조건**: `always`\n"
        "**행동**: `buy 10% of equity`\n**우선순위**: 5/10\n"
    )
    assert geoul("data", "import", "prices.csv", "data").status == 0
    answer = geoul("backtest", "prompt.md", "--data", "data", "--report", "page.html")
    assert answer.status == 0, answer.err
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page and "&lt;script&gt;alert(2)" in page
    assert "[red]x[/red] [/]" in page and "{{ 7 }}" in page
    found = json.loads(geoul("backtest", "prompt.md", "--data", "data", "--json").out)
    assert {position["name"] for position in found["positions"]} == set(names.values())


def test_a_damaged_synthetic_market_is_made_again(
    geoul: Geoul, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    folder = dataset_folder(None, told.append, tmp_path / "cache")
    assert (dataset_folder(None, told.append, tmp_path / "cache"), len(told)) == (folder, 1)
    for damaged in ("manifest.json", "instruments.parquet"):
        (folder / damaged).unlink()
        assert dataset_folder(None, told.append, tmp_path / "cache") == folder
        assert (folder / damaged).is_file()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path / "file"))
    answer = geoul("backtest")
    assert (answer.status, "GEOUL_CACHE" in answer.err) == (2, True)


def test_two_processes_on_a_cold_cache_agree(tmp_path: Path) -> None:
    """Panels are cold; kernels are warm, or the test would only show how long compiling takes."""
    make_sample(tmp_path / "market", tickers=12, years=1, seed=os.getpid())
    runs = [start("backtest", "--data", "market", "--json", cwd=tmp_path) for _ in range(2)]
    answers = [run.communicate() for run in runs]
    assert [(run.returncode, err) for run, (_, err) in zip(runs, answers, strict=True)] == [(0, b"")] * 2
    first, second = (json.loads(out)["result_hash"] for out, _ in answers)
    assert first == second


FULL = """
import resource, sys
from engine.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
sys.argv = ["geoul", *sys.argv[1:]]
main()
"""


def test_a_full_disk_is_told_and_leaves_nothing(market: Path, tmp_path: Path) -> None:
    (tmp_path / "source").symlink_to(market / "bars")
    for command in (("data", "import", "source", "full"), ("backtest", "--data", market, "--report", "full.html")):
        script = [sys.executable, "-c", FULL, *map(str, command)]
        done = subprocess.run(script, cwd=tmp_path, env=OUTER_ENVIRONMENT, capture_output=True, check=False)
        assert done.returncode == 2, done.stderr
        assert b"Traceback" not in done.stderr and b"too large" in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["source"]


KILLED = """
import os, signal, sys
from engine.cli.main import main
from engine.data.manifest import Manifest
Manifest.save = lambda manifest, folder: os.kill(os.getpid(), signal.SIGKILL)
sys.argv = ["geoul", "data", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("command", [("import", "source", "killed"), ("sample", "killed", "--tickers", "2")])
def test_a_killed_command_leaves_no_half_dataset(market: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "source").symlink_to(market / "bars")
    script = [sys.executable, "-c", KILLED, *command]
    done = subprocess.run(script, cwd=tmp_path, env=OUTER_ENVIRONMENT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    assert [path.suffix for path in tmp_path.iterdir() if path.name != "source"] == [".part"]
