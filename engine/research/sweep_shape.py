"""The shape of a sweep's result over its constants: which of them matter, and whether the best is a plateau or a spike.

A constant that was found by luck works at one value only; one that means something works nearly as well beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.rules.grid import Axis

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

MOST_LEVELS = 24  # rows or columns of a heat map; more values are put together, neighbours with neighbours
FEW_LEVELS = 8  # for influence: with as many groups as variants anything would seem to explain everything
RING = 10  # variants in one ring around the best of a random sample
RINGS = 5
PLATEAU, SPIKE = 2 / 3, 1 / 3

Form = Literal["plateau", "slope", "spike", "flat", "alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """The values of one axis, put together where there are too many to draw.

    Args:
        labels: of each bin, as the values are written in the rule.
        bin_of: int64[n], bin of each variant.
    """

    labels: tuple[str, ...]
    bin_of: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One constant alone: the median over everything else.

    Args:
        axis: place of the axis in the grid.
        influence: share of the differences between variants that this constant explains, 0 to 1 (epsilon squared).
        labels: of its values.
        medians: float64[values], not a number where no variant is.
    """

    axis: int
    influence: float
    labels: tuple[str, ...]
    medians: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Two constants: one cell for each pair of values.

    Args:
        across, down: places of the axes in the grid.
        columns, rows: labels of their values.
        cells: float64[rows, columns], not a number where there is no variant.
        best, base: (row, column) of the best and of the unchanged rules; None where the map does not have them.
        fixed: (place of an axis, label) of the constants that are held at the best variant's value; empty when a cell
            is the median over all other constants.
    """

    across: int
    down: int
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: Floats
    best: tuple[int, int] | None
    base: tuple[int, int] | None
    fixed: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Variants equally far from the best.

    Args:
        distance: steps of the grid; in a random sample 1 for the ten nearest variants, 2 for the next ten, ….
        count: how many.
        low, median, high: quartiles of their figure.
    """

    distance: int
    count: int
    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """How the figure falls around the best variant.

    Args:
        form: "plateau" when the nearest variants keep two thirds of the best one's lead over the middle of all,
            "spike" when they keep less than a third, "slope" between; "flat" when nothing leads, "alone" when the
            best has no neighbour.
        kept: the share of the lead that the nearest keep; None where there is none.
        best, middle: figure of the best, and median of all.
        rings: around the best, nearest first.
        edges: places of the axes at whose first or last value the best lies.
    """

    form: Form
    kept: float | None
    best: float
    middle: float
    rings: tuple[Ring, ...]
    edges: tuple[int, ...]


def bins_of(axis: Axis, places: Places, most: int = MOST_LEVELS) -> Bins:
    """The values that occur on an axis, at most `most` bins of neighbours.

    Shapes: places (n,), which value of the axis each variant takes.
    """
    levels, level_of = np.unique(places, return_inverse=True)
    count = min(len(levels), most)
    bin_of_level = np.arange(len(levels)) * count // len(levels)
    labels = []
    for number in range(count):
        inside = levels[bin_of_level == number]
        ends = dict.fromkeys((int(inside[0]), int(inside[-1])))
        labels.append(" … ".join(axis.constant.write(axis.values[place]) for place in ends))
    return Bins(labels=tuple(labels), bin_of=bin_of_level[level_of])


def profiles(axes: Sequence[Axis], places: Places, figure: Floats) -> tuple[Profile, ...]:
    """Each constant alone. Shapes: places (n, axes), figure (n,)."""
    found = []
    for number, axis in enumerate(axes):
        bins = bins_of(axis, places[:, number])
        few = bins_of(axis, places[:, number], FEW_LEVELS)
        found.append(
            Profile(
                axis=number,
                influence=_influence(few.bin_of, figure),
                labels=bins.labels,
                medians=_medians(bins.bin_of, len(bins.labels), figure),
            )
        )
    return tuple(found)


