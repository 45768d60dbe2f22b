"""The plug of the served market is pulled again and again while a trader trades, and nothing is lost or doubled.

Between two steps of the market nothing is on its way: the days are those of the backtest. While an order is on its way
its answer is lost: it is found, or proved absent by the next morning, and the books are those of the server.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import requests

from brokers.graph_replay import run_graph
from brokers.kis_server.server import ServerThread
from engine.ledger.equity import equity_points
from engine.rules.prompt import load_rules
from tests.kis_client import Client
from tests.served_process import POINTS, SESSIONS, Forge, Served
from tests.trading_world import BEFORE, NAMES, SETTINGS, Running, advance, market, trader_on, write_prompt

DAYS = 3
Death = tuple[str, str, int]  # at the n-th line of a kind: where in the writing of it


class Days:
    """Moves the world from evening to evening in one thread, and lets the server die on the way in another.

    Args:
        served: the server, alive.
        evenings: where to go.
        deaths: one after the other; after the last one it stays alive.
    """

    def __init__(self, served: Served, evenings: list[str], deaths: list[Death]) -> None:
        self._served, self._evenings, self._deaths = served, evenings, deaths
        self._is_over = threading.Event()
        self.died: list[Death] = []
        self._moving, self._dying = threading.Thread(target=self._move), threading.Thread(target=self._die)

    def trade(self, running: Running) -> None:
        """Trade until the last evening; the server is alive then."""
        self._served.kill()
        self._dying.start()
        self._moving.start()
        running.trading.run(stop=lambda: not self._moving.is_alive())
        running.trading.trader.turn(0.05)  # what the last step brought
        self._is_over.set()
        while self._dying.is_alive():
            self._served.cut()
            self._dying.join(0.05)
        self._served.start()

    def _move(self) -> None:
        for evening in self._evenings:
            there = False
            while not there:
                try:
                    answer = requests.post(f"{self._served.url}/_world/advance", json={"to": evening}, timeout=60)
                    there = answer.status_code == 200 or "cannot go back" in answer.text
                except requests.ConnectionError:
                    time.sleep(0.02)  # it has died, perhaps on its way there

    def _die(self) -> None:
        for death in (*self._deaths, None):
            self._served.start(death)
            self._served.wait()
            if self._is_over.is_set():
                return
            assert death is not None
            self.died.append(death)


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    made = Forge("trading")
    yield made
    made.close()


def shares_held(client: Client) -> dict[str, int]:
    return {row["pdno"]: int(row["hldg_qty"]) for row in client.balance()["output1"] if row["hldg_qty"] != "0"}


def test_a_server_killed_at_steps_of_the_market_gives_the_days_of_the_backtest(forge: Forge, tmp_path: Path) -> None:
    panel, prompt = market(2, SESSIONS), write_prompt(tmp_path)
    deaths = [("step", point, 1 + place % 2) for place, point in enumerate((*POINTS, "written", "saved"))]
    with Served(forge, tmp_path / "world") as served, Client(cast("ServerThread", served), "live") as client:
        days = Days(served, [f"{panel.session_date(BEFORE + day)}T18:00:00+09:00" for day in range(DAYS)], deaths)
        with trader_on(cast("ServerThread", served), tmp_path / "a", prompt, NAMES, SETTINGS) as running:
            days.trade(running)
            ledger = running.trading.ledger
            fills = ledger.connection.execute(
                "SELECT substr(time, 1, 10), ticker, side, quantity, price FROM fills WHERE run_id = 0"
            ).fetchall()
            equity = [point.equity for point in equity_points(ledger)]
            assert not ledger.unresolved_orders()
        held = shares_held(client)
    assert days.died == deaths
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


@pytest.mark.parametrize("point", POINTS)
def test_an_order_lost_with_the_server_is_found_or_proved_absent_by_the_next_morning(
    forge: Forge, tmp_path: Path, point: str
) -> None:
    panel, prompt = market(2, SESSIONS), write_prompt(tmp_path)
    sessions = [panel.session_date(BEFORE + day) for day in range(DAYS + 1)]
    deaths = [("order", point, place) for place in (1, 2, 2)]
    with Served(forge, tmp_path / "world") as served, Client(cast("ServerThread", served), "live") as client:
        days = Days(served, [f"{day}T18:00:00+09:00" for day in sessions[:-1]], deaths)
        with trader_on(cast("ServerThread", served), tmp_path / "a", prompt, NAMES, SETTINGS) as running:
            days.trade(running)
            advance(cast("ServerThread", served), running, "open")
            advance(cast("ServerThread", served), running, "evening")
            ledger = running.trading.ledger
            assert not ledger.unresolved_orders(), running.lines
            ours = ledger.connection.execute(
                "SELECT order_number, ticker, quantity, filled FROM orders WHERE run_id = 0 AND order_number <> ''"
            ).fetchall()
            cash, positions = ledger.totals.cash, {name: each.quantity for name, each in ledger.positions.items()}
        theirs = [
            (row["odno"], row["pdno"], int(row["ord_qty"]), int(row["tot_ccld_qty"]))
            for day in sessions
            for row in client.executions(f"{day:%Y%m%d}")["output1"]
        ]
        held, deposit = shares_held(client), int(client.balance()["output2"][0]["prvs_rcdl_excc_amt"])
    assert days.died, "no order was on its way when the server died"
    assert sorted(ours) == sorted(theirs), running.lines
    assert positions == held
    assert cash == deposit
