"""Two results side by side: figures, the first day they differ, trades of one only, and what each change did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from math import isfinite

import polars as pl

from engine.metrics.rule_changes import RuleChange, rule_changes, same_trading, single_rule_variants
from engine.metrics.summary import Metrics, summarize
from engine.result import Result
from engine.rules.tree import RuleSet

TRADE_KEY = ("ticker", "entry_session", "exit_session", "turn")
ORDER_KEY = ("ticker", "side", "kind", "price", "quantity")


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureDifference:
    """One figure of both results; `difference` is new less old, None if either has no finite value."""

    name: str
    old: float | None
    new: float | None
    difference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEffect:
    """What one change alone does: the figures of the old rules with only this change, against the old ones.

    Args:
        label: "+ id", "- id" or "~ id".
        result: the run with this change alone.
        metrics: its figures.
        differences: against the old result.
    """

    label: str
    result: Result
    metrics: Metrics
    differences: tuple[FigureDifference, ...]

    def difference(self, name: str) -> float | None:
        """The change of one figure."""
        return next(item.difference for item in self.differences if item.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that differs between two results.

    Args:
        old_result, new_result: the runs.
        old, new: their figures.
        differences: all numeric figures, in the order of `Metrics`.
        first_equity_difference: first session with another equity at any bar; None if all are the same.
        first_order_difference: first session in which other orders were sent; None if all are the same.
        only_old, only_new: trades (ticker, days of purchase and sale) that one result has and the other has not.
        resized: trades of both with another quantity or profit.
        changes: what differs in the rules.
        effects: what each change does alone, where the caller has run it.
        same_inputs: whether data, configuration and range are the same; if not, the figures cannot be compared.
        rated_from: first rated session of all runs where their warm-ups differ, else None. Longer windows need
            a longer warm-up; ratios over different sessions would not be comparable, so all use the longest.
        notes: sentences of whoever ran the two, which a reader must know first.
        facts: the same as plain values.
    """

    old_result: Result
    new_result: Result
    old: Metrics
    new: Metrics
    differences: tuple[FigureDifference, ...]
    first_equity_difference: date | None
    first_order_difference: date | None
    only_old: pl.DataFrame
    only_new: pl.DataFrame
    resized: int
    changes: tuple[RuleChange, ...]
    effects: tuple[ChangeEffect, ...]
    same_inputs: bool
    rated_from: date | None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def identical(self) -> bool:
        """Whether the two runs did exactly the same."""
        return self.old_result.result_hash == self.new_result.result_hash


def compare_results(
    old: Result,
    new: Result,
    old_rules: RuleSet,
    new_rules: RuleSet,
    variants: Sequence[tuple[str, Result]] = (),
) -> Comparison:
    """Compare two runs; `variants` are the runs of `single_rule_variants` by label."""
    starts = [_first_rated(result.equity) for result in (old, new, *(result for _, result in variants))]
    common = max((start for start in starts if start is not None), default=None)
    differ = any(start is not None and start != common for start in starts)
    old, new = _rated_from(old, common), _rated_from(new, common)
    before, after = summarize(old), summarize(new)
    only_old, only_new, resized = _trade_differences(old.trades, new.trades)
    effects = []
    for label, variant in variants:
        result = _rated_from(variant, common)
        metrics = summarize(result)
        effects.append(
            ChangeEffect(label=label, result=result, metrics=metrics, differences=figure_differences(before, metrics))
        )
    return Comparison(
        old_result=old,
        new_result=new,
        old=before,
        new=after,
        differences=figure_differences(before, after),
        first_equity_difference=_first_equity_difference(old.equity, new.equity),
        first_order_difference=_first_order_difference(old.orders, new.orders),
        only_old=only_old,
        only_new=only_new,
        resized=resized,
        changes=rule_changes(old_rules, new_rules),
        effects=tuple(effects),
        same_inputs=_inputs(old) == _inputs(new),
        rated_from=common.date() if common and differ else None,
    )


