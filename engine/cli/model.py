"""`geoul model`: is the model there, what has it cost, and the cassettes of recorded answers."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.cli.options import DEFAULT_LEDGER, JsonOption, Lang, LangOption
from engine.reports.language import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.model.config import ModelConfig
    from engine.model.reply import ModelReply
    from engine.model.spending import OpenCall, Spending

app = typer.Typer(help="언어 모델: 연결 확인, 비용, 녹음 · the language model", no_args_is_help=True)
cassette_app = typer.Typer(help="녹음된 답변 · recorded answers", no_args_is_help=True)
app.add_typer(cassette_app, name="cassette")

ModelConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--model-config",
        help="model 항목이 있는 YAML(기본: geoul.yaml) · YAML with a section model (default: geoul.yaml)",
    ),
]
LedgerFile = Annotated[Path, typer.Option("--ledger", help="비용을 적는 장부 · the ledger that keeps the costs")]
CassetteFile = Annotated[Path, typer.Argument(help="녹음 파일 · a cassette")]

_SCHEMA = 1
_DAYS_SHOWN = 31
_QUESTION = 'Answer with the JSON object {"ready": true} and nothing else.'
_ANSWER_SCHEMA = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}},
    "required": ["ready"],
    "additionalProperties": False,
}
_T = {
    "model": Text("모델", "model"),
    "answered_as": Text("응답한 모델", "answered as"),
    "answer": Text("답변", "answer"),
    "latency": Text("응답 시간", "latency"),
    "tokens": Text("토큰(입력/캐시/출력)", "tokens (in / cached / out)"),
    "cost": Text("비용", "cost"),
    "cutoff": Text("지식 기준일", "knowledge cutoff"),
    "unknown": Text("모름(모든 구간이 증거가 아님)", "unknown (no period is evidence)"),
    "good": Text(
        "이상 없음: 모델이 형식대로 답했습니다.", "All is well: the model answered in the form it was asked for."
    ),
    "bad": Text(
        "모델이 답했지만 형식이 다릅니다. structured 설정을 바꾸거나 다른 모델을 쓰십시오.",
        "The model answered, but not in the form it was asked for. Change `structured`, or use another model.",
    ),
    "won": Text("원", "won"),
    "none": Text("아직 모델에 물은 적이 없습니다.", "No model has been asked yet."),
    "days": Text("일별 비용", "cost by day"),
    "weeks": Text("주별 비용(월요일부터)", "cost by week (from Monday)"),
    "purpose": Text("용도", "purpose"),
    "calls": Text("질문", "calls"),
    "answers": Text("답변", "answered"),
    "day": Text("날짜", "day"),
    "open": Text("미확정", "open"),
    "open_calls": Text(
        "비용이 확정되지 않은 질문: 최대 금액으로 계산됩니다. 청구서를 확인하고 "
        "geoul model resolve 번호 --won 금액 을 실행하십시오.",
        "Calls of unknown cost, counted with the most they can cost. Look at the bill, then run "
        "geoul model resolve NUMBER --won COST.",
    ),
    "number": Text("번호", "number"),
    "time": Text("시각", "time"),
    "why": Text("까닭", "why"),
    "resolved": Text("질문 {call}번의 비용을 {won:,}원으로 확정했습니다.", "Call {call} is settled at {won:,} won."),
    "held": Text("답변 {answers:,}건, 바뀐 옛 답변 {former:,}건", "{answers:,} answers, {former:,} replaced ones"),
    "recorded": Text("녹음", "recorded"),
    "merged": Text("새 답변 {new:,}건을 {into}에 합쳤습니다.", "{new:,} new answers are now in {into}."),
}


@app.command("check")
def check_command(
    model_config: ModelConfigOption = None,
    ledger: LedgerFile = DEFAULT_LEDGER,
    as_json: JsonOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """모델에 아주 짧게 한 번 물어봅니다 · one tiny question: is the model there, how fast, for how much."""
    from engine.clock import SystemClock  # noqa: PLC0415  (keeps --help fast)
    from engine.model.config import load_model_config  # noqa: PLC0415
    from engine.model.opening import open_transport  # noqa: PLC0415
    from engine.model.request import Message  # noqa: PLC0415

    config = load_model_config(model_config, os.environ)
    request = config.request(
        [Message(role="user", content=_QUESTION)], schema_name="ready", schema=_ANSWER_SCHEMA, purpose="check"
    )
    with open_transport(config, "live", SystemClock(), ledger=ledger) as transport:
        reply = transport.ask(request)
    good = _is_ready(reply)
    if as_json:
        typer.echo(json.dumps(_check_document(config, reply, good), ensure_ascii=False))
    else:
        _print_check(config, reply, good, lang)
    if not good:
        raise typer.Exit(1)


@app.command("cost")
def cost_command(ledger: LedgerFile = DEFAULT_LEDGER, as_json: JsonOption = False, lang: LangOption = Lang.ko) -> None:
    """모델 비용: 날마다, 주마다, 용도마다 · what models cost by day, week and purpose."""
    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.ledger.connection import connect  # noqa: PLC0415
    from engine.model.spending import open_calls, spending  # noqa: PLC0415

    connection = connect(ledger, SystemClock().now(), read_only=True)
    try:
        days, weeks, unsettled = spending(connection), spending(connection, weekly=True), open_calls(connection)
    finally:
        connection.close()
    if as_json:
        document = {"schema": _SCHEMA, "days": _plain(days), "weeks": _plain(weeks), "open": _plain(unsettled)}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    console = Console()
    if not days:
        console.print(_T["none"](lang.language))
        return
    _print_spending(console, _T["days"](lang.language), days[-_DAYS_SHOWN:], lang)
    _print_spending(console, _T["weeks"](lang.language), weeks, lang)
    if unsettled:
        _print_open(console, unsettled, lang)


@app.command("resolve")
def resolve_command(
    call: Annotated[int, typer.Argument(help="질문 번호 · number of the call", min=1)],
    won: Annotated[int, typer.Option("--won", min=0, help="청구된 금액(원) · what it really cost")],
    ledger: LedgerFile = DEFAULT_LEDGER,
    lang: LangOption = Lang.ko,
) -> None:
    """비용을 모르는 질문의 비용을 확정합니다 · settle a call of unknown cost with what the bill says."""
    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.errors import BadInput  # noqa: PLC0415
    from engine.model.calls import CallLog  # noqa: PLC0415

    if not ledger.is_file():
        raise BadInput(f"There is no ledger at {ledger}. Name it with --ledger.")
    CallLog(ledger, SystemClock()).resolve(call, won)
    Console().print(_T["resolved"](lang.language).format(call=call, won=won), highlight=False)


@cassette_app.command("info")
def info_command(file: CassetteFile, as_json: JsonOption = False, lang: LangOption = Lang.ko) -> None:
    """녹음 파일에 무엇이 있는지 · what a cassette holds."""
    from engine.model.cassette import Cassette  # noqa: PLC0415

    with Cassette(file, read_only=True) as cassette:
        info = cassette.info()
    if as_json:
        typer.echo(json.dumps({"schema": _SCHEMA, **_plain([info])[0]}, ensure_ascii=False))
        return
    console, language = Console(), lang.language
    console.print(_T["held"](language).format(answers=info.answers, former=info.former), highlight=False)
    if info.first is not None and info.last is not None:
        console.print(f"{_T['recorded'](language)}: {info.first:%Y-%m-%d %H:%M} … {info.last:%Y-%m-%d %H:%M}")
    for name, counts in (("model", info.by_model), ("purpose", info.by_purpose)):
        for value, count in counts.items():
            console.print(f"{_T[name](language)} {escape(value) or '–'}: {count:,}", highlight=False)
    tokens = f"{info.input_tokens:,} / {info.output_tokens:,}"
    console.print(f"{_T['tokens'](language).split('(')[0].strip()}: {tokens}", highlight=False)
    console.print(f"{_T['cost'](language)}: {info.cost_won:,} {_T['won'](language)}", highlight=False)


@cassette_app.command("merge")
def merge_command(
    into: Annotated[Path, typer.Argument(help="합칠 파일 · the cassette that takes the others over")],
    others: Annotated[list[Path], typer.Argument(help="더할 파일들 · cassettes to take over")],
    lang: LangOption = Lang.ko,
) -> None:
    """녹음 파일을 합칩니다 · put the answers of several cassettes into one; a conflict changes nothing."""
    from engine.model.cassette import Cassette  # noqa: PLC0415

    with Cassette(into) as cassette:
        new = cassette.merge(*others)
    Console().print(_T["merged"](lang.language).format(new=new, into=escape(str(into))), highlight=False)


def _is_ready(reply: ModelReply) -> bool:
    try:
        return json.loads(reply.text) == {"ready": True}
    except ValueError:
        return False


def _check_document(config: ModelConfig, reply: ModelReply, good: bool) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "provider": config.provider,
        "model": config.model,
        "answered_as": reply.model,
        "ready": good,
        "finish_reason": reply.finish_reason,
        "latency_ms": reply.latency_ms,
        "usage": asdict(reply.usage),
        "cost_won": reply.cost_won,
    }


def _print_check(config: ModelConfig, reply: ModelReply, good: bool, lang: Lang) -> None:
    from engine.model.prices import knowledge_cutoff_of  # noqa: PLC0415

    language, usage = lang.language, reply.usage
    cutoff = knowledge_cutoff_of(config)
    words = reply.text or reply.refusal
    rows = (
        ("model", f"{config.provider} {config.model} ({config.base_url})"),
        ("answered_as", reply.model),
        ("answer", words if len(words) <= 200 else words[:199] + "…"),
        ("latency", f"{reply.latency_ms:,} ms"),
        ("tokens", f"{usage.input_tokens:,} / {usage.cached_tokens:,} / {usage.output_tokens:,}"),
        ("cost", f"{reply.cost_won:,} {_T['won'](language)}"),
        ("cutoff", cutoff.isoformat() if cutoff else _T["unknown"](language)),
    )
    console = Console()
    for name, value in rows:
        console.print(f"{_T[name](language)}: {escape(value)}", highlight=False, soft_wrap=True)
    console.print(f"[{'green' if good else 'red'}]{_T['good' if good else 'bad'](language)}[/]", soft_wrap=True)


def _print_spending(console: Console, title: str, lines: Sequence[Spending], lang: Lang) -> None:
    table = Table(title=title, title_justify="left")
    for name in ("day", "purpose", "model", "calls", "answers", "tokens", "cost", "open"):
        heading = _T[name](lang.language).split("(")[0].strip()
        table.add_column(heading, justify="left" if name in ("day", "purpose", "model") else "right", no_wrap=True)
    for line in lines:
        numbers = (line.calls, line.answered, line.tokens, line.won, line.open_won)
        names = (line.start.isoformat(), escape(line.purpose) or "–", escape(line.model))
        table.add_row(*names, *(f"{number:,}" for number in numbers))
    _print_whole(console, table)


def _print_open(console: Console, calls: Iterable[OpenCall], lang: Lang) -> None:
    console.print(_T["open_calls"](lang.language), soft_wrap=True, highlight=False)
    table = Table()
    for name in ("number", "time", "model", "purpose", "cost", "why"):
        table.add_column(_T[name](lang.language), justify="right" if name in ("number", "cost") else "left")
    for call in calls:
        told = call.failure or call.status
        table.add_row(
            str(call.call_id),
            f"{call.time:%Y-%m-%d %H:%M}",
            escape(call.model),
            escape(call.purpose) or "–",
            f"{call.reserved_won:,}",
            escape(told if len(told) <= 80 else told[:79] + "…"),
        )
    _print_whole(console, table)


def _print_whole(console: Console, table: Table) -> None:
    """A terminal too narrow for a table wraps its lines: a figure that is cut would be a wrong one."""
    needed = console.measure(table, options=console.options.update(max_width=10_000)).maximum
    Console(width=max(console.width, needed)).print(table)


def _plain(items: Iterable[Any]) -> list[dict[str, Any]]:
    from engine.ledger.canonical import plain  # noqa: PLC0415

    return [plain(item) for item in items]
