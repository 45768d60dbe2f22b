"""Another future of the names themselves: when they are listed, halted and delisted, and what they split and pay."""

from __future__ import annotations

import dataclasses

import numpy as np
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
    State,
    freeze,
)
from engine.research.audit_draft import Draft
from engine.research.audit_worlds import chosen

HALTED, ENDED, KEPT_ENTRIES = 0.3, 0.5, 0.5  # shares of bars, of names, of actions and dividends
LATEST_LISTING = 60  # bars by which a listing is put off at most
RATIOS = ((2, 1), (1, 5), (11, 10))
DAYS_TO_PAY = 30


def change_halts(draft: Draft) -> None:
    """Bars without a trade: the close alone, no volume."""
    bars, state = draft.own("bars")[:, draft.begin :], draft.own("state")[draft.begin :]
    chance = draft.dice(5).random(draft.shape, dtype=np.float32)
    hit = chance > 1 - HALTED if draft.change.mirrored else chance < HALTED
    hit &= state & State.TRADED > 0
    state[hit] &= np.uint8(255 - State.TRADED)
    bars[VOLUME][hit] = 0
    for field in (OPEN, HIGH, LOW):
        bars[field][hit] = bars[CLOSE][hit]


def change_listing(draft: Draft) -> None:
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


def change_delisting(draft: Draft) -> None:
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


def change_actions(draft: Draft) -> None:
    """Corporate actions still to come: half of them do not happen, others do."""
    dice, old = draft.dice(8), draft.source.actions
    kept = chosen(old, (old.row <= draft.change.after) | (dice.random(len(old)) < KEPT_ENTRIES))
    table = {(row, col): rest for row, col, *rest in zip(*_lists(kept), strict=True)}
    for row, col in _new_places(draft, dice):
        numerator, denominator = RATIOS[int(dice.integers(len(RATIOS)))]
        is_split = dice.random() < 0.7
        if (row, col) not in table:
            table[row, col] = [SPLIT, numerator, denominator, 0] if is_split else [CASH, 1, 1, 100]
    draft.changes["actions"] = ActionTable(*_sorted(table, 6))


def change_dividends(draft: Draft) -> None:
    """Dividends still to come: half of them are not paid, others are."""
    dice, old = draft.dice(9), draft.source.dividends
    kept = chosen(old, (old.row <= draft.change.after) | (dice.random(len(old)) < KEPT_ENTRIES))
    table = {(row, col): rest for row, col, *rest in zip(*_lists(kept), strict=True)}
    for row, col in _new_places(draft, dice):
        cash = max(int(draft.source.bars[CLOSE, row, col]) // 50, 1)
        table.setdefault((row, col), [cash, min(row + DAYS_TO_PAY, draft.source.rows)])
    draft.changes["dividends"] = DividendTable(*_sorted(table, 4))


def _new_places(draft: Draft, dice: np.random.Generator) -> list[tuple[int, int]]:
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


def _clear(draft: Draft, rows: slice, col: int) -> None:
    """Make rows of a name absent."""
    draft.own("bars")[:, rows, col] = 0
    for name, nothing in (("state", 0), ("base", 0), ("value", -1), ("shares", -1)):
        cells = draft.own(name)
        if cells is not None:
            cells[rows, col] = nothing


def _carry_on(draft: Draft, col: int) -> None:
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
