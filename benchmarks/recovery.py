"""How long a start takes with a million events in the ledger: `python -m benchmarks.recovery [--events N]`.

A process of its own opens the ledger in the middle of a day, as `geoul paper` does after a crash, and goes on until the
decision is ready: ledger, chain of the whole journal, account, the six nodes. Then it decides once more, closes the
day's books, and decides by rules that have just come into force. Before the first measured start the account of the
evening before is folded from the whole journal and kept, as the day end did it; how long that takes is printed too.

Exit status 1 where an account is not, array for array, the one folded from the whole journal.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import platformdirs

ROOT = Path(__file__).parent.parent
GOAL_SECONDS = 5.0
EVENTS, SHORT_EVENTS = 1_000_000, 20_000
PROMPT = ROOT / "prompts" / "core_decision_prompt.md"
SESSIONS_OF_RULES = 60  # for so long the rules have been in force
START = ("open the ledger", "supervision", "account of the decision", "six nodes")
T = TypeVar("T")


@dataclass
class Laps:
    """Wall and CPU seconds by part."""

    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)

    def time(self, what: str, work: Callable[[], T]) -> T:
        """Do it, and note how long it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        done = work()
        self.seconds[what] = time.perf_counter() - wall, time.process_time() - cpu
        return done

    def total(self, parts: Sequence[str]) -> tuple[float, float]:
        """Sums of some parts."""
        return sum(self.seconds[part][0] for part in parts), sum(self.seconds[part][1] for part in parts)


def prepare(folder: Path, options: dict) -> Callable[[], dict]:
    """The job of `benchmarks.run`: the ledger is made beside the market, and its accounts are checked once."""
    events = SHORT_EVENTS if options["short"] else EVENTS
    _child("keep", folder, options["rows"], events)

    def run() -> dict:
        told = _child("start", folder, options["rows"], events)
        wall, cpu = told["start"]
        return {"seconds": wall, "note": f"{cpu:.2f} s CPU, {told['events']:,} events"}

    return run


