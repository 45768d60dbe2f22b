"""The options that several commands share: each is declared once, so that it means the same everywhere."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import engine
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.config import BacktestConfig

DEFAULT_PROMPT = Path("prompts/core_decision_prompt.md")
DEFAULT_LEDGER = Path("ledger.db")
READING = Text("데이터를 읽는 중", "reading the data")


class Lang(StrEnum):
    """Language of the output."""

    ko = "ko"
    en = "en"

    @property
    def language(self) -> Literal["ko", "en"]:
        """The name that texts are chosen by."""
        return "ko" if self is Lang.ko else "en"


_DAY = ["%Y-%m-%d"]
PromptArgument = Annotated[
    Path | None, typer.Argument(help="의사결정 프롬프트(기본: prompts/core_decision_prompt.md) · decision prompt")
]
StrategyOption = Annotated[
    str | None,
    typer.Option("--strategy", metavar="FILE[:CLASS]", help="프롬프트 대신 파이썬 전략 · a strategy in Python"),
]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="데이터셋 폴더(기본: 합성 시장) · dataset (default: synthetic)")
]
FromOption = Annotated[datetime.datetime | None, typer.Option("--from", formats=_DAY, help="첫 거래일 · first session")]
ToOption = Annotated[datetime.datetime | None, typer.Option("--to", formats=_DAY, help="마지막 거래일 · last session")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="설정 YAML · configuration")]
CashOption = Annotated[int | None, typer.Option("--cash", help="시작 자금(원) · money on the first day")]
TickersOption = Annotated[
    list[str] | None, typer.Option("--ticker", help="이 종목만(여러 번 가능) · this instrument only; repeatable")
]
IntervalOption = Annotated[
    str | None, typer.Option("--interval", help="--strategy의 봉 주기(기본: 데이터) · bars of a --strategy")
]
GapsOption = Annotated[
    bool, typer.Option("--allow-gaps", help="데이터의 빈 구간을 이어 붙임 · run across gaps of the data")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="난수 시드 · seed of all that is drawn")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON 출력(표·HTML 없음) · JSON instead of tables")]
ReportOption = Annotated[Path, typer.Option("--report", help="HTML 보고서 경로 · path of the HTML page")]
ProcessesOption = Annotated[
    int | None,
    typer.Option("--processes", min=1, help="작업 프로세스 수(기본: 모든 코어) · processes; default: one a core"),
]
RayOption = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Ray 클러스터(auto, local, host:port)에서 실행 · on a Ray cluster"),
]
LedgerOption = Annotated[
    Path, typer.Option("--ledger", help="시험 횟수를 세는 장부 · the ledger that counts every trial")
]
AccountFolderArgument = Annotated[Path, typer.Argument(help="계좌 폴더 · the account's folder")]
LangOption = Annotated[Lang, typer.Option("--lang", help="언어 · language")]


def prompt_path(given: Path | None) -> Path:
    """The prompt the user named, else the one of this folder, else the one that comes with Geoul."""
    if given is not None:
        return given
    if DEFAULT_PROMPT.is_file():
        return DEFAULT_PROMPT
    return Path(engine.__path__[0]).parent / DEFAULT_PROMPT


def day_range(
    start: datetime.datetime | None, end: datetime.datetime | None
) -> tuple[datetime.date | None, datetime.date | None]:
    """The dates of --from and --to.

    Raises:
        BadInput: the first lies after the last.
    """
    if start and end and start > end:
        raise BadInput(f"--from {start:%Y-%m-%d} lies after --to {end:%Y-%m-%d}. Exchange them.")
    return start.date() if start else None, end.date() if end else None


def configure(file: Path | None, cash: int | None) -> BacktestConfig:
    """The configuration: the file's values, then the options of the command line."""
    from engine.config import build_config, load_config  # noqa: PLC0415  (keeps --help fast)

    values = load_config(file) if file else {}
    if cash is not None:
        values["cash_won"] = cash
    return build_config(values, str(file) if file else "the command line")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on standard error that disappears when the work is done; nothing where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar
