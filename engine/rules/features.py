"""The feature graph: the market values of all rules, block by block, each computed once.

A backtest advances it by blocks that fit in the processor's cache, live trading by one row at a time; the bits are
the same. Values at a row depend on that row and the `lookback` rows before it. What the functions mean stands in
`engine.rules.functions`; how a corporate action is treated:

Features see every series back-adjusted as of the row they are computed for. Windows that span an action are evaluated
anew over the scaled values, recursions restate their state on the row of the action. Past values scale by what they
are made of: prices by the price ratio, volumes by its inverse, traded won, ratios and verdicts not at all. A
comparison with a literal in won therefore keeps the verdict of its own row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import BrokenInvariant
from engine.rules.feature_compiler import Compiler
from engine.rules.feature_slots import ActionArrays, ActionBook, MarketArrays, frozen
from engine.rules.feature_steps import Block
from engine.rules.tree import Node

__all__ = ["ActionArrays", "FeatureGraph", "MarketArrays", "restart_bars"]

WARM_UP_CELLS = 32_768  # cells per block while the look-back before the first row is read


class FeatureGraph:
    """Values of expression trees over a market, advanced block by block.

    Args:
        nodes: trees of CONSTANT, SESSION or MARKET scope, as checked.
        market: what to read; rows at or after the end of the block being advanced are never read.
        first: the first row that will be asked for. The look-back before it is read where the market has it.
    """

    def __init__(self, nodes: Sequence[Node], market: MarketArrays, first: int = 0) -> None:
        start_of = np.zeros(1, np.int64)
        compiler = Compiler(market, start_of)
        slots = [compiler.output(node) for node in nodes]
        self._steps, self._slots, self._sources = compiler.steps, compiler.slots, compiler.sources
        number = {id(slot): index for index, slot in enumerate(self._slots)}
        self.outputs: dict[Node, int] = {node: number[id(slot)] for node, slot in zip(nodes, slots, strict=True)}
        self.lookback = max((slot.lookback for slot in slots), default=0)
        self._first = first
        self._next = max(first - self.lookback, 0)
        start_of[0] = self._next
        self.attach(market)

    def attach(self, market: MarketArrays) -> None:
        """Read from other arrays that hold the same rows so far: a live market that grew, or learnt of an action."""
        self._market = market
        self._state = frozen(market.state)
        self._book = ActionBook(market)
        for source in self._sources:
            source.bind(market)

    def advance(self, row_from: int, row_to: int) -> None:
        """Compute rows [row_from, row_to); they continue where the last call ended."""
        if self._next < self._first == row_from:
            rows = max(1, WARM_UP_CELLS // max(self._market.columns, 1))
            while self._next < row_from:
                self._run(self._next, min(self._next + rows, row_from))
        if row_from != self._next or row_to <= row_from:
            raise BrokenInvariant(
                f"The feature graph stands at row {self._next} and cannot compute [{row_from}, {row_to})."
            )
        self._run(row_from, row_to)

    def column(self, node: Node) -> NDArray[Any]:
        """Values of the last block: [rows, N], or [rows, 1] for a value of the bar alone.

        Conditions are int8 (0, 1, -1 unknown), numbers float64 (NaN unknown). A view that the next block overwrites.
        """
        return self.output(self.outputs[node])

    def output(self, place: int) -> NDArray[Any]:
        """The same by number: `outputs` tells the number of each tree."""
        return self._slots[place].block()

    def _run(self, row_from: int, row_to: int) -> None:
        for source in self._sources:
            source.begin(row_from)
        for slot in self._slots:
            slot.begin(row_to - row_from)
        block = Block(self._market, self._state, self._book, row_from, row_to)
        for step in self._steps:
            step.run(block)
        self._next = row_to


def restart_bars(node: Node, bars_per_year: float) -> int:
    """Rows before a row that the value of a tree can depend on; for a recursion two restarts, a number to print."""
    empty = np.empty((0, 1), np.int64)
    market = MarketArrays(
        bars=np.empty((5, 0, 1), np.int64),
        state=np.empty((0, 1), np.uint8),
        value=empty,
        shares=empty,
        indices={},
        ordinal=np.empty(0, np.int64),
        session=np.empty(0, np.int64),
        closed_at_ns=np.empty(0, np.int64),
        first_row=np.zeros(1, np.int64),
        actions=ActionArrays.none(),
        price_scale=1,
        bars_per_year=bars_per_year,
    )
    return Compiler(market, np.zeros(1, np.int64)).slot(node).lookback
