"""A sweep: one rule set with many values of its constants, run in chunks that give the same rows wherever they run.

A chunk is 64 variants, so that they share their features, and is the same however many processes there are. What is
finished lies in a folder (`engine.research.sweep_store`); running again takes up where it ended.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.research.identity import rules_hash
from engine.research.sweep_store import SweepStore
from engine.research.sweep_table import Evaluated, chunk_frame
from engine.research.workers import Workers
from engine.rules.constants import all_constants, with_constants
from engine.rules.grid import Grid, Point
from engine.rules.messages import Text
from engine.rules.number_uses import Role
from engine.rules.problem import RuleProblem
from engine.rules.tree import RuleSet
from engine.track import Track
from engine.variants import Variant, run_variants

CHUNK = 64
# Twenty thousand variants over ten years hold 400 MB of daily returns, and the statistics at the end need them all.
MOST_POINTS = 20_000
OUTSIDE = -1  # number of the unchanged rules where the grid does not have them


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is tried.

    Args:
        rules: the unchanged rules; they run too, as the yardstick.
        grid: the constants and their values.
        places: which points of the grid, increasing; a variant is numbered by its position here.
        config: of every run.
        start, end: first and last session that trade, None for those of the data.
    """

    rules: RuleSet
    grid: Grid
    places: Sequence[int]
    config: BacktestConfig
    start: datetime.date | None = None
    end: datetime.date | None = None

    @property
    def complete(self) -> bool:
        """Whether every point of the grid is tried."""
        return len(self.places) == self.grid.size

    @property
    def base_number(self) -> int:
        """Number of the variant that is the unchanged rules; `OUTSIDE` if none is."""
        values = {name: constant.value for name, constant in all_constants(self.rules).items()}
        place = self.grid.index_of(values)
        return OUTSIDE if place is None or place not in self.places else self.places.index(place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Variants that run together; `points` are (number of the variant, values of its constants)."""

    number: int
    rules: RuleSet
    config: BacktestConfig
    start: datetime.date | None
    end: datetime.date | None
    points: tuple[tuple[int, Point], ...]


def places_to_try(grid: Grid, samples: int | None, seed: int) -> Sequence[int]:
    """The points of a grid that a sweep tries, increasing: all of them, or a random sample.

    Raises:
        BadInput: more than `MOST_POINTS`.
    """
    wanted = grid.size if samples is None else min(samples, grid.size)
    if wanted > MOST_POINTS:
        raise BadInput(
            f"{wanted:,} variants are more than the {MOST_POINTS:,} that one sweep takes. Draw a random sample with "
            f"--samples N (a thousand already show where a rule holds), or give coarser steps."
        )
    return range(grid.size) if wanted == grid.size else sorted(grid.draw(wanted, seed))


def window_values(sweep: Sweep) -> list[Point]:
    """The combinations of windows that occur in a sweep; look-backs depend on nothing else."""
    axes = [axis.constants for axis in sweep.grid.axes if any(one.role is Role.WINDOW for one in axis.constants)]
    windows = {constant.name for constants in axes for constant in constants}
    found: dict[tuple[object, ...], Point] = {}
    for place in sweep.places:
        point = {name: value for name, value in sweep.grid.point(place).items() if name in windows}
        found.setdefault(tuple(point.values()), point)
    return list(found.values()) if windows else []


def chunks_of(sweep: Sweep) -> list[Chunk]:
    """The work of a sweep, cut into chunks.

    Variants with the same windows stand together: windows are what features cost, and a chunk computes each once.
    """
    windows = [place for place, axis in enumerate(sweep.grid.axes) if axis.constant.role is Role.WINDOW]
    by_window = []
    for number, place in enumerate(sweep.places):
        values = sweep.grid.places(place)
        by_window.append(([values[axis] for axis in windows], number, place))
    by_window.sort()
    points = [(number, sweep.grid.point(place)) for _, number, place in by_window]
    if sweep.base_number == OUTSIDE:
        points.insert(0, (OUTSIDE, {}))
    return [
        Chunk(
            number=number,
            rules=sweep.rules,
            config=sweep.config,
            start=sweep.start,
            end=sweep.end,
            points=tuple(points[begin : begin + CHUNK]),
        )
        for number, begin in enumerate(range(0, len(points), CHUNK))
    ]


def run_chunk(panel: Panel, chunk: Chunk) -> list[Evaluated]:
    """Run one chunk; a point without a meaning is kept with its reason."""
    rows: list[Evaluated] = []
    variants: list[Variant] = []
    for number, point in chunk.points:
        try:
            rules = with_constants(chunk.rules, point)
        except RuleProblem as problem:
            reason = Text(problem.in_language("ko"), problem.in_language("en"))
            rows.append(Evaluated(number=number, point=point, reason=reason))
            continue
        rows.append(Evaluated(number=number, point=point, rules_hash=rules_hash(rules)))
        variants.append(Variant(rules, chunk.config))
    tracks: Iterator[Track] = run_variants(variants, panel, chunk.start, chunk.end)
    return [row if row.reason else row.with_track(next(tracks)) for row in rows]


def run_sweep(
    sweep: Sweep,
    store: SweepStore,
    chunks: Sequence[Chunk],
    workers: Workers,
    *,
    periods: int,
    after_chunk: Callable[[Chunk, pl.DataFrame], None] | None = None,
) -> None:
    """Run those chunks that the folder does not have, and keep each as soon as it is finished.

    Args:
        sweep: what is tried.
        store: the open folder.
        chunks: of `chunks_of`, or some of them.
        workers: where the chunks run.
        periods: returns that make a year.
        after_chunk: told when a chunk is kept, with its rows.

    Raises:
        ConfigError, DataError, RuleError: as `engine.backtest.backtest`.
    """
    base = sweep.base_number
    missing = [chunk for chunk in chunks if not store.has(chunk.number)]
    for chunk, rows in zip(missing, workers.map(run_chunk, missing), strict=True):
        frame = chunk_frame(rows, sweep.grid, base=base, cash_won=sweep.config.cash_won, periods=periods)
        store.write(chunk.number, frame)
        if after_chunk is not None:
            after_chunk(chunk, frame)
