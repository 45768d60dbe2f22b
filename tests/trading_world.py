"""A served market and a trader on it, stepping together: the world goes on when the trader has handled everything."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

from brokers.kis.config import load_kis_config
from brokers.kis.world_clock import WorldClock
from brokers.kis_server.server import ServerThread
from brokers.kis_trading import Trading, TradingPlan, open_trading
from engine.config import BacktestConfig
from tests.kis_client import Client
from tests.kis_venue import write_server_keys


@dataclass
class Running:
    """A trader in this process; `lines` is what it told people."""

    trading: Trading
    lines: list[str] = field(default_factory=list)


@contextlib.contextmanager
def trader_on(
    server: ServerThread,
    folder: Path,
    prompt: Path,
    tickers: tuple[str, ...] | None,
    settings: BacktestConfig,
    environment: str = "live",
) -> Iterator[Running]:
    """A trader on a server, not yet begun."""
    folder.mkdir(parents=True, exist_ok=True)
    client = Client(server, environment)
    path = write_server_keys(folder, server, client)
    options = {"token_folder": folder / "tokens", "calls_per_second": 1000}
    config = load_kis_config(environment, variables={}, path=path, options=options)  # type: ignore[arg-type]
    clock = WorldClock(server.url)
    lines: list[str] = []
    plan = TradingPlan(
        folder=folder,
        config=config,
        prompt=prompt,
        settings=settings,
        tickers=tickers,
        clock=clock,
        sleep=clock.sleep,
        tell=lines.append,
        lang="en",
    )
    with contextlib.closing(client.session), contextlib.closing(clock), open_trading(plan) as trading:
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
