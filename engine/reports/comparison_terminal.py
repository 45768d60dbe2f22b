"""A comparison in the terminal; no figure is cut in 60 columns."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text as Words

from engine.metrics.comparison import Comparison
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
from engine.reports.language import Lang
from engine.reports.warnings import is_synthetic

SHOWN = (
    *("final_equity", "total_return", "annual_return", "volatility", "sharpe", "sortino", "max_drawdown"),
    *("excess_return", "alpha", "beta", "trades", "win_rate", "profit_factor", "expectancy"),
    *("mean_bars_held", "open_pnl", "exposure", "turnover", "costs", "slippage"),
)
TONES = {"better": "green", "worse": "dark_orange"}


def print_comparison(console: Console, comparison: Comparison, *, names: tuple[str, str], lang: Lang = "ko") -> None:
    """Print two results side by side; `names` are what the old and the new rules are called."""
    console.print(comparison_view(comparison, names=names, lang=lang))


def comparison_view(comparison: Comparison, *, names: tuple[str, str], lang: Lang = "ko") -> RenderableType:
    """The comparison as something rich can print."""
    parts: list[RenderableType] = [_heading(comparison, names, lang)]
    if comparison.changes:
        parts += [Words(""), _changes(comparison, lang)]
    parts += [Words(""), _figures(comparison, lang)]
    if comparison.effects:
        parts += [Words(""), _effects(comparison, lang), Words(EFFECT_NOTE(lang), style="dim")]
    parts += [Words(""), Words(LUCK_NOTE(lang), style="dim"), _warnings(comparison, lang)]
    return Group(*parts)


def _heading(comparison: Comparison, names: tuple[str, str], lang: Lang) -> RenderableType:
    lines: list[RenderableType] = [Words(row) for row in findings(comparison, lang)]
    if is_synthetic(comparison.old_result) or is_synthetic(comparison.new_result):
        lines.append(Words("합성 데이터" if lang == "ko" else "SYNTHETIC DATA", style="bold red"))
    return Frame(Group(*lines), title=Words(f"{names[0]} → {names[1]}"), title_align="left", padding=(0, 1))


def _changes(comparison: Comparison, lang: Lang) -> RenderableType:
    lines: list[RenderableType] = []
    for change in comparison.changes:
        lines.append(Words.assemble((change.label, "bold"), f"  {change_words(change, lang)}"))
        rule = change.new or change.old
        if rule and not change.fields:
            lines.append(Words(f"    {rule.condition_source} → {rule.action_source}", style="dim"))
        for row in change.fields:
            lines.append(Words(f"    {field_name(row.field, lang)}"))
            lines.append(Words(f"    - {row.old or '–'}", style="dark_orange"))
            lines.append(Words(f"    + {row.new or '–'}", style="green"))
    return Group(*lines)


def _figures(comparison: Comparison, lang: Lang) -> RenderableType:
    heads = ("지표", "이전", "새 규칙", "차이") if lang == "ko" else ("Figure", "Old", "New", "Difference")
    table = _table(heads)
    rows = {row.name: row for _, group in figure_rows(comparison, lang) for row in group}
    for name in SHOWN:
        if name in rows:
            row = rows[name]
            table.add_row(row.label, row.old, row.new, Words(row.difference, style=TONES.get(row.tone, "")))
    return table


def _effects(comparison: Comparison, lang: Lang) -> RenderableType:
    table = _table(("변경 하나의 효과" if lang == "ko" else "Effect of one change", *effect_heads(lang)))
    for row in effect_rows(comparison, lang):
        table.add_row(Words(row.label), *(Words(text, style=TONES.get(tone, "")) for text, tone in row.cells))
    return table


def _table(heads: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for index, head in enumerate(heads):
        # Only the first column may wrap: a figure must never lose a digit.
        heading = head.replace(" ", "\n") if index else head
        table.add_column(heading, justify="right" if index else "left", overflow="fold", no_wrap=index > 0)
    return table


def _warnings(comparison: Comparison, lang: Lang) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(overflow="fold")
    for warning in both_warnings(comparison, lang):
        serious = warning.weight == "serious"
        table.add_row(
            Words("!" if serious else "·", style="bold red" if serious else "dim"),
            Words(warning.sentence, style="" if serious else "dim"),
        )
    return table
