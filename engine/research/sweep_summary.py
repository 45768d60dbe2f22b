"""What a finished sweep says: the best variants, whether they are more than luck, and the shape around the best."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.metrics.deflated_sharpe import deflated_sharpe
from engine.metrics.overfitting import Overfitting, pbo
from engine.metrics.sharpe import Moments, moments
from engine.metrics.undefined import Figure, Undefined
from engine.research.gate_settings import GateSettings
from engine.research.sweep import Sweep
from engine.research.sweep_shape import HeatMap, Neighbourhood, Profile, heat_map, neighbourhood, profiles
from engine.research.sweep_table import Floats, returns_matrix
from engine.research.trial_count import TrialCount

BLOCKS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """A Sharpe ratio against what the luckiest of so many useless trials would show.

    Args:
        measured, expected: both per year; `expected` is that of the luckiest useless trial.
        probability: that the true one is above what luck shows.
        trials: how many are counted.
    """

    measured: float
    expected: float
    probability: Figure
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """Is the best variant more than luck?

    Args:
        count: trials of the ledger, raw and effective.
        lead: its daily difference from the unchanged rules, among the effective trials ever made on this data; None
            where the unchanged rules are the best, or all differences are equal.
        own: its own returns, with every variant of the sweep as a trial of its own.
    """

    count: TrialCount
    lead: Deflated | None
    own: Deflated


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """What the table of a sweep amounts to.

    Args:
        table: all variants by number.
        ranking: numbers of rows of the table with a Sharpe ratio, best first.
        base_row: row of the unchanged rules.
        evaluated: variants that ran.
        without_meaning: points whose values make no rule.
        silent: variants that never filled an order.
        luck: None where nothing has a Sharpe ratio.
        overfitting: probability of backtest overfitting over all variants that ran.
        profiles: one for each constant.
        maps: of the two constants that matter most: at the best values of the others where the whole grid ran, and
            as medians; empty with one constant.
        neighbourhood: around the best point of the grid; None where no point ran.
    """

    table: pl.DataFrame
    ranking: tuple[int, ...]
    base_row: int
    evaluated: int
    without_meaning: int
    silent: int
    luck: Luck | None
    overfitting: Overfitting | Undefined
    profiles: tuple[Profile, ...]
    maps: tuple[HeatMap, ...]
    neighbourhood: Neighbourhood | None

    @property
    def best_row(self) -> int | None:
        """Row of the best variant."""
        return self.ranking[0] if self.ranking else None

    @property
    def base_rank(self) -> int | None:
        """Place of the unchanged rules, from 1; None if they have no Sharpe ratio."""
        return self.ranking.index(self.base_row) + 1 if self.base_row in self.ranking else None


def summarize_sweep(table: pl.DataFrame, sweep: Sweep, trials: TrialCount, *, periods: int) -> SweepSummary:
    """Sum up the whole table of a sweep.

    Args:
        table: of `SweepStore.finish`.
        sweep: what was tried.
        trials: all trials of the dataset, those of this sweep among them.
        periods: returns that make a year.
    """
    ran = table["returns"].is_not_null().to_numpy()
    sharpe = table["sharpe"].to_numpy()
    known = np.flatnonzero(np.isfinite(sharpe))
    ranking = known[np.lexsort((known, -sharpe[known]))]
    returns = returns_matrix(table.filter(pl.col("returns").is_not_null()))
    column = np.cumsum(ran) - 1  # of a row that ran, in the matrix of returns
    base = int(np.flatnonzero(table["base"].to_numpy())[0])
    shape = _Shape(table, sweep, ran)
    return SweepSummary(
        table=table,
        ranking=tuple(int(row) for row in ranking),
        base_row=base,
        evaluated=int(ran.sum()),
        without_meaning=int((~ran).sum()),
        silent=int((table["fills"] == 0).sum()),
        luck=_luck(returns, column[ranking[0]], column[base], trials, periods) if len(ranking) else None,
        overfitting=pbo(returns, BLOCKS) if len(returns) else Undefined.TOO_FEW_SESSIONS,
        profiles=shape.profiles(),
        maps=shape.maps(),
        neighbourhood=shape.neighbourhood(),
    )


def _luck(returns: Floats, best: int, base: int, count: TrialCount, periods: int) -> Luck | None:
    """The best of the columns, against luck."""
    tracks = [moments(series) for series in returns.T]
    track = tracks[best]
    if isinstance(track, Undefined):
        return None
    sharpes = [found.sharpe for found in tracks if not isinstance(found, Undefined)]
    spread = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else 0.0
    lead = moments(returns[:, best] - returns[:, base])
    return Luck(
        count=count,
        lead=None if isinstance(lead, Undefined) else _deflated(lead, count.effective, _variance(count, lead), periods),
        own=_deflated(track, len(sharpes), spread, periods),
    )


def _variance(count: TrialCount, track: Moments) -> float:
    """Variance of the Sharpe ratios across clusters of trials, at least that of useless rules, which is 1 / (T - 1).

    The gate measures it in the same way: a few clusters say nothing about it.
    """
    useless = 1 / (track.observations - 1)
    measured = count.clusters.sharpe_variance if count.clusters else None
    if not isinstance(measured, float) or count.effective < GateSettings().least_clusters:
        return useless
    return max(measured, useless)


def _deflated(track: Moments, trials: int, variance: float, periods: int) -> Deflated:
    found = deflated_sharpe(track, max(trials, 1), variance)
    year = sqrt(periods)
    return Deflated(
        measured=track.sharpe * year,
        expected=found.expected_maximum * year,
        probability=found.probability,
        trials=found.trials,
    )


class _Shape:
    """The variants that ran and lie in the grid, as places on its axes; one that never traded has a Sharpe ratio of 0.

    The unchanged rules are left out where the grid does not have them: they have no place on the axes.
    """

    def __init__(self, table: pl.DataFrame, sweep: Sweep, ran: NDArray[np.bool_]) -> None:
        self._axes, self._complete = sweep.grid.axes, sweep.complete
        numbers = table["variant"].to_numpy()
        rows = np.flatnonzero(ran & (numbers >= 0))
        places = [sweep.grid.places(sweep.places[int(number)]) for number in numbers[rows]]
        self._places = np.array(places, dtype=np.int64).reshape(len(rows), len(self._axes))
        self._figure = np.nan_to_num(table["sharpe"].to_numpy()[rows])
        self._best = int(self._figure.argmax()) if len(rows) else None
        base = np.flatnonzero(table["base"].to_numpy()[rows])
        self._base = int(base[0]) if len(base) else None

    def profiles(self) -> tuple[Profile, ...]:
        return profiles(self._axes, self._places, self._figure) if self._best is not None else ()

    def maps(self) -> tuple[HeatMap, ...]:
        if self._best is None or len(self._axes) < 2:
            return ()
        by_influence = sorted(self.profiles(), key=lambda profile: (-profile.influence, profile.axis))
        pair = (by_influence[0].axis, by_influence[1].axis)
        ways = (True, False) if self._complete and len(self._axes) > 2 else (False,)
        return tuple(
            heat_map(self._axes, self._places, self._figure, pair, best=self._best, base=self._base, at_best=at_best)
            for at_best in ways
        )

    def neighbourhood(self) -> Neighbourhood | None:
        if self._best is None:
            return None
        return neighbourhood(self._axes, self._places, self._figure, self._best, complete=self._complete)
