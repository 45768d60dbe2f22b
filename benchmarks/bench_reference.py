"""The written specification itself, timed: what the rules cost in plain Python and numpy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import reference
from benchmarks.market import load_bars


def prepare(folder: Path, options: dict) -> Callable[[], np.ndarray]:
    """`options["strategy"]`: "surge" or "moving_average_cross"; `options["rows"]`: only the first rows;
    `options["windows"]`: bars of the two averages."""
    bars = np.array(load_bars(folder)[:, : options.get("rows")])
    strategy = getattr(reference, options["strategy"])
    return lambda: strategy(bars, *options.get("windows", ()))
