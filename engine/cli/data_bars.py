"""`geoul data bars`: a recorded stream as a dataset of minute bars."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.cli.dataset_view import print_dataset
from engine.cli.options import FromOption, Lang, LangOption, TickersOption, ToOption


def bars_command(
    recording: Annotated[Path, typer.Argument(help="`geoul data record`의 폴더 · folder of a recording")],
    destination: Annotated[Path, typer.Argument(help="대상 폴더 · destination")],
    daily: Annotated[Path, typer.Option("--daily", help="종목을 아는 데이터셋 · dataset that knows the instruments")],
    tickers: TickersOption = None,
    start: FromOption = None,
    end: ToOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="기존 데이터셋 교체 · replace a dataset")] = False,
    lang: LangOption = Lang.ko,
) -> None:
    """기록한 체결로 1분봉 데이터셋을 만듭니다 · make one-minute bars of the trades of a recording."""
    from engine.data.recorded_bars import write_recorded_bars  # noqa: PLC0415  (keeps --help fast)

    first, last = (day.date() if day else None for day in (start, end))
    manifest = write_recorded_bars(recording, daily, destination, first, last, tickers, overwrite=overwrite)
    print_dataset(Console(), destination, manifest, lang.language)
