"""`geoul data download`: history from KIS as a dataset."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from engine.cli.dataset_view import print_dataset
from engine.cli.kis_options import ClockOption, EnvironmentOption, KisConfigOption, clock_chooser, environment_of
from engine.cli.options import FromOption, Lang, LangOption, ToOption, day_range
from engine.cli.universe import CodesOption, OldCodesOption, UniverseOption, universe_codes

if TYPE_CHECKING:
    from brokers.kis.download import DownloadSummary

_INTERRUPTED = 130  # what shells say of a program that Ctrl-C ended


def download_command(
    folder: Annotated[Path, typer.Argument(help="데이터셋 폴더(있으면 이어서) · dataset; one that is there grows")],
    tickers: CodesOption = None,
    old_tickers: OldCodesOption = None,
    universe: UniverseOption = None,
    start: FromOption = None,
    end: ToOption = None,
    interval: Annotated[
        str | None,
        typer.Option("--interval", help="1d 일봉 · 1m 분봉 (기본: 데이터셋대로, 새것은 1d) · daily or minutes"),
    ] = None,
    adjusted: Annotated[
        bool | None,
        typer.Option("--adjusted/--unadjusted", help="수정주가·원주가 (기본: 데이터셋대로, 새것은 원주가) · prices"),
    ] = None,
    environment: EnvironmentOption = "paper",
    file: KisConfigOption = None,
    clock: ClockOption = "system",
    lang: LangOption = Lang.ko,
) -> None:
    """KIS에서 일봉·분봉을 데이터셋으로 내려받기(언제든 멈추고 이어서) · download history from KIS; resumable."""
    from brokers.kis.config import load_kis_config  # noqa: PLC0415  (keeps --help fast)
    from brokers.kis.download import update_dataset  # noqa: PLC0415
    from brokers.kis.errors import KisError  # noqa: PLC0415
    from brokers.kis.rest import KisRest  # noqa: PLC0415

    codes = universe_codes(tickers, universe, old_tickers)
    first, last = day_range(start, end)
    config = load_kis_config(environment_of(environment), variables=os.environ, path=file)
    now, sleep = clock_chooser(clock)(config)
    console, errors = Console(), Console(stderr=True)
    for warning in config.warnings:
        errors.print(f"[yellow]{escape(warning)}[/]", soft_wrap=True)
    rest = KisRest(config, now, sleep=sleep)
    try:
        with _bar(errors) as bar:
            task = bar.add_task("…", total=None)
            summary = update_dataset(
                folder,
                rest,
                now,
                codes,
                first,
                last,
                interval,
                adjusted=adjusted,
                progress=lambda what, done, total: bar.update(
                    task, description=escape(what) or "…", completed=done, total=total
                ),
            )
    except KeyboardInterrupt:
        errors.print(_STOPPED[lang.language])
        raise typer.Exit(_INTERRUPTED) from None
    except KisError as error:
        errors.print(f"geoul: {escape(str(error))}", soft_wrap=True)
        errors.print(_FAILED[lang.language])
        raise typer.Exit(1) from None
    finally:
        rest.close()
    print_dataset(console, folder, summary.manifest, lang.language)
    for line in told(summary, lang.language):
        console.print(escape(line), soft_wrap=True)


_STOPPED = {
    "ko": "멈췄습니다. 받은 것은 남아 있으니 같은 명령으로 이어서 받으세요.",
    "en": "Stopped. What has come is kept: the same command goes on from there.",
}


_FAILED = {
    "ko": "받은 것은 남아 있습니다. 고친 뒤 같은 명령으로 이어서 받으세요.",
    "en": "What has come is kept: mend it, and the same command goes on from there.",
}


def told(summary: DownloadSummary, lang: Literal["ko", "en"]) -> list[str]:
    """What a download did, in sentences."""
    korean = lang == "ko"
    new, last = summary.new_bars, summary.last
    lines = [f"새 봉 {new:,}개, {last}까지" if korean else f"{new:,} new bars, up to {last}"]
    if summary.corrected:
        count = summary.corrected
        lines.append(
            f"확정 전에 받았던 봉 {count:,}개를 고쳤습니다" if korean else f"{count:,} bars were not settled: corrected"
        )
    anew, unknown = ", ".join(summary.fetched_anew), ", ".join(summary.unknown)
    if anew:
        lines.append(
            f"수정주가가 달라져 처음부터 다시 받은 종목: {anew}" if korean else f"Restated since, fetched anew: {anew}"
        )
    if unknown:
        lines.append(f"KIS가 모르거나 봉이 없는 종목: {unknown}" if korean else f"Unknown to KIS, or no bar: {unknown}")
    for day, is_open in summary.calendar.items():
        lines.append(_difference(day, is_open, korean))
    return lines


def _difference(day: date, is_open: bool, korean: bool) -> str:
    if korean:
        return f"{day}: KIS는 {'개장일' if is_open else '휴장일'}이라고 하지만 거울의 달력과 다릅니다"
    return f"{day}: KIS says that the exchange is {'open' if is_open else 'closed'}; the calendar of Geoul differs"


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
