"""A year of unattended paper trading in stepped time: `python -m benchmarks.trading_year [--sessions N] [--names N]`.

`geoul serve` replays a synthetic market, `geoul paper` trades it: decisions, orders, guarded levels, books, mirror,
backups, health, status, alerts and the daily report by chat and mail, each a process of its own as a user starts them.
After each session the trader is looked at from outside. Printed are its memory, the work of a session, and how much of
either grew; the books must be those of the backtest of the same days, to the won. With `--guarded` rules sell inside
the day, at the price after the one that reached a level: then the mirror must explain every session instead.

A day takes a few megabytes more or less than the day before, and gives them back. What is never given back shows in
the lowest of each 25 sessions: that floor must not rise.

Exit status 1 when the books differ, memory passes `MOST_MEGABYTES`, or its floor rises by more than `MOST_GROWTH` in
100 sessions after the first 50. `--short` checks the books alone.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import requests
from rich.console import Console
from rich.table import Table

from benchmarks.process_watch import Sight, look_at
from benchmarks.report import machine
from benchmarks.year_world import BEFORE, WAIT_SECONDS, make_market, served, tail_of, trading, wait_for
from brokers.graph_replay import run_graph
from engine.clock import SystemClock
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.ledger.equity import equity_points
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.verify import verify
from engine.rules.prompt import load_rules
from engine.trading.mirror_store import MirrorStore
from tests.notify_servers import mail_server, web_server

ROOT = Path(__file__).parent.parent
RULES = ROOT / "benchmarks" / "rules"
CASH = 100_000_000
WARM = 50  # sessions after which nothing may grow any more
SPAN = 25  # sessions, of which the lowest counts
MOST_MEGABYTES, MOST_GROWTH = 500.0, 1.0  # MB of memory, MB in 100 sessions
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Year:
    """What was seen: the trader after each session, counts of the ledger, and what is wrong with the books."""

    sights: list[Sight]
    seconds: float
    decisions: int
    orders: int
    fills: int
    alerts: int
    delivered: int
    wrong: list[str]


def main() -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trading_year", description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=250, help="to trade (default 250)")
    parser.add_argument("--names", type=int, default=50, help="names in the history (default 50)")
    parser.add_argument("--guarded", action="store_true", help="rules that sell at guarded levels inside the day")
    parser.add_argument("--seed", type=int, default=20260105, help="of the market")
    parser.add_argument(
        "--short", action="store_true", help="15 sessions of 20 names; checks the books, measures nothing"
    )
    parser.add_argument("--keep", type=Path, help="folder in which account and logs stay; a temporary one by default")
    chosen = parser.parse_args()
    if chosen.short:
        chosen.sessions, chosen.names = 15, 20
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the mail server tells of its own deprecations
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        year = run(folder, chosen.sessions, chosen.names, chosen.seed, is_guarded=chosen.guarded)
    out = Console(width=None if sys.stdout.isatty() else 120)
    out.print(f"{machine()}\n", highlight=False)
    out.print(_table(year, chosen.names, measured=not chosen.short))
    problems = [*year.wrong, *([] if chosen.short else _growth(year))]
    for sentence in problems:
        out.print(f"[red]✗[/red] {sentence}", highlight=False)
    return 1 if problems else 0


def run(folder: Path, sessions: int, names: int, seed: int, *, is_guarded: bool) -> Year:
    """Trade so many sessions and compare the books."""
    prompt = RULES / ("year_guarded.md" if is_guarded else "year.md")
    panel = make_market(folder, sessions, names, seed)
    (folder / "config.yaml").write_text(f"cash_won: {CASH}\n", encoding="utf-8")
    account, sights = folder / "account", []
    with ExitStack() as stack:
        web, mailbox = stack.enter_context(web_server()), stack.enter_context(mail_server())
        url = stack.enter_context(served(folder, panel))
        trader = stack.enter_context(trading(folder, url, prompt, panel, web, mailbox))
        session = stack.enter_context(requests.Session())
        wait_for(lambda: bool(session.get(f"{url}/_world/clock").json()["frames"]), "the trader did not come", trader)
        began = time.perf_counter()
        progress = Console(stderr=True)
        for number in range(sessions):
            answer = session.post(f"{url}/_world/advance", json={"until": "evening"}, timeout=WAIT_SECONDS)
            if answer.status_code != 200:
                raise RuntimeError(f"The world did not go on: {answer.text}\n{tail_of(folder / 'paper.log')}")
            if trader.poll() is not None:
                raise RuntimeError(f"The trader ended by itself.\n{tail_of(folder / 'paper.log')}")
            sights.append(look_at(trader.pid))
            if (number + 1) % 25 == 0:
                progress.print(_line(number + 1, sights, time.perf_counter() - began), highlight=False)
        seconds = time.perf_counter() - began
        last = panel.session_date(BEFORE + sessions - 1)
        wait_for(lambda: _closed(account) == last, "the last day's books stay open", trader)
        trader.send_signal(signal.SIGTERM)
        if trader.wait(timeout=5.0) != 0:
            raise RuntimeError(f"The trader ended with status {trader.returncode}.\n{tail_of(folder / 'paper.log')}")
        delivered = len(web.got) + len(mailbox.mails)
    with open_ledger(account / "ledger.db", SystemClock(), read_only=True) as ledger:
        wrong = [f"geoul ledger verify: {problem}" for problem in verify(ledger.connection)]
        wrong += unexplained(account) if is_guarded else differences(ledger, prompt, panel, sessions)
        count = {
            name: int(ledger.connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])
            for name in ("decisions", "orders", "fills", "alerts")
        }
    return Year(sights=sights, seconds=seconds, delivered=delivered, wrong=wrong, **count)


def _closed(account: Path) -> date | None:
    """The last session whose books are closed."""
    with open_ledger(account / "ledger.db", SystemClock(), read_only=True) as ledger:
        points = equity_points(ledger)
    return points[-1].session if points else None


def differences(ledger: Ledger, prompt: Path, panel: Panel, sessions: int) -> list[str]:
    """Where the books are not those of the backtest of the same days."""
    settings = BacktestConfig(cash_won=CASH, venue="paper")
    start, end = panel.session_date(BEFORE - 1), panel.session_date(BEFORE + sessions - 1)
    replayed = run_graph(load_rules(prompt), panel, settings, start=start, end=end).result
    found = []
    told = [(point.session, int(point.equity)) for point in equity_points(ledger)]
    meant = list(zip(replayed.equity["session"].to_list(), replayed.equity["equity"].to_list(), strict=True))[1:]
    if len(told) != len(meant):
        found.append(f"{len(told)} sessions were closed, the backtest has {len(meant)}.")
    for ours, theirs in zip(told, meant, strict=False):
        if ours != theirs:
            found.append(f"Equity of {ours[0]}: {ours[1]:,} won in the ledger, {theirs[1]:,} won in the backtest.")
            break
    fills = ledger.connection.execute(
        "SELECT substr(time, 1, 10), ticker, side, quantity, price, fee + stt + rural FROM fills WHERE run_id = 0"
    ).fetchall()
    costs, day = pl.sum_horizontal("fee", "stt", "rural"), pl.col("time").dt.strftime("%Y-%m-%d")
    wanted = replayed.fills.select(day, "ticker", "side", "quantity", "price", costs).rows()
    if sorted(fills) != sorted(wanted):
        found.append(f"{len(fills)} fills in the ledger, {len(wanted)} in the backtest, and they are not the same.")
    return found


def unexplained(account: Path) -> list[str]:
    """Sessions whose difference from a replay nothing explains."""
    days = MirrorStore(account).days()
    return [f"The mirror cannot explain {day.session}." for day in days if not day.is_explained]


def slope(values: np.ndarray) -> float:
    """Growth in 100 sessions after the first `WARM`, by least squares; NaN for fewer than two of them."""
    late = values[WARM:]
    return float(np.polyfit(np.arange(len(late)), late, 1)[0] * 100) if len(late) > 1 else float("nan")


def rise(values: np.ndarray) -> float:
    """The same of the floor: of the lowest of each `SPAN` sessions; NaN for fewer than two of them."""
    whole = (len(values) - WARM) // SPAN
    if whole < 2:
        return float("nan")
    floor = values[WARM : WARM + whole * SPAN].reshape(whole, SPAN).min(axis=1)
    return float(np.polyfit(np.arange(whole) * SPAN, floor, 1)[0] * 100)


def _figures(sights: list[Sight]) -> dict[str, np.ndarray]:
    cpu = np.array([sight.cpu_seconds for sight in sights])
    return {
        "resident": np.array([sight.resident for sight in sights]) / MEGABYTE,
        "own": np.array([sight.own for sight in sights]) / MEGABYTE,
        "cpu": np.diff(cpu, prepend=np.nan),
    }


def _growth(year: Year) -> list[str]:
    found, figures = [], _figures(year.sights)
    if figures["resident"].max() >= MOST_MEGABYTES:
        found.append(f"Memory passed {MOST_MEGABYTES:,.0f} MB.")
    if rise(figures["resident"]) > MOST_GROWTH:
        found.append(f"The floor of memory rises by {rise(figures['resident']):.2f} MB in 100 sessions.")
    return found


def _line(number: int, sights: list[Sight], seconds: float) -> str:
    last, before = sights[-1], sights[-25]
    cpu = (last.cpu_seconds - before.cpu_seconds) / 24
    return (
        f"{number:4} sessions, {seconds:6,.0f} s: {last.resident / MEGABYTE:6.1f} MB ({last.own / MEGABYTE:6.1f} own), "
        f"{cpu:.3f} s CPU a session, {last.threads} threads, {last.files} files"
    )


def _table(year: Year, names: int, *, measured: bool) -> Table:
    sights = year.sights
    table = Table("", "", title=f"{len(sights)} sessions of paper trading, {names} names", show_header=False)
    table.columns[1].justify = "right"
    for name, value in (
        ("decisions / orders / fills", f"{year.decisions:,} / {year.orders:,} / {year.fills:,}"),
        ("alerts / delivered by chat and mail", f"{year.alerts:,} / {year.delivered:,}"),
        ("books right to the won", "no" if year.wrong else "yes"),
    ):
        table.add_row(name, value)
    if not measured:
        return table
    figures = _figures(sights)
    resident, own, cpu = figures["resident"], figures["own"], figures["cpu"]
    table.add_section()
    for name, value in (
        ("memory of the trader, peak", f"{resident.max():.1f} MB (goal: under {MOST_MEGABYTES:,.0f})"),
        (
            f"after session {min(WARM, len(sights))} / at the end",
            f"{resident[min(WARM, len(sights)) - 1]:.1f} / {resident[-1]:.1f} MB",
        ),
        ("rise of its floor in 100 sessions", f"{rise(resident):+.2f} MB (goal: at most {MOST_GROWTH:g})"),
        ("the same without mapped files", f"{rise(own):+.2f} MB"),
        ("growth in 100 sessions, swings included", f"{slope(resident):+.2f} MB"),
        ("CPU of the trader a session, median", f"{np.nanmedian(cpu):.3f} s"),
        ("sessions to 50 / last 50", f"{np.median(cpu[1:50]):.3f} / {np.median(cpu[-50:]):.3f} s"),
        ("threads, first / last", f"{sights[0].threads} / {sights[-1].threads}"),
        ("open files, first / last", f"{sights[0].files} / {sights[-1].files}"),
        ("seconds in all, a session", f"{year.seconds:,.0f} s, {year.seconds / len(sights):.2f} s"),
    ):
        table.add_row(name, value)
    return table


if __name__ == "__main__":
    sys.exit(main())
