"""A learning run in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.reflection import learning_view as view
from engine.reflection.learning import LearningRun
from engine.reflection.reflection_terminal import STYLES
from engine.reports.language import Lang, Text

EARNED_STYLES = {"better": "green", "worse": "red", "": ""}


def print_learning(console: Console, run: LearningRun, lang: Lang = "ko") -> None:
    """Print the two accounts side by side, then every rule with verdict and earnings."""
    console.print(f"[bold]{view.TITLE(lang)}[/bold] · {escape(run.writer)}")
    console.print(escape(view.headline(run, lang)), highlight=False)
    for line in view.warnings(run, lang):
        console.print(f"[bold red]{escape(line)}[/bold red]", highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column(Text("배움", "learning")(lang), justify="right")
    table.add_column(Text("배우지 않음", "without")(lang), justify="right")
    for cells in view.figure_rows(run, lang):
        table.add_row(*cells)
    console.print(table)
    for row in view.fate_rows(run, lang):
        verdict = f"[{STYLES[row.tone]}]{row.decision}[/{STYLES[row.tone]}]"
        style = EARNED_STYLES[row.earned_tone]
        earned = f"[{style}]{row.earned}[/{style}]" if style else row.earned
        since = f" · {Text('적용', 'in force from')(lang)} {row.in_force}" if row.in_force else ""
        name = f"[bold]{escape(row.rule_id)}[/bold]"
        console.print(f"{row.time} {verdict} {row.kind} {name} {earned}{since}", highlight=False)
        console.print(f"  {escape(row.text)}", highlight=False)
        console.print(f"  [dim]→ {escape(row.reason)}[/dim]", highlight=False)
    console.print(f"[dim]{escape(view.HINDSIGHT(lang))}[/dim]", highlight=False)
