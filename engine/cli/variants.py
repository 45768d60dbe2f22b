"""The variants of a rule set that a sweep and a walk forward try: asked for, drawn, and refused if too many."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.market_options import MarketOptions
from engine.cli.options import Lang, SeedOption
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.data.panel import Panel
    from engine.research.sweep import Sweep
    from engine.research.workers import PanelSource
    from engine.rules.tree import RuleSet

CALIBRATION = 32  # variants that are timed to tell how long a grid would take
SUGGESTED = 1_000
VaryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        metavar="NAME=FROM:TO:STEP",
        help="바꿀 상수(여러 번 가능; 없으면 목록 출력) · constant to vary; repeatable; none lists them",
    ),
]
SamplesOption = Annotated[
    int | None, typer.Option("--samples", min=1, help="격자에서 무작위로 뽑을 변형 수 · variants drawn from the grid")
]
_TIMING = Text("걸릴 시간을 재는 중", "measuring how long it would take")
_TOO_MANY = Text(
    "변형 {count:,}개는 이 컴퓨터에서 약 {time} 걸립니다(하나에 {each:.3g}초, 프로세스 {processes}개). "
    "한 번에 {most:,}개까지 탐색합니다. --samples {suggested:,}처럼 무작위 표본을 쓰거나(약 {short}) "
    "간격을 넓히십시오.",
    "{count:,} variants would take about {time} on this machine ({each:.3g} s each, {processes} processes). "
    "One sweep takes up to {most:,}. Draw a random sample, such as --samples {suggested:,} (about {short}), or "
    "widen the steps.",
)


@dataclass(frozen=True)
class Variants:
    """What is tried, and on what.

    Args:
        sweep: the variants.
        panel: the data.
        source: how other processes find it.
    """

    sweep: Sweep
    panel: Panel
    source: PanelSource


@dataclass(frozen=True, kw_only=True)
class VariantOptions:
    """Which variants of a rule set; see the options for each field."""

    vary: VaryOption = None
    samples: SamplesOption = None
    seed: SeedOption = 0

    def read(
        self,
        rules: RuleSet,
        market: MarketOptions,
        processes: int | None,
        *,
        check: Callable[[RuleSet, Panel], None],
        announce: Callable[[str], None],
        lang: Lang,
    ) -> Variants:
        """The variants on the market that is meant.

        Args:
            rules: whose constants vary.
            market: the data, costs and money.
            processes: that would work, to tell how long too many variants would take.
            check: refuses rules that cannot run on the data.
            announce: is told what is being done.
            lang: of what is told.

        Raises:
            BadInput: the grid or the data cannot be used. typer.Exit: there are too many variants.
        """
        from engine.research.sweep import MOST_POINTS, Sweep, places_to_try  # noqa: PLC0415  (loads the compiler)
        from engine.rules.grid import parse_grid  # noqa: PLC0415

        grid = parse_grid(rules, self.vary or [])
        first, last = market.days()
        settings = market.settings()
        source = market.source(announce, rules.interval)
        panel = source.load()
        check(rules, panel)
        count = grid.size if self.samples is None else min(self.samples, grid.size)
        few = count <= MOST_POINTS
        places = places_to_try(grid, self.samples, self.seed) if few else grid.draw(CALIBRATION, self.seed)
        sweep = Sweep(rules=rules, grid=grid, places=places, config=settings, start=first, end=last)
        if not few:
            announce(_TIMING(lang.value))
            _refuse_size(sweep, panel, self.samples or grid.size, processes, lang)
        return Variants(sweep, panel, source)


def _refuse_size(sweep: Sweep, panel: Panel, count: int, processes: int | None, lang: Lang) -> None:
    """Say how long so many variants would take, and end; nothing of what is timed here is kept or shown."""
    from engine.cli.sweep_run import duration  # noqa: PLC0415
    from engine.research.sweep import MOST_POINTS, chunks_of, run_chunk  # noqa: PLC0415
    from engine.research.workers import worker_count  # noqa: PLC0415

    chunk = chunks_of(sweep)[0]
    run_chunk(panel, chunk)  # the first run loads the machine code
    began = time.perf_counter()
    run_chunk(panel, chunk)
    each = (time.perf_counter() - began) / len(chunk.points)
    workers = worker_count(processes)
    told = _TOO_MANY(lang.value).format(
        count=count,
        time=duration(count * each / workers, lang),
        each=each,
        processes=workers,
        most=MOST_POINTS,
        suggested=SUGGESTED,
        short=duration(SUGGESTED * each / workers, lang),
    )
    typer.echo(f"geoul: {told}", err=True)
    raise typer.Exit(2)
