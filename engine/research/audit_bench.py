"""Runs of one strategy on changed panels, each compared with its unchanged run."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.backtest import row_range
from engine.clock import KST
from engine.data.panel import Panel
from engine.feature_feed import BLOCK_CELLS, MOST_BLOCK_ROWS
from engine.research.audit_compare import Move, first_move
from engine.result import Result

Run = Callable[[Panel, datetime.date | None, datetime.date | None], Result]


class Bench:
    """One strategy on one panel.

    Args:
        run: (panel, first session, last session) -> result.
        panel: the data as they are.
        start: first session that trades.
        end: last session that trades.
        on_progress: told the name of the check and the number of runs done.
    """

    def __init__(
        self,
        run: Run,
        panel: Panel,
        start: datetime.date | None,
        end: datetime.date | None,
        on_progress: Callable[[str, int], None] | None = None,
    ) -> None:
        self.panel, self.start, self.end = panel, start, end
        self.first, self.last = row_range(panel, start, end)
        self.stage, self.runs = "repeat", 0
        self._run, self._tell = run, on_progress
        # Values of the rule language are computed in blocks of rows: a strategy that reaches behind its view could
        # read them to the end of the block, so every run goes on for as long.
        self._beyond = int(np.clip(BLOCK_CELLS // max(panel.columns, 1), 1, MOST_BLOCK_ROWS))
        self._bases_to: dict[datetime.date, Result | Exception] = {}

    @cached_property
    def base(self) -> Result:
        """The unchanged run."""
        return self.run(self.panel, self.start, self.end)

    def again(self) -> Result | Exception:
        """The unchanged run once more."""
        return self.attempt(self.panel, self.start, self.end)

    def run(self, panel: Panel, start: datetime.date | None, end: datetime.date | None) -> Result:
        """Run the strategy; what it raises is not caught."""
        if self._tell is not None:
            self._tell(self.stage, self.runs)
        self.runs += 1
        return self._run(panel, start, end)

    def time(self, row: int) -> datetime.datetime:
        """Close of a row, Asia/Seoul."""
        return datetime.datetime.fromtimestamp(int(self.panel.closed_at_ns[row]) / 1_000_000_000, KST)

    def row(self, time: datetime.datetime) -> int:
        """The row that closed at a time."""
        return int(np.searchsorted(self.panel.closed_at_ns, round(time.timestamp()) * 1_000_000_000))

    def order_rows(self) -> NDArray[np.int64]:
        """Rows after which the unchanged run sent orders, each once."""
        stamps = self.base.orders["sent_at"].dt.epoch("ns").unique().sort().to_numpy()
        return np.searchsorted(self.panel.closed_at_ns, stamps).astype(np.int64)

    def moved(self, world: Panel, row: int) -> Move | None:
        """The first decision up to `row` that is another one in this world, None if all are the same.

        The world has the panel's rows up to `row`, and may lack later ones.
        """
        session = world.session_date(row)
        last = world.session_date(min(row + self._beyond, world.rows - 1))
        found = self.attempt(world, self.start, last if self.end is None else min(last, self.end))
        if isinstance(found, Exception):  # was it before the cut? Then the same run fails when it ends there
            found = self.attempt(world, self.start, session)
            if isinstance(found, Exception):
                return Move(what="error", time=self.time(row), error=f"{type(found).__name__}: {found}")
        move = first_move(self.base, found, self.time(row))
        if move is None or move.what != "price":
            return move
        return self._moved_waiting(world, row, move)

    def _moved_waiting(self, world: Panel, row: int, move: Move) -> Move | None:
        """Whether an order that waits at the cut was another one when it was sent.

        Its price may have been fixed by the next opening, or restated by a split, after it. Runs that end with the
        session have it as it was sent; a cut inside a session cannot tell, and another one does.
        """
        session = self.panel.session_date(row)
        if row + 1 < self.panel.rows and self.panel.session_date(row + 1) == session:
            return None
        if session not in self._bases_to:
            self._bases_to[session] = self.attempt(self.panel, self.start, session)
        before, after = self._bases_to[session], self.attempt(world, self.start, session)
        if isinstance(before, Exception) or isinstance(after, Exception):
            return move
        found = first_move(before, after, self.time(row))
        return None if found is None else Move(what="order", time=found.time, before=found.before, after=found.after)

    def attempt(self, panel: Panel, start: datetime.date | None, end: datetime.date | None) -> Result | Exception:
        """Run the strategy; an error in a world that never was is an answer, whatever a strategy raises."""
        try:
            return self.run(panel, start, end)
        except Exception as error:
            return error
