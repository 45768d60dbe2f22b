"""A trader on a served market has the orders, fills and money of the backtest of the same days."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from brokers.graph_replay import run_graph
from engine.config import BacktestConfig, RiskLimits
from engine.data.panel import Panel
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tick_size import grid_below
from engine.ledger.equity import equity_points
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.prompt import load_rules
from engine.rules.tree import Category
from tests.builders_panel import DAY_ONE, make_panel
from tests.kis_client import make_server
from tests.trading_world import advance, trader_on

NAMES = ("000100", "000200", "000300", "000400", "000500")
CASH = 30_000_000
SETTINGS = BacktestConfig(cash_won=CASH, participation=0.0, limits=RiskLimits(min_order_share=0.0))
BEFORE = 80  # sessions of history


def market(seed: int, sessions: int) -> Panel:
    draw = np.random.default_rng(seed)
    bars = {}
    for name in NAMES:
        close, rows = int(draw.integers(8_000, 40_000)), []
        for _ in range(BEFORE + sessions):
            prices = [close * (1 + draw.normal(0, 0.015)) for _ in range(4)]
            grid = [grid_below(int(price), DAY_ONE, InstrumentClass.KOSPI_STOCK) for price in prices]
            close = grid[3]
            rows.append((grid[0], max(grid), min(grid), close, 500_000))
        bars[name] = rows
    return make_panel(bars, index=list(2_000.0 + np.cumsum(draw.normal(0, 10, BEFORE + sessions))))


def write_prompt(folder: Path) -> Path:
    text = "## 투자 원칙 및 규칙\n**주기**: 1d\n"
    for name, category, condition, action in (
        ("dip", Category.ENTRY, "close < mean(close, 5)", "buy 20% of equity"),
        ("limit-dip", Category.ENTRY, "rsi(14) < 45", "buy 10% of equity at limit 0.99 * close"),
        ("rest", Category.EXIT, "close > mean(close, 10)", "sell all"),
        ("half", Category.EXIT, "days_held >= 3", "sell 50%"),
    ):
        text = add_rule(
            text, RuleEntry(id=name, category=category, text="시험", condition=condition, action=action, priority=5)
        )
    path = folder / "prompt.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_month_at_the_served_venue_is_the_backtest_of_that_month(tmp_path: Path) -> None:
    sessions = 20
    panel, prompt = market(1, sessions), write_prompt(tmp_path)
    start = panel.session_date(BEFORE)
    with (
        make_server(panel, SETTINGS, start=start) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS) as running,
    ):
        for _ in range(sessions):
            advance(server, running, "evening")
        ledger = running.trading.ledger
        points = equity_points(ledger)
        fills = ledger.connection.execute(
            "SELECT substr(time, 1, 10), ticker, side, quantity, price, fee + stt + rural FROM fills"
        ).fetchall()
        decisions = [name for (name,) in ledger.connection.execute("SELECT decision_id FROM decisions ORDER BY time")]
        lines = running.lines
    replayed = run_graph(load_rules(prompt), panel, SETTINGS, start=panel.session_date(BEFORE - 1))
    expected = replayed.result.fills.select(
        pl.col("time").dt.strftime("%Y-%m-%d"),
        "ticker",
        "side",
        "quantity",
        "price",
        pl.sum_horizontal("fee", "stt", "rural"),
    ).rows()
    assert sorted(fills) == sorted(expected), lines
    assert [point.equity for point in points] == replayed.result.equity["equity"].to_list()[1:]
    assert len(fills) > 20
    assert decisions == [cycle.decision_id for cycle in replayed.cycles[:-1]]
