"""`geoul backtest`: what the rules of a decision prompt, or a strategy in Python, would have done."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.decider import Decider, batch_or_strategy, prompt_or_strategy, through_the_graph
from engine.cli.demo import DemoOption, demo_of_learning, require_nothing_beside_demo
from engine.cli.graph_run import graph_runner
from engine.cli.learning import Learning, LearningGate, LearningGateOption, LearningWriterOption, ReflectOption
from engine.cli.market_options import MarketOptions
from engine.cli.model_run import BothOption, LatencyOption, ModelOptions, print_estimate
from engine.cli.option_group import spread
from engine.cli.options import (
    READING,
    IntervalOption,
    JsonOption,
    Lang,
    LangOption,
    PromptArgument,
    ReportOption,
    StrategyOption,
    TickersOption,
    progress_bar,
)
from engine.cli.reflection_writer import Writer
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.metrics.summary import Metrics
    from engine.model.estimate import CostEstimate
    from engine.result import Result

DEFAULT_REPORT = Path("reports/backtest.html")
LEARNING_REPORT = Path("reports/learning.html")
_COMPILING = Text("계산 코드를 컴파일하는 중(처음 한 번, 1분 이내)", "compiling the kernels (once)")
_RUNNING = Text("백테스트", "backtest")


@spread
def backtest_command(
    context: typer.Context,
    prompt: PromptArgument = None,
    *,
    market: MarketOptions,
    strategy: StrategyOption = None,
    tickers: TickersOption = None,
    interval: IntervalOption = None,
    graph: Annotated[
        bool, typer.Option("--graph", help="운영 그래프 여섯 노드로 실행 · run the six nodes of the operating graph")
    ] = False,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", help="판단과 거래를 적을 장부(--graph 포함) · ledger to write"),
    ] = None,
    model: ModelOptions,
    latency_bars: LatencyOption = None,
    both: BothOption = False,
    learn: ReflectOption = None,
    gate: LearningGateOption = None,
    writer: LearningWriterOption = Writer.scripted,
    demo: DemoOption = False,
    report: ReportOption = DEFAULT_REPORT,
    as_json: JsonOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """규칙을 과거 시세로 시험 · backtest the rules of a prompt, or a strategy."""
    began = time.perf_counter()
    from engine.data.atomic import refuse_target  # noqa: PLC0415  (keeps --help fast)
    from engine.kernel_cache import is_warm  # noqa: PLC0415
    from engine.metrics.summary import summarize  # noqa: PLC0415

    imported = time.perf_counter()
    learning_report = report if report != DEFAULT_REPORT else LEARNING_REPORT
    if demo:
        require_nothing_beside_demo(context)
        demo_of_learning(gate or LearningGate.advice, learning_report, ledger=ledger, as_json=as_json, lang=lang)
        return
    if learn is not None:
        if strategy is not None or graph or model.plans:
            raise BadInput("--reflect studies the rules of a prompt: leave --strategy, --graph and --planner llm out.")
        learning = Learning(
            prompt=prompt, writer=writer, gate=gate or LearningGate.quick, model=model, ledger=ledger, lang=lang
        )
        learning.run(market, tickers, learning_report, as_json=as_json)
        return
    source = prompt_or_strategy(prompt, strategy, interval, verb="decides")
    if model.plans or both or model.only_estimate or graph or ledger is not None:
        decider = _graph(source, ledger, lang, model, latency_bars, both=both)
    else:
        decider = batch_or_strategy(source, interval)
    settings = market.settings()
    first, last = market.days()
    if not as_json:
        refuse_target(report)
    with progress_bar() as bar:
        stage = bar.add_task(READING(lang.value), total=None)

        def announce(text: str) -> None:
            bar.update(stage, description=text)

        panel = market.source(announce, decider.interval, tickers).load()
        loaded = time.perf_counter()
        announce((_RUNNING if is_warm() else _COMPILING)(lang.value))
        if model.only_estimate and decider.price is not None:
            price = decider.price(panel, settings, first, last)
            bar.stop()
            _tell_price(*price, lang, as_json=as_json)
            return
        result = decider.run(
            panel,
            settings,
            first,
            last,
            lambda done, total: bar.update(stage, completed=done, total=total, description=_RUNNING(lang.value)),
        )
    metrics = summarize(result)
    result.timings.update({"import": imported - began, "load": loaded - imported})
    if as_json:
        from engine.reports.json import json_text  # noqa: PLC0415

        result.timings["total"] = time.perf_counter() - began
        typer.echo(json_text(result, metrics=metrics, lang=lang.value))
        return
    _show(result, metrics, decider.title, report, ledger, lang)


def _graph(
    source: Path | str, ledger: Path | None, lang: Lang, model: ModelOptions, latency_bars: int | None, *, both: bool
) -> Decider:
    """The prompt through the operating graph, planned by its rules or by a model."""
    if not isinstance(source, Path):
        raise BadInput(f"The operating graph runs the rules of a prompt, not the strategy {source}. Give one of them.")
    if model.plans:
        return through_the_graph(graph_runner(source, ledger, lang, model.run(ledger, lang, both=both), latency_bars))
    if both:
        raise BadInput("Rules see no names and no dates. Use --masked-and-plain with --planner llm.")
    if model.only_estimate:
        raise BadInput("The rules cost nothing. Use --estimate with --planner llm.")
    return through_the_graph(graph_runner(source, ledger, lang))


def _tell_price(cost: CostEstimate, recorded: int, lang: Lang, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(cost), "recorded": recorded}))
    else:
        print_estimate(Console(), cost, recorded, lang)


def _show(result: Result, metrics: Metrics, title: str, report: Path, ledger: Path | None, lang: Lang) -> None:
    """On the terminal and as a page."""
    from engine.reports.html import write_report  # noqa: PLC0415
    from engine.reports.page import PageOptions  # noqa: PLC0415
    from engine.reports.terminal import print_result  # noqa: PLC0415

    console = Console()
    print_result(console, result, metrics=metrics, lang=lang.value, title=title)
    options = PageOptions(lang=lang.value, title=Path(title).name)
    written = write_report(result, report, options=options, metrics=metrics)
    for place in (*written, *([ledger] if ledger else ())):
        console.print(f"→ {place}", markup=False, highlight=False, soft_wrap=True)
