"""The command a user types, again: `geoul backtest` on a whole market, from the shell to the printed table.

Every run is a process of its own; the first, which does not count, fills the caches of panel and kernels.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
GEOUL = (sys.executable, "-m", "engine.cli.main")


def prepare(folder: Path, options: dict) -> Callable[[], dict]:
    """Return the run of the default prompt on the dataset in `folder`.

    Its outcome says when the table began (`seconds`), when the HTML page was written too, and how much of it
    was neither the interpreter nor the loading of libraries (`ours`, from the command's own timings).
    """
    command = [*GEOUL, "backtest", "--data", str(folder), "--lang", "en"]

    def run() -> dict:
        with tempfile.TemporaryDirectory() as scratch:
            table, end = _table_and_end([*command, "--report", str(Path(scratch) / "backtest.html")])
        answer = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=True)
        timings = json.loads(answer.stdout)["timings"]
        ours = timings["total"] - timings["import"]
        note = f"ours {ours:.2f} s, page after {end:.2f} s"
        return {"seconds": table, "ours_seconds": ours, "page_seconds": end, "note": note}

    return run


def _table_and_end(command: list[str]) -> tuple[float, float]:
    """Seconds from the start of the process to the first line of its standard output, and to its end."""
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        child.stdout.readline()
        table = time.perf_counter() - began
        child.stdout.read()
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {child.returncode}.")
    return table, time.perf_counter() - began
