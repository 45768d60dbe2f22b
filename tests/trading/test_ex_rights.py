"""A right leaves a held stock over night: the price of the morning is another one, and no stop fires at it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from engine.data.panel import Panel
from engine.rules.tree import Category
from tests.builders_panel import Bar, make_panel
from tests.kis_client import make_server
from tests.trading.test_trader import fills_in
from tests.trading_world import BEFORE, QUIET, SETTINGS, advance, trader_on, write_rules


def bonus_issue(later: tuple[int, ...]) -> Panel:
    """Bought at 9,600 on the first day; on the second the price begins at half of it."""
    dip: Bar = (10_000, 10_000, 9_500, 9_600, 500_000)
    bought: Bar = (9_600, 9_650, 9_590, 9_600, 500_000)
    days = [*[QUIET] * (BEFORE - 1), dip, bought, (*later, 1_000_000), (*later[3:] * 4, 1_000_000)]
    return make_panel({"000100": days}, index=[2_000.0] * len(days), base={(BEFORE + 1, "000100"): 4_800})


def write_prompt(folder: Path) -> Path:
    return write_rules(
        folder,
        ("dip", Category.ENTRY, "close < 0.98 * lag(close, 1) and close > 9500", "buy 50% of equity"),
        ("stop", Category.EXIT, "pnl <= -4%", "sell all"),
    )


@pytest.mark.parametrize(
    ("later", "sells"), [((4_900, 4_900, 4_790, 4_830), False), ((4_800, 4_800, 4_500, 4_550), True)]
)
def test_a_stop_does_not_fire_at_the_price_without_the_right_but_below_its_own(
    tmp_path: Path, later: tuple[int, ...], sells: bool
) -> None:
    """A bonus issue: the price halves in the morning, the new shares come weeks later, so that nothing differs yet."""
    panel, prompt = bonus_issue(later), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, ("000100",), SETTINGS) as running,
    ):
        advance(server, running, "evening")
        advance(server, running, "evening")
        sides = [side for _, _, side, *_ in fills_in(running.trading.ledger)]
        lines = running.lines
    assert sides == ["buy", "sell"][: 1 + sells]
    assert any("its levels are divided by 2" in line for line in lines), lines
    assert any("Level reached: 000100 4,500 won (level 4,605)" in line for line in lines) is sells


def test_a_trader_that_starts_during_the_day_restates_before_it_looks_prices_up(tmp_path: Path) -> None:
    panel = bonus_issue((4_900, 4_900, 4_790, 4_830))
    prompt = write_prompt(tmp_path)
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, tmp_path / "a", prompt, ("000100",), SETTINGS) as running:
            advance(server, running, "evening")
        requests.post(f"{server.url}/_world/advance", json={"until": "open"}, timeout=120).raise_for_status()
        with trader_on(server, tmp_path / "a", prompt, ("000100",), SETTINGS) as running:
            advance(server, running, "evening")
            sides = [side for _, _, side, *_ in fills_in(running.trading.ledger)]
    assert sides == ["buy"], running.lines
