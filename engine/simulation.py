"""One account on one market: the arrays of the step, the features of its rules, and the calls that advance them.

Batch mode calls `run`; event mode calls `trade` and `decide` bar by bar. Both go through the same compiled functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import BrokenInvariant
from engine.exchange import Exchange
from engine.matching import arrays as at
from engine.matching import step
from engine.matching.book import AccountBook
from engine.rules.features import FeatureGraph
from engine.rules.program import CompiledRules

# Cells of one block: its columns stay in the processor's second-level cache.
BLOCK_CELLS = 40_000
MOST_BLOCK_ROWS = 8_192


class Simulation:
    """State of one run.

    Args:
        exchange: the market.
        rules: compiled rules; None for a strategy in Python.
        first: first row that trades; rows before it only feed the windows.
        last: one past the last row.
    """

    def __init__(self, exchange: Exchange, rules: CompiledRules, first: int = 0, last: int | None = None) -> None:
        panel = exchange.panel
        self.exchange, self.rules = exchange, rules
        self.first, self.last = first, panel.rows if last is None else last
        cash = exchange.config.cash_won * exchange.scale
        guards = len(rules.rules.guards)
        self.account = AccountBook(panel.columns, panel.rows, cash, rules.exit_rules, guards)
        self.block_rows = int(np.clip(BLOCK_CELLS // max(panel.columns, 1), 1, MOST_BLOCK_ROWS))
        self._graph = FeatureGraph(rules.features, exchange.feature_market(), first) if rules.features else None
        self._pool = _Pool(rules, self.block_rows, panel.columns)
        self._tables = tuple(rules.rules)
        ranks = max(len(rules.rules.ranks), 1)
        names = panel.columns
        self._scratch = (
            np.zeros(names, np.int64),
            np.zeros(names, np.int64),
            np.zeros((names, ranks), np.float64),
            np.zeros(names, np.int64),
        )
        self._known_to = first  # features are known for [block_from, known_to)
        self.next_row = first  # next row to trade

    @property
    def book(self) -> at.Book:
        """The account's arrays."""
        return self.account.book

    def run(self, until: int | None = None) -> None:
        """Batch mode: trade and decide every row up to `until`."""
        end = self.last if until is None else until
        while self.next_row < end:
            self._advance_features()
            stop = min(self._known_to, end)
            while self.next_row < stop:
                status, self.next_row = step.run_block(
                    self.exchange.arrays,
                    tuple(self.book),
                    self._tables,
                    self._pool.arrays,
                    self._scratch,
                    self.next_row,
                    stop,
                )
                self._look_at(status)

    def trade(self, until: int) -> int:
        """Event mode: trade rows up to `until` without deciding. Returns the number of fills so far."""
        self.make_room()
        fills = int(step.trade_rows(self.exchange.arrays, tuple(self.book), self.next_row, until))
        self.next_row = until
        if self.book.account[at.BROKEN]:
            self._look_at(step.BROKE)
        return fills

    def decide(self, row: int) -> int:
        """Event mode: let the rules plan after `row`. Returns the number of proposals."""
        self._advance_features(row)
        return int(
            step.decide_one(self.exchange.arrays, tuple(self.book), self._tables, self._pool.arrays, self._scratch, row)
        )

    def make_room(self) -> None:
        """Give the logs room for one more bar."""
        while not self.account.has_room():
            self.account.grow()

    def _advance_features(self, row: int | None = None) -> None:
        wanted = self.next_row if row is None else row
        if wanted < self._known_to:
            return
        end = min(self._known_to + self.block_rows, self.last)
        if self._graph is not None:
            self._graph.advance(self._known_to, end)
        self._pool.fill(self._graph, self._known_to, end)
        self._known_to = end

    def _look_at(self, status: int) -> None:
        if status == step.NEEDS_ROOM:
            self.account.grow()
        elif status == step.BROKE:
            account = self.book.account
            day = self.exchange.panel.session_date(min(self.next_row, self.last - 1))
            raise BrokenInvariant(
                f"The account's books do not balance on {day}: cash {account[at.CASH]:,}, receivable "
                f"{account[at.RECEIVABLE]:,}, payable {account[at.PAYABLE]:,}, cost {account[at.HOLDINGS_COST]:,}, "
                f"realised {account[at.REALISED]:,}, fees {account[at.FEES]:,}. This is a fault of Geoul: please "
                "report it with the data and the rules."
            )


class _Pool:
    """Copies of the features that the step reads one by one, for the rows of one block."""

    def __init__(self, rules: CompiledRules, rows: int, names: int) -> None:
        self._rules, self._names = rules, names
        self._candidates = np.ones((rows, names), np.int8)
        self._flags = np.zeros((len(rules.flags), rows * names), np.int8)
        self._numbers = np.zeros((len(rules.numbers), rows * names), np.float64)
        self.arrays: tuple[Any, ...] = (0, self._candidates, self._flags, self._numbers)

    def fill(self, graph: FeatureGraph | None, first: int, last: int) -> None:
        """Take over the graph's present block, rows [first, last)."""
        self.arrays = (first, self._candidates, self._flags, self._numbers)
        if graph is None:
            return
        shape = (last - first, self._names)
        size = shape[0] * shape[1]
        if self._rules.candidates is not None:
            column = graph.column(self._rules.candidates)
            if column.shape == shape and column.flags.c_contiguous:
                self.arrays = (first, column, self._flags, self._numbers)
            else:
                self._candidates[: shape[0]] = column
        for place, node in enumerate(self._rules.flags):
            self._flags[place, :size].reshape(shape)[:] = graph.column(node)
        for place, node in enumerate(self._rules.numbers):
            self._numbers[place, :size].reshape(shape)[:] = graph.column(node)
