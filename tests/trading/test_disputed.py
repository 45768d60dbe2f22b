"""Ledger and account disagree about a name: it is not traded by plan, and its stop still sells what is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from engine.broker import Accepted, Outcome
from engine.clock import SimulatedClock
from engine.data.panel import Panel
from engine.errors import DataError
from engine.events import OrderAccepted, OrderIntended, OrderUnknown
from engine.fill import Fill
from engine.matching import arrays as at
from engine.order import Approved, OrderKind, OrderRequest, Side
from engine.rules.tree import Category
from engine.trading.account_history import history_of
from engine.trading.mirror import mirror_day
from engine.trading.order_gate import OrderGates
from engine.trading.orders import OrderDesk
from engine.trading.ports import Venue
from engine.trading.prompts import latest_rules
from engine.trading.timetable import Timetable
from engine.trading.told_account import told_account
from engine.trading.watch import Level
from tests.builders_ledger import make_ledger
from tests.builders_panel import Bar, flat, make_panel
from tests.kis_client import Client, make_server
from tests.trading.test_trader import fills_in
from tests.trading_world import BEFORE, QUIET, SETTINGS, Running, advance, trader_on, write_rules

NAME = "000100"
DIP: Bar = (10_000, 10_000, 9_500, 9_600, 500_000)
BOUGHT: Bar = (9_600, 9_650, 9_590, 9_600, 500_000)
SHARES = 1_562  # half of 30 million at 9,600 won


def still(price: int) -> Bar:
    return (price, price, price, price, 1_000_000)


def falls(high: int, low: int) -> Bar:
    return (high, high, low, low, 1_000_000)


def world(*later: Bar, base: int = 0, split: bool = False) -> Panel:
    days = [*[QUIET] * (BEFORE - 1), DIP, BOUGHT, *later]
    return make_panel(
        {NAME: days},
        index=[2_000.0] * len(days),
        base={(BEFORE + 1, NAME): base} if base else None,
        splits=[(BEFORE + 1, NAME, 2, 1)] if split else (),
    )


def write_prompt(folder: Path, action: str = "sell all") -> Path:
    return write_rules(
        folder,
        ("dip", Category.ENTRY, "close < 0.98 * lag(close, 1) and close > 9500", "buy 50% of equity"),
        ("stop", Category.EXIT, "pnl <= -4%", action),
    )


def held(running: Running) -> int:
    position = running.trading.ledger.positions.get(NAME)
    return 0 if position is None else position.quantity


def sold(running: Running) -> list[int]:
    return [cast("int", quantity) for _, _, side, quantity, *_ in fills_in(running.trading.ledger) if side == "sell"]


def check_books(running: Running) -> None:
    """The fold of the journal on the evening's data holds what the ledger holds, and the mirror can be drawn."""
    ledger, panel = running.trading.ledger, running.trading.trader._setup.history.bring_up()
    simulation = told_account(latest_rules(ledger).rules, panel, SETTINGS, history_of(ledger))
    book, col = simulation.book, panel.tickers.index(NAME)
    assert int(book.positions[col, at.POSITION_QUANTITY]) == held(running)
    account = book.account
    assert int(account[at.CASH] + account[at.RECEIVABLE] - account[at.PAYABLE]) == ledger.totals.cash
    mirror_day(ledger, panel, SETTINGS, panel.session_date(panel.rows - 1))


