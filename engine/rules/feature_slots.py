"""Where the numbers of the feature graph live: slots with a few rows of history, and views of the market arrays.

Kernels take every input as a pair (flat array, position of the first cell of the present block); slots and sources
both give that pair, so one kernel reads either.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class Actions(Protocol):
    """Corporate actions sorted by (row, col): new quantity = old × numerator / denominator. int64[A] each."""

    @property
    def row(self) -> Integers: ...
    @property
    def col(self) -> Integers: ...
    @property
    def numerator(self) -> Integers: ...
    @property
    def denominator(self) -> Integers: ...


@dataclass(frozen=True)
class ActionArrays:
    """The plainest `Actions`."""

    row: Integers
    col: Integers
    numerator: Integers
    denominator: Integers

    @classmethod
    def none(cls) -> ActionArrays:
        empty = np.empty(0, np.int64)
        return cls(empty, empty, empty, empty)


@dataclass(frozen=True)
class MarketArrays:
    """What features read: a panel's arrays, or a live market's that grow row by row.

    Args:
        bars: int64[5, T, N]: open, high, low, close in price units (won × price_scale), volume in shares; 0 where
        absent.
        state: uint8[T, N]; bit 1 = present.
        value: int64[T, N] traded won, -1 unknown; None when the data has none.
        shares: int64[T, N] listed shares, -1 unknown; None when the data has none.
        indices: per index float64[4, T]: open, high, low, close in points; NaN unknown.
        ordinal: int64[T], strictly increasing, a function of absolute time alone; recursions restart by it.
        session: int64[T], days since 1970-01-01.
        closed_at_ns: int64[T], UTC nanoseconds.
        first_row: int64[N], first row on which the instrument is present.
        actions: corporate actions sorted by row.
        price_scale: price units per won.
        bars_per_year: 252 for days, 52 for weeks, 252 × 390 / k for k minutes.
    """

    bars: Integers
    state: NDArray[np.uint8]
    value: Integers | None
    shares: Integers | None
    indices: Mapping[str, NDArray[np.float64]]
    ordinal: Integers
    session: Integers
    closed_at_ns: Integers
    first_row: Integers
    actions: Actions
    price_scale: int
    bars_per_year: float

    @property
    def columns(self) -> int:
        return int(self.bars.shape[2])


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A flat read-only view, so that kernels see one type whether the array is mapped, shared or our own."""
    view = np.ascontiguousarray(array).reshape(-1).view(np.ndarray)
    view.flags.writeable = False
    return view


class Dimension(NamedTuple):
    """What values are made of.

    Args:
        degree: at a corporate action with price ratio r past values become × r ** degree: prices 1, volumes -1, traded
            won, ratios and verdicts 0.
        power: values stand in won × price_scale ** power. Prices stay in price units inside the graph, so that their
            sums and differences are exact.
    """

    degree: int = 0
    power: int = 0

    def times(self, other: Dimension) -> Dimension:
        return Dimension(self.degree + other.degree, self.power + other.power)

    def over(self, other: Dimension) -> Dimension:
        return Dimension(self.degree - other.degree, self.power - other.power)


PURE = Dimension()
PRICE = Dimension(degree=1, power=1)
SHARES = Dimension(degree=-1)


class Source:
    """A read-only array of the market as a kernel input; `width` cells a row, 0 for an array that is not by row."""

    __slots__ = ("array_of", "at", "dimension", "values", "width")

    def __init__(
        self, array_of: Callable[[MarketArrays], NDArray[Any]], width: int, dimension: Dimension = PURE
    ) -> None:
        self.array_of, self.width, self.dimension = array_of, width, dimension
        self.values: NDArray[Any] = np.empty(0)
        self.at = 0

    def bind(self, market: MarketArrays) -> None:
        self.values = frozen(self.array_of(market))

    def begin(self, row_from: int) -> None:
        self.at = row_from * self.width


class Slot:
    """One column of the graph: `history` rows before the present block and the block, flat and time-major.

    `lookback` counts the rows before a row that its value depends on.
    """

    __slots__ = (
        "at",
        "capacity",
        "dimension",
        "history",
        "lookback",
        "row",
        "rows",
        "unknown",
        "values",
        "width",
    )

    def __init__(self, width: int, dtype: type, lookback: int, dimension: Dimension) -> None:
        self.width, self.lookback, self.dimension = width, lookback, dimension
        self.unknown = np.nan if dtype is np.float64 else -1 if dtype is np.int8 else 0
        self.values: NDArray[Any] = np.empty(0, dtype)
        self.history = self.capacity = self.row = self.rows = self.at = 0

    def keep(self, history: int) -> None:
        """Ask for at least so many rows before the block."""
        self.history = max(self.history, history)

    def begin(self, rows: int) -> None:
        """Move on to a block of `rows` rows behind the last one; its last `history` rows stay readable."""
        end = self.row + self.rows
        if end + rows > self.capacity or self.history == 0:
            end = self._make_room(end, rows)
        self.row, self.rows, self.at = end, rows, end * self.width

    def block(self) -> NDArray[Any]:
        return self.values[self.at : self.at + self.rows * self.width].reshape(self.rows, self.width)

    def _make_room(self, end: int, rows: int) -> int:
        """Move the history to the front, into a larger array where it must; twice the history makes moves rare."""
        if self.capacity == 0:
            end = self.history
        kept = self.values[(end - self.history) * self.width : end * self.width]
        if self.history + rows > self.capacity:
            self.capacity = self.history + max(rows, self.history)
            larger = np.full(self.capacity * self.width, self.unknown, self.values.dtype)
            larger[: kept.size] = kept
            self.values = larger
        elif kept.size:
            self.values[: kept.size] = kept
        return self.history


class ActionBook:
    """Corporate actions arranged for kernels: sorted by row, chained by column, with their factors by degree."""

    def __init__(self, market: MarketArrays) -> None:
        actions = market.actions
        changed = np.flatnonzero(np.asarray(actions.numerator) != np.asarray(actions.denominator))
        self.row = frozen(np.asarray(actions.row, np.int64)[changed])
        self.column = frozen(np.asarray(actions.col, np.int64)[changed])
        self._numerator = np.asarray(actions.numerator, np.float64)[changed]
        self._denominator = np.asarray(actions.denominator, np.float64)[changed]
        self._rows: list[int] = self.row.tolist()
        previous, following = [-1] * len(self._rows), [2**62] * len(self._rows)
        latest: dict[int, int] = {}
        for number, (row, column) in enumerate(zip(self._rows, self.column.tolist(), strict=True)):
            if column in latest:
                previous[number] = latest[column]
                following[latest[column]] = row
            latest[column] = number
        self.previous = frozen(np.array(previous, np.int64))
        self.next_row = frozen(np.array(following, np.int64))
        self._factors: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def starting_at(self, row: int) -> int:
        """Number of the first action on or after the row."""
        return bisect_left(self._rows, row)

    def factors(self, degree: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Past values of that degree become × first / second: a split 1 to 5 makes past prices × 1 / 5."""
        if degree not in self._factors:
            over, under = (self._denominator, self._numerator) if degree > 0 else (self._numerator, self._denominator)
            self._factors[degree] = frozen(over ** abs(degree)), frozen(under ** abs(degree))
        return self._factors[degree]
