"""Markets for feature tests: built by hand, or drawn by hypothesis."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.rules.features import ActionArrays, FeatureGraph, MarketArrays
from engine.rules.tree import Node

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
KST_CLOSE_NS = (15 * 60 + 30 - 9 * 60) * 60_000_000_000


def make_actions(*actions: tuple[int, int, int, int]) -> ActionArrays:
    """Actions as (row, column, numerator, denominator); (5, 0, 2, 1) splits one share of column 0 into two on row 5."""
    columns = np.array(sorted(actions), np.int64).reshape(-1, 4).T
    return ActionArrays(*(np.ascontiguousarray(column) for column in columns))


def make_market(
    close: Any,
    *,
    volume: Any = 1000,
    open_: Any = None,
    high: Any = None,
    low: Any = None,
    first_row: Sequence[int] | None = None,
    last_row: Sequence[int] | None = None,
    actions: ActionArrays | None = None,
    price_scale: int = 1,
    index: Any = None,
    value: Any = None,
    shares: Any = None,
    bars_per_year: float = 252.0,
    ordinal: Any = None,
) -> MarketArrays:
    """A market from closes [rows] or [rows, columns] in price units; what is not given follows from the close."""
    closes = np.asarray(close, np.int64)
    closes = closes.reshape(len(closes), -1)
    rows, columns = closes.shape
    bars = np.empty((5, rows, columns), np.int64)
    for field, given in ((OPEN, open_), (HIGH, high), (LOW, low), (CLOSE, None)):
        bars[field] = closes if given is None else np.asarray(given, np.int64).reshape(rows, columns)
    bars[VOLUME] = volume if np.isscalar(volume) else np.asarray(volume, np.int64).reshape(rows, columns)
    first = np.zeros(columns, np.int64) if first_row is None else np.array(first_row, np.int64)
    last = np.full(columns, rows - 1) if last_row is None else np.array(last_row, np.int64)
    row = np.arange(rows)[:, None]
    present = (row >= first) & (row <= last)
    bars[:, ~present] = 0
    days = np.arange(rows, dtype=np.int64) + 18_000
    return MarketArrays(
        bars=bars,
        state=present.astype(np.uint8),
        value=None if value is None else np.asarray(value, np.int64).reshape(rows, columns),
        shares=None if shares is None else np.asarray(shares, np.int64).reshape(rows, columns),
        indices={} if index is None else {"KOSPI": np.tile(np.asarray(index, np.float64), (4, 1))},
        ordinal=np.arange(rows, dtype=np.int64) + 7 if ordinal is None else np.asarray(ordinal, np.int64),
        session=days,
        closed_at_ns=days * 86_400_000_000_000 + KST_CLOSE_NS,
        first_row=first,
        actions=ActionArrays.none() if actions is None else actions,
        price_scale=price_scale,
        bars_per_year=bars_per_year,
    )


@st.composite
def markets(draw: st.DrawFn, rows: int, columns: int, actions: bool = False) -> MarketArrays:
    """Prices that walk, stand still and jump; volumes with zeros; listings and delistings inside the rows."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level = draw(st.sampled_from([120, 9_000, 3_000_000]))
    steps = generator.normal(0, draw(st.sampled_from([0.001, 0.03, 0.3])), (rows, columns))
    steps[generator.random((rows, columns)) < draw(st.sampled_from([0.0, 0.5]))] = 0
    close = np.maximum((level * np.exp(np.clip(np.cumsum(steps, 0), -4, 4))).astype(np.int64), 1)
    high, low = (
        close + generator.integers(0, 50, close.shape),
        np.maximum(close - generator.integers(0, 50, close.shape), 1),
    )
    volume = generator.integers(0, draw(st.sampled_from([3, 10**6, 10**10])), close.shape)
    first = [int(generator.integers(0, rows // 3)) if draw(st.booleans()) else 0 for _ in range(columns)]
    last = [int(generator.integers(rows // 2, rows)) if draw(st.booleans()) else rows - 1 for _ in range(columns)]
    index = 2_000 + np.cumsum(generator.normal(0, 20, rows))
    index[generator.random(rows) < 0.05] = np.nan
    happened = []
    if actions:
        places = generator.permutation(rows * columns)[: draw(st.integers(1, 2 * columns))]
        happened = [
            (int(p // columns), int(p % columns), *draw(st.sampled_from([(2, 1), (1, 5), (11, 10)]))) for p in places
        ]
    return make_market(
        close,
        volume=volume,
        open_=low,
        high=high,
        low=low,
        first_row=first,
        last_row=last,
        actions=make_actions(*happened),
        price_scale=draw(st.sampled_from([1, 100])),
        index=index,
        value=np.where(generator.random(close.shape) < 0.02, -1, close * volume),
        shares=np.full(close.shape, 5_000_000),
    )


def run_graph(
    nodes: Sequence[Node], market: MarketArrays, *, first: int = 0, cuts: Sequence[int] = (), until: int = -1
) -> dict[Node, NDArray[Any]]:
    """All rows [first, until) of the nodes, computed in blocks that end at `cuts`."""
    until = market.bars.shape[1] if until < 0 else until
    graph = FeatureGraph(nodes, market, first)
    blocks: dict[Node, list[NDArray[Any]]] = {node: [] for node in nodes}
    begin = first
    for end in [*sorted({cut for cut in cuts if first < cut < until}), until]:
        graph.advance(begin, end)
        for node, found in blocks.items():
            found.append(graph.column(node).copy())
        begin = end
    return {node: np.concatenate(found) for node, found in blocks.items()}


def one_column(market: MarketArrays, column: int) -> MarketArrays:
    """The same market with a single instrument."""
    mine = np.asarray(market.actions.col) == column
    actions = ActionArrays(
        market.actions.row[mine],
        np.zeros(int(mine.sum()), np.int64),
        market.actions.numerator[mine],
        market.actions.denominator[mine],
    )
    cut = slice(column, column + 1)
    return dataclasses.replace(
        market,
        bars=np.ascontiguousarray(market.bars[:, :, cut]),
        state=np.ascontiguousarray(market.state[:, cut]),
        value=None if market.value is None else np.ascontiguousarray(market.value[:, cut]),
        shares=None if market.shares is None else np.ascontiguousarray(market.shares[:, cut]),
        first_row=market.first_row[cut].copy(),
        actions=actions,
    )


def same_bits(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Equal in every bit, all NaN being one."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype != np.float64:
        return bool((a == b).all())
    return bool(
        (np.where(np.isnan(a), 0, a.view(np.int64)) == np.where(np.isnan(b), 0, b.view(np.int64))).all()
    ) and bool((np.isnan(a) == np.isnan(b)).all())