def compare_rules(
    old_rules: RuleSet,
    new_rules: RuleSet,
    run: Callable[[RuleSet], Result],
    *,
    effects: bool = True,
    announce: Callable[[str], None] = lambda label: None,
) -> Comparison:
    """Run both rule sets, and the old one with each single change, and compare.

    Args:
        old_rules, new_rules: what to compare.
        run: one backtest on the same data with the same configuration.
        effects: also run each change alone; with only one change that run would be the new one, and is not repeated.
        announce: told the label of each run before it starts: "old", "new", then "+ id", "- id", "~ id".
    """
    announce("old")
    old = run(old_rules)
    announce("new")
    new = run(new_rules)
    variants = []
    for label, rules in single_rule_variants(old_rules, new_rules) if effects else []:
        if same_trading(rules, new_rules):
            variants.append((label, new))
            continue
        announce(label)
        variants.append((label, run(rules)))
    return compare_results(old, new, old_rules, new_rules, variants)


def figure_differences(old: Metrics, new: Metrics) -> tuple[FigureDifference, ...]:
    """Every numeric figure of both."""
    rows = []
    for each in fields(Metrics):
        before, after = getattr(old, each.name), getattr(new, each.name)
        numbers = [value for value in (before, after) if isinstance(value, (int, float))]
        if not numbers or len(numbers) + (before is None) + (after is None) < 2:
            continue
        known = len(numbers) == 2 and all(isfinite(value) for value in numbers)
        rows.append(
            FigureDifference(name=each.name, old=before, new=after, difference=after - before if known else None)
        )
    return tuple(rows)


def _first_rated(equity: pl.DataFrame) -> datetime | None:
    """Time of the first bar behind the warm-up, None if there is none."""
    rated = equity.filter(~pl.col("warmup"))["time"]
    return rated[0] if len(rated) else None


def _rated_from(result: Result, start: datetime | None) -> Result:
    """The same run with all bars before `start` counted as warm-up."""
    if start is None:
        return result
    return replace(result, equity=result.equity.with_columns(warmup=pl.col("warmup") | (pl.col("time") < start)))


def _inputs(result: Result) -> tuple[object, ...]:
    # The prompt is what is being compared; everything else must be the same.
    config = {key: value for key, value in result.config.items() if not key.startswith(("prompt", "strategy", "rules"))}
    times = result.equity["time"]
    ends = (times[0], times[-1], len(times)) if len(times) else ()
    return (result.data.get("content_hash"), config, result.initial_cash, result.interval, ends)


def _first_equity_difference(old: pl.DataFrame, new: pl.DataFrame) -> date | None:
    columns = ["time", "session", "equity", "cash"]
    joined = old.select(columns).join(new.select(columns), on="time", how="full", coalesce=True, suffix="_new")
    differs = joined.filter(
        pl.col("equity").ne_missing(pl.col("equity_new")) | pl.col("cash").ne_missing(pl.col("cash_new"))
    )
    return _earliest(differs.select(pl.coalesce("session", "session_new").alias("session")))


def _first_order_difference(old: pl.DataFrame, new: pl.DataFrame) -> date | None:
    before, after = (_counted_orders(table) for table in (old, new))
    key = ["session_sent", *ORDER_KEY]
    joined = before.join(after, on=key, how="full", coalesce=True, nulls_equal=True, suffix="_new")
    differs = joined.filter(pl.col("count").ne_missing(pl.col("count_new")))
    return _earliest(differs.select(pl.col("session_sent").alias("session")))


def _counted_orders(orders: pl.DataFrame) -> pl.DataFrame:
    priced = orders.with_columns(pl.col("price").cast(pl.Float64), pl.col("quantity").cast(pl.Int64))
    return priced.group_by("session_sent", *ORDER_KEY).agg(pl.len().alias("count"))


def _earliest(sessions: pl.DataFrame) -> date | None:
    earliest = sessions["session"].min()
    return earliest if isinstance(earliest, date) else None


def _trade_differences(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    before, after = _with_turn(old), _with_turn(new)
    key = list(TRADE_KEY)
    only_old = before.join(after, on=key, how="anti", maintain_order="left").drop("turn")
    only_new = after.join(before, on=key, how="anti", maintain_order="left").drop("turn")
    both = before.select(*key, "quantity", "pnl").join(after.select(*key, "quantity", "pnl"), on=key, suffix="_new")
    resized = both.filter((pl.col("quantity") != pl.col("quantity_new")) | (pl.col("pnl") != pl.col("pnl_new")))
    return only_old, only_new, len(resized)


def _with_turn(trades: pl.DataFrame) -> pl.DataFrame:
    """Number the trades of the same ticker and days, so that two parts sold on one day stay two."""
    return trades.with_columns(pl.int_range(pl.len()).over("ticker", "entry_session", "exit_session").alias("turn"))
