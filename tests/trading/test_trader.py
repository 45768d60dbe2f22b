"""A trader on a served market has the orders, fills and money of the backtest of the same days."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from brokers.graph_replay import run_graph
from brokers.kis_server.server import ServerThread
from engine.clock import SystemClock
from engine.data.panel import Panel
from engine.ledger.equity import equity_points
from engine.ledger.ledger import Ledger, open_ledger
from engine.result import Result
from engine.rules.edit import add_rule
from engine.rules.prompt import load_rules
from engine.rules.tree import Category
from tests.builders_panel import make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, entry, market, trader_on, write_prompt

ROOT = Path(__file__).parents[2]


def fills_in(ledger: Ledger) -> list[tuple[object, ...]]:
    """(day, ticker, side, shares, price, costs) of every fill of an account."""
    return ledger.connection.execute(
        "SELECT substr(time, 1, 10), ticker, side, quantity, price, fee + stt + rural FROM fills WHERE run_id = 0"
    ).fetchall()


def fills_expected(result: Result) -> list[tuple[object, ...]]:
    """The same of a backtest."""
    costs = pl.sum_horizontal("fee", "stt", "rural")
    day = pl.col("time").dt.strftime("%Y-%m-%d")
    return result.fills.select(day, "ticker", "side", "quantity", "price", costs).rows()


def wait_until_registered(server: ServerThread) -> None:
    deadline = time.monotonic() + 60
    while not len(server.server.clients):
        assert time.monotonic() < deadline, "the trader did not come"
        time.sleep(0.05)


def wait_for_books(path: Path, session: date) -> None:
    """The books of the last day are closed after its evening, when the world has nothing more to wait for."""
    deadline = time.monotonic() + 60
    while True:
        with open_ledger(path, SystemClock(), read_only=True) as ledger:
            points = equity_points(ledger)
        if points and points[-1].session == session:
            return
        assert time.monotonic() < deadline, "the last day's books stay open"
        time.sleep(0.2)


@pytest.mark.parametrize(("environment", "venue"), [("live", "krx"), ("paper", "paper")])
def test_a_month_at_the_served_venue_is_the_backtest_of_that_month(
    tmp_path: Path, environment: str, venue: str
) -> None:
    sessions = 20
    panel, prompt = market(1, sessions), write_prompt(tmp_path)
    start = panel.session_date(BEFORE)
    with (
        make_server(panel, SETTINGS, start=start) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS, environment) as running,
    ):
        for _ in range(sessions):
            advance(server, running, "evening")
        ledger = running.trading.ledger
        points = equity_points(ledger)
        fills = fills_in(ledger)
        decisions = [name for (name,) in ledger.connection.execute("SELECT decision_id FROM decisions ORDER BY time")]
        lines, health = running.lines, running.trading.monitor.latest
    settings = SETTINGS.model_copy(update={"venue": venue})
    replayed = run_graph(load_rules(prompt), panel, settings, start=panel.session_date(BEFORE - 1))
    assert sorted(fills) == sorted(fills_expected(replayed.result)), lines
    assert [point.equity for point in points] == replayed.result.equity["equity"].to_list()[1:]
    assert len(fills) > 20
    assert decisions == [cycle.decision_id for cycle in replayed.cycles[:-1]]
    assert [line for line in lines if "is not used" in line] == [], "the account of the day's end serves everybody"
    assert health is not None and health.facts.clock_drift is None, "a served world's time is the clock itself"


def test_a_trader_killed_again_and_again_ends_the_month_as_one_that_lived(tmp_path: Path) -> None:
    """SIGKILL at moments that nobody chose; the world waits until the next process has taken over."""
    sessions, kills = 8, 7
    panel, prompt = market(2, sessions), write_prompt(tmp_path)
    folder = tmp_path / "account"
    folder.mkdir()
    draw = np.random.default_rng(3)
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE), answer_seconds=1.0) as server:
        client = Client(server, "live")
        write_server_keys(folder, server, client)
        command = [sys.executable, "-m", "tests.trading_process", server.url, str(folder), str(prompt), "live"]
        command += [",".join(NAMES), SETTINGS.model_dump_json()]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            wait_until_registered(server)
            deadline = time.monotonic() + float(draw.uniform(0.05, 1.5))
            done = 0
            while done < sessions:
                answer = client.session.post(f"{server.url}/_world/advance", json={"until": "evening"})
                if answer.status_code == 200:
                    done += 1
                if kills and (answer.status_code == 504 or time.monotonic() > deadline):
                    process.kill()
                    process.wait()
                    kills -= 1
                    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
                    deadline = time.monotonic() + float(draw.uniform(0.5, 4.0))
                assert process.poll() is None, "the trader ended by itself"
            wait_for_books(folder / "ledger.db", panel.session_date(BEFORE + sessions - 1))
        finally:
            process.kill()
            process.wait()
            client.session.close()
    assert kills < 7
    replayed = run_graph(load_rules(prompt), panel, SETTINGS, start=panel.session_date(BEFORE - 1)).result
    with open_ledger(folder / "ledger.db", SystemClock(), read_only=True) as ledger:
        assert sorted(fills_in(ledger)) == sorted(fills_expected(replayed))
        assert [point.equity for point in equity_points(ledger)] == replayed.equity["equity"].to_list()[1:]
        assert not ledger.unresolved_orders()


def guarded_market() -> Panel:
    """One name that is bought on a dip and falls through its guarded level inside the third session."""
    quiet = [(10_000, 10_050, 9_950, 10_000, 500_000)] * (BEFORE - 1)
    dip = (10_000, 10_000, 9_500, 9_600, 500_000)
    bought, falls, after = (9_600, 9_650, 9_590, 9_600, 500_000), (9_600, 9_620, 9_000, 9_100, 500_000), (9_100,) * 4
    days = [*quiet, dip, bought, falls, (*after, 500_000), (*after, 500_000)]
    return make_panel({"000100": days}, index=[2_000.0] * len(days))


def test_a_guarded_level_sells_inside_the_day_and_once_although_the_trader_was_started_again(tmp_path: Path) -> None:
    text = add_rule(
        "## 투자 원칙 및 규칙\n**주기**: 1d\n",
        entry("dip", Category.ENTRY, "close < 0.98 * lag(close, 1) and close > 9500", "buy 50% of equity"),
    )
    text = add_rule(text, entry("stop", Category.EXIT, "pnl <= -4%", "sell all"))
    prompt = tmp_path / "prompt.md"
    prompt.write_text(text, encoding="utf-8")
    panel = guarded_market()
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, tmp_path / "a", prompt, ("000100",), SETTINGS) as running:
            advance(server, running, "evening")
            advance(server, running, "open")
            assert [level.price for level in running.trading.trader.orders.watch] == [
                9_210
            ]  # 9,600 less 4 %, on the grid
        with trader_on(server, tmp_path / "a", prompt, ("000100",), SETTINGS) as running:
            advance(server, running, "evening")
            ledger = running.trading.ledger
            orders = ledger.connection.execute(
                "SELECT substr(intended_at, 1, 10), side, kind, quantity, status, rule_ids, decision_id FROM orders"
            ).fetchall()
            advance(server, running, "evening")
            assert len(ledger.connection.execute("SELECT 1 FROM orders").fetchall()) == len(orders) == 2
    (_, bought_side, _, bought, *_), sold = orders
    assert bought_side == "buy"
    day, decision = panel.session_date(BEFORE + 1).isoformat(), f"guard:{panel.session_date(BEFORE)}T15:30"
    assert sold == (day, "sell", "market", bought, "filled", '["stop"]', decision)
