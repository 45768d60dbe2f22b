"""Looks for look-ahead: changes what a decision could not have known and runs again.

1. repeat    the same run twice gives the same account; otherwise nothing below would mean anything.
2. future    every input after a cut is replaced by other plausible values: no decision up to the cut may move.
3. history   the data end at the cut: no decision up to it may move.
4. names     instruments that are listed only after the cut are taken out of the data.
5. start     the data begin later: after the declared look-back the decisions must be the same.

What may depend on later rows is left out: what became of an order after the cut, and what is still held at the end.
The run is a function, so that rules in batch mode and strategies in event mode are audited by the same code. It has to
make a fresh strategy every time.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.backtest import row_range
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.research.audit_bench import Bench, Run
from engine.research.audit_blame import blame
from engine.research.audit_compare import first_move
from engine.research.audit_inputs import Change, changed
from engine.research.audit_report import Audit, Check, Finding
from engine.research.audit_start import check_start
from engine.research.audit_worlds import cut_after, without_later_names

MOST_CUTS = 1_000


def audit(
    run: Run,
    panel: Panel,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    *,
    cuts: int = 5,
    seed: int = 1,
    lookback_bars: int = 0,
    source: tuple[tuple[int, str], ...] = (),
    on_progress: Callable[[str, int], None] | None = None,
) -> Audit:
    """Audit what decides the orders of a run.

    Args:
        run: (panel, first session, last session) -> result, with a fresh strategy every time.
        panel: the data.
        start: first session that trades.
        end: last session that trades.
        cuts: how many bars to cut at, spread over the range.
        seed: of cuts and changed values; the same seed finds the same.
        lookback_bars: rows of history that the strategy declares, see `engine.rules.features.restart_bars`.
        source: what the strategy's file does outside its view, from `engine.research.audit_source`.
        on_progress: told the name of the check and the number of runs done.

    Raises:
        BadInput: an impossible number of cuts or seed, or a range too short to cut.
    """
    if not 1 <= cuts <= MOST_CUTS:
        raise BadInput(f"An audit cuts at 1 to {MOST_CUTS:,} bars, not at {cuts:,}. Five find what is to be found.")
    if seed < 0:
        raise BadInput(f"A seed is a whole number from 0 on, not {seed}.")
    first, last = row_range(panel, start, end)
    if min(last, panel.rows - 1) - first < 2:
        raise BadInput(
            f"Between {panel.session_date(first)} and {panel.session_date(last - 1)} there are {last - first} bars and "
            "no future to change. Choose a longer range, at least three bars."
        )
    bench = Bench(run, panel, start, end, on_progress)
    base = bench.base
    rows = cut_rows(panel, bench.order_rows(), first, min(last, panel.rows - 1), cuts, seed)
    checks = [_check_repeat(bench)]
    if checks[0].status == "clean":
        checks += [
            _check_future(bench, rows, seed),
            _check_history(bench, rows),
            _check_names(bench, rows),
            check_start(bench, first, last, lookback_bars),
        ]
    else:
        checks += [Check(name, "skipped", reason="after_repeat") for name in ("future", "history", "names", "start")]
    if source:
        checks.append(Check("source", "warning", lines=source))
    return Audit(
        checks=tuple(checks),
        cuts=tuple(bench.time(row) for row in rows),
        seed=seed,
        runs=bench.runs,
        orders=base.orders.height,
        lookback_bars=lookback_bars,
        result_hash=base.result_hash,
        survivors_only=any(warning.code == "survivorship" for warning in base.warnings),
    )


def cut_rows(
    panel: Panel, order_rows: NDArray[np.int64], first: int, last: int, count: int, seed: int
) -> tuple[int, ...]:
    """Rows in [first, last) to cut at, sorted: one from each of `count` equal parts of the range.

    A row after which an order was sent is preferred, because there a look at the next bar shows. Of minute bars every
    second cut is the last bar of its session, where a look at the next session shows.
    """
    dice = np.random.default_rng([seed, 0])
    edges = np.linspace(first, last, min(count, last - first) + 1).astype(int)
    ends = np.append(np.flatnonzero(np.diff(panel.session)), panel.rows - 1)
    rows = set()
    for place, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        candidates = order_rows[(order_rows >= low) & (order_rows < high)]
        row = int(dice.choice(candidates)) if len(candidates) else int(dice.integers(low, high))
        if place % 2 and panel.interval != "1d":
            end_of_session = int(ends[np.searchsorted(ends, row)])
            row = end_of_session if end_of_session < last else row
        rows.add(row)
    return tuple(sorted(rows))


def _check_repeat(bench: Bench) -> Check:
    bench.stage = "repeat"
    base, again = bench.base, bench.again()
    if isinstance(again, Exception):
        raise again
    if base.result_hash == again.result_hash:
        return Check("repeat", "clean", worlds=1)
    last = bench.time(bench.last - 1)
    move = first_move(base, again, last)
    if move is None:  # what the hash sees and the journal's tables do not, such as a reservation
        return Check("repeat", "found", worlds=1)
    return Check("repeat", "found", worlds=1, finding=Finding(cut=last, move=move))


def _check_future(bench: Bench, rows: tuple[int, ...], seed: int) -> Check:
    """Each cut with a world and its mirror image, until one moves something."""
    bench.stage = "future"
    worlds = 0
    for row in rows:
        for mirrored in (False, True):
            change = Change(after=row, seed=seed, mirrored=mirrored)
            worlds += 1
            move = bench.moved(changed(bench.panel, change), row)
            if move is not None:
                return Check("future", "found", worlds=worlds, finding=blame(bench, change, move))
    return _clean("future", worlds, bench)


def _check_history(bench: Bench, rows: tuple[int, ...]) -> Check:
    """The data end with the session of the cut; the last cut first, it holds all decisions before."""
    bench.stage = "history"
    session = bench.panel.session
    ends = sorted({int(np.searchsorted(session, session[row], side="right")) - 1 for row in rows}, reverse=True)
    ends = [end for end in ends if end < bench.panel.rows - 1]
    for number, row in enumerate(ends):
        move = bench.moved(cut_after(bench.panel, row), row)
        if move is not None:
            return Check("history", "found", worlds=number + 1, finding=Finding(cut=bench.time(row), move=move))
    return _clean("history", len(ends), bench) if ends else Check("history", "skipped", reason="too_short")


def _check_names(bench: Bench, rows: tuple[int, ...]) -> Check:
    """The list of instruments is itself a fact of the future where it holds names that are listed later."""
    bench.stage = "names"
    worlds = 0
    order_rows = bench.order_rows()
    for row in [row for row in rows if len(order_rows) and row >= order_rows[0]][:2] or rows[:1]:
        world = without_later_names(bench.panel, row)
        if world is None:
            continue
        worlds += 1
        move = bench.moved(world, row)
        if move is not None:
            return Check("names", "warning", worlds=worlds, finding=Finding(cut=bench.time(row), move=move))
    return _clean("names", worlds, bench) if worlds else Check("names", "skipped", reason="no_later_names")


def _clean(name: str, worlds: int, bench: Bench) -> Check:
    """A check in which nothing moved, which says nothing of a strategy that never decided anything."""
    if bench.base.orders.height == 0:
        return Check(name, "skipped", worlds=worlds, reason="no_orders")
    return Check(name, "clean", worlds=worlds)
