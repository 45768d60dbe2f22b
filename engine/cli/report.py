"""`geoul report`: the daily and the weekly report of an account, as they are sent."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.notify.account_days import AccountDays
    from engine.notify.pages import Page

app = typer.Typer(help="일일·주간 보고서 · daily and weekly reports of an account", no_args_is_help=True)

HtmlOption = Annotated[
    Path | None, typer.Option("--html", help="메일로 가는 HTML을 이 파일에 · write the page of the mail here")
]
PictureOption = Annotated[
    Path | None, typer.Option("--picture", help="수익률 그림(PNG)을 이 파일에 · write the picture here")
]


@app.command("day")
def day_command(
    folder: AccountFolderArgument,
    session: Annotated[
        datetime.datetime | None,
        typer.Option("--session", formats=["%Y-%m-%d"], help="거래일(기본: 마지막) · which session (default: last)"),
    ] = None,
    html: HtmlOption = None,
    picture: PictureOption = None,
    lang: LangOption = Lang.ko,
) -> None:
    """마감 뒤 보내는 일일 거래 보고서를 봅니다 · show the daily report that is sent after the close."""
    from engine.clock import SystemClock  # noqa: PLC0415  (keeps --help fast)
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.notify.daily_report import day_page  # noqa: PLC0415
    from engine.notify.day_facts import day_facts  # noqa: PLC0415
    from engine.notify.report_makers import HISTORY  # noqa: PLC0415

    with open_ledger(_ledger_of(folder), SystemClock(), read_only=True) as ledger:
        facts = day_facts(ledger, folder / HISTORY, session.date() if session is not None else None)
    _show(day_page(facts, lang.language), facts.days, html, picture, lang)


@app.command("week")
def week_command(
    folder: AccountFolderArgument, html: HtmlOption = None, picture: PictureOption = None, lang: LangOption = Lang.ko
) -> None:
    """마지막 주간 성찰 보고서를 봅니다 · show the report of the last weekly reflection."""
    from engine.clock import SystemClock  # noqa: PLC0415  (keeps --help fast)
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.notify.weekly_report import week_facts, week_page  # noqa: PLC0415

    with open_ledger(_ledger_of(folder), SystemClock(), read_only=True) as ledger:
        facts = week_facts(ledger)
    _show(week_page(facts, lang.language), facts.days, html, picture, lang)


def _ledger_of(folder: Path) -> Path:
    path = folder / "ledger.db"
    if not path.is_file():
        raise BadInput(f"There is no ledger at {path}. Give the folder of an account that geoul paper has traded.")
    return path


def _show(page: Page, days: AccountDays | None, html: Path | None, picture: Path | None, lang: Lang) -> None:
    from engine.data.atomic import atomic_path  # noqa: PLC0415
    from engine.notify.equity_picture import equity_picture  # noqa: PLC0415
    from engine.notify.pages import as_html, as_text  # noqa: PLC0415

    console = Console(highlight=False)
    console.print(page.title, style="bold", markup=False, soft_wrap=True)
    console.print(as_text(page), markup=False, soft_wrap=True)
    if html is not None:
        with atomic_path(html) as draft:
            draft.write_text(as_html(page, lang.language), encoding="utf-8")
    if picture is not None and days is not None:
        with atomic_path(picture) as draft:
            draft.write_bytes(equity_picture(days, lang.language))
