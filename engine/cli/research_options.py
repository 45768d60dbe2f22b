"""The options of what tries many rules: gate, placebo worlds, sweeps, walks forward."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.options import ProcessesOption, RayOption

if TYPE_CHECKING:
    from engine.data.panel import Panel
    from engine.research.workers import PanelSource, Workers

RuleOption = Annotated[
    Path | None, typer.Option("--rule", help="기준에 더할 규칙 하나의 파일 · one rule to add to the base")
]
NewDatasetOption = Annotated[
    bool, typer.Option("--new-dataset", help="이 장부로 이 데이터의 시험도 셈 · let the ledger count this dataset too")
]
UntouchedOption = Annotated[
    int | None,
    typer.Option("--untouched", min=1, help="검증 구간의 거래일 수(기본: 1년) · sessions of the untouched window"),
]
NeighboursOption = Annotated[
    int,
    typer.Option(
        "--neighbours",
        min=0,
        max=10_000,
        help="수를 조금 바꾼 이웃 규칙의 수(경고만 함) · rules with slightly other numbers; they only warn",
    ),
]
ResamplesOption = Annotated[
    int, typer.Option("--resamples", min=100, max=1_000_000, help="부트스트랩 횟수 · resamples of the bootstrap")
]


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """Who works.

    Raises:
        BadInput: more processes than this machine could use.
    """

    processes: ProcessesOption = None
    ray: RayOption = None

    def __post_init__(self) -> None:
        if self.processes is not None:
            from engine.research.workers import worker_count  # noqa: PLC0415  (keeps --help fast)

            worker_count(self.processes)

    def open(self, source: PanelSource, panel: Panel, *, small: bool) -> Workers:
        """As `engine.research.workers.open_workers`."""
        from engine.research.workers import open_workers  # noqa: PLC0415

        return open_workers(source, panel, processes=self.processes, ray=self.ray, small=small)
