"""`geoul sweep` on this process, on a pool and on a Ray cluster that loses a worker in the middle: the same table."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import sweep_run
from engine.cli.main import app
from engine.clock import SystemClock
from engine.data.sample import make_sample
from engine.ledger.ledger import open_ledger
from engine.ledger.trials import recorded_trials
from engine.research import sweep as sweep_module
from tests.other_processes import wait_until

pytestmark = pytest.mark.cluster

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
VARY = ("--vary", "cross.1=3:12:1", "--vary", "stop.1=-9%:-3%:1%")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three years of 300 instruments."""
    folder = tmp_path_factory.mktemp("market") / "daily"
    make_sample(folder, tickers=300, years=3, seed=3)
    return folder


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks for each worker, and no sweep too small for several workers."""
    monkeypatch.setattr(sweep_module, "CHUNK", 7)
    monkeypatch.setattr(sweep_run, "WORTH_PROCESSES_SECONDS", 0.0)


def test_the_table_of_a_sweep_is_the_same_wherever_it_runs_and_whoever_dies(cluster, market, tmp_path):
    (tmp_path / "rules.md").write_text(PROMPT, encoding="utf-8")
    alone = swept(tmp_path, market, "alone", "--processes", "1")
    pool = swept(tmp_path, market, "pool", "--processes", "2")
    with one_worker_killed() as killed:
        ray = swept(tmp_path, market, "ray", "--ray", cluster.address)
    assert len(killed) == 1
    assert alone == pool == ray
    assert len(alone[1]) == 70  # each variant is counted once


def swept(folder: Path, market: Path, name: str, *where: str) -> tuple[bytes, list[tuple[object, ...]]]:
    """The table of a sweep as it lies on disk, and the trials that it counted."""
    out, ledger = folder / name, folder / f"{name}.db"
    command = ["sweep", folder / "rules.md", *VARY, "--data", market, "--out", out, "--ledger", ledger, *where]
    done = CliRunner().invoke(app, [str(part) for part in command])
    assert done.exit_code == 0, done.output
    with open_ledger(ledger, SystemClock(), read_only=True) as opened:
        trials = [
            (trial.candidate_hash, trial.config_hash, trial.data_hash, trial.repeated)
            for trial in recorded_trials(opened)
        ]
    return (out / "sweep.parquet").read_bytes(), trials


@contextmanager
def one_worker_killed() -> Iterator[list[int]]:
    """The first worker of the tests' cluster that is seen at work dies at it."""
    killed: list[int] = []

    def kill_one() -> None:
        wait_until(lambda: bool(at_work()))
        victim = at_work()[:1]
        for process in victim:
            os.kill(process, signal.SIGKILL)
        killed.extend(victim)

    killer = threading.Thread(target=kill_one)
    killer.start()
    yield killed
    killer.join()


def at_work() -> list[int]:
    """Workers of machines that this process started, which Ray names by what they are at."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_text(encoding="utf-8", errors="replace")
            if title.startswith("ray::_on_market") and parent(parent(int(folder.name))) == os.getpid():
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
    return found


def parent(process: int) -> int:
    """The process that started another."""
    status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    return int(status.rpartition(")")[2].split()[1])
