"""What the future of a panel could have been instead: one function per input, each with random numbers of its own.

Rows after a cut are replaced by other values, those at or before it stay. Changed one by one, the inputs tell which of
them a decision has looked at; the bars of such a world need not be possible (a close above its high), because only
what was decided before them is read. Changed together they make one consistent world.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data.panel import (
    CASH,
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    SPLIT,
    VOLUME,
    ActionTable,
    DividendTable,
    Panel,
    State,
    freeze,
)
from engine.research.audit_worlds import chosen

FLAGS = np.uint8(State.FIRST_DAY | State.LIQUIDATION | State.MANAGED | State.WARNING | State.UNTRADABLE)
STEPS = 256  # different sizes of a change; drawing bytes is several times faster than drawing normal numbers
LEAST_STEP, MOST_STEP = 0.03, 0.12  # of a price from one bar to the next: never too small to turn a comparison around
LEAST_WIGGLE, MOST_WIGGLE = 0.02, 0.06  # of open, high, low and base price against the close of the same bar
LEAST_DRIFT, MOST_DRIFT, DRIFTING_BARS = 0.005, 0.02, 60  # whole levels move as well, for means over long windows
HALTED, ENDED, KEPT_ACTIONS = 0.3, 0.5, 0.5  # shares of bars, names, actions and dividends
LATEST_LISTING = 60  # bars by which a listing is put off at most
DAYS_TO_PAY = 30
BASE = 5  # beside the fields of a bar
RATIOS = ((2, 1), (1, 5), (11, 10))


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


def changed(panel: Panel, change: Change, inputs: Iterable[str] = ()) -> Panel:
    """The panel with another future; `inputs` are names of `INPUTS`, all of them where none is given."""
    wanted = set(inputs) or set(INPUTS)
    draft = _Draft(panel, change)
    for name, apply in INPUTS.items():
        if name in wanted:
            apply(draft)
        if name == "close" and wanted >= PRICES:
            _whole_bars(draft)
    return draft.panel()


class _Draft:
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


def _price(field: int) -> Callable[[_Draft], None]:
    def apply(draft: _Draft) -> None:
        draft.scale(draft.own("bars")[field, draft.begin :], draft.price_factor(field))

    return apply


def _base(draft: _Draft) -> None:
    draft.scale(draft.own("base")[draft.begin :], draft.price_factor(BASE))


def _whole_bars(draft: _Draft) -> None:
    """Highs above and lows below the other prices, where all of them have been changed."""
    prices = draft.own("bars")[:VOLUME, draft.begin :]
    prices[HIGH] = prices.max(axis=0)
    prices[LOW] = prices.min(axis=0)


def _amount(name: str, stream: int) -> Callable[[_Draft], None]:
    """Volume or traded won: several times more or less."""

    def apply(draft: _Draft) -> None:
        cells = draft.own("bars")[VOLUME] if name == "volume" else draft.own(name)
        if cells is not None:
            size = draft.dice(stream).uniform(-1.2, 1.2, STEPS)
            dice = draft.dice(stream + 100).integers(0, STEPS, draft.shape, dtype=np.uint8)
            draft.scale(cells[draft.begin :], np.exp(-size if draft.change.mirrored else size)[dice])

    return apply


def _shares(draft: _Draft) -> None:
    shares = draft.own("shares")
    if shares is not None:
        size = draft.dice(3).uniform(0.3, 1.0, draft.shape[1]) * draft.dice(103).choice([-1.0, 1.0], draft.shape[1])
        draft.scale(shares[draft.begin :], np.exp(-size if draft.change.mirrored else size)[None, :])


def _index(draft: _Draft) -> None:
    made = {}
    for place, (name, series) in enumerate(sorted(draft.source.indices.items())):
        later = series[:, draft.begin :] * draft.walk(draft.dice(200 + place))[:, 0]
        for field in (OPEN, HIGH, LOW):
            later[field] *= draft.wiggle(field, (later.shape[1],))
        later[HIGH], later[LOW] = later.max(axis=0), later.min(axis=0)
        made[name] = freeze(np.concatenate([series[:, : draft.begin], later], axis=1))
    draft.changes["indices"] = made


def _status(draft: _Draft) -> None:
    """Each flag of a bar turns with a chance of one in four, in the mirror image with another one in four."""
    state, dice = draft.own("state")[draft.begin :], draft.dice(4)
    turned, half = (dice.integers(0, 256, draft.shape, dtype=np.uint8) for _ in range(2))
    turned &= FLAGS & (~half if draft.change.mirrored else half)
    turned[state & State.PRESENT == 0] = 0
    state ^= turned


def _halts(draft: _Draft) -> None:
    """Bars without a trade: the close alone, no volume."""
    bars, state = draft.own("bars")[:, draft.begin :], draft.own("state")[draft.begin :]
    chance = draft.dice(5).random(draft.shape, dtype=np.float32)
    hit = chance > 1 - HALTED if draft.change.mirrored else chance < HALTED
    hit &= state & State.TRADED > 0
    state[hit] &= np.uint8(255 - State.TRADED)
    bars[VOLUME][hit] = 0
    for field in (OPEN, HIGH, LOW):
        bars[field][hit] = bars[CLOSE][hit]


def _listing(draft: _Draft) -> None:
    """Listings still to come are put off."""
    source = draft.source
    later = np.flatnonzero((source.first_row > draft.change.after) & (source.first_row < source.last_row))
    if not len(later):
        return
    first_row, delay = draft.own("first_row"), draft.dice(6).integers(1, LATEST_LISTING + 1, source.columns)
    was_first_day = source.state[source.first_row[later], later] & State.FIRST_DAY
    dates: dict[int, int | None] = {}
    for col, flag in zip(later.tolist(), was_first_day.tolist(), strict=True):
        old, new = int(first_row[col]), int(min(first_row[col] + delay[col], draft.now("last_row")[col]))
        _clear(draft, slice(old, new), col)
        draft.own("state")[new, col] |= flag
        first_row[col] = new
        if source.instruments["listed"][col] is not None:
            dates[col] = new
    draft.end_instruments("listed", dates)


def _delisting(draft: _Draft) -> None:
    """Some names end early, some of those that end go on, and what is known of an end still to come changes."""
    source, after = draft.source, draft.change.after
    dice = draft.dice(7)
    chance, place, told = dice.random(source.columns), dice.random(source.columns), dice.random(source.columns) < 0.5
    if draft.change.mirrored:
        chance = 1 - chance
    listed = (source.first_row <= after) & (source.last_row > after)
    goes_on = (source.first_row <= after) & (source.last_row >= after) & (source.last_row < source.rows - 1)
    ends = listed & (chance < ENDED)
    if listed.any() and not ends.any():
        ends[np.flatnonzero(listed)[0]] = True
    extended = goes_on & ~ends
    last_row, known = draft.own("last_row"), draft.own("delisted_known")
    dates: dict[int, int | None] = {}
    for col in np.flatnonzero(ends).tolist():
        new = after + int(place[col] * (last_row[col] - after))
        _clear(draft, slice(new + 1, int(last_row[col]) + 1), col)
        last_row[col], known[col] = new, told[col]
        dates[col] = new + 1 if told[col] else None
    for col in np.flatnonzero(extended).tolist():
        _carry_on(draft, col)
        last_row[col], known[col], dates[col] = source.rows - 1, False, None
    draft.end_instruments("delisted", dates)


def _actions(draft: _Draft) -> None:
    """Corporate actions still to come: half of them do not happen, others do."""
    dice, old = draft.dice(8), draft.source.actions
    kept = chosen(old, (old.row <= draft.change.after) | (dice.random(len(old)) < KEPT_ACTIONS))
    table = {(row, col): rest for row, col, *rest in zip(*_lists(kept), strict=True)}
    for row, col in _new_places(draft, dice):
        numerator, denominator = RATIOS[int(dice.integers(len(RATIOS)))]
        is_split = dice.random() < 0.7
        if (row, col) not in table:
            table[row, col] = [SPLIT, numerator, denominator, 0] if is_split else [CASH, 1, 1, 100]
    draft.changes["actions"] = ActionTable(*_sorted(table, 6))


def _dividends(draft: _Draft) -> None:
    """Dividends still to come: half of them are not paid, others are."""
    dice, old = draft.dice(9), draft.source.dividends
    kept = chosen(old, (old.row <= draft.change.after) | (dice.random(len(old)) < KEPT_ACTIONS))
    table = {(row, col): rest for row, col, *rest in zip(*_lists(kept), strict=True)}
    for row, col in _new_places(draft, dice):
        cash = max(int(draft.source.bars[CLOSE, row, col]) // 50, 1)
        table.setdefault((row, col), [cash, min(row + DAYS_TO_PAY, draft.source.rows)])
    draft.changes["dividends"] = DividendTable(*_sorted(table, 4))


def _new_places(draft: _Draft, dice: np.random.Generator) -> list[tuple[int, int]]:
    """Rows and columns at which something new happens to a name that is listed before and after."""
    rows, names = draft.shape
    count = max(names // 50, 1)
    places = zip(dice.integers(rows, size=count), dice.integers(names, size=count), strict=True)
    first, last = draft.now("first_row"), draft.now("last_row")
    found = [(draft.begin + int(row), int(col)) for row, col in places]
    return [(row, col) for row, col in found if first[col] < row <= last[col]]


def _lists(table: ActionTable | DividendTable) -> list[list[int]]:
    return [getattr(table, field.name).tolist() for field in dataclasses.fields(table)]


def _sorted(table: dict[tuple[int, int], list[int]], width: int) -> list[NDArray[np.int64]]:
    columns = np.array([(*key, *table[key]) for key in sorted(table)], np.int64).reshape(-1, width).T
    return [freeze(column.copy()) for column in columns]


# In the order in which one world takes them: names first, then what they trade at, then what happens to them.
INPUTS: dict[str, Callable[[_Draft], None]] = {
    "delisting": _delisting,
    "listing": _listing,
    "open": _price(OPEN),
    "high": _price(HIGH),
    "low": _price(LOW),
    "close": _price(CLOSE),
    "volume": _amount("volume", 1),
    "value": _amount("value", 2),
    "shares": _shares,
    "base": _base,
    "index": _index,
    "status": _status,
    "halts": _halts,
    "actions": _actions,
    "dividends": _dividends,
}
# These rewrite bars too, so they are blamed only where no single input moved the decision.
COMPOSITE = ("delisting", "listing", "halts")
PRICES = {"open", "high", "low", "close"}
NAMES = ("delisting", "listing")  # these move the first or last row of a name


def _clear(draft: _Draft, rows: slice, col: int) -> None:
    """Make rows of a name absent."""
    draft.own("bars")[:, rows, col] = 0
    for name, nothing in (("state", 0), ("base", 0), ("value", -1), ("shares", -1)):
        cells = draft.own(name)
        if cells is not None:
            cells[rows, col] = nothing


def _carry_on(draft: _Draft, col: int) -> None:
    """Give a name whose rows end further rows that repeat its last one."""
    end = int(draft.source.last_row[col])
    for name in ("state", "base", "value", "shares"):
        cells = draft.own(name)
        if cells is not None:
            cells[end + 1 :, col] = cells[end, col]
    bars = draft.own("bars")
    bars[:, end + 1 :, col] = bars[:, end, col][:, None]
    bars[VOLUME, end + 1 :, col] = max(int(bars[VOLUME, end, col]), 1)
    draft.own("state")[end + 1 :, col] = State.PRESENT | State.TRADED
