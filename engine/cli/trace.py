"""`geoul trace`: one order from plan to fill. `geoul log`: what a run wrote, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.cli.supervise import require_account
from engine.clock import SystemClock
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.ledger.trace import Step, Trace
    from engine.reports.language import Lang as Language

_ORDER = Text(
    "주문 {id} · {side} {ticker} {quantity:,}주 · {status}", "order {id} · {side} {quantity:,} {ticker} · {status}"
)
_DECISION = Text("판단 {id} · {planner} · 규칙 {rules}", "decision {id} · {planner} · rules {rules}")
_NO_DECISION = Text("판단 {id}: 장부에 없음", "decision {id}: not in the ledger")
_PLAN = Text("계획", "plan")
_CHECK = Text("위험 점검", "risk check")
_STEPS = {
    "order_intended": Text("주문 의도", "intent"),
    "order_accepted": Text("접수", "accepted"),
    "order_refused": Text("거절", "refused"),
    "order_unknown": Text("응답 없음", "no answer"),
    "order_not_sent": Text("보내지 못함", "not sent"),
    "order_amended": Text("정정", "amended"),
    "order_cancelled": Text("취소", "cancelled"),
    "order_expired": Text("장 마감으로 소멸", "expired"),
    "fill": Text("체결", "fill"),
}
_LATER = Text("(장부 기록 {time:%H:%M:%S})", "(in the ledger at {time:%H:%M:%S})")
_LEFT_OUT = frozenset({"order_id", "sequence", "time", "ticker", "side", "decision_id"})


def trace_command(
    folder: AccountFolderArgument,
    order_id: Annotated[
        str, typer.Argument(help="주문 번호(장부 또는 증권사) · id of the ledger or the venue's number")
    ],
    lang: LangOption = Lang.ko,
) -> None:
    """주문 하나를 계획부터 체결까지 보여 줍니다 · plan, checks, intent, answer, notices and fills of one order."""
    from engine.ledger.connection import connect  # noqa: PLC0415  (keeps --help fast)
    from engine.ledger.trace import trace_order  # noqa: PLC0415
    from engine.trading.level_evidence import LEDGER  # noqa: PLC0415

    require_account(folder)
    connection = connect(folder / LEDGER, SystemClock().now(), read_only=True)
    try:
        trace = trace_order(connection, order_id)
    finally:
        connection.close()
    console = Console(highlight=False)
    for line in _lines(trace, lang.language):
        console.print(line, markup=False, soft_wrap=True)


def log_command(
    folder: AccountFolderArgument,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="마지막 몇 줄 · how many of the last")] = 50,
    order: Annotated[
        str | None, typer.Option("--order", help="이 주문 또는 판단의 줄만 · only lines of this order or decision")
    ] = None,
) -> None:
    """거래 기록(geoul.log)의 마지막 줄을 읽기 좋게 보여 줍니다 · the last lines of the log, readable."""
    from engine.log_files import last_lines, readable  # noqa: PLC0415

    console = Console(highlight=False)
    found = last_lines(folder, lines if order is None else 10**9)
    if order is not None:
        found = [line for line in found if f'"{order}"' in line][-lines:]
    for line in found:
        console.print(readable(line), markup=False, soft_wrap=True)


def _lines(trace: Trace, lang: Language) -> Iterator[str]:
    order, decision = trace.order, trace.decision
    request = order.request
    yield _ORDER(lang).format(
        id=order.id,
        side=request.side.value,
        ticker=request.ticker,
        quantity=request.quantity,
        status=order.status.value,
    )
    if decision is None:
        yield _NO_DECISION(lang).format(id=request.decision_id or "–")
    else:
        rules = ", ".join(request.rule_ids) or "–"
        text = _DECISION(lang).format(id=decision["decision_id"], planner=decision["planner"], rules=rules)
        yield f"{_when(decision['time'])} {text}"
        for each in trace.planned:
            yield f"  {_PLAN(lang)}: {_values(each)}"
        for each in trace.checks:
            yield f"  {_CHECK(lang)}: {_values(each)}"
    for step in trace.steps:
        yield _step(step, lang)


def _step(step: Step, lang: Language) -> str:
    name = _STEPS[step.kind](lang) if step.kind in _STEPS else step.kind
    values = step.values
    told = _values({**values, **values["request"]} if isinstance(values.get("request"), dict) else values)
    late = (step.recorded_at - step.time).total_seconds() >= 1
    when = f" {_LATER(lang).format(time=step.recorded_at)}" if late else ""
    return f"{step.time:%Y-%m-%d %H:%M:%S} {name}: {told}{when}".replace(": \n", "\n").rstrip(": ")


def _values(values: Any) -> str:
    plain = ((name, value) for name, value in values.items() if name not in _LEFT_OUT)
    return ", ".join(
        f"{name} {_short(value)}" for name, value in plain if value not in (None, "", [], {}) and name != "request"
    )


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return f"({_values(value)})"
    if isinstance(value, list):
        return " ".join(_short(each) for each in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _when(time: str) -> str:
    return time.replace("T", " ")[:19]
