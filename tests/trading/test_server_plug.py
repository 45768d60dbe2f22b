"""The plug of the served market is pulled again and again while a trader trades: the days are those of the backtest."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import cast

import numpy as np
import requests

from brokers.graph_replay import run_graph
from brokers.kis_server.server import ServerThread
from engine.ledger.equity import equity_points
from engine.rules.prompt import load_rules
from tests.kis_client import Client
from tests.served_process import SESSIONS, Forge, Served
from tests.trading_world import BEFORE, NAMES, SETTINGS, market, trader_on, write_prompt

DAYS, STEPS, KILLS = 3, 6, 6  # a session of daily bars has six steps


class Days:
    """Moves the world from evening to evening in one thread, and kills the server on the way in another.

    Args:
        served: the server.
        evenings: where to go.
        seed: of the steps at which it dies, and of how long after each.
    """

    def __init__(self, served: Served, evenings: list[str], seed: int) -> None:
        self._served, self._evenings, self._draw = served, evenings, np.random.default_rng(seed)
        self.killed_at: list[int] = []
        self.threads = [threading.Thread(target=work) for work in (self._move, self._kill)]

    def begin(self) -> None:
        """Start both."""
        for thread in self.threads:
            thread.start()

    @property
    def go_on(self) -> bool:
        """Whether one of them is still at work."""
        return any(thread.is_alive() for thread in self.threads)

    def _move(self) -> None:
        for evening in self._evenings:
            there = False
            while not there:
                try:
                    answer = requests.post(f"{self._served.url}/_world/advance", json={"to": evening}, timeout=60)
                    there = answer.status_code == 200 or "cannot go back" in answer.text
                except requests.ConnectionError:
                    time.sleep(0.05)  # it has died, perhaps on its way there

    def _kill(self) -> None:
        steps = self._draw.choice(np.arange(1, STEPS * DAYS), KILLS, replace=False)
        for step in sorted(steps.tolist()):
            while self._sequence() < step:
                time.sleep(0.01)
            time.sleep(float(self._draw.uniform(0.0, 0.2)))
            self.killed_at.append(self._sequence())
            self._served.kill()
            self._served.start()

    def _sequence(self) -> int:
        return int(requests.get(f"{self._served.url}/_world/clock", timeout=60).json()["sequence"])


def test_a_server_killed_again_and_again_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    panel, prompt = market(2, SESSIONS), write_prompt(tmp_path)
    evenings = [f"{panel.session_date(BEFORE + day).isoformat()}T18:00:00+09:00" for day in range(DAYS)]
    forge = Forge("trading")
    try:
        with Served(forge, tmp_path / "world") as served, Client(cast("ServerThread", served), "live") as client:
            days = Days(served, evenings, seed=4)
            with trader_on(cast("ServerThread", served), tmp_path / "a", prompt, NAMES, SETTINGS) as running:
                days.begin()
                running.trading.run(stop=lambda: not days.go_on)
                running.trading.trader.turn(0.05)  # what the last step brought
                ledger = running.trading.ledger
                fills = ledger.connection.execute(
                    "SELECT substr(time, 1, 10), ticker, side, quantity, price FROM fills WHERE run_id = 0"
                ).fetchall()
                equity = [point.equity for point in equity_points(ledger)]
                unresolved = ledger.unresolved_orders()
            held = {row["pdno"]: int(row["hldg_qty"]) for row in client.balance()["output1"] if row["hldg_qty"] != "0"}
    finally:
        forge.close()
    assert len(days.killed_at) == KILLS
    assert not unresolved
    replayed = run_graph(load_rules(prompt), panel, SETTINGS, start=panel.session_date(BEFORE - 1)).result
    last = panel.session_date(BEFORE + DAYS - 1)
    wanted = [
        (f"{row['time']:%Y-%m-%d}", row["ticker"], row["side"], row["quantity"], row["price"])
        for row in replayed.fills.rows(named=True)
        if row["time"].date() <= last
    ]
    assert sorted(fills) == sorted(wanted), running.lines
    assert equity == replayed.equity["equity"].to_list()[1 : DAYS + 1]
    shares: Counter[str] = Counter()
    for _, ticker, side, quantity, _ in wanted:
        shares[ticker] += quantity if side == "buy" else -quantity
    assert held == {ticker: quantity for ticker, quantity in shares.items() if quantity}
