"""What a benchmark run prints: one table, or JSON."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from benchmarks.cases import Case, Engine

OURS = "Geoul"


@dataclass
class Measured:
    """What the processes of one engine reported, all rounds together; `disagreement` is empty when equal."""

    engine: Engine
    rows: int
    tickers: int
    report: dict
    fills: np.ndarray | None
    disagreement: str = ""

    @property
    def bars(self) -> int:
        return self.rows * self.tickers

    @property
    def seconds(self) -> float:
        """Median: the figure that is compared."""
        return statistics.median(self.report["seconds"])

    @property
    def bars_per_second(self) -> float:
        return self.bars / self.seconds

    @property
    def cpu_seconds_per_bar(self) -> float:
        """Median; for ratios, because other work on the machine disturbs it less than the wall clock."""
        return statistics.median(self.report["cpu_seconds"]) / self.bars

    @property
    def ours(self) -> bool:
        return self.engine.label.startswith(OURS)


def as_table(results: list[tuple[Case, list[Measured]]], short: bool) -> Table:
    """One table of all cases; the sentence of each case stands below it with the machine and the versions."""
    table = Table(caption=_caption(results, short), caption_justify="left")
    for column in ("job", "engine", "result"):
        table.add_column(column)
    for column in ("bars", "seconds", "best", "cpu", "n", "M bars/s", "Geoul is", "goal", "memory"):
        table.add_column(column, justify="right")
    for case, measured in results:
        table.add_section()
        ours = next((one for one in measured if one.ours), None)
        for one in measured:
            table.add_row(
                case.name if one is measured[0] else "",
                one.engine.label,
                _agreement(one, measured[0]),
                f"{one.bars:,}",
                f"{one.seconds:.4g}",
                f"{min(one.report['seconds']):.4g}",
                f"{statistics.median(one.report['cpu_seconds']):.4g}" if one.report["cpu_seconds"] else "",
                str(len(one.report["seconds"])),
                f"{one.bars_per_second / 1e6:,.3g}",
                f"{_times_as_fast(ours, one):.1f}×" if ours and not one.ours else "",
                "" if short else _goals(one, ours),
                f"{one.report['peak_memory_bytes'] / 1e6:,.0f} MB",
            )
    return table


def as_json(results: list[tuple[Case, list[Measured]]]) -> list[dict]:
    """Every figure of every engine."""
    return [
        {"case": case.name, "engine": one.engine.label, "bars": one.bars, "disagreement": one.disagreement} | one.report
        for case, measured in results
        for one in measured
    ]


def machine() -> dict[str, object]:
    """The processor, how many of its cores, and the system."""
    return {"cpu": _processor(), "cores": os.cpu_count(), "system": platform.platform()}


def _caption(results: list[tuple[Case, list[Measured]]], short: bool) -> str:
    lines = [f"{case.name}: {case.title}" for case, _ in results]
    versions: dict[str, str] = {}
    for _, measured in results:
        for one in measured:
            versions |= one.report["versions"]
    lines.append("{cpu}, {cores} cores, {system}".format(**machine()))
    lines.append(", ".join(f"{name} {version}" for name, version in versions.items()))
    if short:
        lines.append("Small markets: only the equality of the results counts, the times say nothing.")
    else:
        lines.append("seconds: median of n runs after one that does not count; best: the least disturbed one.")
        lines.append("cpu: the process's own median, on which ratios rest; well below seconds = a busy machine.")
    return "\n".join(lines)


def _agreement(one: Measured, first: Measured) -> str:
    if one.disagreement:
        return f"[red]DIFFERS: {one.disagreement}[/red]"
    if one.fills is None:
        return one.report["note"]
    if not one.engine.compared:
        return f"{len(one.fills):,} fills, other rules"
    return f"{len(one.fills):,} fills" + ("" if one is first else ", equal")


def _goals(one: Measured, ours: Measured | None) -> str:
    goals = []
    if one.ours and one.engine.goal_bars_per_second:
        met = one.bars_per_second >= one.engine.goal_bars_per_second
        goals.append(_mark(met) + f" ≥ {one.engine.goal_bars_per_second / 1e6:g} M/s")
    if one.ours and one.engine.goal_memory_bytes:
        met = one.report["peak_memory_bytes"] <= one.engine.goal_memory_bytes
        goals.append(_mark(met) + f" ≤ {one.engine.goal_memory_bytes / 1e6:g} MB")
    if one.ours and one.engine.goal_seconds:
        goals.append(_mark(one.seconds <= one.engine.goal_seconds) + f" ≤ {one.engine.goal_seconds:g} s")
    if one.ours and one.engine.goal_ours_seconds:
        met = one.report["ours_seconds"] <= one.engine.goal_ours_seconds
        goals.append(_mark(met) + f" ours ≤ {one.engine.goal_ours_seconds:g} s")
    if ours and one.engine.goal_ratio:
        met = _times_as_fast(ours, one) >= one.engine.goal_ratio
        goals.append(_mark(met) + f" ≥ {one.engine.goal_ratio:g}×")
    return "\n".join(goals)


def _times_as_fast(ours: Measured, other: Measured) -> float:
    return other.cpu_seconds_per_bar / ours.cpu_seconds_per_bar


def _mark(met: bool) -> str:
    return "[green]✓[/green]" if met else "[red]✗[/red]"


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