@pytest.mark.parametrize(("action", "sells"), [("sell all", SHARES), ("sell 50%", SHARES // 2)])
def test_a_stop_sells_what_is_there_while_the_new_shares_of_a_bonus_issue_are_awaited(
    tmp_path: Path, action: str, sells: int
) -> None:
    """Days after the right has left: the ledger has twice the shares, the account still the old ones."""
    panel = world(still(4_800), falls(4_750, 4_500), still(4_500), base=4_800)
    prompt = write_prompt(tmp_path, action)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, (NAME,), SETTINGS) as running,
    ):
        advance(server, running, "evening")
        assert held(running) == SHARES
        advance(server, running, "evening")
        assert held(running) == 2 * SHARES
        assert running.trading.trader.orders.blocked, "found on the very day"
        advance(server, running, "evening")
        assert sold(running) == [sells], running.lines
        assert held(running) == 2 * SHARES - sells
        assert any(f"{NAME} waits for new shares" in line for line in running.lines)
        check_books(running)


def test_the_stop_of_the_very_day_leaves_the_shares_to_come_in_the_books(tmp_path: Path) -> None:
    panel = world(falls(4_800, 4_500), still(4_500), base=4_800)
    prompt = write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, (NAME,), SETTINGS) as running,
    ):
        advance(server, running, "evening")
        advance(server, running, "evening")
        assert sold(running) == [SHARES], running.lines
        assert held(running) == SHARES, "they are ours and come later"
        check_books(running)


def test_a_split_is_settled_at_its_first_trade_and_the_stop_sells_all_new_shares(tmp_path: Path) -> None:
    panel = world(falls(4_800, 4_500), still(4_500), split=True)
    prompt = write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, (NAME,), SETTINGS) as running,
    ):
        advance(server, running, "evening")
        advance(server, running, "evening")
        assert sum(sold(running)) == 2 * SHARES, running.lines
        assert not held(running)
        assert [each.what for each in running.trading.trader.differences if each.what != "cash"] == []
        check_books(running)


@pytest.mark.parametrize(("side", "sells"), [("sell", SHARES - 500), ("buy", SHARES)])
def test_a_stop_sells_neither_shares_that_a_person_sold_nor_those_that_a_person_bought(
    tmp_path: Path, side: str, sells: int
) -> None:
    panel = world(still(9_600), falls(9_600, 9_000), still(9_000))
    prompt = write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, (NAME,), SETTINGS) as running,
        Client(server, "live") as client,
    ):
        advance(server, running, "evening")
        advance(server, running, "open")
        assert client.order(side, NAME, 500, kind="01")["rt_cd"] == "0"
        advance(server, running, "evening")
        advance(server, running, "evening")
        assert sold(running) == [sells], running.lines
        assert held(running) == SHARES - sells
        check_books(running)


# What is not known ------------------------------------------------------------------------------------------

DAY = Timetable(before_open=True).day_of(date(2024, 5, 2))


class Account:
    """A venue that has so many shares and takes every order."""

    def __init__(self) -> None:
        self.there: int | None = 100
        self.sent: list[int] = []

    def sellable(self, ticker: str) -> int:
        if self.there is None:
            raise DataError("the line is down")
        return self.there

    def submit(self, order: Approved[OrderRequest]) -> Outcome:
        self.sent.append(order.value.quantity)
        return Accepted(order_number="1")


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    clock, venue, told = SimulatedClock(DAY.opens), Account(), list[str]()

    def tell(*said: Any, **values: object) -> None:
        text = next(each for each in said if callable(each))
        told.append(text("en").format(**values))

    with make_ledger(tmp_path, clock, deposit=10_000_000) as ledger:
        buy = OrderRequest(ticker="005930", side=Side.BUY, quantity=200, decision_id="d")
        bought: dict[str, Any] = {"key": "k", "ticker": "005930", "side": Side.BUY, "quantity": 200, "price": 10_000}
        ledger.append_all(
            [
                OrderIntended(time=clock.now(), order_id="a", request=buy),
                OrderAccepted(time=clock.now(), order_id="a", order_number="7"),
                Fill(time=clock.now(), order_id="a", **bought),
            ]
        )
        nothing = OrderGates()
        orders = OrderDesk(ledger, cast("Venue", venue), clock, nothing, tell, tell, touch=False, oversight=nothing)
        orders.open("2024-05-01T15:30", make_panel({"005930": flat(10_000, 3)}), DAY, sends=True)
        orders.blocked = {"005930": "differs"}
        yield orders, ledger, venue, told, clock


def stop() -> Level:
    return Level(
        ticker="005930",
        side=Side.SELL,
        kind=OrderKind.MARKET,
        price=9_500,
        direction=-1,
        rule_ids=("stop",),
        decision_id="guard:d",
        rule=0,
    )


