"""`geoul gate`: is a rule change an improvement or luck? Promote, shadow or reject, with the reason of every step."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.cli.options import (
    DEFAULT_LEDGER,
    CashOption,
    ConfigOption,
    DataOption,
    FromOption,
    GapsOption,
    JsonOption,
    Lang,
    LangOption,
    LedgerOption,
    ProcessesOption,
    RayOption,
    ReportOption,
    SeedOption,
    ToOption,
    configure,
    day_range,
    progress_bar,
)
from engine.cli.proposal import read_proposal
from engine.errors import BadInput

STATUS = {"promote": 0, "shadow": 10, "reject": 11}
# Below so many bars a whole gate takes less time here than a pool of processes takes to start.
SMALL_MARKET = 1_500_000


def gate_command(
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BASE] CANDIDATE",
            help="기준과 후보: 파일 또는 REV:파일(기준을 빼면 현재 프롬프트) · files or REV:file; without a base the "
            "current prompt",
        ),
    ] = None,
    rule: Annotated[
        Path | None, typer.Option("--rule", help="기준에 더할 규칙 하나의 파일 · one rule to add to the base")
    ] = None,
    data: DataOption = None,
    start: FromOption = None,
    end: ToOption = None,
    config: ConfigOption = None,
    cash: CashOption = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    new_dataset: Annotated[
        bool,
        typer.Option("--new-dataset", help="이 장부로 이 데이터의 시험도 셈 · let the ledger count this dataset too"),
    ] = False,
    untouched: Annotated[
        int | None,
        typer.Option("--untouched", min=1, help="검증 구간의 거래일 수(기본: 1년) · sessions of the untouched window"),
    ] = None,
    neighbours: Annotated[
        int,
        typer.Option(
            "--neighbours", min=0, max=10_000, help="수를 조금 바꾼 이웃 규칙의 수 · rules with slightly other numbers"
        ),
    ] = 200,
    resamples: Annotated[
        int, typer.Option("--resamples", min=100, max=1_000_000, help="부트스트랩 횟수 · resamples of the bootstrap")
    ] = 1_000,
    convention: Annotated[
        str,
        typer.Option("--convention", help="디플레이티드 샤프의 정의: 2014 또는 2025 · of the deflated Sharpe ratio"),
    ] = "2014",
    seed: SeedOption = 1,
    allow_gaps: GapsOption = False,
    processes: ProcessesOption = None,
    ray: RayOption = None,
    as_json: JsonOption = False,
    report: ReportOption = Path("reports/gate.html"),
    lang: LangOption = Lang.ko,
) -> None:
    """규칙 변경 심사: 승격, 관찰, 기각 · is a rule change an improvement or luck?

    종료 상태 · exit status: 0 승격 promote, 10 관찰 shadow, 11 기각 reject, 2 잘못된 입력 bad input.
    """
    from engine.cli.dataset import dataset_folder  # noqa: PLC0415  (loads the compiler: keeps --help fast)
    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.data.atomic import refuse_target  # noqa: PLC0415
    from engine.data.panel import load_part  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.reports.gate_html import write_gate  # noqa: PLC0415
    from engine.reports.gate_json import gate_text  # noqa: PLC0415
    from engine.reports.gate_terminal import print_gate  # noqa: PLC0415
    from engine.reports.page import PageOptions  # noqa: PLC0415
    from engine.research.gate import judge  # noqa: PLC0415
    from engine.research.gate_settings import GateSettings  # noqa: PLC0415
    from engine.research.texts import name_of_step  # noqa: PLC0415
    from engine.research.workers import InProcess, PanelSource, open_workers  # noqa: PLC0415

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
    run_config = configure(config, cash)
    first, last = day_range(start, end)
    if not as_json:
        refuse_target(report)
    with progress_bar() as bar:
        task = bar.add_task("…", total=None)

        def tell(text: str, done: int | None = None, total: int | None = None) -> None:
            bar.update(task, description=text, completed=done, total=total)

        folder = dataset_folder(data, tell)
        interval = candidate.base.interval
        panel = load_part(folder, first, last, interval=interval, allow_gaps=allow_gaps)
        source = PanelSource(folder=folder, start=first, end=last, interval=interval, allow_gaps=allow_gaps)
        here = ray is None and (processes == 1 or (processes is None and panel.bars[0].size < SMALL_MARKET))
        workers = InProcess(panel) if here else open_workers(source, processes=processes, ray=ray)
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
    if as_json:
        typer.echo(gate_text(found, names=names, lang=lang.language))
    else:
        console = Console()
        print_gate(console, found, names=names, lang=lang.language)
        path = write_gate(found, report, names=names, options=PageOptions(lang=lang.language))
        console.print(f"\nHTML: {path}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(STATUS[found.verdict.decision])