def _child(what: str, folder: Path, rows: int, events: int) -> dict:
    """One process's measurement."""
    command = [sys.executable, "-m", "benchmarks.recovery", what, "--market", str(folder), "--events", str(events)]
    child = subprocess.run([*command, "--rows", str(rows)], cwd=ROOT, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {child.returncode}.\n{child.stderr[-4_000:]}")
    told: dict = json.loads(child.stdout.splitlines()[-1])
    return told


def main() -> int:
    """Measure, or be the process that is measured; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("what", nargs="?", choices=["all", "keep", "start"], default="all", help="one process's part; all by default")
    add("--events", type=int, default=EVENTS)
    add("--rows", type=int, default=2_590, help="sessions of the market, 90 of them before the account began")
    add("--names", type=int, default=300)
    add("--market", type=Path, help="folder of the market; made in the cache by default")
    add("--rounds", type=int, default=3, help="starts")
    add("--cache", type=Path, help="folder of markets and ledgers")
    chosen = parser.parse_args()
    if chosen.what != "all":
        print(json.dumps(_measured(chosen.what, chosen.market, chosen.rows, chosen.events)))
        return 0
    return _report(chosen)


def _report(chosen: argparse.Namespace) -> int:
    from benchmarks.market import stored  # noqa: PLC0415  (the measured process loads no more than it needs)
    from benchmarks.report import machine  # noqa: PLC0415

    cache = chosen.cache or Path(os.environ.get("GEOUL_CACHE") or platformdirs.user_cache_dir("geoul")) / "benchmarks"
    folder = chosen.market or stored(cache, "daily", chosen.rows, chosen.names)
    print(machine())
    told = [_child("keep", folder, chosen.rows, chosen.events)]
    told += [_child("start", folder, chosen.rows, chosen.events) for _ in range(chosen.rounds)]
    last = told[-1]
    print(f"{last['events']:,} events, {last['megabytes']:,.0f} MB, {last['kept_bytes'] / 1e6:,.1f} MB kept")
    for title, one in zip(["once, and after an update", *["start"] * chosen.rounds], told, strict=True):
        print(f"\n{title:44} {'wall':>8} {'CPU':>8}   load {one['load']:.1f}, memory {one['memory'] / 1e6:,.0f} MB")
        for part, (wall, cpu) in one["parts"].items():
            print(f"  {part:42} {wall:7.2f}s {cpu:7.2f}s")
        if one["start"]:
            wall, cpu = one["start"]
            print(f"  {'start to a decision that is ready':42} {wall:7.2f}s {cpu:7.2f}s (goal {GOAL_SECONDS:g} s)")
    return 0


# In the measured process ------------------------------------------------------------------------------------------


def _measured(what: str, folder: Path, rows: int, events: int) -> dict:
    from benchmarks.grown_ledger import stored_ledger  # noqa: PLC0415
    from benchmarks.job import peak_memory_bytes  # noqa: PLC0415
    from benchmarks.panels import daily_panel  # noqa: PLC0415

    panel = daily_panel(folder, rows)
    path = stored_ledger(folder, panel, events)
    laps, load = Laps(), os.getloadavg()[0]
    facts = _keep(laps, folder, rows, path) if what == "keep" else _start(laps, folder, rows, path)
    return {
        "parts": laps.seconds,
        "start": laps.total(START) if what == "start" else None,
        "load": load,
        "memory": peak_memory_bytes(),
        "megabytes": path.stat().st_size / 1e6,
        **facts,
    }


def _keep(laps: Laps, folder: Path, rows: int, path: Path) -> dict:
    """The evening before: fold, keep, and compare what is kept with a fold of all events in a list."""
    from benchmarks.panels import daily_panel  # noqa: PLC0415
    from engine.clock import SimulatedClock  # noqa: PLC0415
    from engine.config import BacktestConfig  # noqa: PLC0415
    from engine.ledger.history import account_events  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.trading.account_history import AccountHistory, history_of  # noqa: PLC0415
    from engine.trading.told_account import fold_and_keep, told_account  # noqa: PLC0415

    before, panel = daily_panel(folder, rows - 1), daily_panel(folder, rows)
    rules, config = _rules(before), BacktestConfig()
    with laps.time("open the ledger", lambda: open_ledger(path, SimulatedClock(_close(before)))) as ledger:
        ledger.connection.execute("DELETE FROM account_checkpoints")

        def fold() -> None:
            on_row = {"on_row": lambda row, simulation: None, "on_rows_from": before.rows}
            fold_and_keep(rules.rules, rules.since, before, config, history_of(ledger), (), **on_row)

        laps.time("fold of the whole journal, twice, and keep", fold)
        gc.collect()
        listed = account_events(ledger)
        for since in (rules.since, _close(panel)):
            for market in (before, panel):
                expected = told_account(rules.rules, market, config, listed, since)
                found = told_account(rules.rules, market, config, AccountHistory(ledger), since)
                _compare(found, expected)
        return {"events": len(listed), "kept_bytes": _kept_bytes(ledger)}


def _start(laps: Laps, folder: Path, rows: int, path: Path) -> dict:
    """A day: start, decide, decide again, close the books, decide by new rules. The file is left as it was."""
    from benchmarks.panels import daily_panel  # noqa: PLC0415
    from brokers.replay import ReplayBroker  # noqa: PLC0415
    from engine.broker import Unavailable  # noqa: PLC0415
    from engine.clock import SimulatedClock  # noqa: PLC0415
    from engine.config import BacktestConfig  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.trading.account_history import history_of  # noqa: PLC0415
    from engine.trading.day_end import close_day  # noqa: PLC0415
    from engine.trading.decision import Decision  # noqa: PLC0415
    from engine.trading.standing import standing_of  # noqa: PLC0415

    before, panel = daily_panel(folder, rows - 1), daily_panel(folder, rows)
    rules, config = _rules(before), BacktestConfig()
    clock = SimulatedClock(_close(before) + timedelta(hours=20))
    ledger = laps.time("open the ledger", lambda: open_ledger(path, clock))
    laps.time("supervision", lambda: standing_of(ledger.connection, "paper"))

    def decide(market: object, by: object) -> Decision:
        return Decision(
            by,
            market,
            config,
            history_of(ledger),
            view_of=ReplayBroker,
            clock=clock,
            submit=lambda order: Unavailable(text="measured"),
            record=lambda cycle: None,
        )

    decision = laps.time("account of the decision", lambda: decide(before, rules))
    laps.time("six nodes", decision.run)
    laps.time("account of a decision in a running process", lambda: decide(before, rules))
    session = panel.session_date(panel.rows - 1)
    clock.advance_to(_close(panel) + timedelta(minutes=30))
    no_prices = lambda told: lambda ticker, traded_at, at: None  # noqa: E731
    laps.time("close the books of the day", lambda: close_day(ledger, panel, config, rules, no_prices, clock, session))
    laps.time("account of the next decision", lambda: decide(panel, rules))
    newer = _rules(panel, clock.now())
    laps.time("account for rules that are new", lambda: decide(panel, newer))
    facts = {"events": ledger.head.sequence, "kept_bytes": _kept_bytes(ledger)}
    ledger.connection.execute("DELETE FROM equity WHERE run_id = 0 AND session = ?", (session.isoformat(),))
    ledger.close()
    return facts


def _rules(panel: object, since: datetime | None = None) -> object:
    from engine.rules.prompt import load_rules  # noqa: PLC0415
    from engine.trading.decision import RulesInForce  # noqa: PLC0415

    row = max(panel.rows - SESSIONS_OF_RULES, 0)
    return RulesInForce(rules=load_rules(PROMPT), since=since or _close(panel, row))


def _close(panel: object, row: int = -1) -> datetime:
    from engine.clock import from_nanoseconds  # noqa: PLC0415

    return from_nanoseconds(int(panel.closed_at_ns[row]))


def _kept_bytes(ledger: object) -> int:
    return ledger.connection.execute("SELECT sum(length(content)) FROM account_checkpoints").fetchone()[0]


def _compare(found: object, expected: object) -> None:
    """Every array of two accounts, and what the rules ask for on them."""
    ours, theirs = found.account.used(), expected.account.used()
    ours["marks"], theirs["marks"] = (used["marks"][expected.first : expected.row + 1] for used in (ours, theirs))
    count = found.decide()
    ours["proposals"], theirs["proposals"] = found.book.proposals[:count], expected.book.proposals[: expected.decide()]
    for name, array in theirs.items():
        if not np.array_equal(array, ours[name]):
            raise SystemExit(f"The account that was kept has other {name} than the one folded from the whole journal.")


if __name__ == "__main__":
    sys.exit(main())
