"""Whether decisions depend on where the data begin: values that carry the past on forget it slowly, or never."""

from __future__ import annotations

from collections.abc import Iterable

from engine.data.panel import Panel
from engine.research.audit_bench import Bench
from engine.research.audit_compare import Move, first_move
from engine.research.audit_report import Check, Finding
from engine.research.audit_worlds import begun_at, untradable_until
from engine.result import Result
from engine.rules.features import restart_bars
from engine.rules.interval import bars_per_year
from engine.rules.tree import Node

PLACES = (0.4, 0.7)  # of the range: where data that begin later are compared with all of them
COMPARED_BARS, COMPARED_SESSIONS = 250, 5  # how long decisions are compared, whichever is longer


def declared_lookback(nodes: Iterable[Node], interval: str) -> int:
    """Rows of history that the values of these trees need at most; for a recursion until it no longer matters."""
    return max((restart_bars(node, bars_per_year(interval)) for node in nodes), default=0)


def check_start(bench: Bench, first: int, last: int, lookback_bars: int) -> Check:
    """Compare decisions on all data with those on data that begin the declared look-back earlier.

    Both runs may not trade before the rows that are compared, so that their accounts are the same there.

    Args:
        bench: the runs.
        first: first row of the range.
        last: one past its last row.
        lookback_bars: rows of history that the strategy declares.
    """
    bench.stage = "start"
    order_rows = bench.order_rows()
    worlds = 0
    for place in PLACES:
        row = int(first + place * (last - first))
        later = order_rows[order_rows >= row]
        row = int(later[0]) if len(later) else row  # the first row that may trade: one with something to decide
        if row - lookback_bars < 1 or row >= last - 1:
            continue
        comparison = _Comparison(bench, row, last)
        worlds += 1
        move = comparison.move(max(lookback_bars, 0))
        if move is not None:
            enough = comparison.enough_history(lookback_bars)
            finding = Finding(cut=bench.time(row - 1), move=move, history_bars=enough)
            return Check("start", "warning", worlds=worlds, finding=finding)
    if bench.base.orders.height == 0:
        return Check("start", "skipped", worlds=worlds, reason="no_orders")
    return Check("start", "clean", worlds=worlds) if worlds else Check("start", "skipped", reason="too_short")


class _Comparison:
    """Decisions from one row on, with more and with less history before it."""

    def __init__(self, bench: Bench, row: int, last: int) -> None:
        self._bench, self._row = bench, row
        session = bench.panel.session
        sessions_on = int((session[row:last] < session[row] + 2 * COMPARED_SESSIONS).sum())
        end = min(row + max(COMPARED_BARS, sessions_on), last - 1)
        self._end = bench.panel.session_date(end)
        self._since, self._until = bench.time(row), bench.time(end)
        self._muted = untradable_until(bench.panel, row - 1)
        self._whole = self._run(self._muted)

    def move(self, bars: int) -> Move | None:
        """What is decided differently if the data begin `bars` rows before the first decision."""
        found = self._run(begun_at(self._muted, self._row - bars))
        if isinstance(found, Exception) or isinstance(self._whole, Exception):
            error = found if isinstance(found, Exception) else self._whole
            return Move(what="error", time=self._since, error=f"{type(error).__name__}: {error}")
        return first_move(self._whole, found, self._until, self._since)

    def enough_history(self, known_too_few: int) -> int | None:
        """Bars of history from which on nothing is decided differently; None if only all of them do.

        Found from above, by halving: with few bars two runs may agree by luck.
        """
        low, high = known_too_few, self._row
        while (half := max(high // 2, known_too_few)) > known_too_few:
            if self.move(half) is not None:
                low = half
                break
            high = half
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.move(middle) is None else (middle, high)
        return high if high < self._row else None

    def _run(self, panel: Panel) -> Result | Exception:
        return self._bench.attempt(panel, None, self._end)
