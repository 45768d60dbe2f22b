"""`geoul rules`: the words of the rule language, and the check of a decision prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.cli.options import Lang, LangOption
from engine.cli.rule_history import history_command, rollback_command, show_command
from engine.rules.explain import RuleSummary, summarise
from engine.rules.functions import FIELDS, FUNCTIONS, Function, UnitOf
from engine.rules.functions import Field as RuleField
from engine.rules.messages import CATEGORY_TITLES, UNIT_NAMES, Language, Text
from engine.rules.problem import RuleProblem
from engine.rules.prompt import parse_prompt, read_prompt, review
from engine.rules.tree import Cadence, RuleSet, Scope

app = typer.Typer(help="규칙 언어 · the rule language", no_args_is_help=True)
app.command("history")(history_command)
app.command("show")(show_command)
app.command("rollback")(rollback_command)


_GROUPS: tuple[tuple[Text, tuple[Scope, ...]], ...] = (
    (Text("시세와 달력", "Bars and calendar"), (Scope.MARKET, Scope.SESSION, Scope.EXECUTION)),
    (Text("보유 종목", "Position"), (Scope.POSITION,)),
    (Text("계좌", "Portfolio"), (Scope.PORTFOLIO, Scope.CONSTANT)),
)
_UNITS_OF = {
    UnitOf.FIRST: Text("x의 단위", "that of x"),
    UnitOf.QUOTIENT: Text("x / y의 단위", "that of x / y"),
}


@app.command("functions")
def functions_command(lang: LangOption = Lang.ko) -> None:
    """규칙에 쓸 수 있는 모든 이름과 함수 · all names and functions of a rule."""
    language = lang.language
    console = Console()
    console.print(_function_table(language))
    for title, scopes in _GROUPS:
        fields = [field for field in FIELDS.values() if field.scope in scopes]
        console.print(_field_table(title, fields, language))
    note = Text(
        '지수는 `index("KOSPI").close`로 씁니다. 금액은 `500만`, `10억`, 비율은 `7%`, 시각은 `14:50`, 요일은 `fri`.',
        'An index is written `index("KOSPI").close`; money `500만` (5 million won) or `10억` (1 billion won); '
        "a ratio `7%`; a time `14:50`; a weekday `fri`.",
    )
    console.print(escape(note.in_language(language)))


@app.command("check")
def check_command(
    file: Annotated[Path, typer.Argument(help="의사결정 프롬프트 · a decision prompt")], lang: LangOption = Lang.ko
) -> None:
    """프롬프트의 규칙을 검사 · check the rules of a prompt."""
    language = lang.language
    errors = Console(stderr=True)
    try:
        prompt = parse_prompt(read_prompt(file))
    except RuleProblem as unreadable:
        errors.print(escape(unreadable.in_language(language)), soft_wrap=True)
        raise typer.Exit(2) from None
    result = review(prompt)
    if result.problems:
        for problem in result.problems:
            errors.print(escape(problem.found_in(str(file), problem.source).report(language)), soft_wrap=True)
        raise typer.Exit(2)
    console = Console()
    summaries = summarise(RuleSet(interval=result.interval, rules=result.rules))
    console.print(_rule_table(summaries, result.interval, file, language))
    for finding in result.findings:
        place = f"{file}:{finding.line}: " if finding.line else ""
        word = Text("주의", "warning").in_language(language)
        console.print(f"[yellow]{word}[/yellow] {escape(place + finding.in_language(language))}", soft_wrap=True)


def _function_table(lang: Language) -> Table:
    table = _table(Text("함수", "Functions"), lang, Text("쓰는 법", "signature"), Text("이력", "history"))
    for function in FUNCTIONS.values():
        table.add_row(
            escape(function.signature),
            _unit_name(function, lang),
            _history(function),
            escape(function.meaning.in_language(lang)),
            escape(function.example),
        )
    return table


def _field_table(title: Text, fields: list[RuleField], lang: Language) -> Table:
    table = _table(title, lang, Text("이름", "name"))
    for field in fields:
        table.add_row(
            field.name,
            UNIT_NAMES[field.unit].in_language(lang),
            escape(field.meaning.in_language(lang)),
            escape(field.example),
        )
    return table


def _table(title: Text, lang: Language, first: Text, history: Text | None = None) -> Table:
    table = Table(title=title.in_language(lang), title_justify="left")
    table.add_column(first.in_language(lang), style="bold", no_wrap=True)
    table.add_column(Text("단위", "unit").in_language(lang))
    if history is not None:
        table.add_column(history.in_language(lang), justify="right")
    table.add_column(Text("뜻", "meaning").in_language(lang), overflow="fold")
    table.add_column(Text("예", "example").in_language(lang), overflow="fold")
    return table


def _unit_name(function: Function, lang: Language) -> str:
    if isinstance(function.unit, UnitOf):
        return _UNITS_OF[function.unit].in_language(lang)
    return UNIT_NAMES[function.unit].in_language(lang)


def _history(function: Function) -> str:
    """Rows for window lengths of n, told by what the function needs for n = 100 of plain bars."""
    windows = [parameter for parameter in function.parameters if parameter.kind.value == "window"]
    rows = function.rows(1, [100] * len(windows))
    if not windows:
        return str(rows)
    if function.name == "macd":
        return "slow + signal - 1"
    return {100: "n", 101: "n + 1"}[rows]


def _rule_table(summaries: tuple[RuleSummary, ...], interval: str, file: Path, lang: Language) -> Table:
    title = Text(
        f"{file}: 규칙 {len(summaries)}개, 주기 {interval}", f"{file}: {len(summaries)} rules, interval {interval}"
    )
    caption = Text(
        "종가: 봉이 끝나면 평가하고 다음 봉에 주문. 장중: 정해진 가격에 닿으면 봉 안에서 주문. * 표시는 직접 정한 것. "
        "이력은 값이 생기기까지 필요한 봉 수, 재시작은 재귀 함수가 거슬러 보는 봉 수",
        "close: judged on the finished bar, ordered for the next; intraday: ordered inside the bar at its level; "
        "* given in the file. History: bars before the first value; restart: bars a recursive function reaches back.",
    )
    table = Table(
        title=escape(title.in_language(lang)),
        title_justify="left",
        caption=caption.in_language(lang),
        caption_justify="left",
        show_lines=True,
    )
    table.add_column(Text("규칙", "rule").in_language(lang), overflow="fold")
    table.add_column(Text("우선", "priority").in_language(lang), justify="right")
    table.add_column(Text("평가", "cadence").in_language(lang))
    table.add_column(Text("이력", "history").in_language(lang), justify="right")
    table.add_column(Text("하는 일", "what it does").in_language(lang), overflow="fold")
    for summary in summaries:
        rule = summary.rule
        cadence = Text("종가", "close") if rule.cadence is Cadence.CLOSE else Text("장중", "intraday")
        restart = Text(f"재시작 {summary.restart_bars}", f"restart {summary.restart_bars}")
        table.add_row(
            f"[bold]{escape(rule.id)}[/bold]\n[dim]{CATEGORY_TITLES[rule.category]}[/dim]",
            f"{rule.priority}/10",
            cadence.in_language(lang) + (" *" if rule.cadence_given else ""),
            (str(summary.lookback_bars) if summary.lookback_bars else "–")
            + (f"\n[dim]{restart.in_language(lang)}[/dim]" if summary.restart_bars else ""),
            _what(summary, lang),
        )
    return table


def _what(summary: RuleSummary, lang: Language) -> str:
    lines = [escape(summary.rule.condition_source), f"→ {escape(summary.doing.in_language(lang))}"]
    if summary.level is not None:
        lines.append(f"[dim]{escape(summary.timing.in_language(lang))}[/dim]")
    return "\n".join(lines)
