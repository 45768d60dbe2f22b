"""`geoul walk-forward`: constants chosen again and again on the past, judged only on what came next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.market_options import MarketOptions
from engine.cli.option_group import spread
from engine.cli.options import (
    DEFAULT_LEDGER,
    READING,
    JsonOption,
    Lang,
    LangOption,
    LedgerOption,
    PromptArgument,
    ReportOption,
    progress_bar,
    prompt_path,
)
from engine.cli.research_options import NewDatasetOption, WorkerOptions
from engine.cli.variants import VariantOptions

if TYPE_CHECKING:
    from engine.research.walk_forward_plan import Days, Plan

# Below so many bars times variants everything takes less time here than a pool of processes takes to start.
SMALL_WORK = 1_500_000_000


class ChooseBy(StrEnum):
    """What decides in training; see `engine.research.walk_forward_plan.Plan`."""

    sharpe = "sharpe"
    mean = "mean"
    plateau = "plateau"


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """How the days are cut, and what decides; see the options for each field."""

    train: Annotated[
        str, typer.Option("--train", metavar="2y|500", help="학습 구간: 2y, 6m, 10w 또는 거래일 수 · training window")
    ] = "2y"
    test: Annotated[
        str, typer.Option("--test", metavar="6m|125", help="검증 구간: 6m, 10w 또는 거래일 수 · test window")
    ] = "6m"
    purge: Annotated[
        int | None,
        typer.Option(
            "--purge",
            min=0,
            help="학습과 검증 사이에 뺄 거래일 수(기본: 30거래일) · sessions between training and test",
        ),
    ] = None
    embargo: Annotated[int, typer.Option("--embargo", min=0, help="더 뺄 거래일 수 · further sessions left out")] = 0
    anchored: Annotated[
        bool, typer.Option("--anchored", help="학습을 늘 처음부터 시작 · training always begins with the range")
    ] = False
    choose: Annotated[ChooseBy, typer.Option("--choose", help="학습에서 고르는 기준 · what decides in training")] = (
        ChooseBy.sharpe
    )
    folds: Annotated[int, typer.Option("--folds", min=2, help="조합 경로의 겹 수 · folds of the paths")] = 10
    test_folds: Annotated[
        int, typer.Option("--test-folds", min=1, help="그 가운데 검증할 겹 수 · folds tested at a time")
    ] = 2

    def plan(self, days: Days, interval: str) -> Plan:
        """The plan on these sessions."""
        from engine.research.walk_forward_plan import Plan, label_length, read_length  # noqa: PLC0415

        return Plan(
            train=read_length(self.train, days),
            test=read_length(self.test, days),
            purge=label_length(interval) if self.purge is None else self.purge,
            embargo=self.embargo,
            anchored=self.anchored,
            folds=self.folds,
            test_folds=self.test_folds,
            choice=self.choose.value,
        )


@spread
def walk_forward_command(
    prompt: PromptArgument = None,
    *,
    variants: VariantOptions,
    windows: WindowOptions,
    market: MarketOptions,
    ledger: LedgerOption = DEFAULT_LEDGER,
    new_dataset: NewDatasetOption = False,
    work: WorkerOptions,
    report: ReportOption = Path("reports/walk-forward.html"),
    as_json: JsonOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """상수를 과거에서 고르고 그 뒤에서만 평가 · choose constants on the past, judge them on what comes next."""
    from engine.rules.prompt import load_rules  # noqa: PLC0415  (keeps --help fast)

    path = prompt_path(prompt)
    rules = load_rules(path)
    if not variants.vary:
        from engine.cli.sweep_constants import print_constants  # noqa: PLC0415

        print_constants(rules, lang=lang, as_json=as_json, command="walk-forward")
        return
    from engine.backtest import check_rules_fit  # noqa: PLC0415  (loads the compiler)
    from engine.cli.walk_forward_run import run_counted  # noqa: PLC0415
    from engine.data.atomic import refuse_target  # noqa: PLC0415
    from engine.reports.page import PageOptions  # noqa: PLC0415
    from engine.reports.walk_forward_html import write_walk_forward  # noqa: PLC0415
    from engine.reports.walk_forward_json import walk_forward_text  # noqa: PLC0415
    from engine.reports.walk_forward_terminal import print_walk_forward  # noqa: PLC0415
    from engine.research.walk_forward import check_plan, sessions_of  # noqa: PLC0415

    if not as_json:
        refuse_target(report)
    with progress_bar() as bar:
        task = bar.add_task(READING(lang.value), total=None)

        def tell(text: str, done: int | None = None, total: int | None = None) -> None:
            bar.update(task, description=text, completed=done, total=total)

        found = variants.read(rules, market, work.processes, check=check_rules_fit, announce=tell, lang=lang)
        sweep, panel = found.sweep, found.panel
        plan = windows.plan(sessions_of(sweep, panel), panel.interval)
        check_plan(sweep, plan, panel)
        small = panel.rows * panel.columns * len(sweep.places) < SMALL_WORK
        workers = work.open(found.source, panel, small=small)
        view = run_counted(
            sweep,
            plan,
            panel,
            found.source,
            workers,
            ledger=ledger,
            new=new_dataset,
            title=str(path),
            tell=tell,
            lang=lang,
        )
    if as_json:
        typer.echo(walk_forward_text(view))
        return
    console = Console()
    print_walk_forward(console, view, lang=lang.value)
    page = write_walk_forward(view, report, options=PageOptions(lang=lang.value))
    for place in (page, ledger):
        console.print(f"→ {place}", markup=False, highlight=False, soft_wrap=True)
