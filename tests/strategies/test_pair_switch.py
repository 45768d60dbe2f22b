"""The pair switch: one leg at a time, the one left behind."""

from __future__ import annotations

import itertools

import pytest

from brokers.replay import replay
from engine.config import BacktestConfig
from engine.data.panel import CLOSE, Panel
from engine.errors import BadInput
from strategies.pair_switch import PairSwitch
from tests.strategies.holdings import bought, shares_by_session


@pytest.mark.parametrize("participation", [0.0, 0.1, 0.001])
def test_it_never_holds_both_legs(pair: Panel, participation: float) -> None:
    result = replay(PairSwitch(), pair, BacktestConfig(participation=participation))
    holdings = shares_by_session(result)
    assert {ticker for held in holdings.values() for ticker in held} == set(pair.tickers)
    assert all(len(held) <= 1 for held in holdings.values())


def test_it_buys_the_leg_that_has_fallen_behind(pair: Panel) -> None:
    assert not len(pair.actions)  # so that raw closes give the returns
    rows = {pair.session_date(row): row for row in range(pair.rows)}
    first_fills = bought(replay(PairSwitch(), pair)).group_by("order_id", maintain_order=True).first()
    assert first_fills.height
    for session, ticker in first_fills.select("session", "ticker").rows():
        row = rows[session] - 1
        now, then = pair.bars[CLOSE, row], pair.bars[CLOSE, row - 60]
        past = (now - then) / then
        mine = pair.tickers.index(ticker)
        assert past[mine] < past[1 - mine] - PairSwitch.gap


def test_what_it_sells_is_followed_by_a_purchase_of_the_other_leg_on_a_later_day(pair: Panel) -> None:
    fills = replay(PairSwitch(), pair).fills.select("session", "ticker", "side").rows()
    switches = [(one, two) for one, two in itertools.pairwise(fills) if one[2] == "sell" and two[2] == "buy"]
    assert switches
    for (sold_on, left, _), (bought_on, entered, _) in switches:
        assert entered != left
        assert bought_on > sold_on


def test_it_wants_two_tickers(single: Panel) -> None:
    with pytest.raises(BadInput, match="two tickers, not 1"):
        replay(PairSwitch(), single)
