"""`geoul reflect`: what failed, what rules follow from it, and whether they pass the gate."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from engine.cli.kis_options import ClockOption, KisConfigOption, clock_chooser, environment_of
from engine.cli.model_run import ModelConfigOption
from engine.cli.options import (
    DEFAULT_LEDGER,
    CashOption,
    ConfigOption,
    DataOption,
    GapsOption,
    JsonOption,
    Lang,
    LangOption,
    LedgerOption,
    ReportOption,
    configure,
    progress_bar,
    prompt_path,
)
from engine.cli.research_options import NewDatasetOption
from engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.clock import Clock
    from engine.config import BacktestConfig
    from engine.data.panel import Panel
    from engine.ledger.ledger import Ledger
    from engine.model.asking import Asks
    from engine.reflection.answers import ModelSettings
    from engine.reflection.broker_difference import BrokerDifference
    from engine.reflection.executions import Executions
    from engine.reflection.gating import Judge
    from engine.reflection.m1_aggregate import Window
    from engine.reflection.reflection import Reflection
    from engine.research.gate_settings import GateSettings
    from engine.research.workers import Workers

WEEK = 7


class Writer(StrEnum):
    """Who writes the rules."""

    scripted = "scripted"
    llm = "llm"


class GateKind(StrEnum):
    """How hard a rule is judged."""

    full = "full"
    quick = "quick"
    off = "off"


WriterOption = Annotated[
    Writer, typer.Option("--writer", help="규칙을 쓰는 쪽: 정해진 절차(모델 없음), 언어 모델 · who writes the rules")
]
GateOption = Annotated[
    GateKind,
    typer.Option(
        "--gate",
        help="심사: full, quick(같은 단계와 기준, 이웃 20개와 재표집 200회), off(시연: 모두 받아들임) · "
        "the gate: full, quick (same steps and thresholds, 20 neighbours, 200 resamples), off (demo: accept all)",
    ),
]


def reflect_command(
    prompt: Annotated[
        Path | None, typer.Option("--prompt", help="고칠 프롬프트(기본: prompts/core_decision_prompt.md) · the prompt")
    ] = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    run: Annotated[
        int, typer.Option("--run", min=0, help="장부의 실행 번호(0: 계좌) · run in the ledger; 0 is the account")
    ] = 0,
    days: Annotated[int, typer.Option("--days", min=1, help="돌아볼 일수 · days to look back")] = WEEK,
    now: Annotated[
        datetime.datetime | None,
        typer.Option("--now", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="성찰 시점(기본: 지금) · the moment"),
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    cash: CashOption = None,
    writer: WriterOption = Writer.scripted,
    model_config: ModelConfigOption = None,
    gate: GateOption = GateKind.full,
    new_dataset: NewDatasetOption = False,
    git: Annotated[bool, typer.Option("--git", help="새 버전을 git에 커밋 · commit the new version")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="아무것도 쓰지 않음(심사 횟수는 셈) · write nothing; trials are counted")
    ] = False,
    allow_gaps: GapsOption = False,
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            help="KIS의 체결 내역과 견줌: paper 모의투자 · live 실전투자 · compare with what KIS says was executed",
        ),
    ] = None,
    kis_config: KisConfigOption = None,
    clock_of: ClockOption = "system",
    as_json: JsonOption = False,
    report: ReportOption = Path("reports/reflection.html"),
    lang: LangOption = Lang.ko,
) -> None:
    """한 주를 돌아보고 규칙을 고침 · study the week and mend the rules.

    종료 상태 · exit status: 0 끝남 done, 1 모델이 답하지 않음 no answer of the model, 2 잘못된 입력 bad input.
    """
    from engine.cli.dataset import dataset_folder  # noqa: PLC0415  (loads the compiler: keeps --help fast)
    from engine.cli.graceful_stop import ended_by_signal  # noqa: PLC0415
    from engine.clock import KST, SimulatedClock, SystemClock  # noqa: PLC0415
    from engine.data.atomic import refuse_target  # noqa: PLC0415
    from engine.data.panel import load_part  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.reflection.entry_features import EntryConditions  # noqa: PLC0415
    from engine.reflection.executions import executions_of, ratios_of  # noqa: PLC0415
    from engine.reflection.m1_aggregate import Window, aggregate_ledger  # noqa: PLC0415
    from engine.reflection.prompt_history import PromptFiles  # noqa: PLC0415
    from engine.reflection.reflection import Thinking, reflect  # noqa: PLC0415
    from engine.reflection.reflection_view import notice  # noqa: PLC0415
    from engine.research.workers import InProcess  # noqa: PLC0415
    from engine.rules.prompt import load_rules  # noqa: PLC0415

    if not ledger.is_file():
        raise BadInput(f"There is no ledger at {ledger}: a reflection studies trades. Name it with --ledger.")
    if not as_json:
        refuse_target(report)
    path = prompt_path(prompt)
    rules = load_rules(path)
    clock: Clock = SystemClock() if now is None else SimulatedClock(now.replace(tzinfo=KST))
    moment = clock.now()
    run_config = configure(config, cash)
    with progress_bar() as bar, contextlib.ExitStack() as stack:
        finish = stack.enter_context(ended_by_signal())
        task = bar.add_task("…", total=None)
        folder = dataset_folder(data, lambda text: bar.update(task, description=text))
        panel = load_part(folder, None, moment.date(), interval=rules.interval, allow_gaps=allow_gaps)
        opened = stack.enter_context(open_ledger(ledger, clock))
        asks, settings = stack.enter_context(_writer(writer, model_config, ledger, clock, lang))
        differences = _broker_check(stack, env, kis_config, clock_of, ledger.parent)
        workers = stack.enter_context(InProcess(panel))
        conditions, ratios = EntryConditions(panel, run_config), ratios_of(panel)

        def aggregate(at: datetime.datetime) -> Any:
            window = Window(first=at - datetime.timedelta(days=days), last=at)
            found = aggregate_ledger(opened, window, at, run_id=run, met=conditions.met, ratios=ratios)
            return replace(found, broker=differences(executions_of(opened, at, run_id=run, ratios=ratios), window))

        def written(found: Any, version: str, backup: str) -> str:
            finish()  # a new prompt is followed by its record, whatever signal comes between them
            return notice(found, version, backup, lang.language)

        bar.update(task, description={"ko": "돌아보고 심사하는 중", "en": "studying and judging"}[lang.value])
        done = reflect(
            aggregate,
            PromptFiles(path),
            Thinking(
                asks=asks,
                settings=settings,
                judge=_judge(gate, panel, run_config, opened, workers, moment.date(), new_dataset=new_dataset),
            ),
            opened,
            clock,
            run_id=run,
            dry_run=dry_run,
            git=git,
            notice=written,
        )
    _show(done, as_json, report, lang, synthetic=panel.manifest.synthetic)
    if done.status == "failed":
        raise typer.Exit(1)


def gate_settings(kind: GateKind) -> GateSettings:
    """The settings of the gate for `full` and `quick`."""
    from engine.reflection.gating import quick  # noqa: PLC0415
    from engine.research.gate_settings import GateSettings  # noqa: PLC0415

    return quick(GateSettings()) if kind is GateKind.quick else GateSettings()


def _judge(
    kind: GateKind,
    panel: Panel,
    config: BacktestConfig,
    ledger: Ledger,
    workers: Workers,
    end: datetime.date,
    *,
    new_dataset: bool,
) -> Judge:
    """The gate; it sees no session after `end`, whatever the data holds."""
    from engine.reflection.gating import accept_all, gate_on  # noqa: PLC0415

    if kind is GateKind.off:
        return accept_all
    return gate_on(panel, config, ledger, workers, gate_settings(kind), end=end, new_dataset=new_dataset)


def _broker_check(
    stack: contextlib.ExitStack, env: str | None, kis_config: Path | None, clock_of: str, folder: Path
) -> Callable[[Executions, Window], tuple[BrokerDifference, ...] | None]:
    """Compares with KIS what the ledger says; gives None where no account is named."""
    if env is None:
        if kis_config is not None or clock_of != "system":
            raise BadInput("--kis-config and --clock belong to --env paper or --env live. Add it, or leave them out.")
        return lambda executions, window: None
    from brokers.kis.config import load_kis_config  # noqa: PLC0415  (keeps --help fast)
    from brokers.kis.errors import KisError  # noqa: PLC0415
    from brokers.kis.rest import KisRest  # noqa: PLC0415
    from brokers.kis_executed import KisExecuted  # noqa: PLC0415
    from engine.clock import session_of  # noqa: PLC0415
    from engine.reflection.broker_check import check_against_broker  # noqa: PLC0415

    # A served market takes the keys of its own file, whatever the variables say; tokens are those of the trader.
    variables = {} if clock_of == "world" else os.environ
    options = {"token_folder": folder / "tokens"}
    keys = load_kis_config(environment_of(env), variables=variables, path=kis_config, options=options)
    now, sleep = clock_chooser(clock_of)(keys)
    rest = KisRest(keys, now, sleep=sleep)
    stack.callback(rest.close)
    broker = KisExecuted(rest, now)

    def differences(executions: Executions, window: Window) -> tuple[BrokerDifference, ...] | None:
        try:
            profit = broker.profit(session_of(window.first), session_of(window.last))
            return check_against_broker(executions, window, broker, profit)
        except KisError as error:  # the week is studied all the same
            Console(stderr=True).print(f"KIS: {error}", markup=False, highlight=False, soft_wrap=True)
            return None

    return differences


@contextlib.contextmanager
def _writer(
    writer: Writer, model_config: Path | None, ledger: Path, clock: Clock, lang: Lang
) -> Iterator[tuple[Asks, ModelSettings]]:
    """Who writes the rules, and how they are asked."""
    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.reflection.scripted_writer import ScriptedWriter, scripted_settings  # noqa: PLC0415

    if writer is Writer.scripted:
        if model_config is not None:
            raise BadInput("The scripted writer asks no model. Give --writer llm to use --model-config.")
        yield ScriptedWriter(clock), scripted_settings(lang.language)
        return
    from engine.model.config import load_model_config  # noqa: PLC0415
    from engine.model.opening import open_transport  # noqa: PLC0415
    from engine.reflection.answers import ModelSettings  # noqa: PLC0415

    config = load_model_config(model_config, os.environ)
    with open_transport(config, "live", SystemClock(), ledger=ledger) as transport:
        yield transport, ModelSettings.of(config, lang.language)


def _show(done: Reflection, as_json: bool, report: Path, lang: Lang, *, synthetic: bool) -> None:
    from engine.ledger.canonical import plain  # noqa: PLC0415
    from engine.reflection.reflection_html import write_reflection  # noqa: PLC0415
    from engine.reflection.reflection_terminal import print_reflection  # noqa: PLC0415
    from engine.reports.page import PageOptions  # noqa: PLC0415

    if as_json:
        document = {
            "schema": 1,
            "status": done.status,
            "failure": done.failure,
            "writer": done.writer,
            "version": done.updated.version.version if done.updated else None,
            "figures": plain(done.report),
            "analysis": done.thought.analysis.as_plain(),
            "proposals": plain(done.proposals),
        }
        typer.echo(json.dumps(document, ensure_ascii=False, sort_keys=True))
        return
    console = Console()
    print_reflection(console, done, lang.language)
    path = write_reflection(done, report, options=PageOptions(lang=lang.language), synthetic=synthetic)
    console.print(f"\nHTML: {path}", markup=False, highlight=False, soft_wrap=True)
