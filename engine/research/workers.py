"""Where the runs of a sweep, a gate or a walk-forward are made: in this process, in a pool of processes, on a cluster.

A task is a module-level function of a market and one item, without any state of its own, so that it gives the same
bytes wherever it runs; `map` hands the answers back in the order of the items. Commands call `open_workers`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from engine.data.panel import Panel, load_part
from engine.errors import BadInput

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Task = Callable[[Panel, Item], Answer]

AHEAD = 4  # items per process that wait at a time: enough to keep it busy, few enough to stop soon
MOST_PER_CORE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSource:
    """How a worker finds the market: it maps the same cached arrays instead of being sent a copy.

    Args:
        folder: the dataset.
        start, end: sessions wanted; what the windows need before `start` is loaded too.
        tickers: instruments wanted; all if None.
        interval: of the bars; that of the dataset if None.
        allow_gaps: run across sessions that the data lacks.
    """

    folder: Path
    start: date | None = None
    end: date | None = None
    tickers: tuple[str, ...] | None = None
    interval: str | None = None
    allow_gaps: bool = False

    def load(self) -> Panel:
        """The panel; the cached arrays are mapped, not read."""
        return load_part(
            self.folder, self.start, self.end, self.tickers, interval=self.interval, allow_gaps=self.allow_gaps
        )


class Workers(Protocol):
    """Runs a task on many items; a context manager that gives back what it holds."""

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """Answers in the order of the items, each as soon as it and those before it are there.

        What a task raises is raised here, in the place of its answer.

        Raises:
            WorkerLost: the process of an item ended by itself every time it was tried.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class InProcess:
    """One after the other, here: for tests, small jobs and machines with one core."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """As `Workers.map`."""
        for item in items:
            yield task(self._panel, item)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def open_workers(
    source: PanelSource,
    panel: Panel | None = None,
    *,
    processes: int | None = None,
    ray: str | None = None,
    small: bool = False,
) -> Workers:
    """The workers that a command's --processes and --ray ask for.

    Args:
        source: the market.
        panel: the same market where it is loaded already; what is done in this process takes it.
        processes: how many on this machine: 1 stays in this process, None means one for each core.
        ray: address of a Ray cluster, which then does all the work; `local` starts one of `processes` here.
        small: one process is done before a pool of them has started, so that None means 1.

    Raises:
        DataError: as `engine.data.panel.load_part`; with a pool, by the first task.
        BadInput: too many processes, or the cluster cannot be used.
    """
    count = worker_count(processes)
    if ray is not None:
        from engine.research.ray_workers import RayCluster  # noqa: PLC0415  (an optional library)

        return RayCluster(ray, source, processes=processes)
    if count == 1 or (processes is None and small):
        return InProcess(source.load() if panel is None else panel)
    from engine.research.process_pool import ProcessPool  # noqa: PLC0415  (it imports this file)

    return ProcessPool(source, count)


def worker_count(processes: int | None) -> int:
    """How many processes that means: as asked, else one for each core.

    Raises:
        BadInput: more than `MOST_PER_CORE` for each core.
    """
    cores = available_cores()
    most = MOST_PER_CORE * cores
    if processes is not None and processes > most:
        raise BadInput(
            f"--processes {processes:,} is too many: {cores:,} cores take up to {most:,}, {MOST_PER_CORE} each. More "
            "would wait for each other and fill the memory. Give fewer, or leave it out for one on each core."
        )
    return processes or cores


def available_cores() -> int:
    """Cores that this process may use, which a container can restrict."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
