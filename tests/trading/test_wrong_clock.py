"""A machine whose clock is ahead of the exchange's ends no day before the exchange does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import tests.trading_world as trading_world
from engine.errors import ConfigError
from engine.ledger.equity import equity_points
from engine.order import OrderStatus
from engine.rules.tree import Category
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_rules
from tests.week.trader import ShiftedClock


def test_an_order_that_still_works_at_the_venue_has_not_expired_and_its_day_is_not_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trading_world, "WorldClock", ShiftedClock)
    prompt = write_rules(tmp_path, ("low", Category.ENTRY, "close > 0", "buy 5% of equity at limit 0.8 * close"))
    panel = market(1, 3)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS) as running,
    ):
        advance(server, running, "open")
        ledger = running.trading.ledger
        waiting = {order.id for order in ledger.open_orders()}
        assert waiting
        ShiftedClock.shift = timedelta(hours=8)  # past 15:40 by the machine's clock, 09:00 at the venue
        try:
            for _ in range(3):
                running.trading.trader.turn(0.0)
        finally:
            ShiftedClock.shift = timedelta(0)
        assert {order.id for order in ledger.open_orders()} == waiting
        assert not equity_points(ledger)
        advance(server, running, "evening")
        assert {ledger.order(name).status for name in waiting} == {OrderStatus.EXPIRED}  # type: ignore[union-attr]
        assert [point.session for point in equity_points(ledger)] == [panel.session_date(BEFORE)]
        codes = [code for (code,) in ledger.connection.execute("SELECT code FROM alerts")]
        assert "step_failed" in codes  # people hear why the day is not closed


@pytest.mark.parametrize(
    ("shift", "how"), [(timedelta(days=1), "1,440 minutes ahead"), (-timedelta(hours=2), "behind")]
)
def test_a_trader_does_not_start_by_a_clock_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: timedelta, how: str
) -> None:
    monkeypatch.setattr(trading_world, "WorldClock", ShiftedClock)
    panel, prompt, folder = market(1, 3), trading_world.write_prompt(tmp_path), tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        ShiftedClock.shift = shift
        try:
            with (
                pytest.raises(ConfigError, match=how),
                trader_on(server, folder, prompt, NAMES, SETTINGS, waited_for=False),
            ):
                """It does not come to this."""
        finally:
            ShiftedClock.shift = timedelta(0)
        assert not (folder / "data").exists(), "nothing was downloaded by that clock"
        with trader_on(server, folder, prompt, NAMES, SETTINGS, waited_for=False) as running:
            running.trading.trader.begin()
            assert running.trading.ledger.totals.cash == trading_world.CASH
