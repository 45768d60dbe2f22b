"""The books of a session are closed once, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from brokers.graph_replay import run_graph
from engine.errors import DataError
from engine.events import CorporateAction
from engine.ledger.equity import EquityPoint, equity_points
from engine.ledger.history import account_events
from engine.ledger.ledger import Ledger
from engine.rules.edit import add_rule
from engine.rules.prompt import load_rules
from engine.rules.tree import Category
from engine.trading import day_end
from tests.builders_panel import make_panel
from tests.kis_client import make_server
from tests.trading_world import BEFORE, SETTINGS, advance, entry, trader_on


def test_a_split_is_booked_once_although_closing_the_books_failed_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = [(10_000, 10_050, 9_950, 10_000, 500_000)] * (BEFORE - 1)
    dip, bought = (10_000, 10_000, 9_500, 9_600, 500_000), (9_600, 9_650, 9_590, 9_600, 500_000)
    halved = (4_800, 4_850, 4_790, 4_830, 1_000_000)
    days = [*quiet, dip, bought, halved, halved]
    panel = make_panel({"000100": days}, index=[2_000.0] * len(days), splits=[(BEFORE + 1, "000100", 2, 1)])
    prompt = tmp_path / "prompt.md"
    text = add_rule(
        "## 투자 원칙 및 규칙\n**주기**: 1d\n",
        entry("dip", Category.ENTRY, "close < 0.98 * lag(close, 1) and close > 9500", "buy 50% of equity"),
    )
    prompt.write_text(text, encoding="utf-8")
    failures: list[EquityPoint] = []

    def fails_once(ledger: Ledger, point: EquityPoint) -> None:
        if point.session == panel.session_date(BEFORE + 1) and not failures:
            failures.append(point)
            raise DataError("The disk is full.")
        record(ledger, point)

    record = day_end.record_equity
    monkeypatch.setattr(day_end, "record_equity", fails_once)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, ("000100",), SETTINGS) as running,
    ):
        for _ in range(3):
            advance(server, running, "evening")
        ledger = running.trading.ledger
        splits = [event for event in account_events(ledger) if isinstance(event, CorporateAction)]
        equity = [point.equity for point in equity_points(ledger)]
    assert len(failures) == 1
    assert [(split.ticker, split.numerator, split.denominator) for split in splits] == [("000100", 2, 1)]
    replayed = run_graph(load_rules(prompt), panel, SETTINGS, start=panel.session_date(BEFORE - 1)).result
    assert equity == replayed.equity["equity"].to_list()[1:]
