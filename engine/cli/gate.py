"""`geoul gate`: is a rule change an improvement or luck? Promote, shadow or reject, with the reason of every step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.market_options import MarketOptions
from engine.cli.option_group import spread
from engine.cli.options import (
    DEFAULT_LEDGER,
    JsonOption,
    Lang,
    LangOption,
    LedgerOption,
    ReportOption,
    SeedOption,
    progress_bar,
)
from engine.cli.proposal import read_proposal
from engine.cli.research_options import (
    NeighboursOption,
    NewDatasetOption,
    ResamplesOption,
    RuleOption,
    UntouchedOption,
    WorkerOptions,
)
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.research.gate_report import GateReport

STATUS = {"promote": 0, "shadow": 10, "reject": 11}
# Below so many bars a whole gate takes less time here than a pool of processes takes to start.
SMALL_MARKET = 1_500_000


@spread
def gate_command(
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BASE] CANDIDATE",
            help="기준과 후보: 파일 또는 REV:파일(기준을 빼면 현재 프롬프트) · files or REV:file; without a base the "
            "current prompt",
        ),
    ] = None,
    rule: RuleOption = None,
    *,
    market: MarketOptions,
    ledger: LedgerOption = DEFAULT_LEDGER,
    new_dataset: NewDatasetOption = False,
    untouched: UntouchedOption = None,
    neighbours: NeighboursOption = 200,
    resamples: ResamplesOption = 1_000,
    convention: Annotated[
        str,
        typer.Option("--convention", help="디플레이티드 샤프의 정의: 2014 또는 2025 · of the deflated Sharpe ratio"),
    ] = "2014",
    seed: SeedOption = 1,
    work: WorkerOptions,
    as_json: JsonOption = False,
    report: ReportOption = Path("reports/gate.html"),
    lang: LangOption = Lang.ko,
) -> None:
    """규칙 변경 심사: 승격, 관찰, 기각 · is a rule change an improvement or luck?

    종료 상태 · exit status: 0 승격 promote, 10 관찰 shadow, 11 기각 reject, 2 잘못된 입력 bad input.
    """
    from engine.clock import SystemClock  # noqa: PLC0415  (loads the compiler: keeps --help fast)
    from engine.data.atomic import refuse_target  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.research.gate import judge  # noqa: PLC0415
    from engine.research.gate_settings import GateSettings  # noqa: PLC0415
    from engine.research.texts import name_of_step  # noqa: PLC0415

    if convention not in ("2014", "2025"):
        raise BadInput(f'"{convention}" is no convention of the deflated Sharpe ratio. Give 2014 or 2025.')
    names, candidate = read_proposal("gate", prompts or [], rule)
    settings = GateSettings(
        untouched_sessions=untouched,
        neighbours=neighbours,
        resamples=resamples,
        convention="2014" if convention == "2014" else "2025",
        seed=seed,
    )
    run_config = market.settings()
    first, last = market.days()
    if not as_json:
        refuse_target(report)
    with progress_bar() as bar:
        task = bar.add_task("…", total=None)

        def tell(text: str, done: int | None = None, total: int | None = None) -> None:
            bar.update(task, description=text, completed=done, total=total)

        source = market.source(tell, candidate.base.interval)
        panel = source.load()
        workers = work.open(source, panel, small=panel.bars[0].size < SMALL_MARKET)
        with open_ledger(ledger, SystemClock()) as opened, workers:
            found = judge(
                candidate,
                panel,
                run_config,
                opened,
                workers,
                settings,
                start=first,
                end=last,
                new_dataset=new_dataset,
                on_step=lambda name, done, total: tell(name_of_step(name, lang.language), done, total),
            )
    _show(found, names, report, lang, as_json=as_json)
    raise typer.Exit(STATUS[found.verdict.decision])


def _show(found: GateReport, names: tuple[str, str], report: Path, lang: Lang, *, as_json: bool) -> None:
    from engine.reports.gate_html import write_gate  # noqa: PLC0415
    from engine.reports.gate_json import gate_text  # noqa: PLC0415
    from engine.reports.gate_terminal import print_gate  # noqa: PLC0415
    from engine.reports.page import PageOptions  # noqa: PLC0415

    if as_json:
        typer.echo(gate_text(found, names=names, lang=lang.language))
        return
    console = Console()
    print_gate(console, found, names=names, lang=lang.language)
    path = write_gate(found, report, names=names, options=PageOptions(lang=lang.language))
    console.print(f"\nHTML: {path}", markup=False, highlight=False, soft_wrap=True)
