"""`geoul backtest`: what the rules of a decision prompt, or a strategy in Python, would have done."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.demo import DemoOption, demo_of_learning, require_nothing_beside_demo
from engine.cli.graph_run import graph_runner
from engine.cli.learning import Learning, LearningGate, LearningGateOption, LearningWriterOption, ReflectOption
from engine.cli.model_run import (
    BothOption,
    CassetteOption,
    EstimateOption,
    LatencyOption,
    ModelConfigOption,
    ModelMode,
    ModelRun,
    ModeOption,
    PlainOption,
    PlannerKind,
    PlannerOption,
    print_estimate,
)
from engine.cli.options import (
    CashOption,
    ConfigOption,
    DataOption,
    FromOption,
    GapsOption,
    IntervalOption,
    JsonOption,
    Lang,
    LangOption,
    PromptArgument,
    ReportOption,
    SeedOption,
    StrategyOption,
    TickersOption,
    ToOption,
    configure,
    day_range,
    progress_bar,
    prompt_path,
)
from engine.cli.reflect import Writer
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.config import BacktestConfig
    from engine.data.panel import Panel
    from engine.model.estimate import CostEstimate
    from engine.result import Result

DEFAULT_REPORT = Path("reports/backtest.html")


def backtest_command(
    context: typer.Context,
    prompt: PromptArgument = None,
    data: DataOption = None,
    start: FromOption = None,
    end: ToOption = None,
    config: ConfigOption = None,
    cash: CashOption = None,
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
    planner: PlannerOption = PlannerKind.rules,
    model_config: ModelConfigOption = None,
    cassette: CassetteOption = None,
    mode: ModeOption = ModelMode.replay,
    only_estimate: EstimateOption = False,
    latency_bars: LatencyOption = None,
    plain: PlainOption = False,
    both: BothOption = False,
    seed: SeedOption = 0,
    learn: ReflectOption = None,
    gate: LearningGateOption = None,
    writer: LearningWriterOption = Writer.scripted,
    demo: DemoOption = False,
    allow_gaps: GapsOption = False,
    report: ReportOption = DEFAULT_REPORT,
    as_json: JsonOption = False,
    lang: LangOption = Lang.ko,
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
    learning_report = report if report != DEFAULT_REPORT else Path("reports/learning.html")
    if demo:
        require_nothing_beside_demo(context)
        demo_of_learning(gate or LearningGate.advice, learning_report, ledger=ledger, as_json=as_json, lang=lang)
        return
    if learn is not None:
        if strategy is not None or graph or planner is PlannerKind.llm:
            raise BadInput("--reflect studies the rules of a prompt: leave --strategy, --graph and --planner llm out.")
        learning = Learning(
            prompt=prompt,
            writer=writer,
            gate=gate or LearningGate.quick,
            model_config=model_config,
            cassette=cassette,
            mode=mode,
            plain=plain,
            seed=seed,
            ledger=ledger,
            lang=lang,
        )
        if not as_json:
            refuse_target(learning_report)
        folder = dataset_folder(data, lambda text: None)
        learning.run(
            folder,
            configure(config, cash),
            day_range(start, end),
            learning_report,
            tickers=tickers,
            allow_gaps=allow_gaps,
            as_json=as_json,
        )
        return
    decider = _decider(prompt, strategy, interval)
    runner = None
    if planner is PlannerKind.llm:
        model = ModelRun(
            model_config=model_config,
            cassette=cassette,
            mode=mode,
            ledger=ledger,
            plain=plain,
            seed=seed,
            lang=lang,
            both=both,
        )
        runner = graph_runner(prompt, ledger, lang, model, latency_bars)
    elif both:
        raise BadInput("Rules see no names and no dates. Use --masked-and-plain with --planner llm.")
    elif only_estimate:
        raise BadInput("The rules cost nothing. Use --estimate with --planner llm.")
    elif graph or ledger is not None:
        runner = graph_runner(prompt, ledger, lang)
    if runner is not None:
        if strategy is not None:
            raise BadInput(
                f"The operating graph runs the rules of a prompt, not the strategy {strategy}. Give one of them."
            )
        decider = _Decider(title=str(runner.path), interval=runner.rules.interval, run=runner.run)
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
        if runner is not None and only_estimate:
            cost, recorded = runner.price(panel, settings, first, last)
            bar.stop()
            _tell_price(cost, recorded, lang, as_json=as_json)
            return
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


def _tell_price(cost: CostEstimate, recorded: int, lang: Lang, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(cost), "recorded": recorded}))
    else:
        print_estimate(Console(), cost, recorded, lang)


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


def _strategy(source: str, interval: str | None) -> _Decider:
    from brokers.replay import replay  # noqa: PLC0415  (loads the compiler)
    from engine.cli.load_strategy import errors_of, load_strategy  # noqa: PLC0415

    loaded = load_strategy(source)

    def run(
        panel: Panel,
        settings: BacktestConfig,
        start: datetime.date | None,
        end: datetime.date | None,
        tell: Callable[[int, int], None],
    ) -> Result:
        with errors_of(type(loaded)):
            return replay(loaded, panel, settings, start, end, on_progress=tell)

    return _Decider(title=source, interval=interval, run=run)
