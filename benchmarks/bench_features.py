"""Measure the feature graph against polars on one core: `python -m benchmarks.bench_features`.

Both compute the same columns from the same arrays; they are compared before anything is timed. Polars works on
whole columns, the graph in blocks that stay in the cache. The time is processor time, the best of several rounds.
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = "1"  # read by polars when it is imported

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from engine.rules.features import ActionArrays, FeatureGraph, MarketArrays
from engine.rules.parse import parse_expression
from engine.rules.tree import Node

ROUNDS = 5
WARM_UP = 60  # rows until all windows are full
CLOSE, VOLUME = 3, 4
Frames = dict[str, pl.DataFrame]  # one column per instrument


@dataclass(frozen=True)
class Case:
    """What to compute: rule texts, and the same in polars, each from frames to one frame of the result."""

    name: str
    rows: int
    columns: int
    block_rows: int
    features: dict[str, Callable[[Frames], pl.DataFrame]]


def volume_surge(frames: Frames) -> pl.DataFrame:
    volume = frames["volume"]
    return volume.select(pl.all() / pl.all().shift(1).rolling_mean(20) >= 1.5)


def close_crosses_mean(frames: Frames) -> pl.DataFrame:
    close = pl.all()
    above = close > close.rolling_mean(20)
    return frames["close"].select(above & (close.shift(1) <= close.rolling_mean(20).shift(1)))


def trend_by_risk(frames: Frames) -> pl.DataFrame:
    returns = frames["close"].select(pl.all().pct_change(20))
    risk = frames["close"].select(pl.all().pct_change(1).rolling_std(20))
    return pl.DataFrame({name: returns[name] / risk[name] for name in returns.columns})


def means_cross(upwards: bool) -> Callable[[Frames], pl.DataFrame]:
    def compute(frames: Frames) -> pl.DataFrame:
        fast, slow = pl.all().rolling_mean(10), pl.all().rolling_mean(30)
        now, before = (
            (fast > slow, fast.shift(1) <= slow.shift(1)) if upwards else (fast < slow, fast.shift(1) >= slow.shift(1))
        )
        return frames["close"].select(now & before)

    return compute


SURGE = "volume_ratio(20) >= 1.5"
CROSS = "crosses_above(close, mean(close, 20))"
RATIO = "returns(20) / std(returns(1), 20)"
CASES = (
    Case("volume surge and crossing", 2_500, 2_500, 16, {SURGE: volume_surge, CROSS: close_crosses_mean}),
    Case(
        "… and a ranking by trend / risk",
        2_500,
        2_500,
        16,
        {SURGE: volume_surge, CROSS: close_crosses_mean, RATIO: trend_by_risk},
    ),
    Case(
        "one ticker, two means that cross",
        1_000_000,
        1,
        8_192,
        {
            "crosses_above(mean(close, 10), mean(close, 30))": means_cross(True),
            "crosses_below(mean(close, 10), mean(close, 30))": means_cross(False),
        },
    ),
)


def make_market(rows: int, columns: int) -> MarketArrays:
    """Random walks; every instrument is listed on every row, so that polars needs no masks."""
    generator = np.random.default_rng(7)
    close = np.cumsum(generator.integers(-50, 51, (rows, columns)), axis=0)
    bars = np.empty((5, rows, columns), np.int64)
    bars[:] = close - close.min(axis=0) + 5_000
    bars[VOLUME] = generator.integers(1, 1_000_000, (rows, columns))
    count = np.arange(rows, dtype=np.int64)
    return MarketArrays(
        bars=bars,
        state=np.ones((rows, columns), np.uint8),
        value=None,
        shares=None,
        indices={},
        ordinal=count,
        session=count,
        closed_at_ns=count,
        first_row=np.zeros(columns, np.int64),
        actions=ActionArrays.none(),
        price_scale=1,
        bars_per_year=252.0,
    )


def run_graph(nodes: Sequence[Node], market: MarketArrays, block_rows: int, keep: bool = False) -> list[NDArray]:
    """All rows; the columns are collected only for the comparison."""
    graph, rows = FeatureGraph(nodes, market), market.bars.shape[1]
    found: list[list[NDArray]] = [[] for _ in nodes]
    for begin in range(0, rows, block_rows):
        graph.advance(begin, min(begin + block_rows, rows))
        if keep:
            for blocks, node in zip(found, nodes, strict=True):
                blocks.append(graph.column(node).copy())
    return [np.concatenate(blocks) for blocks in found if blocks]


def check(case: Case, ours: list[NDArray], frames: Frames) -> None:
    """Stop unless both computed the same; whole numbers leave polars' running sums no room to drift."""
    for (text, polars_way), values in zip(case.features.items(), ours, strict=True):
        theirs = polars_way(frames).to_numpy()[WARM_UP:].astype(np.float64)
        mine = values[WARM_UP:].astype(np.float64)
        tolerance = 1e-6 if text == RATIO else 0.0
        if not np.allclose(mine, theirs, rtol=tolerance, atol=0.0, equal_nan=True):
            raise SystemExit(f"{case.name}: the graph and polars disagree about {text}.")


def best_of(run: Callable[[], object]) -> float:
    best = np.inf
    for _ in range(ROUNDS):
        begin = time.process_time()
        run()
        best = min(best, time.process_time() - begin)
    return best


def main() -> None:
    table = Table(title=f"Feature graph, one core of {machine()['cpu']}")
    for heading in ("case", "bars", "graph ms", "M bars/s", "polars ms", "ratio"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for case in CASES:
        market = make_market(case.rows, case.columns)
        names = [f"c{column}" for column in range(case.columns)]
        frames = {
            name: pl.DataFrame(market.bars[field].astype(np.float64), schema=names)
            for name, field in (("close", CLOSE), ("volume", VOLUME))
        }
        nodes = [parse_expression(text) for text in case.features]
        check(case, run_graph(nodes, market, case.block_rows, keep=True), frames)
        ours = best_of(lambda nodes=nodes, market=market, case=case: run_graph(nodes, market, case.block_rows))
        theirs = best_of(lambda frames=frames, case=case: [way(frames) for way in case.features.values()])
        bars = case.rows * case.columns
        table.add_row(
            case.name,
            f"{bars:,}",
            f"{ours * 1e3:.1f}",
            f"{bars / ours / 1e6:.0f}",
            f"{theirs * 1e3:.0f}",
            f"{theirs / ours:.1f}x",
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
