"""Rows of the report's tables as plain values, ready for a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import polars as pl
from markupsafe import Markup

from engine.metrics.attribution import RuleOutcome
from engine.metrics.returns import PeriodReturn
from engine.metrics.summary import Metrics
from engine.reports import format as show
from engine.reports.figures import figure_named
from engine.reports.language import Lang, Text
from engine.reports.texts import word
from engine.rules.tree import Rule

MOST_TRADES = 1_000
STRONG_MONTH = 0.12  # a month of this size has the strongest colour
Row = dict[str, object]


def tone(value: float | None) -> str:
    """Style class of a signed figure."""
    return "" if not value else "up" if value > 0 else "down"


def month_names(lang: Lang) -> list[str]:
    """Headings of the month columns."""
    if lang == "ko":
        return [f"{month}월" for month in range(1, 13)]
    return ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def month_rows(periods: Sequence[PeriodReturn], lang: Lang) -> list[Row]:
    """One row a year: twelve cells (None where no session was rated), the year and the benchmark's year."""
    cells = {(row.year, row.month): row for row in periods}
    hint = "벤치마크" if lang == "ko" else "benchmark"
    rows: list[Row] = []
    for year in sorted({row.year for row in periods}):
        total = cells[year, 0]
        months = [cells.get((year, month)) for month in range(1, 13)]
        rows.append(
            {
                "year": year,
                "cells": [month and _month_cell(month, hint) for month in months],
                "total": show.percent(total.value, 1, signed=True),
                "tone": tone(total.value),
                "market": show.percent(total.benchmark, 1, signed=True),
            }
        )
    return rows


def _month_cell(month: PeriodReturn, hint: str) -> Row:
    return {
        "text": show.percent(month.value, 1, signed=True),
        "tone": "gain" if month.value > 0 else "loss" if month.value < 0 else "",
        "heat": f"{min(abs(month.value) / STRONG_MONTH, 1.0) * 0.62 + 0.05:.2f}",
        "hint": f"{month.year}-{month.month:02d} · {hint} {show.percent(month.benchmark, 1, signed=True)}",
    }


def rule_rows(metrics: Metrics, rules: Sequence[Rule], lang: Lang) -> list[Row]:
    """One row a rule; an exit rule shows the trades it closed, any other the trades it opened."""
    by_id = {rule.id: rule for rule in rules}
    sides = [_decided(outcome) for outcome in metrics.rules]
    largest = max((abs(pnl) for _, _, pnl in sides), default=0.0)
    rows: list[Row] = []
    for outcome, (trades, wins, pnl) in zip(metrics.rules, sides, strict=True):
        rule = by_id.get(outcome.rule_id)
        rows.append(
            {
                "id": outcome.rule_id,
                "kind": word(outcome.category, lang),
                "text": rule.text if rule else "",
                "condition": rule.condition_source if rule else "",
                "action": rule.action_source if rule else "",
                "orders": f"{outcome.orders:,}",
                "trades": f"{trades:,}" if trades else show.DASH,
                "win_rate": show.percent(wins / trades if trades else None, 1),
                "pnl": show.won(pnl if trades else None, lang, signed=True),
                "tone": tone(pnl),
                "bar": "gain" if pnl > 0 else "loss",
                "share": round(abs(pnl) / largest * 50, 1) if largest else 0,
            }
        )
    return rows


def _decided(outcome: RuleOutcome) -> tuple[int, int, float]:
    if outcome.closed and outcome.category != "entry_criteria":
        return outcome.closed, outcome.closed_wins, outcome.closed_pnl
    return outcome.opened, outcome.opened_wins, outcome.opened_pnl


def rule_chips(rules: Sequence[Rule]) -> Callable[[Sequence[str]], Markup]:
    """Ids of rules as markup whose hint is the rule itself; each list of ids is drawn once."""
    hints = {rule.id: f"{rule.text}\n{rule.condition_source} → {rule.action_source}" for rule in rules}

    @cache
    def draw(identifiers: tuple[str, ...]) -> Markup:
        chip = Markup('<span class="chip" title="{}">{}</span>')
        return Markup(" ").join(chip.format(hints.get(identifier, ""), identifier) for identifier in identifiers)

    return lambda identifiers: draw(tuple(identifiers))


