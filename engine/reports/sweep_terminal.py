"""A sweep in the terminal: the best variants, a small heat map, and what to think of the best."""

from __future__ import annotations

import math

from rich.console import Console, Group, RenderableType
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text as Words

from engine.reports import format as show
from engine.reports import sweep_texts as texts
from engine.reports.language import Lang
from engine.reports.sweep_view import (
    SweepView,
    best_rows,
    facts,
    headline,
    heads,
    influence_sentence,
    lead_sentence,
    map_note,
    notes,
    overfitting_sentence,
    own_sentence,
    shape_sentence,
    trials_sentence,
)
from engine.research.sweep_shape import HeatMap

MOST_COLUMNS, MOST_LINES = 15, 16  # a larger map is read on the page


def print_sweep(console: Console, view: SweepView, *, lang: Lang = "ko") -> None:
    """Print a finished sweep."""
    for part in sweep_parts(view, lang):
        print_whole(console, part)


def print_whole(console: Console, part: RenderableType) -> None:
    """Print a part; a terminal too narrow for a table wraps its lines: a figure that is cut would be a wrong one."""
    if isinstance(part, Table) and part.columns and part.columns[0].no_wrap:
        needed = console.measure(part, options=console.options.update(max_width=10_000)).maximum
        Console(file=console.file, width=max(console.width, needed)).print(part)
    else:
        console.print(part)


def sweep_parts(view: SweepView, lang: Lang) -> list[RenderableType]:
    """The sweep as things that rich can print, from top to bottom."""
    parts: list[RenderableType] = [_heading(view, lang), Words(""), _variants(view, lang)]
    for found in view.summary.maps[:1]:
        if len(found.columns) <= MOST_COLUMNS and len(found.rows) <= MOST_LINES:
            parts += [Words(""), *_map(view, found, lang)]
    sentences = [
        influence_sentence(view, lang),
        shape_sentence(view, lang),
        lead_sentence(view, lang),
        own_sentence(view, lang),
        overfitting_sentence(view, lang),
    ]
    parts += [Words(""), *(_point("·", sentence) for sentence in sentences if sentence)]
    parts += [_point("!", note, "dark_orange") for note in notes(view, lang)]
    return [*parts, Words(trials_sentence(view, lang), style="dim")]


def _heading(view: SweepView, lang: Lang) -> RenderableType:
    lines: list[RenderableType] = [Words(headline(view, lang)), Words(facts(view, lang), style="dim")]
    if view.synthetic:
        lines.append(Words("합성 데이터" if lang == "ko" else "SYNTHETIC DATA", style="bold red"))
    return Frame(Group(*lines), title=Words(f"{texts.TITLE(lang)}: {view.title}"), title_align="left", padding=(0, 1))


def _variants(view: SweepView, lang: Lang) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for head in (*heads(view, lang), ""):
        table.add_column(Words(head), justify="right" if head else "left", no_wrap=True)
    for row in best_rows(view, lang):
        figures = (row.sharpe, row.total_return, row.max_drawdown, row.trades, row.win_rate, row.costs)
        mark = f"← {texts.UNCHANGED(lang)}" if row.base else ""
        table.add_row(row.rank, *row.values, *figures, mark, style="bold" if row.base else "")
    return table


def _map(view: SweepView, found: HeatMap, lang: Lang) -> list[RenderableType]:
    """One figure a cell, coloured from the least to the greatest."""
    axes = view.sweep.grid.axes
    title = Words.assemble((texts.MAP(lang), "bold"), f" ({map_note(view, found, lang)})")
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(Words(f"{axes[found.down].name} ↓  {axes[found.across].name} →", style="dim"), no_wrap=True)
    for label in found.columns:
        table.add_column(Words(label, style="dim"), justify="right", no_wrap=True)
    known = [value for value in found.cells.ravel().tolist() if not math.isnan(value)]
    low, high = min(known), max(known)
    for line, label in enumerate(found.rows):
        cells = []
        for column, value in enumerate(found.cells[line].tolist()):
            mark = "*" if (line, column) == found.best else "=" if (line, column) == found.base else ""
            style = "" if math.isnan(value) else _shade((value - low) / (high - low) if high > low else 0.5)
            shown = show.DASH if math.isnan(value) else show.number(value)
            cells.append(Words(mark + shown, style=style + (" bold" if mark else "")))
        table.add_row(Words(label, style="dim"), *cells)
    return [title, table, Words(f"* {texts.MARK_BEST(lang)}   = {texts.MARK_BASE(lang)}", style="dim")]


def _shade(share: float) -> str:
    """From orange (least) over plain to green (greatest)."""
    return "dark_orange" if share < 1 / 3 else "green" if share > 2 / 3 else ""


def _point(mark: str, sentence: str, style: str = "") -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row(Words(mark, style=style), Words(sentence))
    return table
