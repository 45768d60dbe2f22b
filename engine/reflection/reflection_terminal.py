"""The weekly report in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.ledger.reflections import RuleProposal
from engine.reflection import reflection_view as view
from engine.reflection.reflection import Reflection
from engine.reports.language import Lang, Text

STYLES = {"good": "bold green", "wait": "bold cyan", "bad": "bold red"}


@dataclass(frozen=True, slots=True)
class _Form:
    """Title, heads, and how many of the last columns hold numbers."""

    title: Text
    heads: tuple[Text, ...]
    numbers: frozenset[int]


_TRADE_HEADS = (
    Text("#", "#"),
    Text("종목", "ticker"),
    Text("일", "days"),
    Text("%", "%"),
    Text("손익", "profit"),
    Text("진입 규칙과 시장", "entry"),
)
_BEST = _Form(Text("수익이 큰 거래", "Best trades"), _TRADE_HEADS, frozenset({0, 2, 3, 4}))
_WORST = _Form(Text("손실이 큰 거래", "Worst trades"), _TRADE_HEADS, frozenset({0, 2, 3, 4}))
_RATES = _Form(
    Text("손실 거래의 공통점", "What losers had in common"),
    (
        Text("진입 때의 특징", "at entry"),
        Text("전체", "all"),
        Text("손실 [95%]", "losers [95%]"),
        Text("배율", "lift"),
        Text("손실액", "lost"),
    ),
    frozenset({1, 2, 3, 4}),
)
_RULES = _Form(
    Text("규칙별 손익", "Profit by rule"),
    (Text("규칙", "rule"), Text("역할", "role"), Text("거래", "trades"), Text("수익", "wins"), Text("손익", "profit")),
    frozenset({2, 3, 4}),
)
_PATTERNS = _Form(
    Text("실패 패턴", "Failure patterns"),
    (
        Text("우선", "priority"),
        Text("실패", "failure"),
        Text("빈도", "frequency"),
        Text("손실액", "lost"),
        Text("거래", "trades"),
    ),
    frozenset({0, 2, 3}),
)


def print_reflection(console: Console, reflection: Reflection, lang: Lang = "ko") -> None:
    """Print a reflection: the week, best and worst, what losers had in common, rules and verdicts."""
    report = reflection.report
    console.print(f"[bold]{view.TITLE(lang)}[/bold] {view.period(report)} · {escape(reflection.writer)}")
    facts = Table.grid(padding=(0, 3, 0, 0))
    cards = view.cards(report, lang)
    facts.add_row(*(f"[dim]{card['name']}[/dim]\n[bold]{card['value']}[/bold]\n{card['more']}" for card in cards))
    console.print(facts)
    for form, trades in ((_BEST, report.best), (_WORST, report.worst)):
        rows = [
            (row.trade_id, row.ticker, row.days, row.ratio, row.pnl, f"{row.rules}\n{row.features}".strip())
            for row in view.trade_rows(trades, lang)
        ]
        _table(console, form, rows, lang)
    _table(console, _RULES, view.rule_rows(report, lang), lang)
    _table(console, _RATES, view.rate_rows(report.rates, lang), lang)
    _table(console, _PATTERNS, view.pattern_rows(reflection, lang), lang)
    print_proposals(console, reflection.proposals, lang)
    for line in view.closing(reflection, lang):
        console.print(escape(line), highlight=False, soft_wrap=True)


def print_proposals(console: Console, proposals: Sequence[RuleProposal], lang: Lang) -> None:
    """Every rule with its verdict and the reason."""
    for row in view.proposal_rows(proposals, lang):
        verdict = f"[{STYLES[row.tone]}]{row.decision}[/{STYLES[row.tone]}]"
        console.print(f"{verdict} {row.kind} [bold]{escape(row.rule_id)}[/bold]  {escape(row.text)}", highlight=False)
        if row.condition:
            console.print(f"  [dim]{escape(row.condition)}[/dim]", highlight=False)
        console.print(f"  → {escape(row.reason)}", highlight=False)


def _table(console: Console, form: _Form, rows: Sequence[Sequence[str]], lang: Lang) -> None:
    if not rows:
        return
    table = Table(title=form.title(lang), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for place, head in enumerate(form.heads):
        table.add_column(head(lang), justify="right" if place in form.numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
