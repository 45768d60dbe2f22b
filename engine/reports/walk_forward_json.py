"""A walk forward as JSON: figures without rounding, null for what has no value."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from engine.metrics.undefined import Figure, Undefined
from engine.reports.walk_forward_view import WalkForwardView
from engine.research.walk_forward import Step, Stretch
from engine.research.walk_forward_paths import QUANTILES

SCHEMA = 1


def walk_forward_text(view: WalkForwardView) -> str:
    """The whole result but the daily returns of the variants, which the ledger keeps."""
    result, plan = view.result, view.result.plan
    document = {
        "schema": SCHEMA,
        "rules": view.title,
        "data": view.data,
        "synthetic": view.synthetic,
        "untouched_from": view.untouched,
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
        "axes": [
            {"constants": [constant.name for constant in axis.constants], "values": axis.labels}
            for axis in view.sweep.grid.axes
        ],
        "variants": {"tried": len(result.variants.points), "without_meaning": result.variants.skipped},
        "trials": {"ledger": view.ledger, "counted": view.counted, "on_dataset": view.trials},
        "out_of_sample": _stretch(result.own),
        "unchanged": _stretch(result.base),
        "index": {"name": view.benchmark, "total_return": result.index_total},
        "efficiency": {"mean_return": result.return_efficiency, "sharpe": result.sharpe_efficiency},
        "windows": [_window(view, step) for step in result.steps],
        "equity": {
            "sessions": np.datetime_as_string(result.account.sessions.astype("datetime64[D]")).tolist(),
            "out_of_sample_won": result.account.equity_won[1:].tolist(),
            "unchanged_won": result.base_account.equity_won[1:].tolist(),
        },
        "paths": {
            "count": len(result.paths.returns),
            "splits": len(result.paths.chosen),
            "loss_share": result.paths.loss_share,
            "total_returns": result.paths.total_returns.tolist(),
            "sharpes": [_known(value) for value in result.paths.sharpes],
            "sharpe_quantiles": dict(zip(map(str, QUANTILES), result.paths.sharpe_quantiles, strict=False)),
            "unchanged_sharpe": _known(view.base_sharpe),
        },
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def _window(view: WalkForwardView, step: Step) -> dict[str, Any]:
    point = view.result.variants.points[step.chosen]
    constants = {
        constant.name: constant.write(point[constant.name])
        for axis in view.sweep.grid.axes
        for constant in axis.constants
    }
    return {
        "train": {"first": str(step.train[0]), "last": str(step.train[1]), "sessions": step.train_sessions},
        "test": {"first": str(step.test[0]), "last": str(step.test[1]), "sessions": step.test_sessions},
        "chosen": constants,
        "in_sample": _stretch(step.in_sample),
        "out_of_sample": _stretch(step.out_of_sample),
        "unchanged": _stretch(step.base),
        "index_return": step.index_return,
        "trades": step.trades,
    }


def _stretch(found: Stretch) -> dict[str, float | None]:
    return {name: _known(getattr(found, name)) for name in found.__slots__}


def _known(value: Figure) -> float | None:
    return None if isinstance(value, Undefined) else value
