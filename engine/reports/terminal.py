"""The result in the terminal: the figures that decide, the warnings, the rules; no figure is cut in 60 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel as Frame
from rich.table import Table
from rich.text import Text as Words

from engine.metrics.summary import Metrics, summarize
from engine.reports import format as show
from engine.reports.cutoff_view import cutoff_terminal
from engine.reports.figures import figure_named
from engine.reports.flips_view import flips_terminal
from engine.reports.html import benchmark_name, fall_notes, title_of
from engine.reports.language import Lang
from engine.reports.rows import MODEL_COST, model_cost, rule_rows
from engine.reports.texts import refusal, undefined
from engine.reports.warnings import all_warnings, is_synthetic, show_warnings
from engine.result import Result

COLUMNS = (
    ("total_return", "annual_return", "volatility", "max_drawdown", "sharpe", "sortino", "calmar", "turnover"),
    ("trades", "win_rate", "profit_factor", "expectancy", "mean_bars_held", "exposure", "open_positions", "open_pnl"),
    ("benchmark_return", "excess_return", "alpha", "beta", "correlation", "information_ratio", "costs", "slippage"),
)
MOST_RULES = 12


def print_result(
    console: Console, result: Result, *, metrics: Metrics | None = None, lang: Lang = "ko", title: str = ""
) -> None:
    """Print the result of a backtest; `title` names the prompt or strategy."""
    console.print(result_view(result, metrics=metrics, lang=lang, title=title))


def result_view(
    result: Result, *, metrics: Metrics | None = None, lang: Lang = "ko", title: str = ""
) -> RenderableType:
    """The result as something rich can print."""
    metrics = metrics or summarize(result)
    heading = _heading(result, metrics, lang, title or title_of(result, lang))
    parts: list[RenderableType] = [heading, _figures(metrics, result, lang)]
    parts += [Words(note, style="dim") for note in fall_notes(metrics, lang)]
    parts += cutoff_terminal(result, lang)
    parts += flips_terminal(result, lang)
    if metrics.rules:
        parts += [Words(""), _rules(metrics, result, lang)]
    if result.refusals:
        parts.append(_refusals(result, lang))
    parts.append(_warnings(result, metrics, lang))
    return Group(*parts)


def _heading(result: Result, metrics: Metrics, lang: Lang, title: str) -> RenderableType:
    korean = lang == "ko"
    change = show.percent(metrics.total_return, signed=True)
    first = Words.assemble(
        (f"{show.won(metrics.initial_equity, lang)} → {show.won(metrics.final_equity, lang)}", "bold"),
        ("  "),
        (change, _style(metrics.total_return, lang)),
    )
    sessions = f"{metrics.rated_sessions:,}"
    second = Words(
        f"{show.day(metrics.first_session)} ~ {show.day(metrics.last_session)} · "
        + (
            f"{sessions}세션(준비 {metrics.warmup_sessions:,}) · {metrics.interval}"
            if korean
            else f"{sessions} sessions (warm-up {metrics.warmup_sessions:,}) · {metrics.interval}"
        )
        + f" · {result.data.get('name', show.DASH)} · {result.result_hash[:12]}",
        style="dim",
    )
    lines: list[RenderableType] = [first, second]
    if is_synthetic(result):
        lines.append(
            Words(
                "합성 데이터: 실제 시장의 수익이 아닙니다"
                if korean
                else "SYNTHETIC DATA: not a result of a real market",
                style="bold red",
            )
        )
    return Frame(Group(*lines), title=Words(title), title_align="left", padding=(0, 1))


def _figures(metrics: Metrics, result: Result, lang: Lang) -> RenderableType:
    korean = lang == "ko"
    titles = (
        ("성과", "청산 거래와 비중", f"{benchmark_name(result)} 대비와 비용")
        if korean
        else ("Performance", "Trades and exposure", f"Against {benchmark_name(result)}, costs")
    )
    tables = []
    for title, names in zip(titles, COLUMNS, strict=True):
        table = Table.grid(padding=(0, 1))
        table.title, table.title_justify = Words(title, style="bold underline"), "left"
        table.add_column(overflow="fold")
        table.add_column(justify="right", no_wrap=True)
        for name in names:
            figure = figure_named(name)
            value = getattr(metrics, name)
            style = _style(value, lang) if figure.unit in ("change", "profit") else ""
            table.add_row(Words(figure.label(lang)), Words(figure.text(metrics, lang), style=style))
        tables.append(table)
    notes: list[RenderableType] = [_SideBySide(tables)]
    if metrics.win_rate is not None:
        low, high = show.percent(metrics.win_rate_low, 0), show.percent(metrics.win_rate_high, 0)
        notes.append(Words(f"{'승률 95% 구간' if korean else 'win rate, 95 % interval'} {low} ~ {high}", style="dim"))
    shown = [name for names in COLUMNS for name in names if name in metrics.undefined]
    for code in dict.fromkeys(metrics.undefined[name] for name in shown):
        labels = ", ".join(figure_named(name).label(lang) for name in shown if metrics.undefined[name] == code)
        notes.append(Words(f"– {labels}: {undefined(code, lang)}", style="dim"))
    if result.model_costs:
        notes.append(Words(f"{MODEL_COST(lang)}: {model_cost(result.model_costs, lang)}"))
    return Group(*notes)


class _SideBySide:
    """Tables beside each other as far as the terminal is wide, the others below them."""

    GAP = 3

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines: list[list[Table]] = []
        left = 0
        for table in self.tables:
            width = Measurement.get(console, options.update_width(options.max_width * len(self.tables)), table).maximum
            if not lines or width + self.GAP > left:
                lines.append([])
                left = options.max_width + self.GAP
            lines[-1].append(table)
            left -= width + self.GAP
        for line in lines:
            grid = Table.grid(padding=(0, self.GAP, 0, 0), pad_edge=False)
            grid.add_row(*line)
            yield Words("")
            yield grid


def _rules(metrics: Metrics, result: Result, lang: Lang) -> RenderableType:
    korean = lang == "ko"
    heads = ("규칙", "종류", "주문", "거래", "승률", "손익") if korean else RULE_HEADS
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for index, head in enumerate(heads):
        # Only the names may wrap: a figure must never lose a digit.
        table.add_column(head, justify="left" if index < 2 else "right", no_wrap=index >= 2, overflow="fold")
    rows = rule_rows(metrics, result.rules, lang)
    for row in rows[:MOST_RULES]:
        tone = {"up": 1.0, "down": -1.0}.get(str(row["tone"]), 0.0)
        table.add_row(
            Words(str(row["id"])),
            Words(str(row["kind"]), style="dim"),
            str(row["orders"]),
            str(row["trades"]),
            str(row["win_rate"]),
            Words(str(row["pnl"]), style=_style(tone, lang)),
        )
    if len(rows) <= MOST_RULES:
        return table
    more = len(rows) - MOST_RULES
    rest = f"… 그 밖의 규칙 {more}개는 HTML 보고서에" if korean else f"… {more} more rules in the HTML report"
    return Group(table, Words(rest, style="dim"))


RULE_HEADS = ("Rule", "Kind", "Orders", "Trades", "Win rate", "Profit")


def _refusals(result: Result, lang: Lang) -> RenderableType:
    counted = sorted(result.refusals.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{refusal(code, lang)} {count:,}" for code, count in counted)
    return Words(f"{'거부된 주문' if lang == 'ko' else 'Refused orders'}: {listed}", style="dim")


def _warnings(result: Result, metrics: Metrics, lang: Lang) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(overflow="fold")
    for warning in show_warnings(all_warnings(result, metrics), lang):
        serious = warning.weight == "serious"
        table.add_row(
            Words("!" if serious else "·", style="bold red" if serious else "dim"),
            Words(warning.sentence, style="" if serious else "dim"),
        )
    return Group(Words(""), table)


def _style(value: float | None, lang: Lang) -> str:
    """Gains are red and losses blue on Korean pages, as on every Korean price board; green and red elsewhere."""
    if not value:
        return ""
    if lang == "ko":
        return "red" if value > 0 else "blue"
    return "green" if value > 0 else "red"
