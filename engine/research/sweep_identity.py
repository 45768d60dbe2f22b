"""What identifies a sweep: two sweeps that agree in all of it have the same table, to the byte."""

from __future__ import annotations

import hashlib
import importlib.metadata
from typing import Any

from engine.backtest import row_range
from engine.data.panel import Panel
from engine.kernel_cache import cache_folder
from engine.ledger.lineage import dataset_key
from engine.research.identity import rules_hash
from engine.research.sweep import CHUNK, Sweep
from engine.rules.grid import Axis, Steps


def identity_of(sweep: Sweep, panel: Panel, *, samples: int | None, seed: int) -> dict[str, Any]:
    """Everything that decides the table, as JSON can hold it; the keys are what a message names.

    Args:
        sweep: what is tried.
        panel: the data it is tried on.
        samples, seed: how the points were chosen; the seed counts only where points were drawn.
    """
    first, last = row_range(panel, sweep.start, sweep.end)
    places = hashlib.sha256(",".join(map(str, sweep.places)).encode()).hexdigest()
    return {
        "rules": rules_hash(sweep.rules),
        "axes": {axis.name: _values(axis) for axis in sweep.grid.axes},
        "samples": None if sweep.complete else samples,
        "seed": None if sweep.complete else seed,
        "points": places,
        "dataset": dataset_key(panel.manifest, panel.interval),
        "data_hash": panel.manifest.content_hash,
        "window": [panel.session_date(first).isoformat(), panel.session_date(last - 1).isoformat(), panel.rows],
        "config": sweep.config.model_dump(mode="json"),
        "chunk": CHUNK,
        "version": version(),
        "kernels": cache_folder().name,
    }


def version() -> str:
    """The version of Geoul."""
    try:
        return importlib.metadata.version("geoul")
    except importlib.metadata.PackageNotFoundError:
        return "from source"


def _values(axis: Axis) -> Any:
    """An axis as it is; a range is not written out, it may be of any length."""
    if isinstance(axis.values, Steps):
        return {"from": str(axis.values.low), "step": str(axis.values.step), "size": str(axis.size)}
    return [str(value) for value in axis.values]
