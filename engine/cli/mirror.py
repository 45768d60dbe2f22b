"""`geoul mirror`: closed sessions of an account against their replay; every difference with its cause."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.cli.options import AccountFolderArgument, ConfigOption, Lang, LangOption, configure
from engine.clock import SystemClock
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.trading.mirrored_day import DayMirror

_CAUSES = {
    "same": Text("같음", "same"),
    "data": Text("자료가 다름", "other data"),
    "timing": Text("시간", "timing"),
    "limit": Text("한도·거절", "limit or refusal"),
    "inside the bar": Text("봉 안의 순서", "inside the bar"),
    "price": Text("체결가", "price"),
    "liquidity": Text("체결 수량", "shares filled"),
    "unexplained": Text("설명 안 됨", "unexplained"),
}
_WIDTH = 120  # of a table that goes into a file
_SIDES = {"buy": Text("매수", "buy"), "sell": Text("매도", "sell")}
_HEADS = Text(
    "거래일|종목|구분|주문|체결|평균가|슬리피지|비용차|원인",
    "session|ticker|side|ordered|filled|price|slippage|costs|cause",
)
_FIRST_NUMBER, _LAST_NUMBER, _MAY_WRAP = 3, 7, (3, 4, 5, 8)
_CAPTION = Text(
    "다른 곳은 실제 / 재생 · +가 손해",
    "where they differ: venue / replay · + is lost",
)
_NO_SESSIONS = Text("마감된 거래일이 아직 없습니다.", "No session has been closed yet.")
_NO_ORDERS = Text("주문 없음", "no orders")
_TOTAL = Text(
    "{days}거래일 가운데 {good}일이 설명됨 · 연속 {run}일 · 슬리피지 {slippage:+,}원 · 비용 차이 {costs:+,}원",
    "{good} of {days} sessions explained · {run} in a row · slippage {slippage:+,} won · costs {costs:+,} won",
)
_SHADOW = Text(
    "{name}: 재생 수익률 {theirs:+.2%}, 적용 중인 규칙 {ours:+.2%}",
    "{name}: {theirs:+.2%} in replay, the rules in force {ours:+.2%}",
)


def mirror_command(
    folder: AccountFolderArgument,
    session: Annotated[
        datetime.datetime | None,
        typer.Option("--session", formats=["%Y-%m-%d"], help="이 거래일만(기본: 모두) · this session only"),
    ] = None,
    shadow: Annotated[
        list[Path] | None, typer.Option("--shadow", help="나란히 재생할 프롬프트(여러 번) · prompts to run beside it")
    ] = None,
    config: ConfigOption = None,
    lang: LangOption = Lang.ko,
) -> None:
    """끝난 거래일을 재생하여 실제와 비교합니다 · every difference to the replay with its cause; 1 if one has none."""
    from brokers.kis_trading.account_folder import DATA, LEDGER, venue_of  # noqa: PLC0415
    from engine.data.panel import load_panel  # noqa: PLC0415
    from engine.ledger.equity import equity_points  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.rules.prompt import load_rules  # noqa: PLC0415
    from engine.trading.mirror import mirror_day  # noqa: PLC0415
    from engine.trading.mirror_store import MirrorStore  # noqa: PLC0415
    from engine.trading.prompts import latest_rules  # noqa: PLC0415
    from engine.trading.shadow import shadow_returns  # noqa: PLC0415

    if not (folder / LEDGER).is_file():
        raise BadInput(f"{folder} holds no account: geoul paper makes one.")
    settings = configure(config, None)
    panel = load_panel(folder / DATA, allow_gaps=True)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    with open_ledger(folder / LEDGER, SystemClock(), read_only=True) as ledger:
        sessions = [point.session for point in equity_points(ledger)]
        wanted = sessions if session is None else [session.date()]
        if session is not None and session.date() not in sessions:
            raise BadInput(f"The books of {session:%Y-%m-%d} have not been closed. Closed: {_range(sessions)}.")
        settings = settings.model_copy(update={"venue": venue_of(folder)})
        days = [mirror_day(ledger, panel, settings, day) for day in wanted]
        store = MirrorStore(folder)
        store.keep(days)
        show(console, days, store.unbroken(), lang)
        if shadow and sessions:
            rules = latest_rules(ledger)
            beside = {str(each): load_rules(each) for each in shadow}
            found = shadow_returns({"": rules.rules, **beside}, panel, settings, sessions[0])
            for name, returns in found.items():
                store.keep_returns(name or rules.hash, returns)
                if name:
                    values = {"ours": _grown(found[""]), "theirs": _grown(returns)}
                    console.print(_SHADOW(lang.language).format(name=name, **values))
    if not all(day.is_explained for day in days):
        raise typer.Exit(1)


def show(console: Console, days: list[DayMirror], unbroken: int, lang: Lang) -> None:
    """Print the orders of some sessions beside their replays, and what they come to."""
    if not days:
        console.print(_NO_SESSIONS(lang.language))
        return
    table = Table(caption=_CAPTION(lang.language), box=None, padding=(0, 1, 0, 0), caption_justify="left")
    for place, head in enumerate(_HEADS(lang.language).split("|")):
        # Where venue and replay differ, the two stand below each other on a narrow screen.
        right, wraps = _FIRST_NUMBER <= place <= _LAST_NUMBER, place in _MAY_WRAP
        table.add_column(head, no_wrap=not wraps, justify="right" if right else "left", overflow="fold")
    for day in days:
        if not day.orders:
            cause = _CAUSES[day.decision.value](lang.language)
            table.add_row(f"{day.session:%y-%m-%d}", "–", "", _NO_ORDERS(lang.language), *[""] * 4, cause)
        for each in day.orders:
            table.add_row(
                f"{day.session:%y-%m-%d}",
                each.ticker,
                _SIDES[each.side.value](lang.language),
                _both(f"{each.asked:,}", f"{each.asked_in_replay:,}"),
                _both(f"{each.filled:,}", f"{each.filled_in_replay:,}"),
                _both(_average(each.amount, each.filled), _average(each.amount_in_replay, each.filled_in_replay)),
                f"{each.slippage:+,}",
                f"{each.costs - each.costs_in_replay:+,}",
                _CAUSES[each.cause.value](lang.language),
            )
    console.print(table)
    costs = sum(each.costs - each.costs_in_replay for day in days for each in day.orders)
    console.print(
        _TOTAL(lang.language).format(
            days=len(days),
            good=sum(day.is_explained for day in days),
            run=unbroken,
            slippage=sum(day.slippage for day in days),
            costs=costs,
        )
    )


def _both(venue: str, replay: str) -> str:
    return venue if venue == replay else f"{venue} / {replay}"


def _average(amount: int, shares: int) -> str:
    return f"{amount / shares:,.1f}".removesuffix(".0") if shares else "–"


def _grown(returns: dict[datetime.date, float]) -> float:
    grown = 1.0
    for value in returns.values():
        grown *= 1 + value
    return grown - 1


def _range(sessions: list[datetime.date]) -> str:
    return f"{sessions[0]} – {sessions[-1]}" if sessions else "–"
