"""A placebo run in the terminal: passed or failed in one sentence, how far the worlds got, and what decided in them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text as Words

from engine.reports.facts_table import facts_table
from engine.reports.gate_terminal import SYNTHETIC
from engine.reports.language import Lang, Text
from engine.reports.placebo_view import Bar, facts, funnel, headline, promoted, reasons, remarks
from engine.research.placebo_run import PlaceboRun

WIDTH = 16  # letters of the longest bar


def print_placebo(console: Console, run: PlaceboRun, *, title: str, labels: Sequence[str], lang: Lang = "ko") -> None:
    """Print a run; `title` names the base and the candidate, `labels` every candidate of the plan."""
    parts = [_heading(run, title, lang), Words("")]
    parts += [_bars(REASONS(lang), reasons(run, lang), "red" if not run.test.passed else "cyan"), Words("")]
    parts += [_bars(FUNNEL(lang), funnel(run, lang), "blue"), Words("")]
    found = promoted(run, labels, lang)
    if found:
        parts += [_promoted(found, lang), Words("")]
    console.print(Group(*parts, facts_table(facts(run, lang))))


def _heading(run: PlaceboRun, title: str, lang: Lang) -> RenderableType:
    word, why = headline(run, lang)
    lines = [Words.assemble((word, "bold green" if run.test.passed else "bold red"), f"  {why}")]
    lines += [Words(f"· {told}", style="dim") for told in remarks(run, lang)]
    if run.synthetic:
        lines.append(Words(SYNTHETIC(lang), style="bold red"))
    return Frame(Group(*lines), title=Words(title), title_align="left", padding=(0, 1))


def _bars(title: str, rows: Sequence[Bar], style: str) -> RenderableType:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for row in rows:
        bar = "█" * max(round(row.share * WIDTH), 1 if row.count else 0)
        table.add_row(Words(row.label), f"{row.count:,}", Words(bar.ljust(WIDTH), style=style), Words(row.detail))
    return table


def _promoted(rows: Sequence[tuple[str, str, str]], lang: Lang) -> RenderableType:
    table = Table(title=PROMOTED(lang), title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in COLUMNS:
        table.add_column(name(lang))
    for row in rows:
        table.add_row(*(Words(text) for text in row))
    return table


REASONS = Text("무엇이 판정했나 (세계의 수)", "What decided (number of worlds)")
FUNNEL = Text("그 단계까지 걸린 것이 없는 세계", "Worlds with nothing against the candidate so far")
PROMOTED = Text("승격한 세계", "Worlds that promoted")
COLUMNS = (Text("시드", "seed"), Text("후보", "candidate"), Text("p값", "p-value"))
