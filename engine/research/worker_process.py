"""What a worker process does with itself: it opens the market once, compiles alone, and never outlives its parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.cache_root import cache_root
from engine.errors import BrokenInvariant

if TYPE_CHECKING:
    from engine.data.panel import Panel
    from engine.research.workers import Answer, PanelSource, Task

LOCK = "first-compile.lock"

# The market of this process and where it is: the first task opens it. Never set in the process that asks.
_market: list[Panel] = []
_source: list[PanelSource] = []
# Whether this process has finished a task, and so has the machine code it needs.
_ready = threading.Event()


def start(source: PanelSource) -> None:
    """Make this a worker process of a pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal: the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _source[:] = [source]


def on_market(task: Task[Any, Answer], item: Any) -> Answer:
    """Run a task on the market of this process.

    The first one opens it, rather than `start`: an error raised there would reach nobody.
    """
    if not _market:
        _market.append(_source[0].load())
    return run(task, _market[0], item)


def run(task: Task[Any, Answer], panel: Panel, item: Any) -> Answer:
    """Run a task, and see to it that what it raises can leave this process."""
    try:
        with first_compiles_alone():
            return task(panel, item)
    except Exception as error:
        if _can_be_sent(error):
            raise
        raise BrokenInvariant(f"{type(error).__name__} in a worker process: {error}") from error


def _can_be_sent(error: Exception) -> bool:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever the making of an error from its parts can raise
        return False
    return True


@contextlib.contextmanager
def first_compiles_alone() -> Iterator[None]:
    """Around a task: of the processes that start on a machine without machine code, one compiles while others wait.

    Compiling takes half a gigabyte and half a minute; on a machine with many cores that would be all its memory.
    """
    if _ready.is_set():
        yield
        return
    with _alone_unless_warm():
        yield
    _ready.set()


@contextlib.contextmanager
def _alone_unless_warm() -> Iterator[None]:
    from engine.kernel_cache import is_warm  # noqa: PLC0415  (loads the compiler)

    with contextlib.ExitStack() as held:
        if not is_warm():
            with contextlib.suppress(ImportError, OSError):  # no such locks here, or a cache that may only be read
                held.enter_context(_locked())
            if is_warm():  # somebody else compiled meanwhile
                held.close()
        yield


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    import fcntl  # noqa: PLC0415  (does not exist everywhere)

    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # let go when the file is closed, also by a process that dies
        yield


def _end_with_parent() -> None:
    """A parent that was killed cannot say so, and a worker would wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
