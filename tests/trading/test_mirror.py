"""The mirror finds no difference where there is none, and a cause where there is one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.config import BacktestConfig, Slippage
from engine.data.panel import load_panel
from engine.errors import DataError
from engine.ledger.ledger import open_ledger
from engine.order import OrderRequest, RefusalReason, Refused
from engine.trading.mirror import mirror_day
from engine.trading.mirrored_day import Cause, DayMirror
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt

SESSIONS = 6


class Holds:
    """A gate that lets nothing of one name through."""

    def __init__(self, ticker: str) -> None:
        self._ticker = ticker

    def check(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        if request.ticker != self._ticker:
            return None
        return Refused(value=request, reason=RefusalReason.RESTRICTED, message="a test holds it back")


def mirrored(folder: Path, settings: BacktestConfig = SETTINGS) -> list[DayMirror]:
    """All sessions of the account in a folder."""
    panel = load_panel(folder / "data", allow_gaps=True)
    with open_ledger(folder / "ledger.db", SystemClock()) as ledger:
        days = [panel.session_date(row) for row in range(panel.rows - SESSIONS, panel.rows)]
        return [mirror_day(ledger, panel, settings, day) for day in days]


def test_a_quiet_week_is_its_own_replay_to_the_won(tmp_path: Path) -> None:
    panel, prompt = market(1, SESSIONS), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS) as running,
    ):
        for _ in range(SESSIONS):
            advance(server, running, "evening")
    days = mirrored(tmp_path / "a")
    assert [day.decision for day in days] == [Cause.NONE] * SESSIONS
    orders = [each for day in days for each in day.orders]
    assert {each.cause for each in orders} == {Cause.NONE}
    assert sum(each.filled > 0 for each in orders) > 5
    assert [day.slippage for day in days] == [0] * SESSIONS


def test_an_order_that_a_gate_held_back_is_a_limit_and_other_bars_are_data(tmp_path: Path) -> None:
    panel, prompt = market(1, SESSIONS), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS) as running,
    ):
        running.trading.trader.orders._gate = Holds("000500")
        for _ in range(SESSIONS):
            advance(server, running, "evening")
    first, *_ = mirrored(tmp_path / "a")
    held_back = [each for each in first.orders if each.ticker == "000500"]
    assert [(each.cause, each.asked) for each in held_back] == [(Cause.LIMIT, 0)]
    assert held_back[0].asked_in_replay > 0
    assert first.is_explained


def test_a_venue_that_fills_worse_shows_as_slippage_and_a_missing_bar_is_a_sentence(tmp_path: Path) -> None:
    panel, prompt = market(1, SESSIONS), write_prompt(tmp_path)
    slippery = SETTINGS.model_copy(update={"slippage": Slippage(model="ticks", size=2)})
    with (
        make_server(panel, slippery, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS) as running,
    ):
        for _ in range(SESSIONS):
            advance(server, running, "evening")
    days = mirrored(tmp_path / "a")
    assert sum(day.slippage for day in days) > 0
    assert all(day.is_explained for day in days)
    with open_ledger(tmp_path / "a" / "ledger.db", SystemClock()) as ledger, pytest.raises(DataError, match="no bar"):
        mirror_day(ledger, panel, SETTINGS, date(2023, 1, 1))
