"""A run of a model split at the last day that the model may have read about.

Up to that day a model may remember what it seems to foresee, so its results there are no evidence, masked or not. Where
nobody knows the day, everything is before it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date

import polars as pl

from engine.metrics.summary import Metrics, summarize
from engine.result import Result

# The account is one account: what is held on the day of the split is in the equity of both parts and a figure of none.
UNDIVIDED = frozenset(
    {"closed_positions", "open_positions", "open_value", "open_pnl", "other_pnl", "rules", "undefined"}
)
_CUMULATIVE = ("fees", "stt", "rural", "realised", "distributions", "dividends", "dividend_tax")


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoffSplit:
    """Figures of the two parts; None where a part has no session.

    Args:
        cutoff: last day of the first part; None when nobody knows it, then there is no second part.
        before: up to and with that day: no evidence.
        after: from the next session on.
    """

    cutoff: date | None
    before: Metrics | None
    after: Metrics | None


def split_at(result: Result, cutoff: date | None) -> CutoffSplit:
    """Figures before and after a knowledge cutoff.

    A trade belongs to the day on which it was bought, because that was the decision; equity, orders and costs belong to
    their own day. So the profit of trades and the change of equity of one part need not agree.

    Args:
        result: of the whole run.
        cutoff: last day that the model may have read about, None if unknown.
    """
    last = date.max if cutoff is None else cutoff
    known = int((result.equity["session"] <= last).sum())
    before = summarize(_before(result, last, known)) if known else None
    after = summarize(_after(result, last, known)) if known < len(result.equity) else None
    return CutoffSplit(cutoff=cutoff, before=before, after=after)


def divided_figures(metrics: Metrics) -> dict[str, object]:
    """The figures that mean something for a part of a run, by name."""
    return {each.name: getattr(metrics, each.name) for each in fields(metrics) if each.name not in UNDIVIDED}


def _before(result: Result, last: date, known: int) -> Result:
    return replace(
        result,
        equity=result.equity[:known],
        orders=result.orders.filter(pl.col("session_sent") <= last),
        fills=result.fills.filter(pl.col("session") <= last),
        trades=result.trades.filter(pl.col("entry_session") <= last),
        positions=result.positions.clear(),
    )


def _after(result: Result, last: date, known: int) -> Result:
    """The second part with the row before it as its warm-up, from which its first return counts."""
    equity, start = result.equity[max(known - 1, 0) :], result.initial_cash
    if known:
        row = equity.row(0, named=True)
        start = round(row["equity"])
        paid = [(pl.col(name) - row[name]).alias(name) for name in _CUMULATIVE if name in equity.columns]
        warm = pl.col("warmup") | (pl.int_range(pl.len()) == 0)
        equity = equity.with_columns(*paid, warm.alias("warmup"))
    return replace(
        result,
        equity=equity,
        orders=result.orders.filter(pl.col("session_sent") > last),
        fills=result.fills.filter(pl.col("session") > last),
        trades=result.trades.filter(pl.col("entry_session") > last),
        positions=result.positions.clear(),
        initial_cash=start,
    )
