"""A served market and a trader on it, stepping together: the world goes on when the trader has handled everything."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import requests

from brokers.kis.config import load_kis_config
from brokers.kis.world_clock import WorldClock
from brokers.kis_server.server import ServerThread
from brokers.kis_trading.opening import open_trading
from brokers.kis_trading.plan import TradingPlan
from brokers.kis_trading.trading import Trading
from engine.clock import Clock
from engine.config import BacktestConfig, RiskLimits
from engine.data.panel import Panel
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tick_size import grid_below
from engine.operating.desk import Planner
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.tree import Category
from engine.trading.account_jobs import RegularWork
from engine.trading.autonomy import Level
from engine.trading.decision import RulesInForce
from tests.builders_panel import DAY_ONE, Bar, make_panel
from tests.kis_client import Client
from tests.kis_venue import write_server_keys

NAMES = ("000100", "000200", "000300", "000400", "000500")
CASH = 30_000_000
SETTINGS = BacktestConfig(cash_won=CASH, participation=0.0, limits=RiskLimits(min_order_share=0.0))
_GLANCE_SECONDS = 0.01  # for the world's next step, before somebody looks whether the test goes on
BEFORE = 80  # sessions of history
QUIET: Bar = (10_000, 10_050, 9_950, 10_000, 500_000)


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
    return write_rules(
        folder,
        ("dip", Category.ENTRY, "close < mean(close, 5)", "buy 20% of equity"),
        ("limit-dip", Category.ENTRY, "rsi(14) < 45", "buy 10% of equity at limit 0.99 * close"),
        ("rest", Category.EXIT, "close > mean(close, 10)", "sell all"),
        ("half", Category.EXIT, "days_held >= 3", "sell 50%"),
    )


def write_rules(folder: Path, *rules: tuple[str, Category, str, str]) -> Path:
    """A prompt of daily rules: name, category, condition and action of each."""
    text = "## 투자 원칙 및 규칙\n**주기**: 1d\n"
    for name, category, condition, action in rules:
        text = add_rule(text, entry(name, category, condition, action))
    path = folder / "prompt.md"
    path.write_text(text, encoding="utf-8")
    return path


def entry(name: str, category: Category, condition: str, action: str) -> RuleEntry:
    return RuleEntry(id=name, category=category, text="시험", condition=condition, action=action, priority=5)


@dataclass
class Running:
    """A trader in this process; `lines` is what it told people."""

    trading: Trading
    lines: list[str] = field(default_factory=list)


class OwnTime:
    """The world's time for a trader that the world does not wait for, as on a real day."""

    def __init__(self, clock: WorldClock) -> None:
        self.now, self.sleep = clock.now, clock.sleep


@contextlib.contextmanager
def trader_on(
    server: ServerThread,
    folder: Path,
    prompt: Path,
    tickers: tuple[str, ...] | None,
    settings: BacktestConfig,
    environment: str = "live",
    first_level: Level | None = Level.ALONE,
    planner: Callable[[RulesInForce, Panel], Planner] | None = None,
    work: RegularWork | None = None,
    waited_for: bool = True,
    seen_by: Callable[[WorldClock], Clock] | None = None,
) -> Iterator[Running]:
    """A trader on a server, not yet begun; at LV5, or LV3 on paper, if its account was never given a level.

    The world takes its next step when the trader has handled the last one, unless it is not `waited_for`.
    `seen_by` makes the trader's clock out of the world's.
    """
    if environment == "paper" and first_level is Level.ALONE:
        first_level = None
    folder.mkdir(parents=True, exist_ok=True)
    client = Client(server, environment)
    path = write_server_keys(folder, server, client)
    options = {"token_folder": folder / "tokens", "calls_per_second": 1000}
    config = load_kis_config(environment, variables={}, path=path, options=options)  # type: ignore[arg-type]
    clock = WorldClock(server.url) if waited_for else WorldClock(server.url, fresh_seconds=0)
    own = clock if waited_for else OwnTime(clock)
    lines: list[str] = []
    plan = TradingPlan(
        folder=folder,
        config=config,
        prompt=prompt,
        settings=settings,
        tickers=tickers,
        clock=own if seen_by is None else seen_by(clock),
        sleep=clock.sleep,
        tell=lines.append,
        planner=planner,
        lang="en",
        first_level=first_level,
        work=work,
    )
    with contextlib.closing(client.session), contextlib.closing(clock), open_trading(plan) as trading:
        if trading.world is not None:
            trading.world.wait_seconds = _GLANCE_SECONDS
        yield Running(trading, lines)


def advance(server: ServerThread, running: Running, until: str) -> None:
    """Let the world go on to a moment while the trader handles every step on the way.

    The trader runs in this thread, because its ledger belongs to it; the request waits in another.
    """
    told: list[requests.Response] = []

    def ask() -> None:
        told.append(requests.post(f"{server.url}/_world/advance", json={"until": until}, timeout=120))

    asking = threading.Thread(target=ask)
    asking.start()
    running.trading.run(stop=lambda: not asking.is_alive())
    asking.join()
    if told[0].status_code != 200:
        raise AssertionError(told[0].text)
    running.trading.trader.turn(0.05)  # what the last step brought
