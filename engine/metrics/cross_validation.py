"""Training and test rows that do not leak into each other: walk-forward windows and combinatorial purged splits.

A row's label looks ahead: the outcome of a trade decided in row t is known `purge` rows later. A training row whose
label overlaps the label of a test row has seen the answer, on either side of the test; such rows are purged. The
embargo leaves out further rows after a test, for what lingers longer than a label.

Purge by the longest horizon of the labels, in rows of the panel, not by a fixed number.

Source: M. López de Prado, "Advances in Financial Machine Learning" (2018), chapters 7 and 12.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput
from engine.metrics.returns import Floats

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One step of a walk forward: rows to choose on, and the rows after the gap to be judged on."""

    train: range
    test: range


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgedSplit:
    """One choice of test folds.

    Args:
        test_folds: numbers of the folds that are tested.
        train: rows to choose on, ascending; purged and embargoed.
        test: rows of each test fold, in the order of `test_folds`.
    """

    test_folds: tuple[int, ...]
    train: Rows
    test: tuple[Rows, ...]


def walk_forward_windows(
    rows: int, train: int, test: int, purge: int, embargo: int = 0, anchored: bool = False
) -> tuple[Window, ...]:
    """Windows whose tests follow each other without gap or overlap to the last row.

    Between training and test lie `purge` + `embargo` rows. `anchored` training starts at row 0 and grows; otherwise
    it moves along with its length. The last test may be shorter, so that the newest rows are judged too.

    Raises:
        BadInput: lengths that leave no test row.

    >>> [(window.train, window.test) for window in walk_forward_windows(10, train=4, test=3, purge=1)]
    [(range(0, 4), range(5, 8)), (range(3, 7), range(8, 10))]
    """
    if train < 1 or test < 1 or purge < 0 or embargo < 0:
        raise BadInput(
            f"A walk forward over windows of {train} and {test} rows with {purge} purged and {embargo} embargoed is "
            "impossible: windows need a row or more, and gaps none or more."
        )
    gap = purge + embargo
    if rows <= train + gap:
        raise BadInput(
            f"{rows} rows leave nothing to test after {train} rows of training and a gap of {gap}. "
            "Shorten the training window or use a longer range."
        )
    return tuple(
        Window(
            train=range(0 if anchored else start - gap - train, start - gap), test=range(start, min(start + test, rows))
        )
        for start in range(train + gap, rows, test)
    )


def fold_bounds(rows: int, folds: int) -> tuple[range, ...]:
    """Cut rows into folds in time order whose lengths differ by one at most."""
    cuts = [rows * fold // folds for fold in range(folds + 1)]
    return tuple(range(first, last) for first, last in pairwise(cuts))


def split_count(folds: int, test_folds: int) -> int:
    """Choices of test folds: C(folds, test_folds).

    >>> split_count(10, 2), path_count(10, 2)
    (45, 9)
    """
    _check_folds(folds, test_folds)
    return comb(folds, test_folds)


def path_count(folds: int, test_folds: int) -> int:
    """Complete histories that the tested folds make: test_folds / folds * C(folds, test_folds)."""
    return split_count(folds, test_folds) * test_folds // folds


def combinatorial_purged(rows: int, folds: int, test_folds: int, purge: int, embargo: int = 0) -> Iterator[PurgedSplit]:
    """Every choice of test folds, in lexicographic order, with the training rows that may be used beside it.

    A run of neighbouring test folds is one test: `purge` rows before it and `purge` + `embargo` rows after it are
    left out of training.

    Raises:
        BadInput: impossible folds, or a split without a training row.
    """
    _check_folds(folds, test_folds)
    if purge < 0 or embargo < 0 or rows < folds:
        raise BadInput(
            f"{rows} rows in {folds} folds with {purge} purged and {embargo} embargoed rows are impossible: "
            "a fold needs a row, and gaps none or more."
        )
    # Checked here and not in the generator, whose body would only run when the first split is asked for.
    return _splits(fold_bounds(rows, folds), rows, test_folds, purge, embargo)


def path_numbers(folds: int, test_folds: int) -> Rows:
    """Which path each tested fold belongs to.

    Shapes: (splits, test_folds), in the order of `combinatorial_purged`. A fold's first test belongs to path 0, its
    second to path 1 …, so each path has every fold once.

    >>> path_numbers(4, 2).tolist()
    [[0, 0], [1, 0], [2, 0], [1, 1], [2, 1], [2, 2]]
    """
    _check_folds(folds, test_folds)
    used = [0] * folds
    numbers = []
    for chosen in combinations(range(folds), test_folds):
        numbers.append([used[fold] for fold in chosen])
        for fold in chosen:
            used[fold] += 1
    return np.array(numbers, dtype=np.int64)


def assemble_paths(rows: int, folds: int, test_folds: int, tested: Sequence[Sequence[Floats]]) -> Floats:
    """Put the out-of-sample values of all splits together into complete histories.

    Shapes: `tested[split][place]` are the values of one test fold, as `PurgedSplit.test` orders them
    -> (paths, rows).
    """
    numbers = path_numbers(folds, test_folds)
    if len(tested) != len(numbers):
        raise BadInput(f"{len(tested)} splits were tested, but {folds} folds by {test_folds} have {len(numbers)}.")
    bounds = fold_bounds(rows, folds)
    paths = np.full((path_count(folds, test_folds), rows), np.nan)
    for split, chosen in enumerate(combinations(range(folds), test_folds)):
        for place, fold in enumerate(chosen):
            paths[numbers[split, place], bounds[fold].start : bounds[fold].stop] = tested[split][place]
    return paths


def _splits(bounds: tuple[range, ...], rows: int, test_folds: int, purge: int, embargo: int) -> Iterator[PurgedSplit]:
    for chosen in combinations(range(len(bounds)), test_folds):
        allowed = np.ones(rows, dtype=np.bool_)
        for fold in chosen:
            # Rows of a neighbouring test fold are struck out twice, which does no harm.
            allowed[max(0, bounds[fold].start - purge) : bounds[fold].stop + purge + embargo] = False
        train = np.flatnonzero(allowed)
        if not len(train):
            raise BadInput(
                f"Testing folds {', '.join(map(str, chosen))} of {len(bounds)} leaves no row to train on after purging "
                f"{purge} and embargoing {embargo} rows. Use fewer test folds or a longer range."
            )
        yield PurgedSplit(
            test_folds=chosen,
            train=train,
            test=tuple(np.arange(bounds[fold].start, bounds[fold].stop) for fold in chosen),
        )


def _check_folds(folds: int, test_folds: int) -> None:
    if not 1 <= test_folds < folds:
        raise BadInput(
            f"{test_folds} of {folds} folds cannot be tested: one fold or more, and fewer than there are, so that "
            "something is left to train on."
        )
