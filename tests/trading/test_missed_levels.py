"""A level that was passed while the line was down, and left again, is found in what REST says of the gap."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.ledger.alerts import all_alerts
from engine.order import OrderKind, Side
from engine.rules.tree import Category
from engine.trading.watch import Level, Watch
from tests.builders_panel import Bar, make_panel
from tests.kis_client import Client, make_server
from tests.trading_world import BEFORE, QUIET, SETTINGS, advance, trader_on, write_rules

NAME = "000100"
DIP: Bar = (10_000, 10_000, 9_500, 9_600, 500_000)
BOUGHT: Bar = (9_600, 9_650, 9_590, 9_600, 500_000)


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    return write_rules(
        tmp_path,
        ("dip", Category.ENTRY, "close < 0.98 * lag(close, 1) and close > 9500", "buy 20% of equity"),
        ("breakout", Category.ENTRY, "close >= 9590 and close <= 9700", "buy 10% of equity at stop 1.02 * close add"),
        ("stop", Category.EXIT, "pnl <= -4%", "sell all"),
    )


@pytest.mark.parametrize(
    ("day", "sold"),
    [
        ((9_600, 9_640, 9_000, 9_610, 500_000), True),  # 11:10 at 9,000, 13:20 at 9,640
        ((9_600, 9_640, 9_400, 9_610, 500_000), False),  # never at 9,210
    ],
)
def test_an_exit_that_was_passed_and_left_while_the_line_was_down_is_sent(
    tmp_path: Path, prompt: Path, day: Bar, sold: bool
) -> None:
    days = [*[QUIET] * (BEFORE - 1), DIP, BOUGHT, day, BOUGHT]
    panel = make_panel({NAME: days}, index=[2_000.0] * len(days))
    folder = tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, (NAME,), SETTINGS) as running:
            advance(server, running, "evening")
        with (
            trader_on(server, folder, prompt, None, SETTINGS, waited_for=False) as running,
            Client(server, "live") as client,
        ):
            trader, socket = running.trading.trader, running.trading.broker._stream
            assert socket is not None
            trader.begin()
            client.advance(until="open")
            deadline = time.monotonic() + 60
            while not (socket.has_settled() and len(list(trader.orders.watch)) == 2) or trader.has_missed_trades:
                assert time.monotonic() < deadline
                trader.turn(0.02)
            sessions = socket.status().sessions
            client.world("faults", {"now": "socket_cut"})
            for _ in range(2):
                client.advance(until="step")  # before the line is back
            assert socket.status().sessions == sessions
            while socket.status().sessions == sessions or not socket.has_settled():
                assert time.monotonic() < deadline
                trader.turn(0.02)
            ledger, gaps = running.trading.ledger, running.trading.broker._gaps
            while gaps.waiting or not any(each.code == "market_gap" for each in all_alerts(ledger)):
                assert time.monotonic() < deadline
                trader.turn(0.02)
            trader.turn(0.02)
            found = ledger.connection.execute(
                "SELECT side, rule_ids FROM orders WHERE decision_id LIKE ?", (f"%{panel.session_date(BEFORE)}%",)
            ).fetchall()
    assert found == ([("sell", '["stop"]')] if sold else [])


def test_what_is_heard_too_late_sets_off_exits_once_and_never_a_purchase() -> None:
    def level(side: Side, direction: int, price: int, rule: int = -1, offset: int | None = None) -> Level:
        return Level(
            ticker=NAME,
            side=side,
            kind=OrderKind.MARKET,
            price=price,
            direction=direction,
            rule_ids=(f"{side.value} {price}",),
            decision_id="",
            offset=offset,
            rule=rule,
        )

    watch = Watch(lambda ticker, price, up: price)
    watch.replace(
        [
            level(Side.SELL, -1, 9_200, rule=0),
            level(Side.SELL, 1, 9_900, rule=1),
            level(Side.SELL, -1, 0, offset=-100),
            level(Side.BUY, 1, 9_700),
            level(Side.BUY, -1, 9_300),
        ]
    )
    assert watch.missed("000200", 1) == []
    assert watch.missed(NAME, 9_250) == []
    assert [each.price for each in watch.missed(NAME, 9_200)] == [9_200]
    assert watch.missed(NAME, 9_000) == []
    assert watch.missed(NAME, 9_900) == [], "a target is reached beyond it"
    assert [each.price for each in watch.missed(NAME, 9_910)] == [9_900]
    assert [each.rule_ids for each in watch.reached(NAME, 9_800, 0)] == [("buy 9700",)]
