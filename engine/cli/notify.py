"""`geoul notify`: try the channels, and see what became of the messages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.notify.delivery_file import Delivery
    from engine.notify.settings import NotifySettings

app = typer.Typer(help="알림 채널 · notifications", no_args_is_help=True)

_EXAMPLE = """
notify:
  channels:
    team: {kind: slack}                          # GEOUL_SLACK_WEBHOOK
    phone: {kind: telegram, chat: "123456789"}   # GEOUL_TELEGRAM_TOKEN"""
_HEADS = {
    "ko": ("시각", "채널", "긴급도", "종류", "건수", "상태", "시도", "끝남"),
    "en": ("time", "channel", "urgency", "code", "count", "status", "attempts", "done"),
}
_NO_DELIVERIES = Text("{what} 알림이 없습니다.", "There are no alerts {what}.")
_WHAT = {True: Text("아직 못 보낸", "that wait"), False: Text("보낸 적 있거나 보낼", "to send, and none was sent")}
_STATUSES = {
    "waiting": ("대기", "cyan"),
    "delivered": ("전달", "green"),
    "refused": ("거절됨", "red"),
    "given up": ("포기", "red"),
    "too old": ("오래됨", "dim"),
}
NotifyConfigOption = Annotated[
    Path | None, typer.Option("--config", help="설정 YAML(기본: geoul.yaml) · configuration (default: geoul.yaml)")
]


@app.command("test")
def test_command(
    channel: Annotated[str | None, typer.Option("--channel", help="이 채널만 · this channel only")] = None,
    config: NotifyConfigOption = None,
    lang: LangOption = Lang.ko,
) -> None:
    """모든 채널에 시험 메시지를 보냅니다 · send a test message to every channel; exit status 1 if one fails."""
    from engine.clock import SystemClock  # noqa: PLC0415  (keeps --help fast)
    from engine.notify.channels import sender_for  # noqa: PLC0415
    from engine.notify.message import test_message  # noqa: PLC0415
    from engine.notify.sending import Verdict  # noqa: PLC0415

    settings = _settings(config)
    if channel is not None and channel not in settings.channels:
        raise BadInput(f"--channel {channel}: there is no such channel. Known are {', '.join(settings.channels)}.")
    console, failed = Console(), False
    for name, chosen in settings.channels.items():
        if channel not in (None, name):
            continue
        sender = sender_for(chosen, settings, lambda line: console.print(line, markup=False, highlight=False))
        moment = f"{SystemClock().now():%Y%m%d%H%M%S}"
        answer = sender.send(test_message(name, settings.account or "geoul", moment, lang.language))
        good = answer.verdict is Verdict.DELIVERED
        failed = failed or not good
        words = ("보냄" if lang is Lang.ko else "sent") if good else escape(answer.told)
        console.print(
            f"[{'green' if good else 'red'}]{'✓' if good else '✗'}[/] {escape(name)} ({chosen.kind})  {words}",
            soft_wrap=True,
        )
    if failed:
        raise typer.Exit(1)


@app.command("run")
def run_command(
    folder: AccountFolderArgument,
    config: NotifyConfigOption = None,
    world: Annotated[
        str | None,
        typer.Option("--world", metavar="URL", help="geoul serve의 시각으로 · in the time of a served market"),
    ] = None,
    lang: LangOption = Lang.ko,
) -> None:
    """거래와 다른 프로세스에서 알림을 보냅니다(Ctrl-C까지) · deliver beside the trader, until Ctrl-C or SIGTERM.

    거래 프로세스가 죽어도 장부에 남은 알림이 나갑니다 · what the ledger holds goes out even if the trader is dead.
    """
    import signal  # noqa: PLC0415  (keeps --help fast)
    import threading  # noqa: PLC0415

    from brokers.kis.world_clock import WorldClock  # noqa: PLC0415
    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.notify.courier import Courier  # noqa: PLC0415

    settings = _settings(config)
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}. Give the folder of an account, with its ledger.db.")
    console, stopped = Console(highlight=False), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    courier = Courier(
        folder,
        settings,
        WorldClock(world) if world is not None else SystemClock(),
        tell=lambda line: console.print(line, markup=False, soft_wrap=True),
        lang=lang.language,
    )
    courier.start()
    names = ", ".join(settings.channels)
    console.print(f"알림을 보냅니다: {names}" if lang is Lang.ko else f"Delivering: {names}", markup=False)
    stopped.wait()
    courier.close()


@app.command("outbox")
def outbox_command(
    folder: AccountFolderArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, help="마지막 몇 줄 · how many last rows")] = 30,
    waiting: Annotated[bool, typer.Option("--waiting", help="아직 못 보낸 것만 · only what waits")] = False,
    lang: LangOption = Lang.ko,
) -> None:
    """보낼 알림과 보낸 알림을 봅니다 · show what was sent, what waits, and what failed."""
    from engine.notify.outbox import Outbox  # noqa: PLC0415  (keeps --help fast)

    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}. Give the folder of an account, with its ledger.db.")
    outbox = Outbox(folder)
    korean, console = lang is Lang.ko, Console()
    table = Table(box=None, padding=(0, 1, 0, 0))
    for head in _HEADS[lang.language]:
        table.add_column(head, no_wrap=True)
    shown = outbox.deliveries(status="waiting" if waiting else None, most=limit)
    for each in shown:
        table.add_row(*_row(each, korean))
    if shown:
        console.print(table)
    else:
        console.print(_NO_DELIVERIES(lang.language).format(what=_WHAT[waiting](lang.language)))
    for each in shown:
        if each.told:
            console.print(f"{each.time:%m-%d %H:%M} {each.channel} {each.code}: {each.told}", style="dim", markup=False)
    for name, failures, since in outbox.failing():
        if korean:
            text = f"{name}: {failures}번 연속 실패 ({since[:16]}부터)"
        else:
            text = f"{name}: {failures} failures in a row since {since[:16]}"
        console.print(f"[red]{escape(text)}[/red]", soft_wrap=True)


def _settings(config: Path | None) -> NotifySettings:
    from engine.notify.settings import load_notify_settings  # noqa: PLC0415  (keeps --help fast)

    settings = load_notify_settings(config, os.environ)
    if not settings.channels:
        raise BadInput(
            f"No channel is configured. Put a section into geoul.yaml (or name a file with --config):{_EXAMPLE}"
        )
    return settings


def _row(each: Delivery, korean: bool) -> tuple[str, ...]:
    word, style = _STATUSES[each.status]
    return (
        f"{each.time:%m-%d %H:%M}",
        escape(each.channel),
        each.urgency.value,
        escape(each.code),
        str(each.count),
        f"[{style}]{word if korean else each.status}[/]",
        str(each.attempts),
        f"{each.done_at:%m-%d %H:%M}" if each.done_at else "–",
    )