def trade_rows(trades: pl.DataFrame, lang: Lang, rules: Sequence[Rule] = ()) -> list[Row]:
    """The latest trades, the newest first."""
    newest = trades.tail(MOST_TRADES).reverse()
    chips = rule_chips(rules)
    return [
        {
            "ticker": row["ticker"],
            "name": row["name"],
            "entry": show.day(row["entry_session"]),
            "exit": show.day(row["exit_session"]),
            "bars": row["bars_held"],
            "quantity": row["quantity"],
            "entry_price": row["entry_price"],
            "entry_text": show.price(row["entry_price"]),
            "exit_price": row["exit_price"],
            "exit_text": show.price(row["exit_price"]),
            "pnl": row["pnl"],
            "pnl_text": show.won(row["pnl"], lang, signed=True),
            "change": row["return"],
            "change_text": show.percent(row["return"], signed=True),
            "tone": tone(row["pnl"]),
            "kind": "win" if row["pnl"] > 0 else "loss" if row["pnl"] < 0 else "even",
            "entry_rules": chips(row["entry_rules"] or ()),
            "exit_rules": chips(row["exit_rules"] or ()),
            "part": not row["closes_position"],
        }
        for row in newest.iter_rows(named=True)
    ]


def position_rows(positions: pl.DataFrame, lang: Lang) -> list[Row]:
    """What is still held, the largest first."""
    return [
        {
            "ticker": row["ticker"],
            "name": row["name"],
            "entry": show.day(row["entry_session"]),
            "quantity": f"{row['quantity']:,}",
            "average": show.price(row["average_price"]),
            "price": show.price(row["price"]),
            "value": show.won(row["value"], lang),
            "pnl": show.won(row["pnl"], lang, signed=True),
            "change": show.percent(row["return"], signed=True),
            "tone": tone(row["pnl"]),
            "unresolved": row["unresolved"],
        }
        for row in positions.sort(["value", "ticker"], descending=[True, False]).iter_rows(named=True)
    ]


def cost_rows(metrics: Metrics, lang: Lang, model_costs: Mapping[str, int] | None = None) -> list[Row]:
    """Costs by kind with their share of the largest; those of a model last, for they are paid from another pocket."""
    names = ("fees", "stt", "rural", "costs", "cost_ratio", "slippage")
    amounts = {name: getattr(metrics, name) for name in ("fees", "stt", "rural", "slippage")}
    largest = max(abs(value) for value in amounts.values())
    return [
        {
            "label": figure_named(name).label(lang),
            "value": figure_named(name).text(metrics, lang),
            "share": round(abs(amounts[name]) / largest * 100, 1) if largest and name in amounts else 0,
        }
        for name in names
    ] + ([{"label": MODEL_COST(lang), "value": model_cost(model_costs, lang), "share": 0}] if model_costs else [])


MODEL_COST = Text("모델 비용(계좌 밖)", "Model (not from the account)")
MODEL_CALLS = Text(
    "{spent} · 답 {calls}개 · 토큰 {asked} + {answered}{recorded}",
    "{spent} · {calls} answers · tokens {asked} + {answered}{recorded}",
)
RECORDED = Text(" · 기록할 때 {won}", " · {won} when recorded")


def model_cost(costs: Mapping[str, int], lang: Lang) -> str:
    """What asking a model cost, on one line."""
    recorded = costs.get("recorded_won", 0)
    return MODEL_CALLS(lang).format(
        spent=show.won(costs.get("spent_won", 0), lang),
        calls=show.count(costs.get("calls", 0)),
        asked=show.count(costs.get("input_tokens", 0)),
        answered=show.count(costs.get("output_tokens", 0)),
        recorded=RECORDED(lang).format(won=show.won(recorded, lang)) if recorded else "",
    )


def flat(values: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Nested plain values as rows of "outer.inner" and text.

    >>> flat({"slippage": {"ticks": 1}, "tickers": ["005930", "000660"]})
    [('slippage.ticks', '1'), ('tickers', '005930, 000660')]
    """
    rows = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += flat(value, f"{name}.")
        elif isinstance(value, (list, tuple)):
            rows.append((name, ", ".join(_item(item) for item in value) or show.DASH))
        elif isinstance(value, int) and not isinstance(value, bool):
            rows.append((name, f"{value:,}"))
        else:
            rows.append((name, show.DASH if value in (None, "") else str(value)))
    return rows


def _item(value: object) -> str:
    """One item of a list; a mapping inside a list stays on one line."""
    if isinstance(value, Mapping):
        return " ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def data_notes(data: Mapping[str, object], lang: Lang) -> list[str]:
    """What the dataset remarks about itself: its notes, then the stretches that it lacks."""
    notes, gaps = data.get("notes"), data.get("gaps")
    texts = []
    for note in notes if isinstance(notes, (list, tuple)) else ():
        texts.append(str(note[lang]) if isinstance(note, Mapping) and lang in note else str(note))
    for gap in gaps if isinstance(gaps, (list, tuple)) else ():
        if lang == "ko":
            texts.append(f"{gap['after']} 다음부터 {gap['before']} 전까지 {gap['sessions']:,}세션이 없습니다")
        else:
            texts.append(f"{gap['sessions']:,} sessions are missing between {gap['after']} and {gap['before']}")
    return texts
