"""The part of a run that figures are computed on: one equity value per session, the warm-up left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from engine.metrics.returns import DAYS_PER_YEAR, Floats
from engine.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Equity and benchmark of the rated sessions.

    Shapes: sessions (n,); equity, benchmark (n + 1,), where position 0 stands before the first rated session;
    bar_equity (m + 1,) holds every rated bar, for drawdowns inside a session.

    Args:
        sessions: the rated sessions in order.
        start: the day of position 0: the last warm-up session, else the day before the first session.
        equity: won at the end of each session.
        benchmark: index at the end of each session; not a number where unknown.
        bar_equity: won at the end of each bar.
        warmup_bars: leading bars left out.
    """

    sessions: list[date]
    start: date
    equity: Floats
    benchmark: Floats
    bar_equity: Floats
    warmup_bars: int

    @property
    def years(self) -> float:
        """Calendar length from `start` to the last session, in years of 365 days."""
        return (self.sessions[-1] - self.start).days / DAYS_PER_YEAR if self.sessions else 0.0


def rated_curve(result: Result) -> Curve:
    """Cut off the warm-up and keep the last bar of each session."""
    table = result.equity
    warm = table["warmup"].to_numpy()
    warmup_bars = int(np.argmin(warm)) if len(warm) and not warm.all() else len(warm)
    rated = table[warmup_bars:]
    equity = rated["equity"].cast(pl.Float64).to_numpy()
    benchmark = rated["benchmark"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    days = rated["session"].to_physical().to_numpy()
    closing = np.flatnonzero(np.diff(days, append=days[-1:] + 1))
    sessions = rated["session"].gather(closing).to_list()
    before, index_before = float(result.initial_cash), np.nan
    start = sessions[0] - timedelta(days=1) if sessions else date.min
    if warmup_bars:
        last = table.row(warmup_bars - 1, named=True)
        before, start = float(last["equity"]), last["session"]
        index_before = np.nan if last["benchmark"] is None else float(last["benchmark"])
    return Curve(
        sessions=sessions,
        start=start,
        equity=np.concatenate(([before], equity[closing])),
        benchmark=np.concatenate(([index_before], benchmark[closing])),
        bar_equity=np.concatenate(([before], equity)),
        warmup_bars=warmup_bars,
    )
