"""A gated candidate in the terminal: the verdict and its reason on top, then every step with a sign and a sentence."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text as Words

from engine.reports.facts_table import facts_table
from engine.reports.gate_view import facts, headline, step_rows, waiting
from engine.reports.language import Lang, Text
from engine.research.gate_report import GateReport

STYLES = {"pass": "green", "warn": "dark_orange", "fail": "bold red", "unknown": "cyan"}
VERDICTS = {"promote": "bold green", "shadow": "bold cyan", "reject": "bold red"}


def print_gate(console: Console, report: GateReport, *, names: tuple[str, str], lang: Lang = "ko") -> None:
    """Print a verdict; `names` are what the base and the candidate are called."""
    console.print(gate_view(report, names=names, lang=lang))


def gate_view(report: GateReport, *, names: tuple[str, str], lang: Lang = "ko") -> RenderableType:
    """The verdict as something rich can print."""
    parts = [
        _heading(report, names, lang),
        Words(""),
        _steps(report, lang),
        Words(""),
        facts_table(facts(report, lang)),
    ]
    return Group(*parts, Words(LEGEND(lang), style="dim"))


def _heading(report: GateReport, names: tuple[str, str], lang: Lang) -> RenderableType:
    decision, why, following = headline(report, lang)
    lines = [Words.assemble((decision, VERDICTS[report.verdict.decision]), f"  {why}")]
    told = waiting(report, lang)
    if told:
        lines.append(Words(told))
    lines.append(Words(f"→ {following}", style="dim"))
    if report.synthetic:
        lines.append(Words(SYNTHETIC(lang), style="bold red"))
    return Frame(Group(*lines), title=Words(f"{names[0]} → {names[1]}"), title_align="left", padding=(0, 1))


def _steps(report: GateReport, lang: Lang) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in step_rows(report, lang):
        style = STYLES[row.outcome] if row.reached else "dim"
        strong = "bold" if row.deciding else "" if row.reached else "dim"
        table.add_row(Words(row.sign, style=style), Words(row.title, style=strong), Words(row.sentence, style=strong))
    return table


LEGEND = Text(
    "✓ 통과  ! 주의(판정을 바꾸지 않음)  ✗ 기각 사유  ? 아직 모름  · 재지 않음",
    "✓ passed  ! warning (does not decide)  ✗ reason to reject  ? not known yet  · not measured",
)
SYNTHETIC = Text("합성 데이터", "SYNTHETIC DATA")
