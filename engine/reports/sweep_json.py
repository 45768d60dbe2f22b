"""A sweep as JSON, for programs that decide by it; the table itself is the Parquet file."""

from __future__ import annotations

import json
import math
from typing import Any

from engine.metrics.undefined import Undefined
from engine.reports.sweep_view import SweepView
from engine.research.sweep_summary import Deflated, SweepSummary

SCHEMA = 1


def sweep_text(view: SweepView, *, table: str, ledger: str) -> str:
    """The whole summary; `table` is the path of the Parquet file, `ledger` that of the trials."""
    sweep, summary = view.sweep, view.summary
    names = [axis.name for axis in sweep.grid.axes]
    document = {
        "schema": SCHEMA,
        "rules": view.title,
        "data": view.data,
        "synthetic": view.synthetic,
        "window": list(view.window),
        "table": table,
        "ledger": ledger,
        "grid": {"constants": names, "size": sweep.grid.size, "tried": len(sweep.places), "complete": sweep.complete},
        "seed": None if sweep.complete else view.seed,
        "evaluated": summary.evaluated,
        "without_meaning": summary.without_meaning,
        "silent": summary.silent,
        "best": _variant(summary, summary.best_row),
        "base": _variant(summary, summary.base_row) | {"rank": summary.base_rank},
        "ranking": [_variant(summary, row) for row in summary.ranking[:100]],
        "influence": {names[profile.axis]: profile.influence for profile in summary.profiles},
        "neighbourhood": _neighbourhood(summary, names),
        "overfitting": _overfitting(summary),
        "luck": _luck(summary),
        "maps": [
            {
                "across": names[found.across],
                "down": names[found.down],
                "columns": list(found.columns),
                "rows": list(found.rows),
                "sharpe": [[_finite(value) for value in row] for row in found.cells.tolist()],
                "fixed": {names[axis]: label for axis, label in found.fixed},
            }
            for found in summary.maps
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)


def _variant(summary: SweepSummary, row: int | None) -> dict[str, Any]:
    if row is None:
        return {}
    entry = summary.table.drop("returns", "reason_ko", "reason_en").row(row, named=True)
    return {name: _finite(value) if isinstance(value, float) else value for name, value in entry.items()}


def _neighbourhood(summary: SweepSummary, names: list[str]) -> dict[str, Any] | None:
    found = summary.neighbourhood
    if found is None:
        return None
    return {
        "form": found.form,
        "kept": found.kept,
        "best": found.best,
        "middle": found.middle,
        "rings": [
            {
                "distance": ring.distance,
                "variants": ring.count,
                "low": ring.low,
                "median": ring.median,
                "high": ring.high,
            }
            for ring in found.rings
        ],
        "at_the_edge_of": [names[axis] for axis in found.edges],
    }


def _overfitting(summary: SweepSummary) -> dict[str, Any]:
    found = summary.overfitting
    if isinstance(found, Undefined):
        return {"pbo": None, "reason": found.value}
    return {
        "pbo": found.pbo,
        "probability_of_loss": found.probability_of_loss,
        "slope": None if isinstance(found.slope, Undefined) else found.slope,
        "blocks": found.blocks,
        "variants": found.variants,
    }


def _luck(summary: SweepSummary) -> dict[str, Any] | None:
    found = summary.luck
    if found is None:
        return None
    return {
        "raw_trials": found.count.raw,
        "effective_trials": found.count.effective,
        "threshold": found.count.threshold,
        "convention": "2014",
        "lead": None if found.lead is None else _deflated(found.lead),
        "own": _deflated(found.own),
    }


def _deflated(found: Deflated) -> dict[str, Any]:
    return {
        "sharpe": found.measured,
        "expected_by_luck": found.expected,
        "deflated_sharpe": None if isinstance(found.probability, Undefined) else found.probability,
        "trials": found.trials,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
