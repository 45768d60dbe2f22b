"""The features of one or many accounts on one market, block by block.

Accounts with different rules share a feed: what two rule sets have in common is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.exchange import Exchange
from engine.rules.features import FeatureGraph
from engine.rules.program import CompiledRules
from engine.rules.tree import Node

# Cells of one block: its columns stay in the processor's second-level cache.
BLOCK_CELLS = 80_000
MOST_BLOCK_ROWS = 32_768


class FeatureFeed:
    """Features of the rows [known_from, known_to) of a market, moved forward by `advance`.

    Args:
        exchange: the market.
        nodes: the features wanted; equal parts of different trees are computed once.
        first: first row whose features are asked for; the look-back before it is read.
        last: one past the last row.
    """

    def __init__(self, exchange: Exchange, nodes: Sequence[Node], first: int, last: int) -> None:
        self.last = last
        self.columns = exchange.panel.columns
        self.block_rows = int(np.clip(BLOCK_CELLS // max(self.columns, 1), 1, MOST_BLOCK_ROWS))
        self.graph = FeatureGraph(nodes, exchange.feature_market(), first) if nodes else None
        self.known_from = self.known_to = first

    def advance(self, row: int) -> None:
        """Compute blocks up to the one that holds `row`."""
        while row >= self.known_to:
            end = min(self.known_to + self.block_rows, self.last)
            if self.graph is not None:
                self.graph.advance(self.known_to, end)
            self.known_from, self.known_to = self.known_to, end


class FeaturePool:
    """Copies of the features that one account's rules read, in the layout of the step, for the rows of one block."""

    def __init__(self, rules: CompiledRules, feed: FeatureFeed) -> None:
        self.feed = feed
        names, rows = feed.columns, feed.block_rows
        # Trees are looked up once: hashing them at every block would cost more than a block of minutes takes.
        place = {} if feed.graph is None else feed.graph.outputs
        self._candidate_place = None if rules.candidates is None else place[rules.candidates]
        self._flag_places = [place[node] for node in rules.flags]
        self._number_places = [place[node] for node in rules.numbers]
        self._candidates = np.ones((rows, names), np.int8)
        self._flags = np.zeros((len(rules.flags), rows * names), np.int8)
        self._numbers = np.zeros((len(rules.numbers), rows * names), np.float64)
        self.known_to = -1  # nothing taken over yet, not even from a feed that other accounts have already moved
        self.arrays: tuple[Any, ...] = (0, self._candidates, self._flags, self._numbers)

    def fill(self) -> None:
        """Take over the feed's present block."""
        feed, graph = self.feed, self.feed.graph
        first, rows = feed.known_from, feed.known_to - feed.known_from
        self.known_to = feed.known_to
        self.arrays = (first, self._candidates, self._flags, self._numbers)
        if graph is None:
            return
        shape = (rows, feed.columns)
        size = shape[0] * shape[1]
        if self._candidate_place is not None:
            column: NDArray[Any] = graph.output(self._candidate_place)
            if column.shape == shape and column.flags.c_contiguous:
                self.arrays = (first, column, self._flags, self._numbers)
            else:
                self._candidates[:rows] = column
        for flags, place in zip(self._flags, self._flag_places, strict=True):
            flags[:size].reshape(shape)[:] = graph.output(place)
        for numbers, place in zip(self._numbers, self._number_places, strict=True):
            numbers[:size].reshape(shape)[:] = graph.output(place)
