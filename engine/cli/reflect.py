"""`geoul reflect`: what failed, what rules follow from it, and whether they pass the gate."""

from __future__ import annotations

import contextlib
import datetime
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from engine.cli.broker_check import BrokerCheckOptions
from engine.cli.option_group import spread
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
from engine.cli.reflection_gate import JudgeOptions
from engine.cli.reflection_writer import WriterOptions
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.clock import Clock
    from engine.reflection.m1_aggregate import Window
    from engine.reflection.reflection import Reflection


@dataclass(frozen=True, kw_only=True)
class PastOptions:
    """The trades that are studied: whose, and of which days."""

    run: Annotated[
        int, typer.Option("--run", min=0, help="장부의 실행 번호(0: 계좌) · run in the ledger; 0 is the account")
    ] = 0
    days: Annotated[int, typer.Option("--days", min=1, help="돌아볼 일수 · days to look back")] = 7
    now: Annotated[
        datetime.datetime | None,
        typer.Option("--now", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="성찰 시점(기본: 지금) · the moment"),
    ] = None

    def clock(self) -> Clock:
        """A clock that stands at --now, or goes."""
        from engine.clock import KST, SimulatedClock, SystemClock  # noqa: PLC0415  (keeps --help fast)

        return SystemClock() if self.now is None else SimulatedClock(self.now.replace(tzinfo=KST))

    def window(self, at: datetime.datetime) -> Window:
        """The days up to a moment."""
        from engine.reflection.m1_aggregate import Window  # noqa: PLC0415

        return Window(first=at - datetime.timedelta(days=self.days), last=at)


@spread
def reflect_command(
    prompt: Annotated[
        Path | None, typer.Option("--prompt", help="고칠 프롬프트(기본: prompts/core_decision_prompt.md) · the prompt")
    ] = None,
    *,
    ledger: LedgerOption = DEFAULT_LEDGER,
    past: PastOptions,
    data: DataOption = None,
    config: ConfigOption = None,
    cash: CashOption = None,
    writer: WriterOptions,
    gate: JudgeOptions,
    git: Annotated[bool, typer.Option("--git", help="새 버전을 git에 커밋 · commit the new version")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="아무것도 쓰지 않음(심사 횟수는 셈) · write nothing; trials are counted")
    ] = False,
    allow_gaps: GapsOption = False,
    broker: BrokerCheckOptions,
    as_json: JsonOption = False,
    report: ReportOption = Path("reports/reflection.html"),
    lang: LangOption = Lang.ko,
) -> None:
    """한 주를 돌아보고 규칙을 고침 · study the week and mend the rules.

    종료 상태 · exit status: 0 끝남 done, 1 모델이 답하지 않음 no answer of the model, 2 잘못된 입력 bad input.
    """
    from engine.cli.dataset import dataset_folder  # noqa: PLC0415  (loads the compiler: keeps --help fast)
    from engine.cli.graceful_stop import ended_by_signal  # noqa: PLC0415
    from engine.data.atomic import refuse_target  # noqa: PLC0415
    from engine.data.panel import load_part  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.reflection.entry_features import EntryConditions  # noqa: PLC0415
    from engine.reflection.executions import executions_of, ratios_of  # noqa: PLC0415
    from engine.reflection.m1_aggregate import aggregate_ledger  # noqa: PLC0415
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
    clock = past.clock()
    moment = clock.now()
    run_config = configure(config, cash)
    with progress_bar() as bar, contextlib.ExitStack() as stack:
        finish = stack.enter_context(ended_by_signal())
        task = bar.add_task("…", total=None)
        folder = dataset_folder(data, lambda text: bar.update(task, description=text))
        panel = load_part(folder, None, moment.date(), interval=rules.interval, allow_gaps=allow_gaps)
        opened = stack.enter_context(open_ledger(ledger, clock))
        asks, settings = stack.enter_context(writer.open(ledger, clock, lang))
        differences = broker.differences(stack, ledger.parent)
        workers = stack.enter_context(InProcess(panel))
        conditions, ratios = EntryConditions(panel, run_config), ratios_of(panel)

        def aggregate(at: datetime.datetime) -> Any:
            window = past.window(at)
            found = aggregate_ledger(opened, window, at, run_id=past.run, met=conditions.met, ratios=ratios)
            return replace(found, broker=differences(executions_of(opened, at, run_id=past.run, ratios=ratios), window))

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
                judge=gate.judge(panel, run_config, opened, workers, moment.date()),
            ),
            opened,
            clock,
            run_id=past.run,
            dry_run=dry_run,
            git=git,
            notice=written,
        )
    _show(done, as_json, report, lang, synthetic=panel.manifest.synthetic)
    if done.status == "failed":
        raise typer.Exit(1)


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