def heat_map(
    axes: Sequence[Axis],
    places: Places,
    figure: Floats,
    pair: tuple[int, int],
    *,
    best: int,
    base: int | None,
    at_best: bool,
) -> HeatMap:
    """The figure over two constants.

    Shapes: places (n, axes), figure (n,).

    Args:
        axes: of the grid.
        places: which value of each axis a variant takes.
        figure: of each variant.
        pair: the two axes; the one with more values runs across.
        best, base: rows of the best variant and of the unchanged rules.
        at_best: show only variants whose other constants are those of the best; else the median over the others.
    """
    across, down = sorted(pair, key=lambda axis: (-len(np.unique(places[:, axis])), axis))
    columns, rows = bins_of(axes[across], places[:, across]), bins_of(axes[down], places[:, down])
    others = [axis for axis in range(len(axes)) if axis not in pair]
    shown = np.ones(len(figure), dtype=np.bool_)
    if at_best:
        shown = (places[:, others] == places[best, others]).all(axis=1)
    width = len(columns.labels)
    cell_of = rows.bin_of * width + columns.bin_of
    cells = _medians(cell_of[shown], width * len(rows.labels), figure[shown]).reshape(len(rows.labels), width)

    def cell(row: int | None) -> tuple[int, int] | None:
        return None if row is None or not shown[row] else (int(rows.bin_of[row]), int(columns.bin_of[row]))

    fixed = tuple((axis, axes[axis].constant.write(axes[axis].values[int(places[best, axis])])) for axis in others)
    return HeatMap(
        across=across,
        down=down,
        columns=columns.labels,
        rows=rows.labels,
        cells=cells,
        best=cell(best),
        base=cell(base),
        fixed=fixed if at_best else (),
    )


def neighbourhood(axes: Sequence[Axis], places: Places, figure: Floats, best: int, *, complete: bool) -> Neighbourhood:
    """How the figure falls around the best variant. Shapes: places (n, axes), figure (n,).

    `complete` says that the whole grid was tried: then variants one step away in any of the constants are the
    nearest. In a random sample the ten nearest are, by the largest distance as a share of the range of a constant.
    """
    distance = np.abs(places - places[best])
    if complete:
        ring_of = distance.max(axis=1)
    else:
        spans = np.array([max(axis.size - 1, 1) for axis in axes], dtype=np.float64)
        order = np.argsort((distance / spans).max(axis=1), kind="stable")
        order = order[order != best]
        ring_of = np.zeros(len(figure), dtype=np.int64)
        ring_of[order] = np.arange(len(order)) // RING + 1
    rings = []
    for number in range(1, min(int(ring_of.max()), RINGS) + 1):
        inside = figure[ring_of == number]
        if len(inside):
            low, median, high = (float(value) for value in np.quantile(inside, (0.25, 0.5, 0.75)))
            rings.append(Ring(distance=number, count=len(inside), low=low, median=median, high=high))
    top, middle = float(figure[best]), float(np.median(figure))
    lead = top - middle
    kept = (rings[0].median - middle) / lead if rings and lead > 0 else None
    return Neighbourhood(
        form=_form(kept, bool(rings)),
        kept=kept,
        best=top,
        middle=middle,
        rings=tuple(rings),
        edges=tuple(
            number for number, axis in enumerate(axes) if axis.size > 1 and places[best, number] in (0, axis.size - 1)
        ),
    )


def _form(kept: float | None, has_neighbours: bool) -> Form:
    if not has_neighbours:
        return "alone"
    if kept is None:
        return "flat"
    return "plateau" if kept >= PLATEAU else "spike" if kept < SPIKE else "slope"


def _influence(groups: Places, figure: Floats) -> float:
    """Epsilon squared of a grouping: the explained share of the variance, less what random groups would explain."""
    count = int(groups.max()) + 1 if len(groups) else 0
    total = float(((figure - figure.mean()) ** 2).sum()) if len(figure) else 0.0
    if count < 2 or len(figure) <= count or total <= 0:
        return 0.0
    sizes = np.bincount(groups, minlength=count)
    means = np.bincount(groups, weights=figure, minlength=count) / sizes
    between = float((sizes * (means - figure.mean()) ** 2).sum())
    within = (total - between) / (len(figure) - count)
    return max(0.0, (between - (count - 1) * within) / total)


def _medians(groups: Places, count: int, figure: Floats) -> Floats:
    found = np.full(count, np.nan)
    order = np.argsort(groups, kind="stable")
    bounds = np.searchsorted(groups[order], np.arange(count + 1))
    for number in range(count):
        inside = figure[order[bounds[number] : bounds[number + 1]]]
        if len(inside):
            found[number] = np.median(inside)
    return found
