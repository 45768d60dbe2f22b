"""The gate on worlds where nothing can be found: `geoul placebo`, from the shell to the verdict on the gate.

A gate that promotes more often than its level allows ends the benchmark: that is a wrong result, not a slow one.
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
SHORT_WORLDS = 16


def prepare(folder: Path, options: dict) -> Callable[[], dict]:
    """Return the run: a rule of `options` in every world, or as many random rules as there are worlds."""
    worlds = str(SHORT_WORLDS if options["short"] else options["worlds"])
    command = [sys.executable, "-m", "engine.cli.main", "placebo", "--data", str(folder), "--worlds", worlds, "--json"]
    command += ["--rule", str(ROOT / options["rule"])] if "rule" in options else ["--random", worlds]

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
            told = json.loads(answer)["sentence"] if child.returncode == 1 else f"status {child.returncode}"
            raise RuntimeError(f"{' '.join(command)}: {told}")
        told = json.loads(answer)
        test, fair = told["test"], told["fairness"]
        note = (
            f"promoted {test['promotions']} of {test['worlds']} (up to {test['largest_allowed']}), "
            f"p <= {test['false_promotion_rate']:g} in {fair['promotions']} of {fair['worlds']} "
            f"(up to {fair['largest_allowed']})"
        )
        return {"seconds": seconds, "peak_memory_bytes": memory, "note": note}

    return run
