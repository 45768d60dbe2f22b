"""`geoul placebo`: the gate tested on worlds where nothing can be found. Does it take luck for skill?"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.market_options import MarketOptions
from engine.cli.option_group import spread
from engine.cli.options import READING, JsonOption, Lang, LangOption, ReportOption, SeedOption, progress_bar
from engine.cli.proposal import current_prompt, read_proposal
from engine.cli.research_options import NeighboursOption, ResamplesOption, RuleOption, UntouchedOption, WorkerOptions
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.research.candidate import Candidate
    from engine.research.placebo_run import PlaceboRun

FAILED = 1
# Bars of all worlds together below which one process is done before a pool of them has started.
SMALL_WORK = 10_000_000


class WorldKind(StrEnum):
    """How worlds are made."""

    flipped = "flipped"
    permuted = "permuted"


@spread
def placebo_command(
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BASE] CANDIDATE",
            help="기준과 후보: 파일 또는 REV:파일(--random이면 기준만) · files or REV:file; --random: the base",
        ),
    ] = None,
    *,
    rule: RuleOption = None,
    random: Annotated[
        int | None,
        typer.Option("--random", min=1, help="후보 대신 무작위 규칙 N개 · so many random rules instead of a candidate"),
    ] = None,
    worlds: Annotated[int, typer.Option("--worlds", min=1, help="세계의 수 · how many worlds")] = 100,
    level: Annotated[
        float, typer.Option("--level", help="심사가 넘지 않겠다는 승격률 · rate of promotions that may not be exceeded")
    ] = 0.05,
    kind: Annotated[
        WorldKind, typer.Option("--kind", help="세계를 만드는 방법 · how worlds are made")
    ] = WorldKind.flipped,
    block: Annotated[
        int | None, typer.Option("--block", min=1, help="블록의 거래일 수(기본: 1 또는 5) · sessions in a block")
    ] = None,
    with_costs: Annotated[
        bool,
        typer.Option("--with-costs", help="설정의 비용을 그대로 물림 · worlds with the costs of the configuration"),
    ] = False,
    market: MarketOptions,
    untouched: UntouchedOption = None,
    neighbours: NeighboursOption = 0,
    resamples: ResamplesOption = 1_000,
    seed: SeedOption = 1,
    work: WorkerOptions,
    as_json: JsonOption = False,
    report: ReportOption = Path("reports/placebo.html"),
    lang: LangOption = Lang.ko,
) -> None:
    """위약 시험: 예측할 것이 없는 세계에서 심사가 승격하는가 · does the gate promote where nothing can be found?

    종료 상태 · exit status: 0 통과 passed, 1 실패 failed, 2 잘못된 입력 bad input.
    """
    from engine.data.atomic import refuse_target  # noqa: PLC0415  (keeps --help fast)
    from engine.ledger.lineage import dataset_key  # noqa: PLC0415
    from engine.research.gate_settings import GateSettings  # noqa: PLC0415
    from engine.research.placebo_run import PlaceboPlan, run_placebo  # noqa: PLC0415
    from engine.research.placebo_worlds import PlaceboKind  # noqa: PLC0415

    names, candidates = _candidates(prompts or [], rule, random, seed, lang)
    first, last = market.days()
    plan = PlaceboPlan(
        candidates=candidates,
        config=market.settings(),
        worlds=worlds,
        kind=PlaceboKind(kind.value),
        seed=seed,
        block=block,
        settings=GateSettings(untouched_sessions=untouched, neighbours=neighbours, resamples=resamples),
        free=not with_costs,
        start=first,
        end=last,
    )
    if not as_json:
        refuse_target(report)
    with progress_bar() as bar:
        task = bar.add_task(READING(lang.value), total=None)
        source = market.source(lambda text: bar.update(task, description=text), candidates[0].base.interval)
        panel = source.load()
        workers = work.open(source, panel, small=panel.bars[0].size * worlds < SMALL_WORK)
        told = _teller(lambda text, done: bar.update(task, description=text, completed=done, total=worlds), lang)
        with workers:
            found = run_placebo(
                plan,
                workers,
                dataset=dataset_key(panel.manifest, panel.interval),
                data_hash=panel.manifest.content_hash,
                synthetic=panel.manifest.synthetic,
                level=level,
                on_world=told,
            )
    _show(found, names, [_label(candidate) for candidate in candidates], report, lang, as_json=as_json)
    raise typer.Exit(0 if found.test.passed else FAILED)


def _show(
    found: PlaceboRun, names: tuple[str, str], labels: list[str], report: Path, lang: Lang, *, as_json: bool
) -> None:
    from engine.reports.page import PageOptions  # noqa: PLC0415
    from engine.reports.placebo_html import write_placebo  # noqa: PLC0415
    from engine.reports.placebo_json import placebo_text  # noqa: PLC0415
    from engine.reports.placebo_terminal import print_placebo  # noqa: PLC0415

    if as_json:
        typer.echo(placebo_text(found, names=names, labels=labels, lang=lang.language))
        return
    console = Console()
    print_placebo(console, found, title=f"{names[0]} → {names[1]}", labels=labels, lang=lang.language)
    path = write_placebo(found, report, names=names, labels=labels, options=PageOptions(lang=lang.language))
    console.print(f"\nHTML: {path}", markup=False, highlight=False, soft_wrap=True)


def _candidates(
    prompts: list[str], rule: Path | None, count: int | None, seed: int, lang: Lang
) -> tuple[tuple[str, str], tuple[Candidate, ...]]:
    """What base and candidate are called, and the candidates that take turns.

    Raises:
        BadInput: a candidate beside random rules, or as `engine.cli.proposal.read_proposal`.
    """
    if count is None:
        names, candidate = read_proposal("placebo", prompts, rule)
        return names, (candidate,)
    if rule is not None or len(prompts) > 1:
        raise BadInput("--random draws the candidates itself. Give the base alone: `geoul placebo BASE --random 100`.")
    from engine.cli.compare import rules_of  # noqa: PLC0415  (keeps --help fast)
    from engine.research.placebo_rules import random_candidates  # noqa: PLC0415

    base = current_prompt(prompts[0] if prompts else None)
    rules_of(base)
    return (base.name, DRAWN(lang.value).format(count=count)), random_candidates(base.text, count, seed)


def _label(candidate: Candidate) -> str:
    """What a candidate changes; a single rule with its condition and action, because its id says nothing."""
    judged = candidate.judged
    if len(judged) == 1:
        return f"{judged[0].id}: {judged[0].condition_source} → {judged[0].action_source}"
    return ", ".join(change.label for change in candidate.changes if change.trades)


def _teller(show: Callable[[str, int], None], lang: Lang) -> Callable[[int, int], None]:
    """Says how many worlds are done and how long the others will take at the pace so far."""
    from engine.cli.sweep_run import duration  # noqa: PLC0415  (keeps --help fast)

    began = time.monotonic()

    def told(done: int, total: int) -> None:
        left = (time.monotonic() - began) / done * (total - done)
        show(RUNNING(lang.value).format(done=done, total=total, left=duration(left, lang)), done)

    return told


RUNNING = Text("세계 {done:,}/{total:,}, 남은 시간 약 {left}", "world {done:,} of {total:,}, about {left} left")
DRAWN = Text("무작위 규칙 {count:,}개", "{count:,} random rules")
