"""The points of the pictures: one per session, thinned to what a screen shows without losing an extreme."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.metrics.curve import rated_curve
from engine.metrics.drawdown import drawdowns
from engine.metrics.returns import Floats
from engine.reports.language import Lang
from engine.reports.scale import time_ticks
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
        all_sessions: every session of the run, drawn or not.
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

    def ticks(self, lang: Lang) -> list[tuple[int, str]]:
        """Labels of the time axis."""
        return time_ticks(self.all_sessions, lang)


def picture_points(result: Result, most: int = MOST_POINTS) -> Points:
    """Reduce a result to at most about `most` points; lows, highs and deepest falls of every stretch stay."""
    daily = _daily(result)
    kept = thin(daily["equity"].to_numpy(), daily["drawdown"].to_numpy(), most)
    return _points(result, daily, kept)


def paired_points(old: Result, new: Result) -> tuple[Points, Points]:
    """Points of two results on one time axis: the union of their sessions, not a number where one has none.

    The equity of the old result is scaled so that both start their rated range at the same level.
    """
    before, after = _daily(old), _daily(new)
    sessions = pl.concat([before.select("session"), after.select("session")]).unique().sort("session")
    aligned = [sessions.join(table, on="session", how="left", maintain_order="left") for table in (before, after)]
    kept = np.unique(
        np.concatenate([thin(_filled(table, "equity"), _filled(table, "drawdown"), MOST_POINTS) for table in aligned])
    )
    left, right = _points(old, aligned[0], kept), _points(new, aligned[1], kept)
    scale = right.start_equity / left.start_equity if left.start_equity > 0 else 1.0
    return replace(left, equity=left.equity * scale, start_equity=right.start_equity), right


def _daily(result: Result) -> pl.DataFrame:
    """One row a session: the values at its end and the deepest drawdown inside it."""
    equity = np.concatenate(([float(result.initial_cash)], result.equity["equity"].cast(pl.Float64).to_numpy()))
    return (
        result.equity.with_columns(pl.Series("drawdown", drawdowns(equity)[1:]))
        .group_by("session", maintain_order=True)
        .agg(
            pl.col("equity", "holdings", "positions", "benchmark").last().cast(pl.Float64),
            pl.col("drawdown").min(),
        )
    )


def _points(result: Result, daily: pl.DataFrame, kept: NDArray[np.int64]) -> Points:
    curve = rated_curve(result)
    sessions = daily["session"].to_list()
    warmup_end = sessions.index(curve.sessions[0]) if curve.sessions else len(sessions)
    equity, held = (daily[name].fill_null(np.nan).to_numpy() for name in ("equity", "holdings"))
    exposure = np.divide(held, equity, out=np.zeros(len(equity)), where=equity > 0)
    benchmark = daily["benchmark"].fill_null(np.nan).to_numpy()
    start_equity = float(curve.equity[0])
    return Points(
        sessions=[sessions[index] for index in kept],
        position=kept,
        equity=equity[kept],
        benchmark=_scaled(benchmark, equity, warmup_end, start_equity)[kept],
        drawdown=daily["drawdown"].fill_null(np.nan).to_numpy()[kept],
        exposure=exposure[kept],
        positions=daily["positions"].fill_null(np.nan).to_numpy()[kept],
        warmup_end=warmup_end,
        start_equity=start_equity,
        all_sessions=sessions,
    )


def _filled(table: pl.DataFrame, column: str) -> Floats:
    return table[column].forward_fill().backward_fill().to_numpy()


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