def simulation(part: int = at.PPB) -> Any:
    return SimpleNamespace(
        exchange=SimpleNamespace(panel=SimpleNamespace(tickers=("005930",))),
        book=SimpleNamespace(exit_rules=np.array([[0, part]])),
        fire_guard=lambda col, rule: 200,
    )


def test_the_smaller_of_both_quantities_is_sold(desk: Any) -> None:
    orders, _, venue, told, _ = desk
    orders.watch.add(stop())
    orders.on_trade("005930", 9_400, 9_900, 10_000)
    orders.act(simulation())
    assert venue.sent == [100], told


def test_half_of_an_odd_number_is_rounded_up(desk: Any) -> None:
    orders, _, venue, told, _ = desk
    venue.there = 101
    orders.watch.add(stop())
    orders.on_trade("005930", 9_400, 9_900, 10_000)
    orders.act(simulation(part=at.PPB // 2))
    assert venue.sent == [51], told


def lost(orders: Any, ledger: Any, venue: Any, clock: Any) -> None:
    request = OrderRequest(ticker="005930", side=Side.SELL, quantity=100, decision_id="d")
    ledger.append(OrderIntended(time=clock.now(), order_id="b", request=request))
    ledger.append(OrderUnknown(time=clock.now(), order_id="b", text="no answer"))


def unreachable(orders: Any, ledger: Any, venue: Any, clock: Any) -> None:
    venue.there = None


def empty(orders: Any, ledger: Any, venue: Any, clock: Any) -> None:
    venue.there = 0


@pytest.mark.parametrize(
    ("happens", "words"), [(lost, "could sell twice"), (unreachable, "the line is down"), (empty, "has no shares")]
)
def test_nothing_is_sent_and_it_is_said_where_shares_or_owner_are_not_known(
    desk: Any, happens: Callable[..., None], words: str
) -> None:
    orders, ledger, venue, told, clock = desk
    happens(orders, ledger, venue, clock)
    orders.watch.add(stop())
    orders.on_trade("005930", 9_400, 9_900, 10_000)
    orders.act(simulation())
    assert venue.sent == []
    assert any(words in line for line in told), told
    assert list(orders.watch), "it stays guarded"


def test_a_base_price_that_nothing_explains_sets_no_stop_off(desk: Any) -> None:
    """After a halt the opening price became the base: half of the price may be twice the shares, or a real loss."""
    orders, _, venue, told, _ = desk
    panel = make_panel({"005930": [*flat(10_000, 2), "halt"]})
    orders.open("2024-05-01T15:30", panel, DAY, sends=True)
    orders.watch.add(stop())
    orders.on_trade("005930", 5_000, 5_000, 5_000)
    orders.act(simulation())
    assert venue.sent == []
    assert any("unknown ratio" in line for line in told), told


@pytest.mark.parametrize("moment", [DAY.decide, DAY.closes + timedelta(hours=17)])
def test_the_base_price_of_another_day_changes_no_shares(desk: Any, moment: datetime) -> None:
    """A quote before the open may be yesterday's; a trade of the next morning may come before its decision."""
    orders, ledger, *_ = desk
    later = SimulatedClock(moment)
    orders._clock = later
    orders.on_trade("005930", 10_000, 10_000, 5_000)
    orders.on_price("005930", 10_000, 5_000)
    assert ledger.positions["005930"].quantity == 200


def test_a_price_of_a_gap_is_not_judged_before_the_base_of_the_day_is_known(desk: Any) -> None:
    orders, _, venue, _, _ = desk
    orders.watch.add(stop())
    orders.on_missed_price("005930", 5_000)
    orders.act(simulation())
    assert venue.sent == []
    orders.on_trade("005930", 5_000, 5_000, 5_000)  # two for one: 5,000 is what 10,000 was
    orders.act(simulation())
    assert venue.sent == []
    orders.on_trade("005930", 4_700, 5_000, 5_000)
    orders.act(simulation())
    assert venue.sent == [100]
