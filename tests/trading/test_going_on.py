"""A decision that is continued after a restart watches exactly what it watched before, whoever planned it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import BadInput
from engine.operating.state import Action, Plan, Situation
from engine.order import Side
from engine.rules.tree import Category
from engine.trading.autonomy import Level
from engine.trading.watch import Level as Watched
from tests.builders_panel import Bar, make_panel
from tests.kis_client import Client, make_server
from tests.trading_world import BEFORE, NAMES, QUIET, SETTINGS, Running, advance, trader_on, write_rules

SESSIONS = 3


class FirstSignal:
    """Half of the first purchase that the rules signal, and nothing else."""

    name = "first signal"

    def __init__(self) -> None:
        self.asked = 0

    def plan(self, situation: Situation) -> Plan:
        self.asked += 1
        chosen: tuple[Action, ...] = situation.signals[:1]
        return Plan(planner=self.name, actions=tuple(replace(each, quantity=each.quantity // 2) for each in chosen))


class Fails:
    """Never has a plan."""

    name = "fails"

    def plan(self, situation: Situation) -> Plan:
        raise BadInput("nothing to say")


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    """Buys at stops and below the opening price, so that purchases are watched for."""
    return write_rules(
        tmp_path,
        ("breakout", Category.ENTRY, "close < 10100", "buy 10% of equity at stop 1.03 * close"),
        ("dip", Category.ENTRY, "close >= 10100", "buy 10% of equity at limit session_open - 300원"),
        ("guard", Category.EXIT, "pnl <= -10%", "sell all"),
    )


def bars(number: int) -> list[Bar]:
    """Two names break out and two dip, on the second of three sessions; the first session is quiet."""
    before = [QUIET] * BEFORE
    if number < 3:
        return [*before, QUIET, (10_000, 10_400, 9_990, 10_350, 500_000), (10_350, 10_400, 10_300, 10_350, 500_000)]
    higher: Bar = (10_200, 10_250, 10_190, 10_200, 500_000)
    falls: Bar = (10_200, 10_200, 9_700, 9_800, 500_000)
    return [*before[1:], higher, higher, falls, (9_800, 9_850, 9_790, 9_800, 500_000)]


def levels(running: Running) -> list[tuple[str, str, int, int | None, int, int]]:
    def told(level: Watched) -> tuple[str, str, int, int | None, int, int]:
        return level.ticker, level.side.value, level.price, level.offset, level.quantity, level.rule

    return sorted(map(told, running.trading.trader.orders.watch), key=str)


def purchases(running: Running) -> set[str]:
    rows = running.trading.ledger.connection.execute("SELECT ticker FROM orders WHERE side = ?", (Side.BUY.value,))
    return {ticker for (ticker,) in rows}


@pytest.mark.parametrize(("make", "watched"), [(FirstSignal, 1), (Fails, 0), (None, 5)])
def test_the_levels_of_a_plan_are_the_same_after_a_restart_and_nothing_else_is_bought(
    tmp_path: Path, prompt: Path, make: Callable[[], FirstSignal | Fails] | None, watched: int
) -> None:
    panel = make_panel({name: bars(number) for number, name in enumerate(NAMES)}, index=[2_000.0] * (BEFORE + SESSIONS))
    made = None if make is None else make()
    planner = None if made is None else lambda rules, panel: made
    folder = tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS, planner=planner) as running:
            advance(server, running, "evening")
            advance(server, running, "morning")
            before = levels(running)
            assert len(before) == watched
        with trader_on(server, folder, prompt, None, SETTINGS, planner=planner) as running:
            running.trading.trader.begin()
            running.trading.begun = True
            running.trading.trader.turn(0.05)
            assert any(line.startswith("Decision") and "goes on" in line for line in running.lines), running.lines
            assert levels(running) == before
            advance(server, running, "evening")
            assert purchases(running) == {ticker for ticker, *_ in before}
            advance(server, running, "morning")
            held = levels(running)
            guarded = {ticker for ticker, *_, rule in held if rule >= 0}
            assert guarded == purchases(running)
        with trader_on(server, folder, prompt, None, SETTINGS, planner=planner) as running:
            running.trading.trader.begin()
            running.trading.begun = True
            running.trading.trader.turn(0.05)
            assert levels(running) == held, "guards of holdings too"
    if isinstance(made, FirstSignal):
        assert made.asked == 3, "a decision that is continued asks nobody"


def test_a_restart_proposes_what_the_model_chose_and_a_person_approves_that(tmp_path: Path, prompt: Path) -> None:
    panel = make_panel({name: bars(number) for number, name in enumerate(NAMES)}, index=[2_000.0] * (BEFORE + SESSIONS))
    made, folder = FirstSignal(), tmp_path / "a"

    def chosen(running: Running) -> list[tuple[str, tuple[str, ...]]]:
        return [
            (name, tuple(action.ticker for action in plan.actions))
            for name, plan in running.trading.supervisor.standing.plans.items()
        ]

    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        options = {"planner": lambda rules, panel: made, "first_level": Level.PROPOSE}
        with trader_on(server, folder, prompt, NAMES, SETTINGS, **options) as running:  # type: ignore[arg-type]
            advance(server, running, "morning")
            before = chosen(running)
            assert [len(tickers) for _, tickers in before] == [1]
        with trader_on(server, folder, prompt, None, SETTINGS, **options) as running:  # type: ignore[arg-type]
            advance(server, running, "open")
            assert chosen(running) == before
            assert [action.ticker for action in running.trading.trader.orders.held_back] == list(before[0][1])


def test_a_decision_that_came_too_late_to_buy_buys_nothing_after_a_restart_either(tmp_path: Path, prompt: Path) -> None:
    panel = make_panel({name: bars(number) for number, name in enumerate(NAMES)}, index=[2_000.0] * (BEFORE + SESSIONS))
    folder = tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with Client(server, "live") as client:
            client.advance(until="open")
            client.advance(until="step")  # 11:10: two hours after the news
        for tickers in (NAMES, None):
            with trader_on(server, folder, prompt, tickers, SETTINGS) as running:
                running.trading.trader.begin()
                running.trading.begun = True
                running.trading.trader.turn(0.05)
                assert levels(running) == [], running.lines
        with trader_on(server, folder, prompt, None, SETTINGS) as running:
            advance(server, running, "evening")
            assert purchases(running) == set()
