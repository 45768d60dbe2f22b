"""Tasks for workers, which import them from here: pieces of a sweep, and pieces that go wrong."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from engine.data.panel import Panel
from engine.kernel_cache import cache_folder
from engine.track import Track
from engine.variants import Variant, run_variants
from tests.builders_panel import make_config, make_rules
from tests.other_processes import wait_until

EXITS = [("exit", "pnl <= -5%", "sell all"), ("exit", "days_held >= 5", "sell all")]


@dataclass(frozen=True)
class Piece:
    """A few variants of one rule, and what happens to the worker that runs them.

    Args:
        windows: of the moving average, one for each variant.
        diary: where each attempt leaves a file, named by piece and attempt, with the number of its process.
        deaths: how many attempts end with the death of their process.
        holds: the first attempt waits until the diary holds a file `go`.
    """

    windows: tuple[int, ...]
    diary: Path | None = None
    deaths: int = 0
    holds: bool = False


def tracks(panel: Panel, piece: Piece) -> list[Track]:
    """The track records of a piece's variants."""
    if piece.diary is not None:
        attempts = len(list(piece.diary.glob(f"{piece.windows[0]}-*")))
        note_process(piece.diary, f"{piece.windows[0]}-{attempts}")
        if attempts < piece.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        if piece.holds and attempts == 0:
            wait_until((piece.diary / "go").exists)
    return list(run_variants([variant(window) for window in piece.windows], panel))


def variant(window: int) -> Variant:
    """Buys above an average of `window` bars."""
    entry = ("entry", f"close > mean(close, {window})", "buy 20% of equity")
    return Variant(make_rules(entry, *EXITS), make_config(cash_won=50_000_000, costs=True))


def wait_for_ever(_panel: Panel, diary: Path) -> None:
    """An item that only the end of its process ends."""
    note_process(diary, f"waits-{os.getpid()}")
    threading.Event().wait()


def refuse(_panel: Panel, word: str) -> NoReturn:
    """A rule that does not compile: its error has many parts."""
    make_rules(("entry", f"close > {word}(close, 5)", "buy 10% of equity"))
    raise AssertionError


class Stubborn(Exception):
    """An error that cannot be made from its message, as libraries have them."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def fail_stubbornly(_panel: Panel, item: int) -> NoReturn:
    """What is raised cannot be unpickled."""
    raise Stubborn(item, item + 1)


def import_nothing(_panel: Panel, _item: int) -> None:
    """A library that this machine does not have."""
    importlib.import_module("nowhere")


@dataclass(frozen=True)
class Place:
    """Where a worker sees the bars of its market.

    Args:
        machine: of the cluster.
        file: the part of a file or of shared memory that they lie in, as the system names it.
        shared: whether other processes see the same memory.
        writable: whether numpy would let anybody change them.
    """

    machine: str
    file: tuple[str, ...]
    shared: bool
    writable: bool


def place_of_bars(panel: Panel, _item: int) -> Place:
    """Where the bars are in memory. Linux only."""
    import ray  # noqa: PLC0415  (an optional library)

    address = panel.bars.ctypes.data
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        span, rights, offset, device, inode, *_ = line.split()
        first, last = (int(bound, 16) for bound in span.split("-"))
        if first <= address < last:
            file = (device, inode, hex(int(offset, 16) + address - first))
            machine = ray.get_runtime_context().get_node_id()
            return Place(machine, file, "s" in rights, panel.bars.flags.writeable)
    raise AssertionError


def numbers(_panel: Panel, size: int) -> np.ndarray:
    """An answer that is an array."""
    return np.arange(size)


def kernel_folder(_panel: Panel, _item: int) -> Path:
    """Where this worker keeps compiled code."""
    return cache_folder()


def note_process(diary: Path, name: str) -> None:
    """Leave the number of this process in a file."""
    part = diary / f".{name}"
    part.write_text(str(os.getpid()), encoding="utf-8")
    part.rename(diary / name)
