"""`geoul status`: one screen about a running account, or what its ledger says while nobody trades."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text as Line

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.cli.supervise import require_account
from engine.clock import SystemClock
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.trading.health import Health
    from engine.trading.sight import Books, Sight

_EVERY_SECONDS = 1.0
_RUNS = Text("거래 중 · {state}", "trading · {state}")
_STARTS = Text("시작하는 중", "starting")
_SILENT = Text(
    "멈춤: {time:%Y-%m-%d %H:%M:%S} 이후 신호가 없습니다({age:,.0f}초). 감시 가격을 아무도 지키지 않습니다.",
    "down: no sign of life since {time:%Y-%m-%d %H:%M:%S} ({age:,.0f} s). Nobody watches the guarded levels.",
)
_ENDED = Text(
    "끝남: {time:%Y-%m-%d %H:%M:%S}에 스스로 끝났습니다. 감시 가격을 아무도 지키지 않습니다.",
    "stopped on purpose at {time:%Y-%m-%d %H:%M:%S}. Nobody watches the guarded levels.",
)
_NEVER = Text("아직 거래한 적이 없습니다.", "Nobody has traded here yet.")
_OFF = Text("꺼짐", "off")
_NONE = Text("없음", "none")
_ENVIRONMENTS = {"paper": Text("모의투자", "paper"), "live": Text("실전", "live")}
_ROWS = {
    "time": Text("시각", "time"),
    "written": Text("장부의 마지막 기록", "last entry of the ledger"),
    "equity": Text("평가금액", "equity"),
    "closed": Text("마지막 마감 평가금액", "equity at the last close"),
    "cash": Text("현금", "cash"),
    "positions": Text("보유 종목", "names held"),
    "open": Text("미체결 주문", "open orders"),
    "unresolved": Text("미확인 주문", "unresolved orders"),
    "watched": Text("감시 가격", "watched levels"),
    "feed": Text("실시간 시세", "stream"),
    "decision": Text("마지막 판단", "last decision"),
    "next": Text("다음", "next"),
    "level": Text("자율 단계", "level of autonomy"),
    "halt": Text("긴급 정지", "kill switch"),
    "alarm": Text("경보", "alarm"),
}
_WON = Text("{value:,}원", "{value:,} won")
_FEED = Text(
    "연결 {sign} · 구독 {have}/{want} · 버림 {dropped:,}", "link {sign} · {have}/{want} names · {dropped:,} dropped"
)
_COLOURS = {"good": "green", "warning": "yellow", "bad": "bold red", "unknown": "dim"}


def status_command(
    folder: AccountFolderArgument,
    watch: Annotated[
        bool, typer.Option("--watch", help="1초마다 새로 그림(Ctrl-C로 끝) · drawn anew each second")
    ] = False,
    lang: LangOption = Lang.ko,
) -> None:
    """계좌의 지금을 한 화면에 보여 줍니다 · one screen of an account; 1 if a figure is bad or nobody trades."""
    from engine.trading.sight import look_at  # noqa: PLC0415  (keeps --help fast)

    environment, clock, console = require_account(folder), SystemClock(), Console(highlight=False)
    sight = look_at(folder, environment, clock)
    if not watch:
        console.print(_screen(folder, environment, sight, lang))
        raise typer.Exit(0 if _is_well(sight) else 1)
    try:
        with Live(_screen(folder, environment, sight, lang), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(_EVERY_SECONDS)
                live.update(_screen(folder, environment, look_at(folder, environment, clock), lang), refresh=True)
    except KeyboardInterrupt:
        return


def _is_well(sight: Sight) -> bool:
    return sight.is_running and (sight.health is None or sight.health.state.value != "bad")


def _screen(folder: Path, environment: str, sight: Sight, lang: Lang) -> Group:
    head = Line(f"{folder.resolve().name} · {_ENVIRONMENTS[environment](lang.language)} · ", style="bold")
    head.append_text(_headline(sight, lang))
    parts: list[Line | Table] = [head]
    if sight.health is not None:
        parts += [_figures(sight.health, lang), _table(_facts(sight.health, lang), lang)]
    elif sight.books is not None:
        parts.append(_table(_books(sight.books, lang), lang))
    return Group(*parts)


def _headline(sight: Sight, lang: Lang) -> Line:
    from engine.trading.health_texts import STATES  # noqa: PLC0415

    words = lang.language
    if sight.is_running:
        if sight.health is None:
            return Line(_STARTS(words))
        state = sight.health.state
        return Line(_RUNS(words).format(state=STATES[state](words)), style=_COLOURS[state.value])
    if sight.beat is None:
        return Line(_NEVER(words), style="dim")
    text = _ENDED if sight.beat.has_ended else _SILENT
    told = text(words).format(time=sight.beat.time, age=sight.beat.age.total_seconds())
    return Line(told, style=_COLOURS["warning" if sight.beat.has_ended else "bad"])


def _figures(health: Health, lang: Lang) -> Table:
    from engine.trading.health_texts import NAMES, STATES, value_text  # noqa: PLC0415

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for each in health.measures:
        state = Line(STATES[each.state](lang.language), style=_COLOURS[each.state.value])
        table.add_row(NAMES[each.name](lang.language), value_text(each.name, each.value, lang.language), state)
    return table


def _facts(health: Health, lang: Lang) -> Iterator[tuple[str, str]]:
    from engine.trading.autonomy import NAMES, Level  # noqa: PLC0415
    from engine.trading.texts import MOMENTS  # noqa: PLC0415

    facts, words = health.facts, lang.language
    yield "time", f"{facts.time:%Y-%m-%d %H:%M:%S}"
    yield "equity", _WON(words).format(value=facts.equity)
    yield "cash", _WON(words).format(value=facts.cash)
    yield "positions", f"{facts.positions:,}"
    yield "open", f"{facts.open_orders:,}"
    yield "watched", f"{facts.watched_levels:,}"
    if facts.feed is not None:
        feed = facts.feed
        sign = "✓" if feed.connected else "✗"
        text = _FEED(words)
        yield "feed", text.format(sign=sign, have=feed.registered, want=feed.wanted, dropped=feed.dropped)
    yield "decision", facts.last_decision or _NONE(words)
    yield "next", f"{facts.next_moment:%m-%d %H:%M} {MOMENTS[facts.next_what](words)}"
    yield "level", f"LV{facts.level} {NAMES[Level(facts.level)](words)}"
    yield "halt", facts.halt or _OFF(words)


def _books(books: Books, lang: Lang) -> Iterator[tuple[str, str]]:
    from engine.trading.autonomy import NAMES  # noqa: PLC0415
    from engine.trading.texts import ORDERS  # noqa: PLC0415

    words, standing = lang.language, books.standing
    level = standing.grant.level_at(SystemClock().now())
    yield "written", f"{books.written:%Y-%m-%d %H:%M:%S}" if books.written is not None else _NONE(words)
    if books.closed is not None:
        yield "closed", f"{_WON(words).format(value=int(books.closed.equity))} ({books.closed.session})"
    yield "cash", _WON(words).format(value=books.cash)
    held = sorted(books.positions.values(), key=lambda each: each.ticker)
    yield "positions", ", ".join(f"{each.ticker} {each.quantity:,}" for each in held) or _NONE(words)
    for name, orders in (("open", books.open_orders), ("unresolved", books.unresolved_orders)):
        sides = ((ORDERS[each.request.side.value](words), each) for each in orders)
        listed = ", ".join(f"{side} {each.request.ticker} {each.remaining:,}" for side, each in sides)
        yield name, listed or _NONE(words)
    yield "decision", books.last_decision or _NONE(words)
    yield "level", f"LV{level.value} {NAMES[level](words)}"
    halt = books.halt
    yield "halt", _OFF(words) if halt is None else f"{halt.since:%m-%d %H:%M:%S} {halt.who}: {halt.reason}"
    for time_of_alarm, text in books.alarms:
        yield "alarm", f"{time_of_alarm:%m-%d %H:%M:%S} {text}"


def _table(rows: Iterator[tuple[str, str]], lang: Lang) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, text in rows:
        table.add_row(Line(_ROWS[name](lang.language), style="dim"), Line(text))
    return table
