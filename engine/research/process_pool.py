"""A pool of processes on this machine, which replaces those that die and runs again what they were at."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from engine.errors import WorkerLost
from engine.research import worker_process
from engine.research.workers import AHEAD, Answer, Item, PanelSource, Task, available_cores

TRIES = 3  # a process that dies is bad luck, one item that kills three of them is not


@dataclass(slots=True)
class _Waiting:
    """One item on its way."""

    item: Any
    answer: Future[Any]
    pool: ProcessPoolExecutor


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
        waiting: deque[_Waiting] = deque()
        try:
            for item in items:
                waiting.append(self._send(task, item))
                if len(waiting) >= AHEAD * self.processes:
                    yield self._oldest(task, waiting)
            while waiting:
                yield self._oldest(task, waiting)
        finally:
            for sent in waiting:
                self._gave_up |= not sent.answer.cancel()

    def _oldest(self, task: Task[Item, Answer], waiting: deque[_Waiting]) -> Answer:
        """The answer that was asked for first; it leaves `waiting`."""
        tried = 0
        while True:
            try:
                answer: Answer = waiting[0].answer.result()
            except BrokenProcessPool as error:
                tried += 1
                if tried == TRIES:
                    raise WorkerLost(
                        f"A worker process ended by itself, {TRIES} times at the same piece of work, probably because "
                        "memory ran out. Run it again with fewer processes (--processes 1): what is finished is kept "
                        "where the command can resume. A script of your own must start its work under "
                        '`if __name__ == "__main__":`.'
                    ) from error
                self._send_again(task, waiting)
            else:
                waiting.popleft()
                return answer

    def _send(self, task: Task[Item, Answer], item: Item) -> _Waiting:
        try:
            answer = self._pool.submit(worker_process.on_market, task, item)
        except BrokenProcessPool as error:  # a worker died since the last answer was read
            answer = Future()
            answer.set_exception(error)
        return _Waiting(item, answer, self._pool)

    def _send_again(self, task: Task[Item, Answer], waiting: deque[_Waiting]) -> None:
        """One dead worker takes its whole pool along: start another, and send what has no answer yet."""
        if waiting[0].pool is self._pool:
            self._pool.shutdown(wait=False)
            self._pool = self._new_pool()
        for place, sent in enumerate(waiting):
            if sent.pool is not self._pool and not _has_answer(sent.answer):
                waiting[place] = self._send(task, sent.item)

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


def _has_answer(answer: Future[Any]) -> bool:
    return answer.done() and not isinstance(answer.exception(), BrokenProcessPool)
