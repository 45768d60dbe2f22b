"""The volume-surge strategy of `reference.surge` on a whole market in vectorbt.

Written as an experienced user would: the compiled rolling functions on plain arrays rather than on
DataFrames, one flexible order function with shared cash, order records sized to the need and position records
off. Together they make it more than ten times as fast as `vectorbt_documented.py`.

The order function hands out the orders that the previous close decided; the decision itself is the callback
after a segment, where vectorbt has valued the portfolio at the close.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import vectorbt as vbt
from numba import njit
from vectorbt.generic import dispatch as generic
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import Direction, NoOrder

from benchmarks.fills import as_fills
from benchmarks.market import CLOSE, OPEN, VOLUME, load_bars
from benchmarks.reference import INITIAL_CASH_WON, SurgeRules


@njit
def plan_buffers(c):
    """Room for the orders of one row: columns, shares, how many; and the entry price of each column."""
    columns = np.empty(c.target_shape[1], np.int64)
    shares = np.empty(c.target_shape[1])
    count = np.zeros(1, np.int64)
    entry_price = np.zeros(c.target_shape[1])
    return columns, shares, count, entry_price


@njit
def pass_on(c, columns, shares, count, entry_price):
    return columns, shares, count, entry_price


@njit
def next_order(c, columns, shares, count, entry_price, opens):
    """The next planned order, at this row's open; vectorbt cuts a buy to the shares that the cash allows."""
    if c.call_idx >= count[0]:
        return -1, NoOrder
    column = columns[c.call_idx]
    price = opens[c.i, column]
    if shares[c.call_idx] > 0:
        entry_price[column] = price
    return column, nb.order_nb(
        size=shares[c.call_idx],
        price=price,
        direction=Direction.LongOnly,
        size_granularity=1.0,
        min_size=1.0,
    )


@njit
def decide_at_close(
    c, columns, shares, count, entry_price, entries, curve, stop, target, most_positions, weight_percent
):
    """Plan the orders of the next row: all sells, then buys by column while there are free places."""
    curve[c.i] = c.last_value[c.group]
    planned = 0
    held = 0
    for column in range(c.from_col, c.to_col):
        if c.last_position[column] > 0:
            held += 1
            gain = (c.last_val_price[column] - entry_price[column]) / entry_price[column]
            if gain <= stop or gain >= target:
                columns[planned] = column
                shares[planned] = -c.last_position[column]
                planned += 1
    for column in range(c.from_col, c.to_col):
        if held >= most_positions:
            break
        if entries[c.i, column] and c.last_position[column] == 0:
            quantity = np.floor(c.last_value[c.group] * weight_percent / (100.0 * c.last_val_price[column]))
            if quantity > 0:
                columns[planned] = column
                shares[planned] = quantity
                planned += 1
                held += 1
    count[0] = planned


def entry_signals(close: np.ndarray, volume: np.ndarray, rules: SurgeRules) -> np.ndarray:
    """bool[rows, tickers]: today's volume against the volumes before it, and close crossing its mean."""
    mean_volume = generic.rolling_mean(volume, rules.window_bars)
    above = close > generic.rolling_mean(close, rules.window_bars)
    entries = np.zeros(close.shape, np.bool_)
    entries[1:] = volume[1:] >= rules.surge_percent / 100 * mean_volume[:-1]
    entries[1:] &= above[1:]
    entries[1:] &= ~above[:-1]
    return entries


def prepare(folder: Path, options: dict) -> Callable[[], Callable[[], np.ndarray]]:
    """Load the market as vectorbt wants it (float64) and return the run.

    `options["engine"]`: "numba" (the default), or "auto" for Rust where vectorbt has it.
    """
    vbt.settings["engine"] = options.get("engine", "numba")
    bars = load_bars(folder)
    opens, close, volume = (np.array(bars[field], np.float64) for field in (OPEN, CLOSE, VOLUME))
    rules = SurgeRules()

    def run() -> Callable[[], np.ndarray]:
        portfolio = vbt.Portfolio.from_order_func(
            close,
            next_order,
            opens,
            flexible=True,
            pre_sim_func_nb=plan_buffers,
            pre_group_func_nb=pass_on,
            pre_segment_func_nb=pass_on,
            post_segment_func_nb=decide_at_close,
            post_segment_args=(
                entry_signals(close, volume, rules),
                np.empty(len(close)),
                rules.stop_percent / 100,
                rules.target_percent / 100,
                rules.most_positions,
                rules.weight_percent,
            ),
            init_cash=float(INITIAL_CASH_WON),
            cash_sharing=True,
            group_by=True,
            fill_pos_record=False,
            max_orders=20 * 2 * len(close),
            max_logs=0,
        )
        # The equity curve is collected in the callback: `portfolio.value()` takes longer than the simulation.
        if options.get("tables"):
            _ = portfolio.trades.records
        records = portfolio.order_records
        return lambda: as_fills(records["idx"], records["col"], np.where(records["side"] == 0, 1, -1), records["size"])

    return run
