"""The step "regimes": in which phases of the market does the candidate add something? It only warns.

Each session's phase is known before the session begins:

    bull, bear, sideways   the index moved by more than +5 %, less than -5 %, or neither, over the 60 sessions that
                           ended the day before
    stormy, calm           the standard deviation of the index's last 20 daily returns, up to the day before, is above
                           the median of all such values so far, or not

The index is the benchmark of the configuration. Where the data has none, it is the chain of the median daily return
of all names that are listed on both days.
"""

from __future__ import annotations

from bisect import insort
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.panel import CLOSE, Panel, State
from engine.metrics.ratios import sharpe
from engine.metrics.returns import Floats
from engine.research.gate_difference import number
from engine.research.gate_evidence import Evidence
from engine.research.verdict import Step

PHASES = ("bull", "sideways", "bear", "calm", "stormy")


def regimes(evidence: Evidence) -> Step:
    """What the candidate adds in each phase; a phase with enough sessions in which it loses is a warning."""
    settings, periods = evidence.settings, evidence.windows.periods
    difference = evidence.difference
    index, source = market_index(evidence.panel, evidence.config.benchmark)
    phases = market_phases(index, settings.trend_sessions, settings.trend_move, settings.volatility_sessions)
    places = np.searchsorted(np.unique(evidence.panel.session), evidence.sessions)
    rows: list[dict[str, Any]] = []
    for name in PHASES:
        inside = difference[phases[name][places]]
        rows.append(
            {
                "phase": name,
                "sessions": len(inside),
                "difference": float(inside.mean() * periods) if len(inside) else None,
                "sharpe": number(sharpe(inside, periods)) if len(inside) else None,
            }
        )
    losing = [row["phase"] for row in rows if row["sessions"] >= settings.regime_sessions and row["difference"] < 0]
    figures: dict[str, Any] = {"index": source, "phases": rows, "losing": losing}
    if losing:
        return Step(name="regimes", outcome="warn", reason="loses_in", figures=figures)
    return Step(name="regimes", outcome="pass", reason="none_loses", figures=figures)


def market_index(panel: Panel, benchmark: str) -> tuple[Floats, str]:
    """Closes of the market by session, float64[S], and what they are: the benchmark, or "median" of all names."""
    ends = np.append(np.flatnonzero(np.diff(panel.session)), panel.rows - 1)
    if benchmark in panel.indices and np.isfinite(panel.indices[benchmark][CLOSE, ends]).any():
        return _carried(panel.indices[benchmark][CLOSE, ends]), benchmark
    chain = np.ones(len(ends))
    for place in range(1, len(ends)):
        before, now = ends[place - 1], ends[place]
        listed = (panel.state[before] & panel.state[now] & State.PRESENT) != 0
        moves = panel.bars[CLOSE, now, listed] / np.maximum(panel.bars[CLOSE, before, listed], 1)
        chain[place] = chain[place - 1] * (float(np.median(moves)) if len(moves) else 1.0)
    return chain, "median"


def market_phases(
    index: Floats, trend_sessions: int, trend_move: float, volatility_sessions: int
) -> dict[str, NDArray[np.bool_]]:
    """For each phase the sessions that lie in it, bool[S], from closes before the session only."""
    sessions = len(index)
    change = np.full(sessions, np.nan)
    change[trend_sessions + 1 :] = index[trend_sessions:-1] / index[: -trend_sessions - 1] - 1
    returns = index[1:] / index[:-1] - 1
    storm = np.full(sessions, np.nan)
    seen: list[float] = []
    # Session t may know the returns up to t - 1, which is number t - 2 of `returns`.
    for place in range(volatility_sessions + 1, sessions):
        value = float(returns[place - 1 - volatility_sessions : place - 1].std())
        if np.isfinite(value):
            insort(seen, value)
            middle = seen[len(seen) // 2]
            storm[place] = value > middle
    return {
        "bull": change > trend_move,
        "sideways": np.abs(change) <= trend_move,
        "bear": change < -trend_move,
        "calm": storm == 0,
        "stormy": storm == 1,
    }


def _carried(closes: Floats) -> Floats:
    """Unknown closes take the one before them; those before the first known one stay unknown."""
    known = np.isfinite(closes)
    place = np.maximum.accumulate(np.where(known, np.arange(len(closes)), -1))
    return np.where(place >= 0, closes[np.maximum(place, 0)], np.nan)
