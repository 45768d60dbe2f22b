"""The kill switch: nothing new is bought, whoever throws it and however; it outlives the trader, and a person ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brokers.kis_server.server import ServerThread
from engine.clock import SystemClock
from engine.data.panel import Panel
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.supervision import What, supervisions
from engine.ledger.verify import verify
from engine.order import OrderRequest, OrderStatus, RefusalReason, Side
from engine.rules.edit import add_rule
from engine.rules.tree import Category
from engine.trading.control import ControlFile
from engine.trading.heartbeat import SilenceWatch
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys
from tests.trading_world import (
    BEFORE,
    NAMES,
    SETTINGS,
    Running,
    advance,
    entry,
    market,
    trader_on,
    write_prompt,
)

ROOT = Path(__file__).parents[2]
HALT = {"reason": "a test", "everything": False, "cancel": False, "sell": False}


def ask(folder: Path, command: str, **parameters: object) -> int:
    """As another process would."""
    return ControlFile(folder).ask(command, "tester", parameters, SystemClock().now())


def answer(folder: Path, request: int) -> tuple[bool, str]:
    told = ControlFile(folder).request(request)
    assert told.is_answered
    return told.done, told.answer


def orders_of(ledger: Ledger, side: Side) -> int:
    return int(ledger.connection.execute("SELECT count(*) FROM orders WHERE side = ?", (side.value,)).fetchone()[0])


def wait_for(what: str, is_so: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def traded_days(server: ServerThread, running: Running, count: int) -> None:
    for _ in range(count):
        advance(server, running, "evening")


def test_a_halt_stops_purchases_and_not_exits_until_a_person_says_why_it_may_go_on(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 12), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS) as running,
    ):
        traded_days(server, running, 3)
        ledger = running.trading.ledger
        assert ledger.positions
        bought, sold = orders_of(ledger, Side.BUY), orders_of(ledger, Side.SELL)
        asked = ask(folder, "halt", **HALT)
        traded_days(server, running, 5)
        assert answer(folder, asked)[0]
        assert orders_of(ledger, Side.BUY) == bought
        assert orders_of(ledger, Side.SELL) > sold
        refused = ledger.connection.execute("SELECT nodes FROM decisions ORDER BY time DESC LIMIT 5").fetchall()
        assert any("halted: nothing is bought" in nodes for (nodes,) in refused)
        no_reason = ask(folder, "resume", reason=" ")
        resumed = ask(folder, "resume", reason="the price feed is back")
        traded_days(server, running, 4)
        assert not answer(folder, no_reason)[0]
        assert answer(folder, resumed)[0]
        assert orders_of(ledger, Side.BUY) > bought
        kinds = [(each.what, each.who, each.reason) for each in supervisions(ledger.connection)]
        assert kinds == [
            (What.HALT, "tester", "a test"),
            (What.RESUME, "tester", "the price feed is back"),
        ]
        assert verify(ledger.connection) == ()
        codes = {code for (code,) in ledger.connection.execute("SELECT code FROM alerts")}
        assert {"halted", "resumed"} <= codes


def test_a_touched_file_halts_a_trader_that_is_down_and_survives_its_starts(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 6), write_prompt(tmp_path), tmp_path / "a"
    folder.mkdir()
    (folder / "HALT").touch()
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 2)
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 1)
            ledger = running.trading.ledger
            assert orders_of(ledger, Side.BUY) == 0
            kept = ask(folder, "resume", reason="too early: the file is there")
            traded_days(server, running, 1)
            assert not answer(folder, kept)[0]
            assert orders_of(ledger, Side.BUY) == 0
            (folder / "HALT").unlink()
        asked = ask(folder, "resume", reason="asked while nobody trades")
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 2)
            assert answer(folder, asked)[0]
            assert orders_of(running.trading.ledger, Side.BUY) > 0
            whats = [each.what for each in supervisions(running.trading.ledger.connection)]
    assert whats == [What.HALT, What.RESUME]  # once, however often it was seen


def test_a_request_holds_the_very_next_order_back_before_it_has_been_handled(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 2), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS) as running,
    ):
        supervisor = running.trading.supervisor
        buy = OrderRequest(ticker=NAMES[0], side=Side.BUY, quantity=1)
        sell = OrderRequest(ticker=NAMES[0], side=Side.SELL, quantity=1)
        assert supervisor.check(buy) is None
        ask(folder, "halt", **HALT)
        refused = supervisor.check(buy)
        assert refused is not None and refused.reason is RefusalReason.HALTED
        assert supervisor.check(sell) is None
        ask(folder, "halt", **(HALT | {"everything": True}))
        refused = supervisor.check(sell)
        assert refused is not None and refused.reason is RefusalReason.HALTED


def waiting_limits(folder: Path) -> Path:
    """Rules whose purchases wait far below the market, beside one that buys at once and never sells."""
    text = "## 투자 원칙 및 규칙\n**주기**: 1d\n"
    text = add_rule(text, entry("low", Category.ENTRY, "close > 0", "buy 5% of equity at limit 0.8 * close"))
    path = folder / "prompt.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_cancel_withdraws_what_waits_at_the_venue(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 3), waiting_limits(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS) as running,
    ):
        advance(server, running, "open")
        ledger = running.trading.ledger
        waiting = ledger.open_orders()
        assert len(waiting) == len(NAMES)
        ask(folder, "halt", **(HALT | {"cancel": True}))
        advance(server, running, "close")
        assert not ledger.open_orders()
        found = [ledger.order(order.id) for order in waiting]
        assert {order.status for order in found if order is not None} == {OrderStatus.CANCELLED}


def test_sell_empties_the_account_through_kills_and_sells_no_share_twice(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 8), write_prompt(tmp_path), tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 4)
            held = dict(running.trading.ledger.positions)
            assert held
            ask(folder, "halt", **(HALT | {"sell": True}))
            advance(server, running, "open")  # the process ends here, as it stands
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 2)
            ledger = running.trading.ledger
            assert not ledger.positions
            rows = "SELECT ticker, sum(filled) FROM orders WHERE decision_id = 'halt' GROUP BY ticker"
            sold = dict(ledger.connection.execute(rows).fetchall())
            assert sold
            assert all(held[ticker].quantity >= shares for ticker, shares in sold.items())
            assert not running.trading.broker.positions()
