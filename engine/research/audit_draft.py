"""A panel in the making: the arrays that a change of its future writes to, and the random numbers that it takes."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data.panel import CLOSE, ActionTable, DividendTable, Panel, freeze
from engine.research.audit_worlds import chosen

STEPS = 256  # different sizes of a change; drawing bytes is several times faster than drawing normal numbers
LEAST_STEP, MOST_STEP = 0.03, 0.12  # of a price from one bar to the next: never too small to turn a comparison around
LEAST_WIGGLE, MOST_WIGGLE = 0.02, 0.06  # of open, high, low and base price against the close of the same bar
LEAST_DRIFT, MOST_DRIFT, DRIFTING_BARS = 0.005, 0.02, 60  # whole levels move as well, for means over long windows


@dataclasses.dataclass(frozen=True)
class Change:
    """Which future to draw; equal values give the same world.

    Args:
        after: last row that stays as it is.
        seed: of all random numbers.
        mirrored: every move of a price the other way round: of a world and its mirror one contradicts what happened.
    """

    after: int
    seed: int
    mirrored: bool = False


class Draft:
    """A panel in the making: arrays are copied when an input first writes to them."""

    def __init__(self, panel: Panel, change: Change) -> None:
        self.source, self.change = panel, change
        self.begin = change.after + 1  # first row that may differ
        self.changes: dict[str, Any] = {}

    def own(self, name: str) -> Any:
        """An array of the panel that may be written to; None where the data has none."""
        if name not in self.changes:
            given = getattr(self.source, name)
            self.changes[name] = None if given is None else np.array(given)
        return self.changes[name]

    def now(self, name: str) -> Any:
        """A field as it is at this stage."""
        return self.changes.get(name, getattr(self.source, name))

    def dice(self, stream: int) -> np.random.Generator:
        """Random numbers of one input, the same whatever else is changed."""
        return np.random.default_rng([self.change.seed, self.change.after, stream])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows that may differ, and instruments."""
        return self.source.rows - self.begin, self.source.columns

    @cached_property
    def close_factor(self) -> NDArray[np.float64]:
        """What closes are multiplied by: float64[rows, N]."""
        return self.walk(self.dice(0))

    def price_factor(self, field: int) -> NDArray[np.float64]:
        """The same for another price, a little off, so that what holds within a bar moves as well as between bars."""
        return self.close_factor if field == CLOSE else self.close_factor * self.wiggle(field, self.shape)

    def wiggle(self, field: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Factors a few percent off 1, own ones for each field."""
        sizes = np.linspace(LEAST_WIGGLE, MOST_WIGGLE, STEPS // 2)
        table = np.concatenate([sizes, -sizes])
        places = self.dice(10 + field).integers(0, STEPS, shape, dtype=np.uint8)
        return np.exp(-table if self.change.mirrored else table)[places]

    def walk(self, dice: np.random.Generator) -> NDArray[np.float64]:
        """Steps of either sign on a level that drifts away for a while."""
        rows, names = self.shape
        steps = np.linspace(LEAST_STEP, MOST_STEP, STEPS // 2)
        table = np.concatenate([steps, -steps])
        drift = dice.uniform(LEAST_DRIFT, MOST_DRIFT, names) * dice.choice([-1.0, 1.0], names)
        bars = np.minimum(np.arange(1, rows + 1), DRIFTING_BARS)
        factor: NDArray[np.float64] = table[dice.integers(0, STEPS, (rows, names), dtype=np.uint8)]
        factor += bars[:, None] * drift
        if self.change.mirrored:
            np.negative(factor, out=factor)
        return np.exp(factor, out=factor)

    def scale(self, cells: NDArray[np.int64], factor: NDArray[np.float64]) -> None:
        """Multiply what is positive, in place; a positive value stays one, 0 and −1 mean that there is none."""
        known = cells > 0
        cells[:] = np.where(known, np.maximum(np.rint(cells * factor), 1), cells)

    def end_instruments(self, column: str, days: dict[int, int | None]) -> None:
        """Dates of the table of instruments, by panel column: the row of the session, None for no date."""
        frame: pl.DataFrame = self.now("instruments")
        dates = frame[column].to_list()
        for place, row in days.items():
            dates[place] = None if row is None else self.source.session_date(min(row, self.source.rows - 1))
        self.changes["instruments"] = frame.with_columns(pl.Series(column, dates, dtype=pl.Date))

    def panel(self) -> Panel:
        frozen: dict[str, Any] = {
            name: freeze(value) if isinstance(value, np.ndarray) else value for name, value in self.changes.items()
        }
        made = dataclasses.replace(self.source, **frozen)
        if not {"first_row", "last_row"} & set(frozen):
            return made
        return dataclasses.replace(
            made,
            actions=chosen(made.actions, self.happens(made, made.actions)),
            dividends=chosen(made.dividends, self.happens(made, made.dividends)),
        )

    def happens(self, made: Panel, table: ActionTable | DividendTable) -> NDArray[np.bool_]:
        """Which entries fall on rows that their name still has."""
        inside = (table.row >= made.first_row[table.col]) & (table.row <= made.last_row[table.col])
        return (table.row < self.begin) | inside
