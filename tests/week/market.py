"""A market in which every day has something to do: names that move by 4 % a day, rules that buy, wait, watch and sell.

Besides the names that the trader may buy there is one that only a person buys by hand, and one that its limits forbid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brokers.kis_server.world import World
from engine.config import BacktestConfig, RiskLimits
from engine.data.panel import Panel
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tick_size import grid_below
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.tree import Category
from tests.builders_panel import DAY_ONE, make_panel

NAMES = tuple(f"{number:04}00" for number in range(1, 16))
RESTRICTED, BY_HAND = NAMES[-1], "990000"
BEFORE = 80  # sessions of history
CASH = 50_000_000
LIMITS = RiskLimits(
    max_positions=10,
    max_position_weight=0.25,
    max_order_won=6_000_000,
    max_orders_per_day=8,
    max_orders_per_minute=6,
    max_day_loss=0.05,
    restricted=(RESTRICTED,),
    min_order_share=0.0,
)
SETTINGS = BacktestConfig(cash_won=CASH, participation=0.0, limits=LIMITS)
_LIVELY = 0.04  # a day's standard deviation
_RULES = (
    ("dip", Category.ENTRY, "close < mean(close, 5)", "buy 9% of equity"),
    ("limit-dip", Category.ENTRY, "rsi(14) < 55", "buy 7% of equity at limit 0.98 * close"),
    ("breakout", Category.ENTRY, "close > mean(close, 3)", "buy 7% of equity at stop 1.01 * close"),
    ("stop", Category.EXIT, "pnl <= -3%", "sell all"),
    ("target", Category.EXIT, "pnl >= 4%", "sell 50%"),
    ("old", Category.EXIT, "days_held >= 3", "sell all"),
)


def market(seed: int, sessions: int) -> Panel:
    """So many sessions to trade after the history, one more to settle in, and one that is never reached."""
    draw = np.random.default_rng(seed)
    bars = {}
    for name in (*NAMES, BY_HAND):
        close, rows = int(draw.integers(8_000, 40_000)), []
        for _ in range(BEFORE + sessions + 2):
            moves = np.clip(draw.normal(0, _LIVELY / 2, 4), -0.2, 0.2)
            grid = [grid_below(int(close * (1 + move)), DAY_ONE, InstrumentClass.KOSPI_STOCK) for move in moves]
            rows.append((grid[0], max(grid), min(grid), grid[3], 500_000))
            close = max(grid[3], 2_000)
        bars[name] = rows
    return make_panel(bars, index=list(2_000.0 + np.cumsum(draw.normal(0, 10, BEFORE + sessions + 2))))


def world(seed: int, sessions: int) -> World:
    """The market as a served world."""
    panel = market(seed, sessions)
    return World(panel, SETTINGS, start=panel.session_date(BEFORE))


def write_prompt(folder: Path) -> Path:
    """The rules, as the prompt of an account."""
    text = "## 투자 원칙 및 규칙\n**주기**: 1d\n"
    for name, category, condition, action in _RULES:
        rule = RuleEntry(id=name, category=category, text="시험", condition=condition, action=action, priority=5)
        text = add_rule(text, rule)
    path = folder / "prompt.md"
    path.write_text(text, encoding="utf-8")
    return path
