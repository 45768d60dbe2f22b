"""The last half hour: bought after six hours at the earliest, sold the same day."""

from __future__ import annotations

import datetime

import pytest

from brokers.replay import replay
from engine.config import BacktestConfig
from engine.data.panel import CLOSE, Panel
from engine.result import Result
from strategies.intraday_momentum import IntradayMomentum
from tests.strategies.holdings import bought, shares_by_session, sold


@pytest.fixture(scope="module")
def result(minutes: Panel) -> Result:
    """A small account: its orders fill within a minute or two."""
    return replay(IntradayMomentum(), minutes, BacktestConfig(cash_won=5_000_000))


def test_it_buys_only_in_the_last_half_hour(result: Result) -> None:
    times = bought(result)["time"].dt.time().to_list()
    assert times
    assert all(datetime.time(15, 0) < time <= datetime.time(15, 16) for time in times)


def test_it_is_flat_overnight(result: Result) -> None:
    assert not any(shares_by_session(result).values())
    assert set(sold(result)["session"]) == set(bought(result)["session"])


def test_it_buys_on_the_days_whose_first_half_hour_rose(result: Result, minutes: Panel) -> None:
    rose = set()
    for row in range(30, minutes.rows):
        begins = minutes.session[row - 29] != minutes.session[row - 30]
        if begins and minutes.session[row] == minutes.session[row - 29]:
            now, close_before = minutes.bars[CLOSE, row, 0], minutes.bars[CLOSE, row - 30, 0]
            if (now - close_before) / close_before > IntradayMomentum.rise:
                rose.add(minutes.session_date(row))
    assert rose == set(bought(result)["session"])
