"""What a download has fetched so far, on disk beside its dataset, page by page: after a crash nothing is asked twice.

.NAME.download/plan.json            what is being fetched; another plan may not go on with these pages
               daily-005930.jsonl   one line a page: the days that it answers for, and its bars
               minute-005930.jsonl  one line a session
               index-KOSPI.jsonl
               instruments.jsonl    one line a ticker
               ready/               the new dataset, whole; from here on only renames are left
               old/                 the dataset that it replaces

A line is synced to the disk before the next page is asked for. A line that was cut short by a crash is dropped.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from engine.errors import DataError

_PLAN = "plan.json"
_READY, _PART, _OLD = "ready", "part", "old"
_DAY = timedelta(days=1)

# Stamp, open, high, low, close, volume, value, base price, whether KIS marks the day as one of ex-rights or a split.
# The stamp is "2024-01-02", or for a minute the time at which it closed.
Bar = tuple[str, Any, Any, Any, Any, int | None, int | None, int | None, bool]


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Pages:
    """What the journal holds of one series.

    Args:
        spans: days that its pages answer for.
        bars: by stamp; a later page wins.
        is_anew: what the dataset had of this series is void.
    """

    spans: tuple[Span, ...]
    bars: dict[str, Bar]
    is_anew: bool


class Journal:
    """The pages of one download.

    Args:
        destination: the dataset's folder.
    """

    def __init__(self, destination: Path) -> None:
        self._target = destination.resolve()
        self.folder = self._target.with_name(f".{self._target.name}.download")

    def recover(self) -> None:
        """End what a process that was killed had begun: a finished dataset takes its place, half a one is dropped."""
        if (self.folder / _READY).is_dir():
            self._swap()
        elif not self._target.exists() and (self.folder / _OLD).is_dir():
            os.replace(self.folder / _OLD, self._target)
        shutil.rmtree(self.folder / _PART, ignore_errors=True)

    def begin(self, plan: dict[str, Any]) -> None:
        """Go on with the pages of the same plan, or start.

        Raises:
            DataError: the pages of another plan are there.
        """
        path = self.folder / _PLAN
        if path.is_file():
            try:
                known = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                known = None  # killed before the first page
            if known is not None and known != plan:
                raise DataError(
                    f"{self.folder} holds the pages of an interrupted download of other data ({_words(known)}; now "
                    f"{_words(plan)}). Finish it with the same options, or delete that folder."
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(plan), encoding="utf-8")

    def pages(self, series: str) -> Pages:
        """What has been fetched of a series such as "daily-005930"."""
        spans: list[Span] = []
        bars: dict[str, Bar] = {}
        is_anew = False
        for line in self._lines(f"{series}.jsonl"):
            if line.get("anew"):
                spans, bars, is_anew = [], {}, True
                continue
            spans.append(Span(date.fromisoformat(line["from"]), date.fromisoformat(line["to"])))
            bars.update((bar[0], tuple(bar)) for bar in line["bars"])
        return Pages(tuple(spans), bars, is_anew)

    def add(self, series: str, span: Span, bars: Sequence[Bar]) -> None:
        """Keep one page: the bars of all the days that it answers for."""
        self._append(f"{series}.jsonl", {"from": str(span.first), "to": str(span.last), "bars": bars})

    def start_anew(self, series: str) -> None:
        """What is known of a series is void, in the dataset too."""
        self._append(f"{series}.jsonl", {"anew": True})

    def instruments(self) -> dict[str, dict[str, Any]]:
        """What has been fetched about instruments, by ticker."""
        return {line["ticker"]: line for line in self._lines("instruments.jsonl")}

    def add_instrument(self, row: dict[str, Any]) -> None:
        """Keep what an instrument is; its values are texts and numbers."""
        self._append("instruments.jsonl", row)

    def empty_part(self) -> Path:
        """An empty folder to write the new dataset into."""
        part = self.folder / _PART
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        return part

    def finish(self) -> None:
        """The folder of `empty_part` becomes the dataset; the pages are no longer needed."""
        for path in (self.folder / _PART).rglob("*"):
            if path.is_file():
                _sync(path)
        os.replace(self.folder / _PART, self.folder / _READY)
        self._swap()

    def discard(self) -> None:
        """Drop the pages, all of which are in the dataset."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _swap(self) -> None:
        """Put the finished dataset into its place. Killed anywhere here, `recover` does the rest."""
        if self._target.exists():
            shutil.rmtree(self.folder / _OLD, ignore_errors=True)
            os.replace(self._target, self.folder / _OLD)
        os.replace(self.folder / _READY, self._target)
        self.discard()

    def _lines(self, name: str) -> Iterable[dict[str, Any]]:
        path = self.folder / name
        if not path.is_file():
            return
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def _append(self, name: str, line: dict[str, Any]) -> None:
        path = self.folder / name
        with path.open("ab") as file:
            _drop_half_a_line(path)
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def missing(wanted: Span, known: Iterable[Span]) -> list[Span]:
    """The days of `wanted` that no span of `known` holds, in order.

    >>> missing(Span(date(2024, 1, 1), date(2024, 1, 9)), [Span(date(2024, 1, 3), date(2024, 1, 4))])[1].first
    datetime.date(2024, 1, 5)
    """
    found: list[Span] = []
    start = wanted.first
    for span in sorted(known, key=lambda one: one.first):
        if span.first > start:
            found.append(Span(start, min(span.first - _DAY, wanted.last)))
        start = max(start, span.last + _DAY)
        if start > wanted.last:
            break
    if start <= wanted.last:
        found.append(Span(start, wanted.last))
    return [span for span in found if span.first <= span.last]


def _drop_half_a_line(path: Path) -> None:
    with path.open("rb+") as file:
        if not file.seek(0, os.SEEK_END):
            return
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def _words(plan: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in plan.items())


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
