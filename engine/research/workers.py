"""Where the runs of a sweep, a gate or a walk-forward are made: in this process, in a pool of processes, on a cluster.

A task is a module-level function of a market and one item, without any state of its own, so that it gives the same
bytes wherever it runs; `map` hands the results back in the order of the items.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from engine.data.panel import Panel, load_part
from engine.errors import BrokenInvariant

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Task = Callable[[Panel, Item], Answer]

AHEAD = 4  # items per process that wait at a time: enough to keep it busy, few enough to stop soon


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSource:
    """How a worker finds the market: it maps the same cached arrays instead of being sent a copy.

    Args:
        folder: the dataset.
        start, end: sessions wanted; what the windows need before `start` is loaded too.
        interval: of the bars.
        allow_gaps: run across sessions that the data lacks.
    """

    folder: Path
    start: date | None = None
    end: date | None = None
    interval: str = "1d"
    allow_gaps: bool = False

    def load(self) -> Panel:
        """The panel; the cached arrays are mapped, not read."""
        return load_part(self.folder, self.start, self.end, interval=self.interval, allow_gaps=self.allow_gaps)


class Workers(Protocol):
    """Runs a task on many items; a context manager that gives back what it holds."""

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """Answers in the order of the items, each as soon as it and those before it are there."""
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


class ProcessPool:
    """A pool of processes on this machine.

    Args:
        source: the market; its cached arrays are one copy in memory for all processes.
        processes: how many; as many as there are cores if None.
    """

    def __init__(self, source: PanelSource, processes: int | None = None) -> None:
        self.processes = processes or available_cores()
        # A forked child would inherit the threads of polars, which can hang; a spawned one starts clean.
        self._pool = ProcessPoolExecutor(
            self.processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_open_market,
            initargs=(source,),
        )

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """As `Workers.map`; a worker that dies (out of memory, killed) ends the run with a clear error."""
        waiting: deque[Future[Answer]] = deque()
        try:
            for item in items:
                waiting.append(self._pool.submit(_on_market, task, item))
                if len(waiting) >= AHEAD * self.processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise BrokenInvariant(
                "A worker process ended by itself, probably because memory ran out. Run it again with fewer "
                "processes (--processes 1): what is finished is kept where the command can resume."
            ) from error
        finally:
            for future in waiting:
                future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def available_cores() -> int:
    """Cores that this process may use, which a container can restrict."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# The market of a worker process: set once when the process starts, never in the process that asks.
_market: list[Panel] = []


def _open_market(source: PanelSource) -> None:
    _market[:] = [source.load()]


def _on_market(task: Task[Any, Answer], item: Any) -> Answer:
    return task(_market[0], item)
