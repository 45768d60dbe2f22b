"""The gate a user types: `geoul gate` of one added rule on a whole market, from the shell to the verdict.

Every run is a process of its own with a ledger of its own, so that each looks at the untouched window for the first
time and nothing is read again.
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

from benchmarks.memory_watch import MemoryWatch

ROOT = Path(__file__).parent.parent
VERDICTS = (0, 10, 11)


def prepare(folder: Path, options: dict) -> Callable[[], dict]:
    """Return the run: the rule of `options` against the default prompt, all neighbours and resamples."""
    command = [sys.executable, "-m", "engine.cli.main", "gate", "--rule", str(ROOT / options["rule"])]
    command += ["--data", str(folder), "--json", "--ledger", "ledger.db"]
    command += [part for name in ("neighbours", "resamples") for part in (f"--{name}", str(options[name]))]

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
            if child.returncode not in VERDICTS:
                raise RuntimeError(f"{' '.join(command)} ended with status {child.returncode}.")
        verdict = json.loads(answer)
        if any(step["reason"] == "not_reached" for step in verdict["steps"]):
            raise RuntimeError(f"The gate ended early: {verdict['reason']}. A shorter gate is not what is measured.")
        around = next(step["figures"] for step in verdict["steps"] if step["name"] == "overfitting")
        note = f"{verdict['decision']}, {around['neighbours']} neighbours"
        return {"seconds": seconds, "peak_memory_bytes": memory, "note": note}

    return run
