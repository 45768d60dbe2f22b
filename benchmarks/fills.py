"""Fills as every engine reports them: int64[n, 4] with row, ticker column, side, quantity in shares.

Side is +1 for a buy and -1 for a sell.
`row` is the bar in which the order filled. No strategy here sells and buys one ticker in the same bar, so
sorting by (row, column) puts the fills of two engines in the same order.
"""

from __future__ import annotations

import hashlib

import numpy as np


def as_fills(row, column, side, quantity) -> np.ndarray:
    """Four columns of equal length as one sorted array; quantities must be whole."""
    quantity = np.asarray(quantity)
    whole = np.rint(quantity).astype(np.int64)
    if not np.array_equal(whole, quantity):
        raise ValueError("A fill has a fraction of a share; these strategies trade whole shares only.")
    table = np.column_stack([np.asarray(part, np.int64) for part in (row, column, side)] + [whole])
    return table[np.lexsort((table[:, 1], table[:, 0]))]


def digest(fills: np.ndarray) -> str:
    """Short hash that two engines share exactly when their fills are equal."""
    return hashlib.sha256(np.ascontiguousarray(fills, np.int64).tobytes()).hexdigest()[:16]


def first_difference(ours: np.ndarray, theirs: np.ndarray, columns: int = 4) -> str:
    """Empty when the first `columns` columns are equal, else a sentence about the first row that is not."""
    ours, theirs = ours[:, :columns], theirs[:, :columns]
    shorter = min(len(ours), len(theirs))
    unequal = np.flatnonzero((ours[:shorter] != theirs[:shorter]).any(axis=1))
    if len(unequal):
        at = int(unequal[0])
        here, there = ours[at].tolist(), theirs[at].tolist()
        return f"fill {at} (row, column, side, quantity) is {here} here and {there} there"
    if len(ours) != len(theirs):
        longer, side = (ours, "here") if len(ours) > shorter else (theirs, "there")
        extra = longer[shorter].tolist()
        return f"{len(ours)} fills here, {len(theirs)} there; the first extra one, {side}, is {extra}"
    return ""
