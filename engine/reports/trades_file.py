"""All trades as a CSV that a spreadsheet opens with Korean letters and without running anything."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from engine.data.atomic import atomic_path

# A spreadsheet takes a cell that begins with one of these for a formula; names of tickers are data.
FORMULA_SIGNS = r"^([=+\-@\t\r])"


def write_trades(trades: pl.DataFrame, path: Path) -> None:
    """Write every trade; lists of rules are joined by a blank."""
    joined = trades.with_columns(
        pl.col("entry_rules", "exit_rules").list.join(" "),
    ).with_columns(pl.col(pl.String).str.replace(FORMULA_SIGNS, "'$1"))
    with atomic_path(path) as temporary:
        joined.write_csv(temporary, include_bom=True)
