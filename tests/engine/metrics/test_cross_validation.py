"""Walk-forward windows and purged splits; splits of skfolio 1.12.2 as published answers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.metrics.cross_validation import (
    assemble_paths,
    combinatorial_purged,
    fold_bounds,
    path_count,
    path_numbers,
    split_count,
    walk_forward_windows,
)


def runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """First and last row of each unbroken run."""
    parts = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts]


@pytest.mark.parametrize(
    ("folds", "test_folds", "splits", "paths"), [(6, 2, 15, 5), (10, 2, 45, 9), (6, 3, 20, 10), (16, 8, 12_870, 6_435)]
)
def test_splits_and_paths_have_the_published_numbers(folds, test_folds, splits, paths):
    assert split_count(folds, test_folds) == splits
    assert path_count(folds, test_folds) == paths


def test_there_are_as_many_splits_and_paths_as_are_counted():
    assert len(list(combinatorial_purged(120, 6, 2, purge=1))) == 15
    assert path_numbers(16, 8).shape == (12_870, 8)
    assert path_numbers(16, 8).max() + 1 == 6_435


def test_the_first_split_of_the_published_example():
    first = next(combinatorial_purged(600, 10, 2, purge=5, embargo=5))
    assert len(first.train) == 470
    assert first.train[0] == 130
    assert [runs(rows) for rows in first.test] == [[(0, 59)], [(60, 119)]]


@pytest.mark.parametrize(
    ("shape", "split", "train", "test"),
    [
        ((600, 10, 2, 5, 5), 1, [(70, 114), (190, 599)], [(0, 59), (120, 179)]),
        ((600, 10, 2, 5, 5), 8, [(70, 534)], [(0, 59), (540, 599)]),
        ((600, 10, 2, 5, 5), 44, [(0, 474)], [(480, 539), (540, 599)]),
        ((360, 6, 2, 30, 0), 8, [(0, 29), (150, 269)], [(60, 119), (300, 359)]),
        ((103, 6, 3, 7, 2), 1, [(43, 43), (77, 102)], [(0, 16), (17, 33), (51, 67)]),
        ((103, 6, 3, 7, 2), 8, [(26, 43), (77, 77)], [(0, 16), (51, 67), (85, 102)]),
        ((103, 6, 3, 7, 2), 19, [(0, 43)], [(51, 67), (68, 84), (85, 102)]),
    ],
)
def test_splits_are_those_of_skfolio(shape, split, train, test):
    rows, folds, test_folds, purge, embargo = shape
    ours = list(combinatorial_purged(rows, folds, test_folds, purge, embargo))[split]
    assert runs(ours.train) == train
    assert [run for rows in ours.test for run in runs(rows)] == test


def test_path_numbers_are_those_of_skfolio():
    assert path_numbers(6, 3)[:10].tolist() == [
        [0, 0, 0],
        [1, 1, 0],
        [2, 2, 0],
        [3, 3, 0],
        [4, 1, 1],
        [5, 2, 1],
        [6, 3, 1],
        [7, 2, 2],
        [8, 3, 2],
        [9, 3, 3],
    ]


@given(st.integers(30, 300), st.integers(3, 8), st.integers(1, 3), st.integers(0, 6), st.integers(0, 6))
def test_no_training_row_lies_within_the_label_horizon_of_a_test_row(rows, folds, test_folds, purge, embargo):
    assume(test_folds < folds)
    try:
        splits = list(combinatorial_purged(rows, folds, test_folds, purge, embargo))
    except BadInput as error:
        assert "no row to train on" in str(error)
        return
    for split in splits:
        tested = np.concatenate(split.test)
        distance = np.abs(split.train[:, None] - tested)
        assert distance.min() > purge
        after = split.train[:, None] - tested
        assert not ((after > 0) & (after <= purge + embargo)).any()
        # Nothing more is thrown away than that.
        left_out = np.setdiff1d(np.arange(rows), np.concatenate([split.train, tested]))
        gap = left_out[:, None] - tested
        assert ((gap < 0) & (gap >= -purge) | (gap > 0) & (gap <= purge + embargo)).any(axis=1).all()


@given(st.integers(8, 60), st.integers(2, 7), st.integers(1, 4))
def test_every_path_is_a_whole_history_of_out_of_sample_values(rows, folds, test_folds):
    assume(test_folds < folds)
    bounds = fold_bounds(rows, folds)
    assert [row for fold in bounds for row in fold] == list(range(rows))
    assert max(map(len, bounds)) - min(map(len, bounds)) <= 1
    # The value of a row is its number plus a thousand times its split, so every value tells where it is from.
    splits = list(combinatorial_purged(rows, folds, test_folds, purge=0))
    tested = [[test + 1_000.0 * number for test in split.test] for number, split in enumerate(splits)]
    paths = assemble_paths(rows, folds, test_folds, tested)
    assert paths.shape == (path_count(folds, test_folds), rows)
    assert (paths % 1_000 == np.arange(rows)).all()
    assert len(np.unique(paths)) == paths.size


def test_values_of_other_splits_are_refused():
    with pytest.raises(BadInput, match="have 15"):
        assemble_paths(60, 6, 2, [[np.zeros(10), np.zeros(10)]])


@pytest.mark.parametrize(
    ("arguments", "windows"),
    [
        (
            {"train": 60, "test": 20, "purge": 7},
            [
                ((0, 59), (67, 86)),
                ((20, 79), (87, 106)),
                ((40, 99), (107, 126)),
                ((60, 119), (127, 146)),
                ((80, 139), (147, 149)),
            ],
        ),
        (
            {"train": 60, "test": 20, "purge": 7, "anchored": True},
            [
                ((0, 59), (67, 86)),
                ((0, 79), (87, 106)),
                ((0, 99), (107, 126)),
                ((0, 119), (127, 146)),
                ((0, 139), (147, 149)),
            ],
        ),
        (
            {"train": 50, "test": 25, "purge": 0},
            [((0, 49), (50, 74)), ((25, 74), (75, 99)), ((50, 99), (100, 124)), ((75, 124), (125, 149))],
        ),
    ],
)
def test_walk_forward_windows_are_those_of_skfolio(arguments, windows):
    ours = walk_forward_windows(150, **arguments)
    assert [((w.train[0], w.train[-1]), (w.test[0], w.test[-1])) for w in ours] == windows


@given(
    st.integers(10, 400),
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(0, 30),
    st.integers(0, 10),
    st.booleans(),
)
def test_a_walk_forward_judges_every_row_after_the_first_training_once(rows, train, test, purge, embargo, anchored):
    assume(rows > train + purge + embargo)
    windows = walk_forward_windows(rows, train, test, purge, embargo, anchored)
    assert [row for window in windows for row in window.test] == list(range(train + purge + embargo, rows))
    for window in windows:
        assert window.test[0] - window.train[-1] - 1 == purge + embargo
        assert window.train[0] == 0 if anchored else len(window.train) == train
    for before, after in pairwise(windows):
        assert after.train[-1] - before.train[-1] == test


def test_impossible_windows_and_folds_are_refused():
    with pytest.raises(BadInput, match="leave nothing to test"):
        walk_forward_windows(67, train=60, test=20, purge=7)
    with pytest.raises(BadInput, match="impossible"):
        walk_forward_windows(100, train=0, test=20, purge=7)
    with pytest.raises(BadInput, match="fewer than there are"):
        combinatorial_purged(100, 5, 5, purge=1)
    with pytest.raises(BadInput, match="a fold needs a row"):
        combinatorial_purged(4, 5, 2, purge=0)
    with pytest.raises(BadInput, match="no row to train on"):
        list(combinatorial_purged(20, 5, 2, purge=30))
