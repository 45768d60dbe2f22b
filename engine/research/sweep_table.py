"""The table of a sweep: one row a variant, its constants, its figures and its daily returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.metrics.drawdown import drawdowns
from engine.metrics.ratios import sharpe
from engine.metrics.undefined import Figure, Undefined
from engine.rules.grid import Grid
from engine.rules.messages import Text
from engine.track import Track

Floats = NDArray[np.float64]

# Columns beside the constants. A rule id may hold a dot and a constant always does, so none is called like these.
FIGURES: dict[str, pl.DataType] = {
    "sharpe": pl.Float64(),
    "total_return": pl.Float64(),
    "max_drawdown": pl.Float64(),
    "orders": pl.Int64(),
    "fills": pl.Int64(),
    "trades": pl.Int64(),
    "wins": pl.Int64(),
    "refused": pl.Int64(),
    "final_equity_won": pl.Float64(),
    "costs_won": pl.Float64(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A variant and what became of it.

    Args:
        number: of the variant in the sweep.
        point: its constants; empty for the unchanged rules.
        rules_hash: see `engine.research.identity.rules_hash`; empty where the point has no meaning.
        reason: why these values make no rule.
        track: its track record.
    """

    number: int
    point: dict[str, Fraction]
    rules_hash: str = ""
    reason: Text | None = None
    track: Track | None = None

    def with_track(self, track: Track) -> Evaluated:
        """The same variant, run."""
        return replace(self, track=track)


def schema_of(grid: Grid) -> dict[str, pl.DataType]:
    """Column -> type: number, base, one column a constant, hash, reason, figures, returns.

    The value of a constant is a float in the unit of the rule, 7 % being 0.07; null for unchanged rules that the grid
    does not have.
    """
    names = [constant.name for axis in grid.axes for constant in axis.constants]
    return {
        "variant": pl.Int64(),
        "base": pl.Boolean(),
        **dict.fromkeys(names, pl.Float64()),
        "rules_hash": pl.String(),
        "reason_ko": pl.String(),
        "reason_en": pl.String(),
        **FIGURES,
        "returns": pl.List(pl.Float64()),
    }


def chunk_frame(rows: Sequence[Evaluated], grid: Grid, *, base: int, cash_won: int, periods: int) -> pl.DataFrame:
    """The rows of a chunk by number; figures are null where there is no track or a figure has no value."""
    ordered = sorted(rows, key=lambda row: row.number)
    schema = schema_of(grid)
    table: list[dict[str, Any]] = []
    for row in ordered:
        figures = dict.fromkeys(FIGURES) if row.track is None else _figures(row.track, cash_won, periods)
        table.append(
            {
                "variant": row.number,
                "base": row.number == base,
                **{name: float(value) for name, value in row.point.items()},
                "rules_hash": row.rules_hash,
                "reason_ko": row.reason.ko if row.reason else None,
                "reason_en": row.reason.en if row.reason else None,
                **figures,
                "returns": None,
            }
        )
    returns = [None if row.track is None else pl.Series(row.track.returns) for row in ordered]
    columns = {name: [entry.get(name) for entry in table] for name in schema if name != "returns"}
    columns["returns"] = returns
    return pl.DataFrame(columns, schema=schema)


def returns_matrix(frame: pl.DataFrame) -> Floats:
    """float64[sessions, variants] of rows that all have returns."""
    if frame.is_empty():
        return np.zeros((0, 0))
    flat = frame["returns"].explode().to_numpy()
    return np.ascontiguousarray(flat.reshape(frame.height, -1).T)


def _figures(track: Track, cash_won: int, periods: int) -> dict[str, Any]:
    growth = np.concatenate(([1.0], np.cumprod(1.0 + track.returns)))
    own = {field.name: getattr(track, field.name) for field in fields(track) if field.name != "returns"}
    return own | {
        "sharpe": _known(sharpe(track.returns, periods)),
        "total_return": track.final_equity_won / cash_won - 1.0,
        "max_drawdown": float(drawdowns(growth).min()),
    }


def _known(figure: Figure) -> float | None:
    return None if isinstance(figure, Undefined) else figure
