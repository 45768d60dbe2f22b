"""The workers of a Ray cluster: the market is placed once on every machine, and read there without a copy.

The answers are those of one process to the byte where the machines have the same kind of processor; on others the last
bit of a logarithm may differ, because numpy chooses its instructions by processor.
"""

from __future__ import annotations

import itertools
import os
import pickle
import platform
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from engine.data.panel import ActionTable, DividendTable, Panel
from engine.errors import BadInput, WorkerLost
from engine.research.ray_address import connect, load_ray
from engine.research.software import Software, difference, software
from engine.research.worker_process import run
from engine.research.workers import AHEAD, Answer, Item, PanelSource, Task, available_cores

RETRIES = 3  # times that a piece of work is begun again after its process or its machine died
STORE_BYTES_BESIDE = 100_000_000  # room for answers; Ray wants at least 75 MB


class RayCluster:
    """Workers on every machine of a cluster, each of which has the same Geoul.

    Args:
        address: see `engine.research.ray_address.connect`.
        source: the market; it is read here and sent, the other machines need no dataset.
        processes: of a `local` cluster; as many as there are cores if None.

    Raises:
        BadInput: Ray is not installed, or the cluster cannot be used.
        DataError: as `engine.data.panel.load_part`.
    """

    def __init__(self, address: str, source: PanelSource | Panel, *, processes: int | None = None) -> None:
        self._ray = load_ray()
        panel = plain_arrays(source.load() if isinstance(source, PanelSource) else source)
        self._connected_here = connect(
            self._ray,
            address,
            processes=processes or available_cores(),
            object_store_bytes=STORE_BYTES_BESIDE + bytes_outside(panel),
        )
        try:
            # Inside a list Ray passes on the reference itself. As a plain argument Ray 2.60 pins the market for every
            # piece, and for ever on machines where one runs when this process disconnects.
            self._market = [self._ray.put(panel)]
            self._run = self._ray.remote(**self._options())(_on_market)
        except BaseException as error:
            self._disconnect()
            _require_nothing_missing(error)
            raise

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> Iterator[Answer]:
        """As `Workers.map`; each piece of work is tried again on another worker when its own dies.

        No more pieces are sent than there are CPUs: what waits inside Ray 2.60 when a process disconnects can keep its
        CPU for ever. What runs when nobody reads on is not cancelled, but ends with the connection: to cancel a piece
        ends this process when its answer comes at the same moment (Ray's change 54785, read 2026-11-23).
        """
        ray = self._ray
        workers = max(int(ray.cluster_resources().get("CPU", 0)), 1)
        remaining = iter(items)
        unread: deque[Any] = deque()  # all that was sent and not read, in order
        running: list[Any] = []
        while True:
            room = min(workers - len(running), AHEAD * workers - len(unread))
            for item in itertools.islice(remaining, max(room, 0)):
                work = ray.cloudpickle.dumps((task, item))
                sent = self._run.remote(self._market, software(), work)
                unread.append(sent)
                running.append(sent)
            if not unread:
                return
            if unread[0] in running:
                _, running = ray.wait(running, num_returns=1, fetch_local=False)
            else:
                yield self._answer(unread.popleft())

    def _answer(self, sent: Any) -> Any:
        raised = self._ray.exceptions
        try:
            # Bytes, because arrays that come out of the object store itself could not be written to.
            return pickle.loads(self._ray.get(sent))
        except raised.RayTaskError as error:
            _require_nothing_missing(error.cause)
            raise error.cause from error
        except raised.RayError as error:
            raise WorkerLost(
                f"A piece of work was begun {RETRIES + 1} times on the cluster and never ended "
                f"({type(error).__name__}), probably because memory ran out or a machine went away. See `ray status`; "
                "run it again with fewer CPUs on each (ray start --num-cpus): what is finished is kept where the "
                "command can resume."
            ) from error

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"num_cpus": 1, "max_retries": RETRIES}
        if cache := os.environ.get("GEOUL_CACHE"):
            # Compiled code belongs where the user wants it; without this a worker has the folder of `ray start`.
            options["runtime_env"] = {"env_vars": {"GEOUL_CACHE": cache}}
        return options

    def _disconnect(self) -> None:
        if self._connected_here:
            self._ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._disconnect()


def _require_nothing_missing(error: BaseException) -> None:
    """Say it in our words when a machine lacks Geoul or a library; Ray wraps that in many ways."""
    if missing := re.search("No module named '[^']+'", str(error)):
        raise BadInput(
            f"A machine of the cluster lacks a part of Geoul ({missing[0]}). Install the same Geoul and the same "
            "libraries on every machine, and start the cluster again."
        ) from error


def plain_arrays(panel: Panel) -> Panel:
    """The same panel, each mapped file seen as an ordinary array: those Ray hands on without a copy."""
    arrays: dict[str, Any] = {
        name: np.asarray(array) for name, array in vars(panel).items() if isinstance(array, np.ndarray)
    }
    return replace(
        panel,
        **arrays,
        indices={name: np.asarray(array) for name, array in panel.indices.items()},
        actions=ActionTable(**{name: np.asarray(array) for name, array in vars(panel.actions).items()}),
        dividends=DividendTable(**{name: np.asarray(array) for name, array in vars(panel.dividends).items()}),
    )


def bytes_outside(panel: Panel) -> int:
    """What of a panel is handed on without a copy, in bytes."""
    arrays: list[pickle.PickleBuffer] = []
    pickle.dumps(panel, protocol=5, buffer_callback=arrays.append)
    return sum(array.raw().nbytes for array in arrays)


# The market of a worker, by its reference: opened by the first piece that asks for it.
_opened: dict[Any, Panel] = {}


def _on_market(market: list[Any], expected: Software, work: bytes) -> bytes:
    """On a worker: the panel's arrays stay where they are, in the object store of its machine."""
    if differs := difference(expected, software()):
        raise BadInput(
            f"The machine {platform.node()} of the cluster would not give the same answers: {differs}. Install the "
            "same Geoul and the same libraries on every machine."
        )
    place = market[0]
    if place not in _opened:
        _opened.clear()
        _opened[place] = load_ray().get(place)
    task, item = pickle.loads(work)
    return pickle.dumps(run(task, _opened[place], item), protocol=pickle.HIGHEST_PROTOCOL)
