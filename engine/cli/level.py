"""`geoul level`: how much an account leaves to Geoul, what that rests on, and going up or down."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.kis_options import ClockOption, KisConfigOption, clock_chooser, environment_of
from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.cli.supervise import ReasonOption, ask, read_standing, require_account, time_in
from engine.clock import SystemClock
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.trading.autonomy import Level
    from engine.trading.level_evidence import Evidence
    from engine.trading.standing import Standing

_NOW = Text("LV{level} {name}", "LV{level} {name}")
_SINCE = Text("  {since:%Y-%m-%d %H:%M}부터 · {who}: {reason}", "  since {since:%Y-%m-%d %H:%M} · {who}: {reason}")
_DEFAULT = Text("  새 계좌의 기본 단계", "  the default of a new account")
_UNTIL = Text("  {time:%Y-%m-%d %H:%M}까지", "  until {time:%Y-%m-%d %H:%M}")
_HALTED = Text("정지 상태 · {who}: {reason}", "halted · {who}: {reason}")
_ASKS_NOTHING = Text("  없음: 명령만 있으면 됩니다", "  nothing but the command")
_NEXT = Text("LV{level} {name}에 필요한 것", "LV{level} {name} asks for")
_WAITS = Text("아직 처리되지 않은 요청: {what}", "Not handled yet: {what}")


def level_command(
    folder: AccountFolderArgument,
    wanted: Annotated[int | None, typer.Option("--set", min=1, max=5, help="이 단계로 · the level to set")] = None,
    reason: ReasonOption = "",
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, help="유효 일수(LV4·LV5 기본 30) · days until it ends"),
    ] = None,
    paper: Annotated[
        Path | None,
        typer.Option("--paper", help="LV4의 근거인 모의투자 폴더 · the paper account behind LV4"),
    ] = None,
    kis_config: KisConfigOption = None,
    clock: ClockOption = "system",
    lang: LangOption = Lang.ko,
) -> None:
    """자율 단계와 근거를 보거나 바꿉니다 · show the level of autonomy and its evidence, or change it."""
    from engine.trading.autonomy import expiry_of, require_possible  # noqa: PLC0415  (keeps --help fast)
    from engine.trading.level_evidence import require  # noqa: PLC0415

    environment, now = require_account(folder), time_in(folder)
    standing = read_standing(folder, environment)
    console = Console(highlight=False)
    level = standing.grant.level_at(now)
    if wanted is None:
        _show(console, folder, standing, environment, paper, lang)
        return
    if not reason.strip():
        raise BadInput("이유를 적으세요 · say why: --reason")
    target = require_possible(wanted, environment, lang.language)
    expiry_of(target, now, days)
    values: dict[str, object] = {"level": target.value, "reason": reason.strip(), "days": days}
    if target > level:
        is_healthy = _is_healthy(folder, environment, kis_config, clock)
        found = _evidence(target, folder, standing, paper, is_healthy=is_healthy)
        _print(console, found, lang)
        require(found, target, lang.language)
        values |= {"paper": str(paper.resolve()) if paper is not None else None, "is_healthy": is_healthy}
    ask(folder, "level", values, lang)


def _show(console: Console, folder: Path, standing: Standing, environment: str, paper: Path | None, lang: Lang) -> None:
    from engine.trading.autonomy import NAMES, POSSIBLE  # noqa: PLC0415
    from engine.trading.control import ControlFile  # noqa: PLC0415

    grant, now = standing.grant, time_in(folder)
    level, words = grant.level_at(now), lang.language
    console.print(_NOW(words).format(level=level.value, name=NAMES[level](words)))
    if grant.since is None:
        console.print(_DEFAULT(words))
    else:
        console.print(
            _SINCE(words).format(since=grant.since, who=grant.who, reason=grant.reason), markup=False, soft_wrap=True
        )
    if grant.expires is not None:
        console.print(_UNTIL(words).format(time=grant.expires))
    for line in grant.evidence:
        console.print(f"  ✓ {line}", markup=False)
    if standing.halt is not None:
        console.print(_HALTED(words).format(who=standing.halt.who, reason=standing.halt.reason), markup=False)
    for request in ControlFile(folder).unanswered():
        console.print(_WAITS(words).format(what=f"{request.command} ({request.who})"), markup=False)
    higher = next((each for each in POSSIBLE[environment] if each > level), None)
    if higher is not None:
        console.print(_NEXT(words).format(level=higher.value, name=NAMES[higher](words)))
        healthy = _beats(folder)
        found = _evidence(higher, folder, standing, paper, is_healthy=healthy)
        _print(console, found, lang)
        if not found:
            console.print(_ASKS_NOTHING(words))


def _evidence(
    level: Level, folder: Path, standing: Standing, paper: Path | None, *, is_healthy: bool
) -> tuple[Evidence, ...]:
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.trading.level_evidence import LEDGER, evidence_for  # noqa: PLC0415

    clock = SystemClock()
    since = standing.approved_since
    if not (folder / LEDGER).is_file():
        return evidence_for(level, folder, None, approved_since=since, paper=paper, is_healthy=is_healthy, clock=clock)
    with open_ledger(folder / LEDGER, clock, read_only=True) as ledger:
        return evidence_for(
            level, folder, ledger, approved_since=since, paper=paper, is_healthy=is_healthy, clock=clock
        )


def _print(console: Console, found: tuple[Evidence, ...], lang: Lang) -> None:
    for each in found:
        sign = "[green]✓[/green]" if each.is_met else "[red]✗[/red]"
        console.print(f"  {sign} ", end="")
        console.print(each.text(lang.language), markup=False, soft_wrap=True)


def _beats(folder: Path) -> bool:
    """Whether a trader lives on this folder."""
    from engine.trading.heartbeat import last_beat  # noqa: PLC0415

    beat = last_beat(folder, SystemClock())
    return beat is not None and beat.is_alive


def _is_healthy(folder: Path, environment: str, kis_config: Path | None, clock: str) -> bool:
    """Whether the account is ready: it trades right now, or the doctor finds nothing bad.

    KIS lets one program listen to an account's stream, so a trader that runs is not disturbed by a second one.
    """
    if _beats(folder):
        return True
    from brokers.kis.doctor import Health, examine  # noqa: PLC0415  (keeps --help fast)
    from engine.cli.trading_options import KEYS  # noqa: PLC0415

    own = folder / KEYS
    path = kis_config or (own if own.is_file() else None)
    checks = examine(
        environment_of(environment),
        variables=os.environ if path is None or path != own else {},
        path=path,
        clock_of=clock_chooser(clock),
        options={"token_folder": folder / "tokens"},
    )
    return all(check.health is not Health.BAD for check in checks)
