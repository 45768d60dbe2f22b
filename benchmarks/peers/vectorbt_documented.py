"""The volume-surge strategy of `reference.surge` in vectorbt, built like the examples of its documentation.

Indicators on DataFrames, one order function that vectorbt calls for every cell, the order of calls set before
each row, and default settings but for shared cash. `vectorbt_market.py` is what remains after tuning; both
must give the same fills.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt
from numba import njit
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import Direction, NoOrder

from benchmarks.fills import as_fills
from benchmarks.market import CLOSE, OPEN, VOLUME, load_bars
from benchmarks.reference import INITIAL_CASH_WON, SurgeRules


@njit
def row_buffers(c):
    """Wanted shares of each column in the present row (negative sells, NaN nothing) and its entry price."""
    return np.full(c.target_shape[1], np.nan), np.zeros(c.target_shape[1])


@njit
def pass_on(c, shares, entry_price):
    return shares, entry_price


@njit
def decide_before_open(c, shares, entry_price, entries, stop, target, most_positions, weight_percent):
    """Decide on the row before, which is all that vectorbt has valued by now; sells are called first."""
    shares[:] = np.nan
    if c.i == 0:
        return shares, entry_price
    called = 0
    held = 0
    for column in range(c.from_col, c.to_col):
        if c.last_position[column] > 0:
            held += 1
            gain = (c.last_val_price[column] - entry_price[column]) / entry_price[column]
            if gain <= stop or gain >= target:
                shares[column] = -c.last_position[column]
                c.call_seq_now[called] = column - c.from_col
                called += 1
    for column in range(c.from_col, c.to_col):
        if shares[column] < 0:
            continue
        c.call_seq_now[called] = column - c.from_col
        called += 1
        if entries[c.i - 1, column] and c.last_position[column] == 0 and held < most_positions:
            quantity = np.floor(c.last_value[c.group] * weight_percent / (100.0 * c.last_val_price[column]))
            if quantity > 0:
                shares[column] = quantity
                held += 1
    return shares, entry_price


@njit
def order_of_cell(c, shares, entry_price, opens):
    wanted = shares[c.col]
    if np.isnan(wanted):
        return NoOrder
    price = opens[c.i, c.col]
    if wanted > 0:
        entry_price[c.col] = price
    return nb.order_nb(size=wanted, price=price, direction=Direction.LongOnly, size_granularity=1.0, min_size=1.0)


def prepare(folder: Path, options: dict) -> Callable[[], Callable[[], np.ndarray]]:
    """Load the market into DataFrames and return the run.

    `options["engine"]`: "numba" (the default), or "auto" for Rust where vectorbt has it.
    """
    vbt.settings["engine"] = options.get("engine", "numba")
    bars = load_bars(folder)
    opens, close, volume = (pd.DataFrame(np.array(bars[field], np.float64)) for field in (OPEN, CLOSE, VOLUME))
    rules = SurgeRules()

    def mean(frame: pd.DataFrame) -> pd.DataFrame:
        return vbt.MA.run(frame, rules.window_bars).ma.set_axis(frame.columns, axis=1)

    def run() -> Callable[[], np.ndarray]:
        surges = volume >= rules.surge_percent / 100 * mean(volume).shift(1)
        mean_close = mean(close)
        crosses = (close > mean_close) & (close.shift(1) <= mean_close.shift(1))
        portfolio = vbt.Portfolio.from_order_func(
            close,
            order_of_cell,
            opens.to_numpy(),
            pre_sim_func_nb=row_buffers,
            pre_group_func_nb=pass_on,
            pre_segment_func_nb=decide_before_open,
            pre_segment_args=(
                (surges & crosses).to_numpy(),
                rules.stop_percent / 100,
                rules.target_percent / 100,
                rules.most_positions,
                rules.weight_percent,
            ),
            init_cash=float(INITIAL_CASH_WON),
            cash_sharing=True,
            group_by=True,
        )
        if options.get("tables"):
            _ = portfolio.value(), portfolio.trades.records
        records = portfolio.order_records
        return lambda: as_fills(records["idx"], records["col"], np.where(records["side"] == 0, 1, -1), records["size"])

    return run
