"""Options of `geoul paper` and `geoul live` for what an account does beside its decisions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.reflection_writer import Writer
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.trading.account_jobs import RegularWork


class Reflect(StrEnum):
    """How often the account reflects."""

    off = "off"
    weekly = "weekly"


ReflectOption = Annotated[
    Reflect, typer.Option("--reflect", help="주간 성찰(일요일 18:00) · weekly: reflect on Sundays at 18:00")
]
ReflectWriterOption = Annotated[
    Writer, typer.Option("--reflect-writer", help="성찰의 규칙을 쓰는 쪽 · who writes the rules of a reflection")
]
ReflectDataOption = Annotated[
    Path | None,
    typer.Option("--reflect-data", help="성찰 심사의 데이터셋(기본: 계좌의 시세) · dataset of the reflection's gate"),
]
BackupsOption = Annotated[
    Path | None, typer.Option("--backups", help="백업 폴더(기본: 계좌 폴더의 backups) · folder of the daily backups")
]


def regular_work(reflect: Reflect, writer: Writer, data: Path | None, backups: Path | None) -> RegularWork:
    """The work that the options ask for.

    Raises:
        BadInput: options of a reflection without one, or data that are not there.
    """
    from engine.trading.account_jobs import RegularWork  # noqa: PLC0415  (keeps --help fast)

    if reflect is Reflect.off and (data is not None or writer is not Writer.scripted):
        raise BadInput("--reflect-writer and --reflect-data belong to --reflect weekly. Add it, or leave them out.")
    if data is not None and not (data / "manifest.json").is_file():
        raise BadInput(f"--reflect-data {data}: there is no dataset. Make one with geoul data download.")
    return RegularWork(
        backups=backups,
        reflect="weekly" if reflect is Reflect.weekly else "off",
        writer=writer.value,
        reflection_data=None if data is None else data.resolve(),
    )
