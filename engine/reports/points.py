"""The points of the pictures: one per session, thinned to what a screen shows without losing an extreme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.metrics.curve import rated_curve
from engine.metrics.drawdown import drawdowns
from engine.metrics.returns import Floats
from engine.result import Result

MOST_POINTS = 1_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Shapes: all arrays (n,); `position` counts sessions from 0 and is the place on the time axis.

    Args:
        sessions: session dates.
        position: place of each point among all sessions of the run.
        equity: won at the end of the session.
        benchmark: index scaled to the equity where the rated range begins; not a number where unknown.
        drawdown: deepest ratio below the peak inside the session, 0 or less.
        exposure: share of equity invested at the end of the session.
        positions: names held at the end of the session.
        warmup_end: position of the first rated session; 0 without a warm-up.
        start_equity: equity before the first rated session.
    """

    sessions: list[date]
    position: NDArray[np.int64]
    equity: Floats
    benchmark: Floats
    drawdown: Floats
    exposure: Floats
    positions: Floats
    warmup_end: int
    start_equity: float
    all_sessions: list[date]


def picture_points(result: Result, most: int = MOST_POINTS) -> Points:
    """Reduce a result to at most about `most` points; lows, highs and deepest falls of every stretch stay."""
    table = result.equity.with_columns(
        drawdown=pl.Series(
            drawdowns(
                np.concatenate(([float(result.initial_cash)], result.equity["equity"].cast(pl.Float64).to_numpy()))
            )[1:]
        )
    )
    daily = table.group_by("session", maintain_order=True).agg(
        pl.col("equity", "holdings", "positions", "benchmark").last().cast(pl.Float64),
        pl.col("drawdown").min(),
    )
    curve = rated_curve(result)
    equity = daily["equity"].to_numpy()
    warmup_end = len(daily) - len(curve.sessions)
    kept = thin(equity, daily["drawdown"].to_numpy(), most)
    sessions = daily["session"].to_list()
    held = daily["holdings"].to_numpy()
    exposure = np.divide(held, equity, out=np.zeros(len(equity)), where=equity > 0)
    benchmark = daily["benchmark"].fill_null(np.nan).to_numpy()
    return Points(
        sessions=[sessions[index] for index in kept],
        position=kept,
        equity=equity[kept],
        benchmark=_scaled(benchmark, equity, warmup_end, curve.equity[0])[kept],
        drawdown=daily["drawdown"].to_numpy()[kept],
        exposure=exposure[kept],
        positions=daily["positions"].to_numpy()[kept],
        warmup_end=warmup_end,
        start_equity=float(curve.equity[0]),
        all_sessions=sessions,
    )


def thin(equity: Floats, drawdown: Floats, most: int = MOST_POINTS) -> NDArray[np.int64]:
    """Positions to draw: all, or of each stretch its first, lowest, highest and deepest, and the very last.

    >>> thin(np.arange(10.0), np.zeros(10), most=100).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    count = len(equity)
    if count <= most:
        return np.arange(count)
    edges = np.linspace(0, count, max(1, most // 4) + 1).astype(np.int64)
    kept = {0, count - 1}
    for start, stop in pairwise(edges.tolist()):
        stretch = equity[start:stop]
        deepest = int(drawdown[start:stop].argmin())
        kept |= {start + offset for offset in (0, int(stretch.argmin()), int(stretch.argmax()), deepest)}
    return np.array(sorted(kept), dtype=np.int64)


def _scaled(benchmark: Floats, equity: Floats, warmup_end: int, start_equity: float) -> Floats:
    base = max(warmup_end - 1, 0)
    known = np.flatnonzero(np.isfinite(benchmark[base:]))
    if not len(known):
        return np.full(len(benchmark), np.nan)
    first = base + int(known[0])
    level = start_equity if first < warmup_end or first == 0 else equity[first]
    return benchmark / benchmark[first] * level
