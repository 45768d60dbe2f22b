"""Geoul in batch mode: a rule file on a whole market or on minutes, from the panel to the finished `Result`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.fills import as_fills
from benchmarks.panels import PANELS
from engine.backtest import backtest
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.result import Result
from engine.rules.prompt import load_rules

ROOT = Path(__file__).parent.parent
# What the peers cannot do is off: costs, the participation limit, cash reserved when an order is sent.
BARE_EXCHANGE = {"costs": False, "participation": 0.0, "funding": "optimistic"}


def prepare(folder: Path, options: dict) -> Callable[[], Callable[[], np.ndarray]]:
    """Load panel and rules and return the run.

    `options`: "rules" (a path below the project), "rows", "exchange" ("bare" for the comparison, "full" for
    the defaults with costs, funding and participation), "cash_won", "tables" (make the equity curve and the
    closed trades too).
    """
    rules = load_rules(ROOT / options["rules"])
    panel = PANELS[rules.interval](folder, options["rows"])
    values = {"cash_won": options["cash_won"]}
    config = BacktestConfig(**values, **(BARE_EXCHANGE if options["exchange"] == "bare" else {}))

    def run() -> Callable[[], np.ndarray]:
        result = backtest(rules, panel, config)
        if options.get("tables"):
            _ = result.equity, result.trades
        _ = result.fills
        return lambda: fills_of(result, panel)

    return run


def fills_of(result: Result, panel: Panel) -> np.ndarray:
    """Fills by row and column of the panel; the parts of one order count as one fill."""
    fills = result.fills
    row = np.searchsorted(panel.closed_at_ns, fills["time"].dt.epoch("ns").to_numpy())
    column = np.searchsorted(np.array(panel.tickers), fills["ticker"].to_numpy())
    side = np.where(fills["side"].to_numpy() == "buy", 1, -1)
    table = pl.DataFrame({"row": row, "column": column, "side": side, "quantity": fills["quantity"]})
    table = table.group_by("row", "column", "side").agg(pl.col("quantity").sum())
    return as_fills(*(table[name].to_numpy() for name in ("row", "column", "side", "quantity")))
