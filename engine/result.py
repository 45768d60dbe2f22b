"""What a backtest hands back: every figure and every page is a view of one `Result`.

Money is int won when the dataset's price scale is 1 and float won otherwise; quantities are shares; times are
aware (Asia/Seoul, nanoseconds) and a session is a date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from engine.rules.tree import Rule


@dataclass(frozen=True, slots=True)
class RunWarning:
    """A reason to trust a figure less; the sentence for each code is in `engine.reports.texts`.

    Args:
        code: a stable name, such as "survivorship".
        parameters: what the sentence fills in, such as {"count": 12}; values that JSON can hold.
    """

    code: str
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """One finished backtest.

    Args:
        equity: one row a bar, in time order: time (datetime, Asia/Seoul), session (date), cash (orderable,
            unsettled money included), holdings, equity, positions (count), orderable, receivable, payable,
            fees, stt (securities transaction tax), rural (rural special tax), realised, distributions (of funds, part
            of realised), dividends (of stocks after tax, part of realised), dividend_tax (withheld from them; fees to
            dividend_tax are cumulative won), benchmark (index close, float or null), warmup (bool: the rules wait for
            full windows), blocked (bool: buys were blocked).
        orders: id, sent_at, session_sent, ticker, name, side ("buy" or "sell"), kind ("market", "limit",
            "stop", "guard stop", "guard target"), price (won or null), quantity, filled, status ("open",
            "filled", "expired", "cancelled", "refused", "partly filled"), reason (refusal code or ""),
            rule_ids (list of str, the deciding rule first), done_at.
        fills: order_id, time, session, point ("open", "low", "high", "close"), ticker, side, quantity, price,
            amount, fee, stt, rural, realised, slippage (won of the whole fill, positive when it hurt).
        trades: one row a closing sell order: ticker, name, entry_session, exit_session, quantity,
            entry_price (average), exit_price, pnl (won after all costs, the buying fee pro rata), return
            (ratio), bars_held, entry_rules and exit_rules (lists of str, the deciding rule first), costs
            (won), closes_position (bool).
        positions: what is still held at the end: ticker, name, quantity, average_price, price, value, pnl,
            return, entry_session, unresolved (bool: the rows of the ticker end without a known delisting).
        rules: the rules that ran, in the order of the file; empty for a Python strategy.
        refusals: refusal code -> how often.
        warnings: reasons to trust the figures less.
        config: the frozen configuration of the run as plain values.
        data: the manifest of the dataset as plain values.
        timings: stage -> seconds; never part of `result_hash`.
        initial_cash: won on the first day.
        interval: "1d", "5m", …
        result_hash: sha256 over equity, orders and fills.
        model_costs: what asking a model cost, empty without one: spent_won (in this run), recorded_won (of the answers
            that were replayed, when they were recorded), calls, input_tokens, output_tokens. Paid from another pocket:
            no part of the equity.
        model_run: the model that planned, empty without one: model, knowledge_cutoff (ISO date, None if nobody knows),
            masked (bool); flips where it was asked both ways (`engine.planning.flips`).
    """

    equity: pl.DataFrame
    orders: pl.DataFrame
    fills: pl.DataFrame
    trades: pl.DataFrame
    positions: pl.DataFrame
    rules: tuple[Rule, ...]
    refusals: dict[str, int]
    warnings: tuple[RunWarning, ...]
    config: dict[str, object]
    data: dict[str, object]
    timings: dict[str, float]
    initial_cash: int
    interval: str
    result_hash: str
    model_costs: dict[str, int] = field(default_factory=dict)
    model_run: dict[str, object] = field(default_factory=dict)

    @classmethod
    def deferred(cls, makers: Mapping[str, Callable[[], Any]], **known: Any) -> Result:
        """A result whose tables are made when somebody first looks at them: most of a sweep's are never read.

        Args:
            makers: field -> what makes its value.
            known: the other fields.
        """
        result = object.__new__(cls)
        result.__dict__.update(known, _makers=dict(makers))
        return result

    def __getattr__(self, name: str) -> Any:
        makers = self.__dict__.get("_makers", {})
        if name not in makers:
            raise AttributeError(f"A result has no {name!r}.")
        value = self.__dict__[name] = makers[name]()
        return value
