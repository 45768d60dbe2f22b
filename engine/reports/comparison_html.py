"""The HTML page of a comparison: two curves in one picture, figures side by side, changes and their effects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from engine.metrics.comparison import Comparison
from engine.reports import format as show
from engine.reports.charts import Line, drawdown_picture, equity_picture
from engine.reports.comparison_view import (
    EFFECT_NOTE,
    LUCK_NOTE,
    both_warnings,
    change_words,
    effect_heads,
    effect_rows,
    field_name,
    figure_rows,
    findings,
)
from engine.reports.figures import figure_named, show_value
from engine.reports.html import benchmark_name, curve_data
from engine.reports.language import Lang
from engine.reports.page import PageOptions, keep_page, render_page
from engine.reports.points import paired_points
from engine.reports.rows import trade_rows
from engine.reports.texts import word
from engine.reports.warnings import is_synthetic
from engine.result import Result

MOST_TRADES = 200
CARDS = ("total_return", "sharpe", "max_drawdown", "trades")


def write_comparison(
    comparison: Comparison, path: Path, *, names: tuple[str, str], options: PageOptions | None = None
) -> Path:
    """Write the page; `names` are what the old and the new rules are called."""
    return keep_page(render_comparison(comparison, names=names, options=options), path)


def render_comparison(comparison: Comparison, *, names: tuple[str, str], options: PageOptions | None = None) -> str:
    """The page as text. The same comparison and options give the same bytes."""
    options = options or PageOptions()
    lang = options.lang
    title = options.title or ("규칙 변경 비교" if lang == "ko" else "Comparison of rule changes")
    view = _head(comparison, names, lang) | _curves(comparison, lang) | _tables(comparison, lang)
    synthetic = is_synthetic(comparison.old_result) or is_synthetic(comparison.new_result)
    return render_page("compare.html.j2", view, options, title=title, synthetic=synthetic)


def _head(comparison: Comparison, names: tuple[str, str], lang: Lang) -> dict[str, object]:
    by_name = {row.name: row for row in comparison.differences}
    cards = []
    for name in CARDS:
        figure, row = figure_named(name), by_name.get(name)
        old, new = (row.old, row.new) if row else (None, None)
        cards.append(
            {
                "name": figure.label(lang),
                "value": show_value(new, figure.unit, lang),
                "tone": "",
                "more": f"{'이전' if lang == 'ko' else 'before'} {show_value(old, figure.unit, lang)}",
            }
        )
    return {
        "old_name": names[0],
        "new_name": names[1],
        "cards": cards,
        "findings": findings(comparison, lang),
        # The banner on top of the page already says that data is synthetic.
        "warnings": [warning for warning in both_warnings(comparison, lang) if warning.code != "synthetic"],
        "hashes": (comparison.old_result.result_hash, comparison.new_result.result_hash),
    }


def _curves(comparison: Comparison, lang: Lang) -> dict[str, object]:
    old, new = paired_points(comparison.old_result, comparison.new_result)
    before, after = ("이전", "새 규칙") if lang == "ko" else ("Old rules", "New rules")
    lines = [
        Line(values=new.equity, style="own", label=after),
        Line(values=old.equity, style="third", label=before),
    ]
    if np.isfinite(new.benchmark).any():
        lines.append(Line(values=new.benchmark, style="market", label=benchmark_name(comparison.new_result)))
    falls = [
        Line(values=new.drawdown, style="own", label=after),
        Line(values=old.drawdown, style="third", label=before),
    ]
    return {
        "lines": [(line.style, line.label) for line in lines],
        "equity_linear": equity_picture(new, lines, lang, log=False),
        "equity_log": equity_picture(new, lines, lang, log=True),
        "drawdown": drawdown_picture(new, falls, lang),
        "curve_data": curve_data(new, lines, falls, lang),
        "warmup": new.warmup_end > 0,
    }


def _tables(comparison: Comparison, lang: Lang) -> dict[str, object]:
    return {
        "changes": [
            {
                "id": change.rule_id,
                "kind": change.kind,
                "words": change_words(change, lang),
                "rule": change.new or change.old,
                "category": word(change.category, lang),
                "fields": [(field_name(row.field, lang), row.old, row.new) for row in change.fields],
            }
            for change in comparison.changes
        ],
        "effect_heads": effect_heads(lang),
        "effects": effect_rows(comparison, lang),
        "effect_note": EFFECT_NOTE(lang),
        "luck_note": LUCK_NOTE(lang),
        "groups": figure_rows(comparison, lang),
        "only_old": _trades(comparison.only_old, comparison.old_result, lang),
        "only_new": _trades(comparison.only_new, comparison.new_result, lang),
        "only_old_count": f"{len(comparison.only_old):,}",
        "only_new_count": f"{len(comparison.only_new):,}",
        "most_trades": MOST_TRADES,
        "dash": show.DASH,
    }


def _trades(trades: pl.DataFrame, result: Result, lang: Lang) -> list[dict[str, object]]:
    # The first ones: what came after the two runs parted is a consequence of these.
    return trade_rows(trades.head(MOST_TRADES).reverse(), lang, result.rules)
