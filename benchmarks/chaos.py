"""The long chaos run: `python -m benchmarks.chaos --orders 10000 --seed 1`.

Half of the orders go to a live account and half to a paper account of the KIS server, with every fault on; the trading
process is killed by SIGKILL again and again (`tests.chaos.run`). Printed is what was done, and what must be 0.
Exit status 1 when anything was doubled, lost, or resolved wrongly.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from brokers.kis_server.faults import FAULTS
from tests.chaos.run import Run, Story

_ORDERS_A_SESSION = 25  # fewer than a session usually sees, so that the market lasts


def main() -> int:
    """Run both environments; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=10_000, help="orders of both environments (default 10000)")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default 1)")
    parser.add_argument("--orders-per-life", type=int, default=25, help="about so many between two kills (default 25)")
    parser.add_argument("--seconds", type=float, default=86_400, help="end each environment after so long")
    parser.add_argument("--only", choices=["live", "paper"], help="one environment, with all the orders")
    parser.add_argument("--keep", type=Path, help="folder in which the ledgers stay; a temporary one by default")
    chosen = parser.parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    environments = [chosen.only] if chosen.only else ["live", "paper"]
    stories = []
    with tempfile.TemporaryDirectory() as scratch:
        for environment in environments:
            folder = (chosen.keep or Path(scratch)) / environment
            stories.append(_run(environment, chosen.orders // len(environments), folder, chosen))
    out = Console(width=None if sys.stdout.isatty() else 120)
    out.print(f"{machine()}\n", highlight=False)
    out.print(_table(stories), _faults(stories))
    for story, _ in stories:
        for sentence in [*story.problems, *story.crashes]:
            out.print(f"[red]{story.environment}[/red] {sentence}", highlight=False)
    return 1 if any(story.problems or story.crashes for story, _ in stories) else 0


def _run(environment: str, orders: int, folder: Path, chosen: argparse.Namespace) -> tuple[Story, float]:
    progress = Console(stderr=True)
    began = time.perf_counter()

    def told(count: int) -> bool:
        progress.print(f"{environment}: {count:,} orders, {time.perf_counter() - began:,.0f} s", highlight=False)
        return time.perf_counter() - began < chosen.seconds

    run = Run(
        environment,
        chosen.seed,
        orders,
        folder,
        orders_per_life=chosen.orders_per_life,
        sessions=max(4, orders // _ORDERS_A_SESSION),
        go_on=told,
    )
    return run.run(), time.perf_counter() - began


def _table(stories: list[tuple[Story, float]]) -> Table:
    table = Table("", *(story.environment for story, _ in stories), title="Chaos")
    for name in table.columns[1:]:
        name.justify = "right"

    def row(name: str, *values: str) -> None:
        table.add_row(name, *values)

    def count(name: str, *values: int) -> None:
        row(name, *(f"{value:,}" for value in values))

    told = [story for story, _ in stories]
    count("orders", *(story.verdict.intents for story in told))
    count("amends and cancels", *(story.counts["changes"] for story in told))
    count("kills", *(story.kills.total() for story in told))
    count("starts", *(story.starts for story in told))
    count("starts that KIS made fail, tried again", *(len(story.failed_starts) for story in told))
    count("faults that struck", *(sum(story.faults.values()) for story in told))
    table.add_section()
    count("duplicate orders", *(len(story.verdict.duplicates) for story in told))
    count("lost or invented fills", *(len(story.verdict.lost_fills) for story in told))
    count("wrong resolutions", *(len(story.verdict.wrong) for story in told))
    count("unresolved without block and alert", *(len(story.verdict.unguarded) for story in told))
    count("open after the close", *(len(story.verdict.unfinished) for story in told))
    count("damage in the ledger", *(len(story.verdict.damaged) for story in told))
    count("crashes of the trader", *(len(story.crashes) for story in told))
    table.add_section()
    count("unknown orders that were resolved", *(story.verdict.resolved for story in told))
    count("unknown orders still blocked, with an alert", *(story.verdict.blocked for story in told))
    row("recovery, median and longest, s", *(_recovery(story, 0) for story in told))
    row("the same in the world's time, s", *(_recovery(story, 1) for story in told))
    row("run, s", *(f"{seconds:,.0f}" for _, seconds in stories))
    return table


def _recovery(story: Story, which: int) -> str:
    """Of the starts that found an order without an answer: until each is found, proved absent or blocked."""
    times = [each[which] for each in story.recovery]
    return f"{statistics.median(times):,.2f} / {max(times):,.2f}" if times else "–"


def _faults(stories: list[tuple[Story, float]]) -> Table:
    table = Table("fault", *(story.environment for story, _ in stories), title="Faults that struck")
    for name in FAULTS:
        table.add_row(name, *(f"{story.faults.get(name, 0):,}" for story, _ in stories))
    places = sorted({place for story, _ in stories for place in story.kills})
    table.add_section()
    for place in places:
        table.add_row(f"killed: {place}", *(f"{story.kills[place]:,}" for story, _ in stories))
    return table


if __name__ == "__main__":
    sys.exit(main())
