"""A walk forward in the terminal; its tables wrap in a narrow one, no figure is cut."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text as Words

from engine.reports import walk_forward_texts as texts
from engine.reports.language import Lang
from engine.reports.walk_forward_view import (
    WalkForwardView,
    facts,
    figure_rows,
    findings,
    headline,
    notes,
    value_heads,
    warnings,
    window_rows,
)

MOST_WINDOWS = 40  # the page has all
TONES = {"up": "green", "down": "dark_orange"}


def print_walk_forward(console: Console, view: WalkForwardView, *, lang: Lang = "ko") -> None:
    """Print a finished walk forward."""
    for part in walk_forward_parts(view, lang):
        width = console.width
        if isinstance(part, Table) and part.show_header:
            width = max(width, console.measure(part, options=console.options.update(max_width=10_000)).maximum)
        Console(file=console.file, width=width).print(part)


def walk_forward_parts(view: WalkForwardView, lang: Lang) -> list[RenderableType]:
    """The parts from top to bottom."""
    parts = [_heading(view, lang), Words(""), _figures(view, lang), Words(""), _windows(view, lang), Words("")]
    if len(view.result.steps) > MOST_WINDOWS:
        parts.insert(-1, Words(texts.EARLIER(lang).format(count=len(view.result.steps) - MOST_WINDOWS), style="dim"))
    parts += [_point("·", sentence) for sentence in findings(view, lang)]
    parts += [_point("!", sentence, "dark_orange") for sentence in warnings(view, lang)]
    return [*parts, *(_point("·", note, "dim") for note in notes(view, lang))]


def _heading(view: WalkForwardView, lang: Lang) -> RenderableType:
    lines: list[RenderableType] = [Words(headline(view, lang)), Words(facts(view, lang), style="dim")]
    if view.synthetic:
        lines.append(Words(texts.SYNTHETIC(lang), style="bold red"))
    return Frame(Group(*lines), title=Words(view.title), title_align="left", padding=(0, 1))


def _figures(view: WalkForwardView, lang: Lang) -> RenderableType:
    table = _table()
    table.add_column(texts.FIGURE(lang), no_wrap=True)
    for head in (texts.OWN(lang), texts.BASE(lang), view.benchmark):
        table.add_column(head, justify="right", no_wrap=True)
    for row in figure_rows(view, lang):
        table.add_row(*row)
    return table


def _windows(view: WalkForwardView, lang: Lang) -> RenderableType:
    table = _table()
    # The training dates of a window follow from its test dates and stand on the page.
    table.add_column(texts.HEADS["test"](lang), no_wrap=True)
    for name in value_heads(view):
        # A name breaks at its hyphens, so that its value does not need as much room as it does.
        table.add_column(name.replace("-", "-\n").replace("+", "\n+"), justify="right", overflow="fold")
    for name in ("sharpe_in", "sharpe_out", "own", "base", "index", "trades"):
        table.add_column(texts.HEADS[name](lang).replace(" ", "\n"), justify="right", no_wrap=True)
    rows = window_rows(view, lang)
    for row in rows[-MOST_WINDOWS:]:
        own = Words(row.own, style=TONES.get(row.tone, ""))
        figures = (row.sharpe_in, row.sharpe_out, own, row.base, row.index, row.trades)
        table.add_row(row.test, *(Words(value) for value in row.values), *figures)
    return table


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)


def _point(sign: str, sentence: str, style: str = "") -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(overflow="fold")
    grid.add_row(Words(sign, style=style), Words(sentence, style=style))
    return grid
