"""Money that comes or goes without a trade: a person tells, the ledger has it once, and decisions size by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.clock import SystemClock
from engine.errors import BadInput
from engine.events import CashMoved, CashReason
from engine.ledger.equity import equity_points
from engine.ledger.history import account_events
from engine.ledger.verify import verify
from engine.rules.tree import Category
from engine.trading.control import ControlFile
from tests.builders_panel import Bar, make_panel
from tests.kis_client import make_server
from tests.trading_world import BEFORE, CASH, QUIET, SETTINGS, advance, trader_on, write_rules


def test_cash_that_a_person_books_is_in_the_ledger_once_and_in_later_decisions(tmp_path: Path) -> None:
    dip: Bar = (10_000, 10_000, 9_500, 9_600, 500_000)
    days = [*[QUIET] * (BEFORE + 1), dip, dip]
    panel = make_panel({"000100": days}, index=[2_000.0] * len(days))
    prompt = write_rules(tmp_path, ("dip", Category.ENTRY, "close < 9700", "buy 50% of equity"))
    folder, asked = tmp_path / "a", SystemClock().now()
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, ("000100",), SETTINGS) as running:
            running.trading.trader.begin()
        control = ControlFile(folder)
        numbers = [
            control.ask("cash", "kim", {"kind": kind, "amount": amount, "reason": "x"}, asked)
            for kind, amount in (("withdrawal", 10_000_000), ("income", 1_234), ("cost", 34), ("withdrawal", 10**9))
        ]
        for until in ("evening", "evening", "open"):  # a later start hears nothing new
            with trader_on(server, folder, prompt, ("000100",), SETTINGS) as running:
                advance(server, running, until)
                lines, ledger = running.lines, running.trading.ledger
                moves = [event for event in account_events(ledger) if isinstance(event, CashMoved)][1:]
                equity = [point.equity for point in equity_points(ledger)]
                assert not verify(ledger.connection)
                (bought,) = ledger.connection.execute("SELECT sum(quantity) FROM orders").fetchone()
    assert [(move.reason, move.amount) for move in moves] == [
        (CashReason.WITHDRAWAL, -10_000_000),
        (CashReason.INTEREST, 1_234),
        (CashReason.COST_ADJUSTMENT, -34),
    ]
    assert equity == [CASH - 10_000_000 + 1_200] * 2
    assert bought == equity[-1] // 2 // 9_600, "sized by the money that is there"
    assert [control.request(number).done for number in numbers] == [True, True, True, False]
    assert any("geoul cash" in line for line in lines), "the served account still has what it had"


def test_a_folder_without_an_account_and_a_sum_of_nothing_are_refused(tmp_path: Path) -> None:
    runner = CliRunner()
    told = runner.invoke(app, ["cash", str(tmp_path), "deposit", "100"])
    assert isinstance(told.exception, BadInput) and "no account" in str(told.exception)
    assert runner.invoke(app, ["cash", str(tmp_path), "deposit", "0"]).exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["deposit", "withdrawal", "income", "cost"])
def test_the_command_writes_what_the_trader_reads(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "account.json").write_text('{"environment": "paper", "account": "x"}', encoding="utf-8")
    (tmp_path / "ledger.db").touch()
    monkeypatch.setattr("engine.cli.supervise._PATIENCE_SECONDS", 0.0)
    told = CliRunner().invoke(app, ["cash", str(tmp_path), kind, "1500", "--reason", "a transfer"])
    assert told.exit_code == 0, told.output
    (request,) = ControlFile(tmp_path).unanswered()
    assert (request.command, request.parameters) == ("cash", {"kind": kind, "amount": 1500, "reason": "a transfer"})
