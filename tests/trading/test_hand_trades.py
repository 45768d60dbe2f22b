"""A person sells shares of the account in the app: the name stands still until it is told, and goes on afterwards."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from engine.cli.main import app
from engine.clock import SystemClock
from engine.ledger.verify import verify
from engine.rules.tree import Category
from engine.trading.control import ControlFile
from tests.builders_panel import Bar, make_panel
from tests.kis_client import Client, make_server
from tests.trading_world import BEFORE, QUIET, SETTINGS, advance, trader_on, write_rules

NAME = "000100"


def test_shares_that_a_person_sold_are_booked_once_and_the_rest_is_traded_again(tmp_path: Path) -> None:
    dip: Bar = (10_000, 10_000, 9_500, 9_600, 500_000)
    flat, falls = (9_600, 9_650, 9_590, 9_600, 500_000), (9_600, 9_620, 9_000, 9_100, 500_000)
    days: list[Bar] = [*[QUIET] * (BEFORE - 1), dip, flat, flat, falls, (9_100, 9_100, 9_100, 9_100, 500_000)]
    panel = make_panel({NAME: days}, index=[2_000.0] * len(days))
    prompt = write_rules(
        tmp_path,
        ("all", Category.ENTRY, "close < 0.98 * lag(close, 1) and close > 9500", "buy 50% of equity"),
        ("stop", Category.EXIT, "pnl <= -4%", "sell all"),
    )
    folder = tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, (NAME,), SETTINGS) as running:
            advance(server, running, "evening")
            (had,) = [position.quantity for position in running.trading.ledger.positions.values()]
            with Client(server, "live") as client:
                advance(server, running, "open")
                assert client.order("sell", NAME, 500, kind="01")["rt_cd"] == "0"
                advance(server, running, "evening")
        control, asked = ControlFile(folder), SystemClock().now()
        plain = {"ticker": NAME, "price": 9_600, "reason": ""}
        numbers = [
            control.ask("trade", "kim", {**plain, "side": side, "quantity": quantity}, asked)
            for side, quantity in (("sell", 500), ("sell", 10**6))
        ]
        for _ in range(2):  # a later start hears nothing new
            with trader_on(server, folder, prompt, (NAME,), SETTINGS) as running:
                running.trading.trader.begin()
                running.trading.begun = True
                assert running.trading.ledger.positions[NAME].quantity == had - 500
                assert [each.what for each in running.trading.trader.differences if each.what != "cash"] == []
        with trader_on(server, folder, prompt, (NAME,), SETTINGS) as running:
            advance(server, running, "evening")
            ledger, lines = running.trading.ledger, running.lines
            sold = ledger.connection.execute(
                "SELECT decision_id, filled FROM orders WHERE side = 'sell' ORDER BY intended_at"
            ).fetchall()
            assert not ledger.positions and not verify(ledger.connection)
    assert [control.request(number).done for number in numbers] == [True, False]
    assert [filled for _, filled in sold] == [500, had - 500], lines
    assert sold[0][0] == "by hand" and sold[1][0].startswith("guard:")


def test_the_command_writes_what_the_trader_reads(tmp_path: Path) -> None:
    (tmp_path / "account.json").write_text('{"environment": "paper", "account": "x"}', encoding="utf-8")
    (tmp_path / "ledger.db").touch()
    told = CliRunner().invoke(app, ["traded", str(tmp_path), "sold", NAME, "10", "71000"])
    assert told.exit_code == 0, told.output
    (request,) = ControlFile(tmp_path).unanswered()
    assert request.command == "trade"
    assert request.parameters == {"side": "sell", "ticker": NAME, "quantity": 10, "price": 71_000, "reason": ""}
    assert CliRunner().invoke(app, ["traded", str(tmp_path), "sold", NAME, "0", "71000"]).exit_code == 2
