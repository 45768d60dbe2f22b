"""Measure Geoul beside other engines and print one table: `python -m benchmarks.run [--peers] [--short]`.

Every run is a process of its own (`benchmarks.job`). This process starts them, compares the fills they wrote
and prints. It stays small on purpose: on Linux a child's peak memory starts from its parent's.

Exit status 1 when two engines disagree about a fill, or, with `--short`, a benchmark of its own finds something wrong.
Speed never fails a run: the machine may be busy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import platformdirs
from rich.console import Console

from benchmarks.cases import CASES, Case, Engine
from benchmarks.fills import first_difference
from benchmarks.peers import environment
from benchmarks.report import Measured, as_json, as_table, machine

ROOT = Path(__file__).parent.parent
SHORT_FORMS = ("trading_year",)  # benchmarks of their own; with --short their results are checked here too


def main() -> int:
    """Run the chosen cases; the exit status."""
    arguments = _arguments()
    progress = Console(stderr=True)
    peers = _peers(arguments, progress)
    results: list[tuple[Case, list[Measured]]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for case in CASES:
            if not arguments.only or case.name in arguments.only:
                results.append((case, _run_case(case, arguments, peers, Path(scratch), progress)))
    if arguments.json:
        print(json.dumps({"machine": machine(), "runs": as_json(results)}, indent=2, ensure_ascii=False))
    elif results:
        out = Console(width=None if sys.stdout.isatty() else 160)
        out.print(as_table(results, short=arguments.short))
    disagree = any(one.disagreement for _, measured in results for one in measured)
    return 1 if disagree or (arguments.short and not _checks_hold(arguments, progress)) else 0


def _checks_hold(arguments: argparse.Namespace, progress: Console) -> bool:
    """Run the short forms of the benchmarks that stand alone; what they print goes to standard error."""
    fine = True
    for name in SHORT_FORMS:
        if not arguments.only or name in arguments.only:
            progress.print(f"{name} …", style="dim")
            command = [sys.executable, "-m", f"benchmarks.{name}", "--short"]
            fine &= subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode == 0
    return fine


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--short", action="store_true", help="small markets: checks that results agree, measures nothing")
    add("--peers", action="store_true", help="run the other engines too; installs them on first use")
    names = [*(case.name for case in CASES), *SHORT_FORMS]
    add("--only", action="append", choices=names, help="this case; repeatable")
    add("--rounds", type=int, default=2, help="processes per engine, taken in turns (default 2)")
    add("--json", action="store_true", help="print all figures as JSON instead of the table")
    add("--cache", type=Path, default=_default_cache(), help="folder of the markets and the peers")
    return parser.parse_args()


def _default_cache() -> Path:
    return Path(os.environ.get("GEOUL_CACHE") or platformdirs.user_cache_dir("geoul")) / "benchmarks"


def _peers(arguments: argparse.Namespace, progress: Console) -> Path | None:
    if not arguments.peers:
        return None
    if environment.interpreter(arguments.cache) is None:
        progress.print("Installing the peers into an environment of their own, about a minute …")
    return environment.create(arguments.cache)


def _run_case(
    case: Case, arguments: argparse.Namespace, peers: Path | None, scratch: Path, progress: Console
) -> list[Measured]:
    """All engines in turns, round after round, so that a busy minute does not hit one of them alone."""
    rows, tickers = case.short if arguments.short else case.size
    engines = [
        engine
        for engine in case.engines
        if (peers is not None or not engine.peer) and (engine.compared or not arguments.short)
    ]
    folder = _stored_market(arguments.cache, case.market, rows, tickers)
    measured: dict[str, Measured] = {}
    for round_number in range(1, 2 if arguments.short else arguments.rounds + 1):
        for engine in engines:
            progress.print(f"{case.name}: {engine.label}, round {round_number} …", style="dim")
            used = min(rows, engine.rows or rows)
            report, fills = _run_engine(engine, folder, used, arguments.short, peers, scratch)
            if engine.label in measured:
                for clock in ("seconds", "cpu_seconds"):
                    measured[engine.label].report[clock] += report[clock]
            else:
                measured[engine.label] = Measured(engine, used, tickers, report, fills)
    _compare(case, list(measured.values()))
    return list(measured.values())


def _stored_market(cache: Path, kind: str, rows: int, tickers: int) -> Path:
    """Made in a child process: the arrays must not grow this one."""
    command = [sys.executable, "-m", "benchmarks.market", str(cache), kind, str(rows), str(tickers)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Path(made.stdout.strip())


def _run_engine(
    engine: Engine, folder: Path, rows: int, short: bool, peers: Path | None, scratch: Path
) -> tuple[dict, np.ndarray | None]:
    fills = scratch / "fills.npy"
    fills.unlink(missing_ok=True)
    command = [str(peers if engine.peer else sys.executable), "-m", "benchmarks.job", engine.module]
    command += ["--market", str(folder), "--options", json.dumps(engine.options | {"rows": rows, "short": short})]
    command += ["--repeat", str(1 if short else engine.repeat), "--fills", str(fills)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        raise RuntimeError(f"{engine.label} failed: {' '.join(command)}\n{child.stderr[-4_000:]}")
    report = json.loads(child.stdout.splitlines()[-1])
    return report, np.load(fills) if fills.exists() else None


def _compare(case: Case, measured: list[Measured]) -> None:
    """Against the first engine with fills; an engine that took fewer rows is compared on those."""
    first = next((one for one in measured if one.fills is not None), None)
    for other in measured:
        if first is None or other is first or other.fills is None or not other.engine.compared:
            continue
        expected = first.fills[first.fills[:, 0] < other.rows]
        other.disagreement = first_difference(other.fills, expected, case.columns)


if __name__ == "__main__":
    sys.exit(main())
