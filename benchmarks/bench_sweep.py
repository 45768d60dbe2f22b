"""Geoul's sweeps: `geoul sweep` over a whole market, and crossing averages of one ticker beside the peers.

`prepare` gives one of two jobs, by the option "job":

- "command": the whole command a user types, from the shell to the JSON summary, in as many processes as there are
  cores; every run has a folder of its own, so nothing is resumed.
- "pairs": all pairs of average lengths on one ticker through `run_sweep`, table and daily returns included, in this
  process, as the peers do it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.fills import as_fills
from benchmarks.memory_watch import MemoryWatch
from benchmarks.panels import minute_panel
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.matching import arrays as at
from engine.metrics.returns import periods_per_year
from engine.research.sweep import Sweep, chunks_of, run_sweep
from engine.research.sweep_identity import identity_of
from engine.research.sweep_store import SweepStore
from engine.research.workers import InProcess
from engine.rules.constants import with_constants
from engine.rules.grid import parse_grid
from engine.rules.prompt import load_rules
from engine.simulation import Simulation
from engine.variants import Variant, run_variants

ROOT = Path(__file__).parent.parent
BARE_EXCHANGE = {"costs": False, "participation": 0.0, "funding": "optimistic"}
PAIR_AXES = "golden-cross.1+dead-cross.1={windows}", "golden-cross.2+dead-cross.2={windows}"


def prepare(folder: Path, options: dict) -> Callable:
    """The run of a job; see the head of this file."""
    return {"command": _command, "pairs": _pairs}[options["job"]](folder, options)


def _command(folder: Path, options: dict) -> Callable[[], dict]:
    command = [sys.executable, "-m", "engine.cli.main", "sweep", str(ROOT / options["rules"]), "--data", str(folder)]
    command += [part for axis in options["vary"] for part in ("--vary", axis)]
    command += ["--json", "--ledger", "ledger.db", "--out", "sweep"]

    def run() -> dict:
        with tempfile.TemporaryDirectory() as scratch:
            began = time.perf_counter()
            with subprocess.Popen(
                command, cwd=scratch, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
            ) as child:
                watch = MemoryWatch(child.pid)
                answer = child.stdout.read()
            seconds = time.perf_counter() - began
            memory = watch.stop()
            if child.returncode != 0:
                raise RuntimeError(f"{' '.join(command)} ended with status {child.returncode}.")
        summary = json.loads(answer)
        note = f"{summary['evaluated']:,} variants, PBO {summary['overfitting']['pbo']:.0%}"
        return {"seconds": seconds, "peak_memory_bytes": memory, "note": note}

    return run


def _pairs(folder: Path, options: dict) -> Callable[[], Callable[[], np.ndarray]]:
    rules = load_rules(ROOT / options["rules"])
    panel = minute_panel(folder, options["rows"])
    first, count, step = options["windows"]
    windows = f"{first}:{first + (count - 1) * step}:{step}"
    grid = parse_grid(rules, [axis.format(windows=windows) for axis in PAIR_AXES])
    places = [fast * count + slow for fast in range(count) for slow in range(fast + 1, count)]
    config = BacktestConfig(cash_won=options["cash_won"], **BARE_EXCHANGE)
    sweep = Sweep(rules=rules, grid=grid, places=places, config=config)

    def run() -> Callable[[], np.ndarray]:
        with tempfile.TemporaryDirectory() as scratch:
            store = SweepStore(Path(scratch), identity_of(sweep, panel, samples=None, seed=0))
            chunks = chunks_of(sweep)
            with InProcess(panel) as workers:
                run_sweep(sweep, store, chunks, workers, periods=periods_per_year(panel.interval))
            table = store.finish(len(chunks))
        counted = table.filter(table["variant"] >= 0)["fills"].to_numpy()
        return lambda: _fills(sweep, panel, counted)

    return run


def _fills(sweep: Sweep, panel: Panel, counted: np.ndarray) -> np.ndarray:
    """Every fill of every pair, from the same runs made once more with the logs kept; a pair is a column."""
    variants = [Variant(with_constants(sweep.rules, sweep.grid.point(place)), sweep.config) for place in sweep.places]
    tables = list(run_variants(variants, panel, measure=_log))
    if [len(table) for table in tables] != counted.tolist():
        raise RuntimeError("The sweep's table and the runs behind it count fills differently.")
    columns = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    every = np.concatenate(tables)
    return as_fills(every[:, 0], columns, every[:, 1], every[:, 2])


def _log(simulation: Simulation) -> np.ndarray:
    """int64[n, 3] of one run: row, side, quantity."""
    book = simulation.book
    fills = book.fills[: book.account[at.FILL_COUNT]]
    side = np.where(fills[:, at.FILL_SIDE] == at.BUY, 1, -1)
    return np.column_stack([fills[:, at.FILL_ROW], side, fills[:, at.FILL_QUANTITY]])
