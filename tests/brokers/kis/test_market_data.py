"""Index, rankings and history of the broker, through the server that speaks KIS, live and on paper."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from brokers.kis.errors import NotInPaper
from engine.errors import BadInput
from tests.contract.broker_contract import NAMES, PRICE
from tests.contract.test_kis_broker import KisWorld


@pytest.fixture(params=["live", "paper"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KisWorld]:
    with contextlib.ExitStack() as stack:
        opened = KisWorld(stack, tmp_path, request.param)
        opened.environment = request.param  # type: ignore[attr-defined]
        opened.next_session()
        yield opened


def test_index_has_its_level_and_breadth_only_where_kis_tells_it(world):
    quote = world.broker.index("KOSPI")
    assert (quote.code, quote.level, quote.change_rate) == ("KOSPI", 2_000.0, 0.0)
    assert (quote.unchanged is None) == (world.environment == "paper")


def test_a_market_capitalisation_of_nothing_is_unknown(world):
    assert [quote.market_cap for quote in world.broker.quotes(NAMES[:2])] == [None, None]


def test_ranking_says_among_which_names_it_chose(world):
    ranking = world.broker.rankings("decline", 2)
    assert ranking.universe == "market"  # after the close paper has all names too
    assert ranking.names == (len(NAMES) if world.environment == "paper" else None)
    world.before_orders()
    expected = "market" if world.environment == "live" else "watched"
    assert world.broker.rankings("decline", 2).universe == expected
    with pytest.raises(BadInput, match="no ranking"):
        world.broker.rankings("luck")


def test_minutes_of_today_end_with_the_close_and_add_up(world):
    minutes = world.broker.history(NAMES[0], "1m", world.today, world.today)
    (day,) = world.broker.history(NAMES[0], "1d", world.today, world.today).rows(named=True)
    assert minutes["time"].is_sorted()
    assert minutes["time"][-1] == day["time"]
    assert (minutes["volume"].sum(), minutes["high"].max(), minutes["low"].min()) == (day["volume"], PRICE, PRICE)
    hours = world.broker.history(NAMES[0], "1h", world.today, world.today)
    assert hours["volume"].sum() == day["volume"]
    assert {stamp.minute for stamp in hours["time"]} == {0}


def test_minutes_of_past_days_are_live_only(world):
    yesterday = world.today - timedelta(days=1)
    if world.environment == "paper":
        with pytest.raises(NotInPaper, match="inquire_time_dailychartprice"):
            world.broker.history(NAMES[0], "1m", yesterday, world.today)
    else:
        bars = world.broker.history(NAMES[0], "1m", yesterday, world.today)
        assert {stamp.date() for stamp in bars["time"]} == {yesterday, world.today}


def test_history_before_the_data_is_empty_and_backwards_is_an_error(world):
    assert world.broker.history(
        NAMES[0], "1d", world.today - timedelta(days=99), world.today - timedelta(days=90)
    ).is_empty()
    with pytest.raises(BadInput, match="after the last"):
        world.broker.history(NAMES[0], "1d", world.today, world.today - timedelta(days=1))
