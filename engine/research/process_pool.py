"""A pool of processes on this machine, which replaces those that die and runs again what they were at."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, Self

from engine.errors import WorkerLost
from engine.research import worker_process
from engine.research.workers import AHEAD, Answer, Item, PanelSource, Task, available_cores

TRIES = 3  # a process that dies is bad luck; one item that kills three of them, alone, is not
SECONDS_BETWEEN_LOOKS = 0.5

_Waiting = tuple[Item, Future[Answer]]  # one item on its way


class ProcessPool:
    """A pool of processes on this machine; they start with the first item.

    Args:
        source: the market; its cached arrays are one copy in memory for all processes.
        processes: how many; as many as there are cores if None.
    """

    def __init__(self, source: PanelSource, processes: int | None = None) -> None:
        self.processes = processes or available_cores()
        self._source = source
        self._pool = self._new_pool()
        self._gave_up = False  # somebody stopped reading answers while items were on their way

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """As `Workers.map`."""
        waiting: deque[_Waiting[Item, Answer]] = deque()
        try:
            for item in items:
                waiting.append((item, self._send(task, item)))
                if len(waiting) >= AHEAD * self.processes:
                    yield self._oldest(task, waiting)
            while waiting:
                yield self._oldest(task, waiting)
        finally:
            for _, answer in waiting:
                self._gave_up |= not answer.cancel()

    def _oldest(self, task: Task[Item, Answer], waiting: deque[_Waiting[Item, Answer]]) -> Answer:
        """The answer that was asked for first; it leaves `waiting`."""
        item, coming = waiting[0]
        try:
            answer = _awaited(coming)
        except BrokenProcessPool:
            # One process that dies takes the whole pool along, and nobody knows which item it was at.
            answer = self._alone(task, item)
            for place, (other, lost) in enumerate(waiting):
                if place > 0 and _is_lost(lost):
                    waiting[place] = (other, self._send(task, other))
        waiting.popleft()
        return answer

    def _alone(self, task: Task[Item, Answer], item: Item) -> Answer:
        """One item in a new pool, where it can only kill itself."""
        last: BrokenProcessPool | None = None
        for _ in range(TRIES):
            self._pool.shutdown(wait=False)
            self._pool = self._new_pool()
            try:
                return _awaited(self._send(task, item))
            except BrokenProcessPool as error:
                last = error
        raise WorkerLost(
            f"A worker process ended by itself, {TRIES} times at the same piece of work, probably because memory ran "
            "out. Run it again with fewer processes (--processes 1): what is finished is kept where the command can "
            'resume. A script of your own must start its work under `if __name__ == "__main__":`.'
        ) from last

    def _send(self, task: Task[Item, Answer], item: Item) -> Future[Answer]:
        try:
            return self._pool.submit(worker_process.on_market, task, item)
        except BrokenProcessPool as error:  # a process died since the last answer was read
            answer: Future[Answer] = Future()
            answer.set_exception(error)
            return answer

    def _new_pool(self) -> ProcessPoolExecutor:
        # A forked child would inherit the threads of polars, which can hang; a spawned one starts clean.
        return ProcessPoolExecutor(
            self.processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=worker_process.start,
            initargs=(self._source,),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None and not self._gave_up:
            self._pool.shutdown(wait=True)
            return
        # Nobody wants what is still being computed, and an item may take minutes. `kill_workers` comes with 3.14.
        processes = list(self._pool._processes.values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _awaited(answer: Future[Answer]) -> Answer:
    # Ctrl-C does not interrupt a wait without an end: polars has the system start it anew (its issue 21739, 2026-08).
    while not answer.done():
        wait([answer], timeout=SECONDS_BETWEEN_LOOKS)
    return answer.result()


def _is_lost(answer: Future[Any]) -> bool:
    return answer.done() and isinstance(answer.exception(), BrokenProcessPool)
