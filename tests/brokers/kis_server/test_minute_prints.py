"""Minute bars on the wire: prints lie inside their minute and tell every price; the stream has the bars of the data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.kis_server.market import Market
from brokers.kis_server.prints import shares_of_points
from brokers.kis_server.session_path import SessionPath
from brokers.kis_server.world import World
from engine.clock import KST, from_nanoseconds
from engine.data.bar_builder import BarBuilder
from engine.data.panel import Panel
from engine.exchange import build_exchange
from tests.builders_panel import HALT, Bar, make_config, make_panel
from tests.kis_client import Client, make_server

SESSION = 6  # bars


@st.composite
def bars(draw: st.DrawFn) -> tuple[int, int, int, int, int]:
    """A bar that can be: no more prices than shares."""
    prices = draw(st.lists(st.integers(90, 110), min_size=4, max_size=4))
    volume = draw(st.integers(1, 9))
    if volume == 1:
        prices = prices[:1] * 4
    elif volume == 2:
        prices = [prices[0], prices[3], prices[3], prices[3]]
    elif volume == 3:
        prices = [prices[0], prices[1], prices[3], prices[3]]
    return prices[0], max(prices), min(prices), prices[3], volume


@given(bar=bars(), low_first=st.booleans())
def test_the_prints_add_up_to_the_bar_and_tell_every_price_of_it(bar: tuple[int, ...], low_first: bool) -> None:
    opening, high, low, close, volume = bar
    path = np.array([opening, *((low, high) if low_first else (high, low)), close])
    shares = shares_of_points(path, np.array(volume))
    told = [int(price) for price, count in zip(path, shares, strict=True) if count > 0]
    assert shares.sum() == volume and (shares >= 0).all()
    assert (told[0], max(told), min(told), told[-1]) == (opening, high, low, close)


def printed(panel: Panel, number: int) -> Iterator[tuple[datetime, int, int]]:
    """Time, price and shares of the prints of the only name in a session."""
    market, path = Market(build_exchange(panel, make_config())), SessionPath(panel)
    market.begin_session(path.rows(number)[0])
    for step in path.steps(number):
        if step.point is not None:
            trade = market.print_point(step.row, step.point)
            if trade.volume[0]:
                yield step.time, int(trade.price[0]), int(trade.volume[0])


@given(rows=st.lists(st.one_of(bars(), st.just(HALT)), min_size=2 * SESSION - 1, max_size=2 * SESSION - 1))
def test_bars_built_from_the_prints_are_those_of_the_data(rows: list[Bar]) -> None:
    rows = [(100, 100, 100, 100, 5), *rows]
    panel = make_panel({"005930": rows}, bars_a_session=SESSION)
    builder = BarBuilder("1m")
    for number in (0, 1):
        for trade_time, price, volume in printed(panel, number):
            builder.add("005930", trade_time, price, volume)
    built = {bar.closed_at: bar[2:7] for bar in builder.finish(from_nanoseconds(int(panel.closed_at_ns[-1])))}
    ends = [from_nanoseconds(int(stamp)) for stamp in panel.closed_at_ns]
    assert built == {end: row for end, row in zip(ends, rows, strict=True) if row != HALT}


def test_a_bar_is_closed_a_second_after_its_last_print_and_before_the_next_one_opens() -> None:
    panel = make_panel({"005930": [(100, 110, 90, 105, 8)] * (2 * SESSION)}, bars_a_session=SESSION)
    steps = [step for step in SessionPath(panel).steps(1) if step.row == SESSION + 1]
    closed = datetime.combine(panel.session_date(SESSION), time(15, 26), KST)
    second = timedelta(seconds=1)
    assert [(step.time - closed, step.parts) for step in steps] == [
        (-59 * second, (-1, 0)),
        (-40 * second, (1,)),
        (-20 * second, (2,)),
        (-second, (3,)),
        (0 * second, (4,)),
    ]


@pytest.mark.parametrize(("rest", "answer"), [((100, 110, 90, 105, 8), "0"), (HALT, "7")])
def test_a_name_without_a_trade_in_the_first_minute_is_not_suspended(rest: Bar, answer: str) -> None:
    quiet = [(100, 100, 100, 100, 5)] * SESSION + [HALT] + [rest] * (SESSION - 1)
    other = [(100, 110, 90, 105, 8)] * (2 * SESSION)
    panel = make_panel({"000100": other, "005930": quiet}, bars_a_session=SESSION)
    with make_server(panel, make_config()) as server, Client(server, "live") as client:
        client.advance(until="open")
        assert client.order("buy", "005930", 1)["rt_cd"] == answer


def test_an_order_of_the_last_second_of_a_bar_meets_the_opening_price_of_the_next_one() -> None:
    rows = [(100, 100, 100, 100, 50)] * SESSION + [(100, 110, 90, 105, 40), (120, 130, 115, 125, 40)] * (SESSION // 2)
    panel = make_panel({"005930": rows}, bars_a_session=SESSION)
    with make_server(panel, make_config()) as server, Client(server, "live") as client:
        client.advance(to="2024-03-05T15:24:59")
        assert client.order("buy", "005930", 1)["rt_cd"] == "0"
        client.advance(to="2024-03-05T15:25:01")
        assert [row["pchs_amt"] for row in client.balance()["output1"]] == ["120"]


def test_worlds_of_minutes_go_to_the_close_of_a_bar() -> None:
    panel = make_panel({"005930": [(100, 110, 90, 105, 8)] * (2 * SESSION)}, bars_a_session=SESSION)
    world = World(panel, make_config())
    assert world.time_of_bar(2).time() == time(15, 26)
