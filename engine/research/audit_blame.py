"""Which input moved a decision, and how far into the future it lies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from engine.research.audit_bench import Bench
from engine.research.audit_compare import Move
from engine.research.audit_inputs import COMPOSITE, INPUTS, NAMES, Change, changed
from engine.research.audit_report import Finding
from engine.research.audit_worlds import spliced


def blame(bench: Bench, change: Change, move: Move) -> Finding:
    """Look closer at a future that moved a decision.

    Every input is changed alone, in the world and in its mirror image. Then only the first k bars after the cut are
    changed, and only those from the k-th on: the smallest and the largest k that still move something tell how much
    of the future is looked at.

    Args:
        bench: the runs.
        change: the world in which something moved.
        move: what moved in it.
    """
    inputs, world, first = _inputs(bench, change)
    if first is None:
        first, world = move, change
    finding = Finding(cut=bench.time(change.after), move=first, inputs=inputs)
    if set(inputs[:1]) & set(NAMES):
        return finding  # names that come and go have no single row that could be put back
    other = changed(bench.panel, world, inputs[:1] or [name for name in INPUTS if name not in NAMES])
    begin, rows = change.after + 1, bench.panel.rows

    def decided(low: int, high: int) -> int | None:
        """Row of the first decision that moves if rows [low, high) alone are changed, None if none does."""
        found = bench.moved(spliced(bench.panel, other, low, high), change.after)
        return None if found is None else bench.row(found.time)

    anywhere = decided(begin, rows)
    if anywhere is None:
        return finding  # it takes names that come and go as well
    near, row = _smallest(lambda bars: decided(begin, begin + bars), rows - begin)
    far, far_row = _largest(lambda bars: decided(begin + bars - 1, rows), rows - begin, anywhere)
    return dataclasses.replace(
        finding, nearest_bars=change.after + near - row, furthest_bars=change.after + far - far_row
    )


def _inputs(bench: Bench, change: Change) -> tuple[tuple[str, ...], Change, Move | None]:
    """Inputs that move something when changed alone, the world of the first of them, and what it moved."""
    world, first = change, None
    for names in ([name for name in INPUTS if name not in COMPOSITE], COMPOSITE):
        found = []
        for name in names:
            for mirrored in (change.mirrored, not change.mirrored):
                one = dataclasses.replace(change, mirrored=mirrored)
                move = bench.moved(changed(bench.panel, one, (name,)), change.after)
                if move is not None:
                    found.append(name)
                    if first is None:
                        world, first = one, move
                    break
        if found:
            return tuple(found), world, first
    return (), world, None


def _smallest(moves: Callable[[int], int | None], most: int) -> tuple[int, int]:
    """The smallest of 1 … most for which `moves` has an answer, and that answer; the largest is known to have one.

    Doubling finds the neighbourhood: most looks into the future are short.
    """
    low, high = 0, 1
    answer = moves(high)
    while answer is None:
        low, high = high, min(2 * high, most)
        answer = moves(high)
    while high - low > 1:
        middle = (low + high) // 2
        found = moves(middle)
        if found is None:
            low = middle
        else:
            high, answer = middle, found
    return high, answer


def _largest(moves: Callable[[int], int | None], most: int, answer: int) -> tuple[int, int]:
    """The largest of 1 … most for which `moves` has an answer, and that answer; `answer` is the one for 1."""
    low, high = 1, 2
    while high <= most and (found := moves(high)) is not None:
        low, answer, high = high, found, 2 * high
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        found = moves(middle)
        if found is None:
            high = middle
        else:
            low, answer = middle, found
    return low, answer
