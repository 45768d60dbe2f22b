"""Trading weeks with everything that goes wrong: `python -m benchmarks.trading_week --kills 200 --seed 1`.

A served venue and a trader of the live account, each in a process of its own (`tests.week`): kills of either at
drawn passages and between steps, cut lines, lost calls, clocks that jump by up to a day, a machine that stands still,
full disks, a damaged ledger, a second instance, orders by hand, halts, a hard limit that a decision runs into. Every
week has each fault once and its share of the kills, and in every session the process that delivers alerts dies.

Printed is what was injected, and what must be 0. Exit status 1 when anything was doubled, lost, different, told twice,
never told, or beyond a limit.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from tests.week.story import FAULTS, QUIET, Row, Story
from tests.week.trading_week import Week


def main() -> int:
    """Run the weeks; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trading_week", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="of trader and venue, in all weeks (default 200)")
    parser.add_argument("--kills-a-week", type=int, default=25, help="about so many in one (default 25)")
    parser.add_argument("--sessions", type=int, default=5, help="of a week, and one more to settle in (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default 1)")
    parser.add_argument("--keep", type=Path, help="folder in which the ledgers stay; a temporary one by default")
    chosen = parser.parse_args()
    for name in ("aiohttp", "mail.log"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    weeks = max(1, round(chosen.kills / chosen.kills_a_week))
    shares = [chosen.kills // weeks + (number < chosen.kills % weeks) for number in range(weeks)]
    progress, began, stories = Console(stderr=True), time.perf_counter(), []
    with tempfile.TemporaryDirectory() as scratch:
        for number, kills in enumerate(shares, 1):
            folder = (chosen.keep or Path(scratch)) / f"week-{number}"

            def tell(line: str, number: int = number) -> None:
                spent = time.perf_counter() - began
                progress.print(f"week {number} of {weeks}, {spent:,.0f} s: {line}", highlight=False)

            seed = 1000 * chosen.seed + number
            week = Week(seed, folder, FAULTS, kills=kills, sessions=chosen.sessions, tell=tell)
            try:
                week.run()
            except Exception:  # the other weeks are run all the same, and this one counts as failed
                week.story.problems.append(traceback.format_exc())
            stories.append(week.story)
            for problem in week.story.problems:
                tell(problem)
    out = Console(width=None if sys.stdout.isatty() else 140)
    out.print(f"{machine()}\n", highlight=False)
    out.print(_faults(stories), _deaths(stories))
    seconds, cpu = zip(*(start for story in stories for start in story.starts), strict=True)
    out.print(
        f"{weeks} weeks of {chosen.sessions} sessions, {sum(story.orders for story in stories):,} orders, "
        f"{sum(story.alerts for story in stories):,} alerts in {_messages(stories)} messages; "
        f"{sum(story.limits_reached for story in stories)} tight limits reached; "
        f"{sum(story.resolved for story in stories)} orders resolved by a person; "
        f"{len(seconds):,} starts of the trader: {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s, of "
        f"the processor {statistics.median(cpu):.2f} s; {time.perf_counter() - began:,.0f} s in all",
        highlight=False,
    )
    problems = [problem for story in stories for problem in [*story.problems, *story.crashes]]
    for problem in problems:
        out.print(problem, style="red", markup=False, highlight=False)
    return 1 if problems else 0


def _messages(stories: list[Story]) -> str:
    told: Counter[str] = Counter()
    for story in stories:
        told.update(story.messages)
    return " and ".join(f"{count:,} ({channel})" for channel, count in sorted(told.items()))


def _faults(stories: list[Story]) -> Table:
    names = ("fault", "times", "orders", "duplicates", "losses", "differences", "beyond a limit")
    table = Table(*names, "alerts", "told wrongly", "recovery, median and longest, s", title="Trading weeks")
    for column in table.columns[1:]:
        column.justify = "right"
    total = Row()
    for fault in (QUIET, *FAULTS):
        row = Row()
        for story in stories:
            _add(row, story.row(fault))
        _add(total, row)
        table.add_row(fault, *_cells(row), end_section=fault == FAULTS[-1])
    table.add_row("all", *_cells(total))
    table.caption = "Orders and alerts stand beside every fault that came since the comparison before."
    return table


def _add(total: Row, row: Row) -> None:
    for name in ("injected", "orders", "duplicates", "losses", "differences", "limits", "alerts", "wrong_alerts"):
        setattr(total, name, getattr(total, name) + getattr(row, name))
    total.recovery += row.recovery


def _cells(row: Row) -> list[str]:
    counts = (row.injected, row.orders, row.duplicates, row.losses, row.differences, row.limits)
    took = row.recovery
    recovery = f"{statistics.median(took):,.2f} / {max(took):,.2f}" if took else "–"
    return [*(f"{count:,}" for count in (*counts, row.alerts, row.wrong_alerts)), recovery]


def _deaths(stories: list[Story]) -> Table:
    table = Table("where somebody died", "times", title="Kills")
    table.columns[1].justify = "right"
    points: Counter[str] = Counter()
    for story in stories:
        points.update(story.points)
    for point, count in sorted(points.items()):
        table.add_row(point, f"{count:,}")
    table.add_section()
    table.add_row("all", f"{points.total():,}")
    return table


if __name__ == "__main__":
    sys.exit(main())
