"""Changed panels keep what was known, change everything else, and stay panels."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from engine.data.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, DividendTable, Panel, State, freeze
from engine.research.audit_inputs import INPUTS, Change, changed
from engine.research.audit_worlds import begun_at, cut_after, spliced, untradable_until, without_later_names
from tests.builders_panel import flat, make_panel

ROW = 300
BY_ROW = ("state", "base", "value", "shares")


def same(one: Panel, other: Panel, rows: slice) -> bool:
    """Whether two panels have the same rows."""
    arrays = [(one.bars[:, rows], other.bars[:, rows])]
    arrays += [(getattr(one, name)[rows], getattr(other, name)[rows]) for name in BY_ROW]
    arrays += [(one.indices[name][:, rows], other.indices[name][:, rows]) for name in one.indices]
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in arrays)


def actions_of(panel: Panel) -> list[tuple[Any, ...]]:
    return list(zip(*(column.tolist() for column in dataclasses.astuple(panel.actions)), strict=True))


def dividends_of(panel: Panel) -> list[tuple[Any, ...]]:
    return list(zip(*(column.tolist() for column in dataclasses.astuple(panel.dividends)), strict=True))


def with_dividends(panel: Panel, *entries: tuple[int, int, int, int]) -> Panel:
    """The panel with dividends (row, col, cash, row of payment)."""
    columns = np.array(sorted(entries), np.int64).reshape(-1, 4).T
    return dataclasses.replace(panel, dividends=DividendTable(*(freeze(column.copy()) for column in columns)))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("names", [(), *((name,) for name in INPUTS)])
def test_what_is_known_at_the_cut_stays(daily: Panel, names: tuple[str, ...], mirrored: bool) -> None:
    world = changed(daily, Change(after=ROW, seed=4, mirrored=mirrored), names)
    assert same(daily, world, slice(0, ROW + 1))
    assert not same(daily, world, slice(ROW + 1, None)) or names in (("actions",), ("dividends",))
    assert [each for each in actions_of(daily) if each[0] <= ROW] == [
        each for each in actions_of(world) if each[0] <= ROW
    ]
    listed = daily.first_row <= ROW
    assert np.array_equal(daily.first_row[listed], world.first_row[listed])
    ended = daily.last_row < ROW
    assert np.array_equal(daily.last_row[ended], world.last_row[ended])
    assert np.array_equal(daily.delisted_known[ended], world.delisted_known[ended])
    assert daily.tickers == world.tickers


def test_each_input_alone_changes_that_input_alone(daily: Panel) -> None:
    fields = {"open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME}
    for name, field in fields.items():
        world = changed(daily, Change(after=ROW, seed=4), (name,))
        moved = [place for place in range(5) if not np.array_equal(daily.bars[place], world.bars[place])]
        assert moved == [field]
        assert all(getattr(world, other) is getattr(daily, other) for other in BY_ROW)
    for name in ("value", "shares", "base"):
        world = changed(daily, Change(after=ROW, seed=4), (name,))
        assert world.bars is daily.bars
        assert [other for other in BY_ROW if getattr(world, other) is not getattr(daily, other)] == [name]


def test_a_world_with_everything_changed_is_a_panel(daily: Panel) -> None:
    for seed in range(4):
        world = changed(daily, Change(after=ROW, seed=seed))
        present = world.state & State.PRESENT > 0
        rows = np.arange(world.rows)[:, None]
        assert np.array_equal(present, (rows >= world.first_row) & (rows <= world.last_row))
        open_, high, low, close, volume = world.bars
        assert (low[present] >= 1).all()
        assert (high >= np.maximum(open_, close)).all()
        assert (low <= np.minimum(open_, close)).all()
        assert not world.bars[:, ~present].any()
        assert np.array_equal(volume > 0, world.state & State.TRADED > 0)
        inside = world.actions.row
        assert (inside >= world.first_row[world.actions.col]).all()
        assert (inside <= world.last_row[world.actions.col]).all()
        assert sorted(actions_of(world)) == actions_of(world)


def test_every_close_moves_and_the_mirror_image_moves_it_the_other_way(daily: Panel) -> None:
    one, other = (
        changed(daily, Change(after=ROW, seed=1, mirrored=mirrored), ("close",)) for mirrored in (False, True)
    )
    was, up, down = (panel.bars[CLOSE, ROW + 1].astype(float) for panel in (daily, one, other))
    there = was > 1_000  # a change of 3 % is more than rounding
    assert there.sum() > 20
    assert (np.sign(up - was)[there] == -np.sign(down - was)[there]).all()
    assert (abs(up - was)[there] > 0.01 * was[there]).all()


def test_the_same_seed_gives_the_same_world_and_another_one_another(daily: Panel) -> None:
    one, again, other = (changed(daily, Change(after=ROW, seed=seed)) for seed in (1, 1, 2))
    assert same(one, again, slice(None))
    assert actions_of(one) == actions_of(again)
    assert not same(one, other, slice(ROW + 1, None))


def test_a_cut_panel_ends_there_and_does_not_know_what_came(daily: Panel) -> None:
    cut = cut_after(daily, ROW)
    assert cut.rows == ROW + 1
    assert same(daily, cut, slice(0, ROW + 1))
    assert cut.last_row.max() == ROW
    assert (cut.actions.row <= ROW).all()
    assert not cut.delisted_known[daily.last_row >= ROW].any()
    later = daily.first_row > ROW
    assert later.any()
    assert not cut.state[:, later].any()
    assert cut.tickers == daily.tickers
    assert cut.instruments.filter(cut.instruments["listed"] > daily.session_date(ROW)).is_empty()


def test_a_panel_that_begins_later_is_what_the_reader_would_give(daily: Panel) -> None:
    begun = begun_at(daily, ROW)
    kept = daily.last_row >= ROW
    assert begun.tickers == tuple(np.array(daily.tickers)[kept])
    assert np.array_equal(begun.bars, daily.bars[:, ROW:, kept])
    assert np.array_equal(begun.ordinal, daily.ordinal[ROW:])
    assert begun.first_row.min() == 0
    names = [daily.tickers[col] for row, col, *_ in actions_of(daily) if row >= ROW]
    assert [begun.tickers[col] for _, col, *_ in actions_of(begun)] == names
    assert begun_at(daily, 0) is daily


def test_names_of_later_years_are_left_out() -> None:
    panel = make_panel(
        {"000001": flat(100, 6), "000002": [None, None, None, *flat(50, 3)], "000003": [None, *flat(70, 5)]},
        splits=[(4, "000002", 2, 1), (4, "000003", 2, 1)],
    )
    before = without_later_names(panel, 2)
    assert before is not None
    assert before.tickers == ("000001", "000003")
    assert actions_of(before) == [(4, 1, 0, 2, 1, 0)]
    assert before.bars[CLOSE, 5].tolist() == [100, 70]
    assert without_later_names(panel, 3) is None


def test_rows_before_the_first_decision_can_be_made_untradable() -> None:
    panel = make_panel({"000001": flat(100, 5), "000002": [None, None, *flat(50, 3)]})
    muted = untradable_until(panel, 2)
    assert (muted.state & State.UNTRADABLE > 0).tolist() == [
        [True, False],
        [True, False],
        [True, True],
        [False, False],
        [False, False],
    ]


def test_a_splice_takes_only_its_rows(daily: Panel) -> None:
    names = [name for name in INPUTS if name not in ("listing", "delisting")]
    world = changed(daily, Change(after=ROW, seed=3), names)
    mixed = spliced(daily, world, ROW + 10, ROW + 20)
    assert same(daily, mixed, slice(0, ROW + 10))
    assert same(world, mixed, slice(ROW + 10, ROW + 20))
    assert same(daily, mixed, slice(ROW + 20, None))
    inside = range(ROW + 10, ROW + 20)
    expected = [each for each in actions_of(daily) if each[0] not in inside]
    expected += [each for each in actions_of(world) if each[0] in inside]
    assert actions_of(mixed) == sorted(expected)


def test_dividends_follow_the_panel(daily: Panel) -> None:
    paid = [(100, 3, 500, 130), (ROW - 5, 1, 70, ROW + 20), (ROW + 4, 2, 90, ROW + 30), (ROW + 9, 0, 10, ROW + 9)]
    panel = with_dividends(daily, *paid)
    assert dividends_of(cut_after(panel, ROW)) == [(100, 3, 500, 130), (ROW - 5, 1, 70, ROW + 1)]
    begun = begun_at(panel, ROW)
    assert [(row, begun.tickers[col], cash, pay) for row, col, cash, pay in dividends_of(begun)] == [
        (4, daily.tickers[2], 90, 30),
        (9, daily.tickers[0], 10, 9),
    ]
    world = changed(panel, Change(after=ROW, seed=2), ("dividends",))
    assert dividends_of(world)[:2] == paid[:2]
    assert dividends_of(world) != paid
    mixed = spliced(panel, world, ROW + 1, ROW + 5)
    assert (ROW + 9, 0, 10, ROW + 9) in dividends_of(mixed)
    assert [each for each in dividends_of(mixed) if each[0] == ROW + 4] == [
        each for each in dividends_of(world) if each[0] == ROW + 4
    ]
