"""`geoul backup` and `geoul restore`: an account's ledger and prompt in one file, and back."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.cli.options import AccountFolderArgument, Lang, LangOption, prompt_path
from engine.errors import ConfigError
from engine.reports.language import Text

DAILY, WEEKLY = 7, 8
BACKUPS = "backups"
_MADE = Text("백업 {path} ({size:,} KB, 장부 {rows:,}행)", "Backup {path} ({size:,} KB, {rows:,} rows of the journal)")
_GONE = Text("지난 백업 {count}개를 지웠습니다", "{count} older backups deleted")
_RESTORED = Text(
    "{moment:%Y-%m-%d %H:%M:%S} 백업(장부 {rows:,}행)을 {folder}에 되살렸습니다.",
    "The backup of {moment:%Y-%m-%d %H:%M:%S} ({rows:,} rows of the journal) is restored into {folder}.",
)
_ASIDE = Text("이전 장부: {path}", "The ledger that was there: {path}")
_PROMPTS = Text("프롬프트: {path} (쓰려면 직접 옮기세요)", "The prompt: {path} (move it yourself to use it)")
_HALTED = Text(
    "계좌를 정지했습니다. 거래를 시작해 계좌와 비교한 뒤 {halt} 파일을 지우고 geoul resume 하세요.",
    "The account is halted. Start trading, compare with the venue, remove the file {halt}, then geoul resume.",
)


def backup_command(
    folder: AccountFolderArgument,
    prompt: Annotated[
        Path | None, typer.Option("--prompt", help="함께 보관할 프롬프트(기본: 지금 것) · the prompt to keep with it")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="백업 폴더(기본: 계좌 폴더의 backups) · where to")] = None,
    daily: Annotated[int, typer.Option("--daily", min=1, help="남길 날수 · days to keep")] = DAILY,
    weekly: Annotated[int, typer.Option("--weekly", min=0, help="남길 주수 · weeks to keep")] = WEEKLY,
    now: Annotated[
        datetime.datetime | None,
        typer.Option(
            "--now",
            formats=["%Y-%m-%dT%H:%M:%S"],
            help="백업 시점(기본: 장부의 마지막 기록) · the moment (default: the last entry of the ledger)",
        ),
    ] = None,
    lang: LangOption = Lang.ko,
) -> None:
    """장부와 프롬프트를 백업합니다(거래 중에도 됨) · back up ledger and prompt, while trading goes on."""
    from engine.clock import KST  # noqa: PLC0415  (keeps --help fast)
    from engine.trading.backup import make_backup, read_backup, rotate  # noqa: PLC0415

    moment = _last_entry(folder) if now is None else now.replace(tzinfo=KST)
    target = folder / BACKUPS if to is None else to
    path = make_backup(folder, prompt_path(prompt), target, moment)
    rows = read_backup(path).sequence
    gone = rotate(target, daily, weekly)
    console = Console(highlight=False)
    if gone:
        console.print(_GONE(lang.language).format(count=len(gone)))
    told = _MADE(lang.language).format(path=path, size=path.stat().st_size // 1024, rows=rows)
    console.print(told, markup=False, soft_wrap=True)


def _last_entry(folder: Path) -> datetime.datetime:
    """The time up to which the books go: in a served market it is another one than the machine's."""
    from contextlib import closing  # noqa: PLC0415  (keeps --help fast)

    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.ledger.connection import connect  # noqa: PLC0415
    from engine.ledger.figures import last_written_at  # noqa: PLC0415
    from engine.trading.backup import LEDGER  # noqa: PLC0415

    now = SystemClock().now()
    with closing(connect(folder / LEDGER, now, read_only=True)) as connection:
        return last_written_at(connection) or now


def restore_command(
    folder: AccountFolderArgument,
    source: Annotated[Path, typer.Option("--from", help="백업 파일 · the backup")],
    lang: LangOption = Lang.ko,
) -> None:
    """백업을 되살리고 정지합니다(거래 중에는 거절) · restore a backup and halt; never while it trades."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  (keeps --help fast)

    from brokers.kis_trading.account_folder import LOCK  # noqa: PLC0415
    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.trading.backup import read_backup, restore  # noqa: PLC0415
    from engine.trading.kill_switch import FILE as HALT  # noqa: PLC0415

    read_backup(source)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            done = restore(folder, source, SystemClock().now())
    except Timeout:
        raise ConfigError(
            f"A process is trading in {folder}. Stop it first: it would go on with the old books."
        ) from None
    words = lang.language
    lines = [_RESTORED(words).format(moment=done.contents.moment, rows=done.contents.sequence, folder=folder)]
    if done.aside is not None:
        lines.append(_ASIDE(words).format(path=done.aside))
    if done.prompts is not None:
        lines.append(_PROMPTS(words).format(path=done.prompts))
    lines.append(_HALTED(words).format(halt=folder / HALT))
    console = Console(highlight=False)
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
