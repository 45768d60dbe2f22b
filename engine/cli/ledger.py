"""`geoul ledger`: look into a ledger, and check that nobody has changed it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.cli.options import Lang, LangOption
from engine.clock import SystemClock
from engine.ledger.connection import connect
from engine.ledger.verify import verify
from engine.money import UNKNOWN_TEXT, Language

app = typer.Typer(help="거래 장부 · the ledger", no_args_is_help=True)


class Part(StrEnum):
    """What can be shown."""

    trades = "trades"
    orders = "orders"
    fills = "fills"
    decisions = "decisions"
    equity = "equity"
    runs = "runs"
    rules = "rules"
    trials = "trials"
    prompts = "prompts"
    calls = "calls"
    alerts = "alerts"
    events = "events"


# Column: source in SQL, Korean heading, English heading, and how it is written:
# t short text, x long text cut to what fits, n number, p a number of percent, d time to the minute.
_Column = tuple[str, str, str, str]
_VIEWS: dict[Part, tuple[str, str, tuple[_Column, ...]]] = {
    Part.trades: (
        "trades t JOIN orders o USING (trade_id)",
        "t.timestamp, t.trade_id",
        (
            ("t.timestamp", "체결 시각", "time", "d"),
            ("t.ticker", "종목", "ticker", "t"),
            ("t.action", "매매", "action", "t"),
            ("t.quantity", "수량", "shares", "n"),
            ("t.price", "평균가", "price", "n"),
            ("t.pnl_7_days", "7일 후", "7 days", "p"),
            ("t.pnl_30_days", "30일 후", "30 days", "p"),
            ("t.execution_status", "상태", "status", "t"),
            ("t.justification_text", "근거", "justification", "x"),
        ),
    ),
    Part.orders: (
        "orders o",
        "o.intended_at, o.order_id",
        (
            ("o.intended_at", "주문 시각", "time", "d"),
            ("o.order_id", "번호", "id", "t"),
            ("o.ticker", "종목", "ticker", "t"),
            ("o.side", "매매", "side", "t"),
            ("o.kind", "종류", "kind", "t"),
            ("o.quantity", "수량", "shares", "n"),
            ("o.price", "가격", "price", "n"),
            ("o.filled", "체결", "filled", "n"),
            ("o.status", "상태", "status", "t"),
            ("o.reason", "거부 사유", "reason", "t"),
            ("o.order_number", "주문번호", "number", "t"),
        ),
    ),
    Part.fills: (
        "fills o",
        "o.time, o.fill_key",
        (
            ("o.time", "체결 시각", "time", "d"),
            ("o.order_id", "주문", "order", "t"),
            ("o.ticker", "종목", "ticker", "t"),
            ("o.side", "매매", "side", "t"),
            ("o.quantity", "수량", "shares", "n"),
            ("o.price", "가격", "price", "n"),
            ("o.fee", "수수료", "fee", "n"),
            ("o.stt + o.rural", "세금", "taxes", "n"),
            ("o.realised", "실현 손익", "realised", "n"),
        ),
    ),
    Part.decisions: (
        "decisions o",
        "o.time, o.decision_id",
        (
            ("o.time", "시각", "time", "d"),
            ("o.decision_id", "번호", "id", "t"),
            ("o.planner", "계획자", "planner", "t"),
            ("o.status", "상태", "status", "t"),
            ("o.rule_ids", "규칙", "rules", "x"),
            ("coalesce(nullif(o.failure, ''), o.justification_text)", "근거", "justification", "x"),
        ),
    ),
    Part.equity: (
        "equity o",
        "o.session",
        (
            ("o.session", "거래일", "session", "t"),
            ("o.cash", "현금", "cash", "n"),
            ("o.holdings", "주식", "holdings", "n"),
            ("o.equity", "평가금액", "equity", "n"),
            ("o.positions", "종목 수", "names", "n"),
            ("o.realised", "실현 손익", "realised", "n"),
            ("o.fees + o.taxes", "비용", "costs", "n"),
        ),
    ),
    Part.runs: (
        "runs o",
        "o.run_id",
        (
            ("o.run_id", "번호", "run", "n"),
            ("o.kind", "종류", "kind", "t"),
            ("o.label", "이름", "label", "t"),
            ("o.recorded_at", "기록", "recorded", "d"),
            ("o.first_session", "첫날", "first", "t"),
            ("o.last_session", "마지막 날", "last", "t"),
            ("o.initial_cash", "시작 금액", "cash", "n"),
            ("o.final_equity", "마지막 평가금액", "equity", "n"),
            ("substr(o.result_hash, 1, 12)", "결과 해시", "result hash", "t"),
        ),
    ),
    Part.rules: (
        "rules o",
        "o.recorded_at, o.rule_id",
        (
            ("o.rule_id", "규칙", "rule", "t"),
            ("o.category", "분류", "category", "t"),
            ("o.priority", "우선순위", "priority", "n"),
            ("o.condition", "조건", "condition", "x"),
            ("o.action", "행동", "action", "x"),
            ("o.text", "내용", "text", "x"),
        ),
    ),
    Part.trials: (
        "rule_trials o",
        "o.trial_id",
        (
            ("o.trial_id", "번호", "trial", "n"),
            ("o.recorded_at", "기록", "recorded", "d"),
            ("o.kind", "종류", "kind", "t"),
            ("substr(o.candidate_hash, 1, 12)", "후보", "candidate", "t"),
            ("o.verdict", "판정", "verdict", "t"),
            ("o.metrics", "지표", "metrics", "x"),
        ),
    ),
    Part.prompts: (
        "prompt_versions o",
        "o.recorded_at",
        (
            ("substr(o.prompt_hash, 1, 12)", "해시", "hash", "t"),
            ("o.recorded_at", "기록", "recorded", "d"),
            ("o.reason", "이유", "reason", "t"),
            ("length(o.text)", "글자 수", "characters", "n"),
        ),
    ),
    Part.calls: (
        "llm_calls o",
        "o.call_id",
        (
            ("o.time", "시각", "time", "d"),
            ("o.model", "모델", "model", "t"),
            ("o.mode", "방식", "mode", "t"),
            ("o.status", "상태", "status", "t"),
            ("o.prompt_tokens", "입력 토큰", "tokens in", "n"),
            ("o.completion_tokens", "출력 토큰", "tokens out", "n"),
            ("o.cost_won", "비용", "cost", "n"),
        ),
    ),
    Part.alerts: (
        "alerts o",
        "o.alert_id",
        (
            ("o.time", "시각", "time", "d"),
            ("o.urgency", "긴급도", "urgency", "t"),
            ("o.code", "종류", "code", "t"),
            ("o.text", "내용", "text", "x"),
        ),
    ),
    Part.events: (
        "events o",
        "o.sequence",
        (
            ("o.sequence", "번호", "number", "n"),
            ("o.time", "시각", "time", "d"),
            ("o.kind", "종류", "kind", "t"),
            ("o.payload", "내용", "payload", "x"),
        ),
    ),
}
_BY_RUN = frozenset({Part.trades, Part.orders, Part.fills, Part.decisions, Part.equity})

_FINDINGS: dict[str, tuple[str, str]] = {
    "file": ("파일이 손상되었습니다", "the file is damaged"),
    "chain": ("일지의 해시 사슬이 끊어졌습니다", "the hash chain of the journal is broken"),
    "fold": ("일지를 다시 계산할 수 없습니다", "the journal cannot be replayed"),
    "checkpoint": ("중간 저장이 일지와 다릅니다", "a checkpoint differs from the journal"),
    "orders": ("주문 표가 일지와 다릅니다", "the table of orders differs from the journal"),
    "fills": ("체결 표가 일지와 다릅니다", "the table of fills differs from the journal"),
    "trades": ("거래 표가 맞지 않습니다", "the table of trades does not fit"),
    "run": ("백테스트 기록이 바뀌었습니다", "the rows of a backtest were changed"),
    "decision": ("의사결정 기록이 바뀌었습니다", "a decision was changed"),
    "trial": ("규칙 시험 기록이 바뀌었습니다", "a trial was changed"),
    "look": ("검증 구간을 본 기록이 바뀌었습니다", "a look at an untouched window was changed"),
    "cut": ("기록이 빠졌거나 더해졌습니다", "records were removed or added"),
}

FileArgument = Annotated[Path, typer.Argument(help="장부 파일 · the ledger's file")]


@app.command("show")
def show_command(
    file: FileArgument,
    part: Annotated[Part, typer.Argument(help="볼 표 · which table")] = Part.trades,
    run: Annotated[
        int | None,
        typer.Option("--run", help="실행 번호, 0은 계좌 (기본: 모두) · run number, 0 = the account (all)"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="마지막 몇 줄 · how many last rows")] = 20,
    lang: LangOption = Lang.ko,
) -> None:
    """장부의 표를 봅니다 · show a table of the ledger."""
    source, order, columns = _VIEWS[part]
    condition = "WHERE o.run_id = ?" if run is not None and part in _BY_RUN else ""
    values: tuple[Any, ...] = (run, limit) if condition else (limit,)
    connection = connect(file, SystemClock().now(), read_only=True)
    try:
        (total,) = connection.execute(f"SELECT count(*) FROM {source} {condition}", values[:-1]).fetchone()
        descending = ", ".join(f"{name} DESC" for name in order.split(", "))
        rows = connection.execute(
            f"SELECT {', '.join(column[0] for column in columns)} FROM {source} {condition} "
            f"ORDER BY {descending} LIMIT ?",
            values,
        ).fetchall()
    finally:
        connection.close()
    cells = [[_cell(value, column[3]) for value, column in zip(row, columns, strict=True)] for row in reversed(rows)]
    headings = [column[1] if lang is Lang.ko else column[2] for column in columns]
    _print_table(_title(part, len(rows), total, lang.language), headings, [column[3] for column in columns], cells)


def _print_table(title: str, headings: list[str], styles: list[str], cells: list[list[str]]) -> None:
    """Long texts share the room that the other columns leave; a number is never cut, it would be a wrong one."""
    widths = [
        max(cell_len(text) for text in (heading, *(row[index] for row in cells)))
        for index, heading in enumerate(headings)
    ]
    long = [index for index, style in enumerate(styles) if style == "x"]
    console = Console()
    taken = sum(width for index, width in enumerate(widths) if index not in long) + 3 * len(widths) + 1
    room = max(16, (console.width - taken) // max(1, len(long)))
    for index in long:
        widths[index] = min(widths[index], room)
        for row in cells:
            if cell_len(row[index]) > room:
                row[index] = set_cell_size(row[index], room - 1) + "…"
    table = Table(title=title, title_justify="left")
    for heading, width, style in zip(headings, widths, styles, strict=True):
        table.add_column(heading, justify="right" if style in "np" else "left", no_wrap=True, min_width=width)
    for row in cells:
        table.add_row(*(escape(text) for text in row))
    # A terminal too narrow for the numbers wraps lines rather than losing digits.
    needed = sum(widths) + 3 * len(widths) + 1
    console.print(table, width=max(console.width, needed), crop=False, soft_wrap=needed > console.width)


@app.command("verify")
def verify_command(file: FileArgument, lang: LangOption = Lang.ko) -> None:
    """장부가 그대로인지 처음부터 검사합니다 · check the ledger from its first row; exit status 1 if changed."""
    connection = connect(file, SystemClock().now(), read_only=True)
    try:
        findings = verify(connection)
        (events,) = (0,) if findings else connection.execute("SELECT count(*) FROM events").fetchone()
    finally:
        connection.close()
    korean = lang is Lang.ko
    if not findings:
        text = f"이상 없음: 사건 {events:,}건" if korean else f"all is well: {events:,} events"
        Console().print(f"[green]{text}[/green]")
        return
    errors = Console(stderr=True)
    for finding in findings:
        meaning = _FINDINGS[finding.code][0 if korean else 1]
        errors.print(f"[red]{meaning}[/red] ({escape(finding.where)}): {escape(finding.detail)}", soft_wrap=True)
    advice = (
        "백업에서 복구하고 증권사 내역과 대조하십시오."
        if korean
        else "Restore a backup and reconcile it with the broker."
    )
    errors.print(advice, soft_wrap=True)
    raise typer.Exit(1)


def _title(part: Part, shown: int, total: int, lang: Language) -> str:
    if lang == "ko":
        return f"{part.value} · 전체 {total:,}건" + (f" 중 마지막 {shown:,}건" if shown < total else "")
    return f"{part.value} · " + (f"last {shown:,} of {total:,}" if shown < total else f"{total:,} rows")


def _cell(value: Any, style: str) -> str:
    if value is None or value == "":
        return UNKNOWN_TEXT
    if style == "n":
        return f"{value:,.2f}" if isinstance(value, float) and value != int(value) else f"{int(value):,}"
    if style == "p":
        return f"{value:+.2f} %"
    if style == "d":
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M}"
    return str(value).replace("\n", " / ")
