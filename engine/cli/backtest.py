"""`geoul backtest`: what the rules of a decision prompt, or a strategy in Python, would have done."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import engine
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.config import BacktestConfig
    from engine.data.panel import Panel
    from engine.operating.state import Cycle
    from engine.result import Result

DEFAULT_PROMPT = Path("prompts/core_decision_prompt.md")


class Lang(StrEnum):
    """Language of the output."""

    ko = "ko"
    en = "en"


def backtest_command(
    prompt: Annotated[
        Path | None, typer.Argument(help="의사결정 프롬프트(기본: prompts/core_decision_prompt.md) · decision prompt")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="데이터셋 폴더(기본: 합성 시장) · dataset (default: synthetic)")
    ] = None,
    start: Annotated[
        datetime.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="첫 거래일 · first session")
    ] = None,
    end: Annotated[
        datetime.datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="마지막 거래일 · last session")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="설정 YAML · configuration")] = None,
    cash: Annotated[int | None, typer.Option("--cash", help="시작 자금(원) · money on the first day")] = None,
    strategy: Annotated[
        str | None,
        typer.Option("--strategy", metavar="FILE[:CLASS]", help="프롬프트 대신 파이썬 전략 · a strategy in Python"),
    ] = None,
    tickers: Annotated[
        list[str] | None, typer.Option("--ticker", help="이 종목만(여러 번 가능) · this instrument only; repeatable")
    ] = None,
    interval: Annotated[
        str | None, typer.Option("--interval", help="--strategy의 봉 주기(기본: 데이터) · bars of a --strategy")
    ] = None,
    graph: Annotated[
        bool, typer.Option("--graph", help="운영 그래프 여섯 노드로 실행 · run the six nodes of the operating graph")
    ] = False,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", help="판단과 거래를 적을 장부(--graph 포함) · ledger to write"),
    ] = None,
    allow_gaps: Annotated[
        bool, typer.Option("--allow-gaps", help="데이터의 빈 구간을 이어 붙임 · run across gaps of the data")
    ] = False,
    report: Annotated[Path, typer.Option("--report", help="HTML 보고서 경로 · path of the HTML page")] = Path(
        "reports/backtest.html"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="JSON 출력(표·HTML 없음) · JSON instead of tables")] = False,
    lang: Annotated[Lang, typer.Option("--lang", help="언어 · language")] = Lang.ko,
) -> None:
    """규칙을 과거 시세로 시험 · backtest the rules of a prompt, or a strategy."""
    began = time.perf_counter()
    from engine.cli.dataset import dataset_folder  # noqa: PLC0415  (loads the compiler: keeps --help fast)
    from engine.data.atomic import refuse_target  # noqa: PLC0415
    from engine.data.panel import load_part  # noqa: PLC0415
    from engine.kernel_cache import is_warm  # noqa: PLC0415
    from engine.metrics.summary import summarize  # noqa: PLC0415
    from engine.reports.html import write_report  # noqa: PLC0415
    from engine.reports.json import json_text  # noqa: PLC0415
    from engine.reports.page import PageOptions  # noqa: PLC0415
    from engine.reports.terminal import print_result  # noqa: PLC0415

    imported = time.perf_counter()
    decider = _decider(prompt, strategy, interval)
    if graph or ledger is not None:
        decider = _graph(prompt, strategy, ledger, lang.value)
    settings = configure(config, cash)
    first, last = day_range(start, end)
    if not as_json:
        refuse_target(report)
    with progress_bar() as bar:
        stage = bar.add_task(_STAGES["data"][lang.value], total=None)

        def announce(text: str) -> None:
            bar.update(stage, description=text)

        folder = dataset_folder(data, announce)
        panel = load_part(folder, first, last, tickers, decider.interval, allow_gaps=allow_gaps)
        loaded = time.perf_counter()
        announce(_STAGES["run" if is_warm() else "compile"][lang.value])
        result = decider.run(
            panel,
            settings,
            first,
            last,
            lambda done, total: bar.update(stage, completed=done, total=total, description=_STAGES["run"][lang.value]),
        )
    metrics = summarize(result)
    result.timings.update({"import": imported - began, "load": loaded - imported})
    if as_json:
        result.timings["total"] = time.perf_counter() - began
        typer.echo(json_text(result, metrics=metrics, lang=lang.value))
        return
    console = Console()
    print_result(console, result, metrics=metrics, lang=lang.value, title=decider.title)
    options = PageOptions(lang=lang.value, title=Path(decider.title).name)
    written = write_report(result, report, options=options, metrics=metrics)
    for place in (*written, *([ledger] if ledger else ())):
        console.print(f"→ {place}", markup=False, highlight=False, soft_wrap=True)


_STAGES = {
    "data": {"ko": "데이터를 읽는 중", "en": "reading the data"},
    "compile": {"ko": "계산 코드를 컴파일하는 중(처음 한 번, 1분 이내)", "en": "compiling the kernels (once)"},
    "run": {"ko": "백테스트", "en": "backtest"},
}


@dataclass(frozen=True)
class _Decider:
    """What decides the orders of a run.

    Args:
        title: where it came from, as the user knows it.
        interval: of the bars it wants; None takes those of the data.
        run: (panel, configuration, first session, last session, progress) -> result.
    """

    title: str
    interval: str | None
    run: Callable[
        [Panel, BacktestConfig, datetime.date | None, datetime.date | None, Callable[[int, int], None]], Result
    ]


def _decider(prompt: Path | None, strategy: str | None, interval: str | None) -> _Decider:
    """The rules of a prompt in batch mode, or a strategy in event mode."""
    if strategy is None:
        if interval is not None:
            raise BadInput("A prompt says itself which bars it counts, in its line **주기**. Leave --interval out.")
        return _rules(prompt_path(prompt))
    if prompt is not None:
        raise BadInput(f"Either the prompt {prompt} or the strategy {strategy} decides. Give one of them.")
    return _strategy(strategy, interval)


def _rules(path: Path) -> _Decider:
    from engine.backtest import backtest  # noqa: PLC0415  (loads the compiler)
    from engine.rules.prompt import load_rules  # noqa: PLC0415

    rules = load_rules(path)
    return _Decider(
        title=str(path),
        interval=rules.interval,
        run=lambda panel, settings, start, end, tell: backtest(rules, panel, settings, start, end, on_progress=tell),
    )


def _graph(prompt: Path | None, strategy: str | None, ledger: Path | None, lang: Literal["ko", "en"]) -> _Decider:
    """The rules of a prompt through the operating graph, every decision with its reasons into a ledger."""
    from brokers.graph_replay import run_graph  # noqa: PLC0415  (loads the compiler)
    from engine.rules.prompt import load_rules, read_prompt  # noqa: PLC0415

    if strategy is not None:
        raise BadInput(
            f"The operating graph runs the rules of a prompt, not the strategy {strategy}. Give one of them."
        )
    path = prompt_path(prompt)
    text = read_prompt(path)
    rules = load_rules(path)

    def run(
        panel: Panel,
        settings: BacktestConfig,
        start: datetime.date | None,
        end: datetime.date | None,
        tell: Callable[[int, int], None],
    ) -> Result:
        done = 0

        def count(_: Cycle) -> None:
            nonlocal done
            done += 1
            tell(done, panel.rows)

        return run_graph(
            rules, panel, settings, ledger, start, end, lang, count, label=str(path), prompt_text=text
        ).result

    return _Decider(title=str(path), interval=rules.interval, run=run)


def _strategy(source: str, interval: str | None) -> _Decider:
    from brokers.replay import replay  # noqa: PLC0415  (loads the compiler)
    from engine.cli.load_strategy import load_strategy  # noqa: PLC0415

    loaded = load_strategy(source)
    return _Decider(
        title=source,
        interval=interval,
        run=lambda panel, settings, start, end, tell: replay(loaded, panel, settings, start, end, on_progress=tell),
    )


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
    from engine.config import build_config, load_config  # noqa: PLC0415

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
