"""What an account held after each session, from the fills of a run."""

from __future__ import annotations

import datetime

import polars as pl

from engine.result import Result


def shares_by_session(result: Result) -> dict[datetime.date, dict[str, int]]:
    """Shares of every ticker at the end of each session with a fill; corporate actions are not followed."""
    held: dict[str, int] = {}
    ends: dict[datetime.date, dict[str, int]] = {}
    for session, ticker, side, quantity in result.fills.select("session", "ticker", "side", "quantity").rows():
        held[ticker] = held.get(ticker, 0) + (quantity if side == "buy" else -quantity)
        ends[session] = {name: shares for name, shares in held.items() if shares}
    return ends


def bought(result: Result) -> pl.DataFrame:
    """The fills of purchases."""
    return result.fills.filter(pl.col("side") == "buy")


def sold(result: Result) -> pl.DataFrame:
    """The fills of sells."""
    return result.fills.filter(pl.col("side") == "sell")
