"""Facts at the foot of a report in the terminal: a name and a value each, faint, wrapped and never cut."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text as Words


def facts_table(facts: Iterable[tuple[str, str]]) -> RenderableType:
    """The facts as two columns."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold", style="dim")
    for label, value in facts:
        table.add_row(Words(label), Words(value))
    return table
