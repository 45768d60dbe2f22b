"""One measured engine in a process of its own; prints one line of JSON.

`python -m benchmarks.job MODULE --market FOLDER --options JSON --repeat N --fills FILE`

The job is prepared and run once unmeasured (compilation, caches), then `--repeat` times under
`time.perf_counter`. Peak memory is the process's own, loading included.

Uses only numpy and the standard library besides the job itself, because the peers' interpreter runs it too.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.fills import digest

Outcome = Callable[[], np.ndarray] | np.ndarray | dict
REPORTED_PACKAGES = ("geoul", "numpy", "numba", "pandas", "polars", "vectorbt", "backtesting", "backtrader")


def measure(run: Callable[[], Outcome], repeat: int) -> tuple[dict, np.ndarray | None]:
    """Time `repeat` runs after a first one that does not count; the report and the last run's fills.

    A run returns its own kind of result as a function that makes fills of it: writing an engine's table of orders in
    our form is not its work, so that is not measured. A job that starts processes itself returns a dictionary
    instead, with the `seconds` it measured.
    """
    first_seconds = _timed(run)[0]
    seconds, cpu_seconds = [], []
    for _ in range(repeat):
        outcome = None  # gives back what the last run held
        wall, cpu, outcome = _timed(run)
        seconds.append(wall)
        cpu_seconds += cpu
    report = {"first_seconds": first_seconds, "seconds": seconds, "cpu_seconds": cpu_seconds}
    report["peak_memory_bytes"] = peak_memory_bytes()
    if isinstance(outcome, dict):
        # A job that watched its processes knows what they held together; this one sees only the largest of them.
        report["peak_memory_bytes"] = outcome.get("peak_memory_bytes") or report["peak_memory_bytes"]
        return {**outcome, **report}, None
    fills = outcome() if callable(outcome) else outcome
    return report | {"fills": len(fills), "digest": digest(fills)}, fills


def _timed(run: Callable[[], Outcome]) -> tuple[float, list[float], Outcome]:
    started, worked = time.perf_counter(), time.process_time()
    outcome = run()
    wall, cpu = time.perf_counter() - started, time.process_time() - worked
    if isinstance(outcome, dict):
        return outcome["seconds"], [], outcome
    return wall, [cpu], outcome


def peak_memory_bytes() -> int:
    """Largest resident size so far of this process or of one it ran; Linux counts in KiB, macOS in bytes."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak if sys.platform == "darwin" else peak * 1024


def versions() -> dict[str, str]:
    """Versions of the packages that matter, as far as this interpreter has them."""
    found = {"python": platform.python_version()}
    for package in REPORTED_PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", help="module below benchmarks that offers prepare(folder, options)")
    parser.add_argument("--market", type=Path, required=True, help="folder that benchmarks.market made")
    parser.add_argument("--options", default="{}", help="JSON handed to the job")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--fills", type=Path, help="write the fills of the last run here (.npy)")
    arguments = parser.parse_args()

    module = importlib.import_module(f"benchmarks.{arguments.module}")
    run = module.prepare(arguments.market, json.loads(arguments.options))
    report, fills = measure(run, arguments.repeat)
    if arguments.fills and fills is not None:
        np.save(arguments.fills, fills)
    print(json.dumps(report | {"versions": versions()}))


if __name__ == "__main__":
    main()
