"""Which rule earned what.

A trade belongs to the first rule of its list, the one that decided; the others are counted as `named`. So the
profits of all opening rules add up to the profit of all trades, and so do those of all closing rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from engine.rules.tree import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """What one rule did.

    Args:
        rule_id: id of the rule.
        category: its category, empty if the run knows no rule of that id (a Python strategy).
        orders: orders that name it.
        opened, opened_wins, opened_pnl: trades whose purchase it decided, and their profit in won.
        closed, closed_wins, closed_pnl: trades whose sale it decided.
        named: trades that name it in any place.
    """

    rule_id: str
    category: str
    orders: int
    opened: int
    opened_wins: int
    opened_pnl: float
    closed: int
    closed_wins: int
    closed_pnl: float
    named: int


def attribute(trades: pl.DataFrame, orders: pl.DataFrame, rules: Sequence[Rule]) -> tuple[RuleOutcome, ...]:
    """Outcome of each rule, in the order of the rules; ids that are no rule's follow, sorted."""
    opened, closed = _decided(trades, "entry_rules"), _decided(trades, "exit_rules")
    ordered = _named(orders.select(pl.col("rule_ids")))
    named = _named(trades.select(pl.concat_list("entry_rules", "exit_rules").list.unique().alias("rule_ids")))
    categories = {rule.id: rule.category.value for rule in rules}
    seen = set(opened) | set(closed) | set(ordered) | set(named)
    identifiers = [*categories, *sorted(seen - set(categories))]
    nothing = (0, 0, 0.0)
    rows = []
    for identifier in identifiers:
        first, last = opened.get(identifier, nothing), closed.get(identifier, nothing)
        rows.append(
            RuleOutcome(
                rule_id=identifier,
                category=categories.get(identifier, ""),
                orders=ordered.get(identifier, 0),
                opened=first[0],
                opened_wins=first[1],
                opened_pnl=first[2],
                closed=last[0],
                closed_wins=last[1],
                closed_pnl=last[2],
                named=named.get(identifier, 0),
            )
        )
    return tuple(rows)


def _decided(trades: pl.DataFrame, column: str) -> dict[str, tuple[int, int, float]]:
    grouped = (
        trades.select(pl.col(column).list.first().alias("rule_id"), "pnl")
        .drop_nulls("rule_id")
        .group_by("rule_id")
        .agg(pl.len().alias("trades"), (pl.col("pnl") > 0).sum().alias("wins"), pl.col("pnl").sum())
    )
    return {
        rule_id: (int(count), int(wins), float(pnl))
        for rule_id, count, wins, pnl in grouped.select("rule_id", "trades", "wins", "pnl").iter_rows()
    }


def _named(lists: pl.DataFrame) -> dict[str, int]:
    counted = lists.explode("rule_ids").drop_nulls().group_by("rule_ids").agg(pl.len().alias("count"))
    return {rule_id: int(count) for rule_id, count in counted.iter_rows()}
