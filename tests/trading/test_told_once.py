"""What goes on being so is told once a day, however often the trader is started and tries again."""

from __future__ import annotations

from pathlib import Path

from engine.ledger.alerts import alerts_after
from engine.ledger.ledger import Ledger
from tests.kis_client import Client, make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt

RESTARTS = 3


def told(ledger: Ledger, code: str) -> list[str]:
    return [each.text for each in alerts_after(ledger.connection, 0, -1) if each.code == code]


def test_shares_that_differ_are_told_once_a_day_and_again_when_the_difference_changes(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 5), write_prompt(tmp_path), tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server, Client(server, "live") as client:
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            advance(server, running, "evening")
            held = dict(running.trading.ledger.positions)
            assert held
        ticker, shares = next((name, each.quantity) for name, each in held.items())
        client.advance(until="morning")
        assert client.order("sell", ticker, 1, kind="01")["rt_cd"] == "0"  # by hand, while nobody trades
        client.advance(until="open")
        for _ in range(RESTARTS):
            with trader_on(server, folder, prompt, None, SETTINGS) as running:
                running.trading.trader.begin()
                ledger = running.trading.ledger
                (once,) = told(ledger, "shares_differ")
                assert ticker in once and f"{shares:,}" in once
                assert len(told(ledger, "cash_differs")) <= 1
        assert client.order("sell", ticker, 1, kind="01")["rt_cd"] == "0"
        client.advance(until="step")
        for _ in range(RESTARTS):
            with trader_on(server, folder, prompt, None, SETTINGS) as running:
                running.trading.trader.begin()
                assert len(told(running.trading.ledger, "shares_differ")) == 2, "another difference"
        client.advance(until="evening")
        client.advance(until="morning")
        for _ in range(RESTARTS):
            with trader_on(server, folder, prompt, None, SETTINGS) as running:
                running.trading.trader.begin()
                assert len(told(running.trading.ledger, "shares_differ")) == 3, "and each day"
