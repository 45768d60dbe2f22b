"""Orders against recorded trades: real prices, a part of the real volume, no fill where a trade merely touches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.replay import ReplayBroker, replay
from engine.backtest import prepare
from engine.broker import Accepted
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.data.tick_panel import load_recording
from engine.errors import BadInput, ConfigError
from engine.events import Slice
from engine.fill import Fill
from engine.order import Approved, OrderKind, OrderRequest, Side
from engine.rules.tree import RuleSet
from engine.strategy import Strategy, View
from tests.builders_panel import make_config, make_rules
from tests.builders_recording import TUESDAY, write_daily, write_recording

A, B = "005930", "000660"
FLAT = {A: [(10_000, 10_000, 10_000, 10_000, 50)], B: [(20_000, 20_000, 20_000, 20_000, 50)]}
PREVIOUS = {A: 10_000, B: 20_000}


def panel_of(folder: Path, *ticks: tuple[str, int, int], daily: Path | None = None) -> Panel:
    """Trades a second apart."""
    timed = [
        (ticker, f"09:{number // 60:02}:{number % 60:02}", price, shares)
        for number, (ticker, price, shares) in enumerate(ticks)
    ]
    daily = daily or write_daily(folder / "daily", FLAT)
    return load_recording(write_recording(folder / "recording", timed, TUESDAY, PREVIOUS), daily)


def traded(panel: Panel, orders: dict[int, list[OrderRequest]], **config: Any) -> list[tuple[int, str, int, int]]:
    """(trade, side, price, shares) of the fills of orders sent after the close of a row; −1 = the evening before."""
    settings = BacktestConfig(**{"participation": 0.1, **config})
    nothing = RuleSet(interval="tick", rules=())
    broker = ReplayBroker(prepare(nothing, panel, settings))
    first, fills = panel.trades_from or 0, []
    for event in broker.events():
        if isinstance(event, Fill):
            row = broker.simulation.row + 1
            fills.append((row - first, event.side.value, event.price, event.quantity))
        elif isinstance(event, Slice):
            for request in orders.get(event.row - first, []):
                assert isinstance(broker.submit(Approved(value=request, checked_at=broker.now())), Accepted)
    return fills


def buy(quantity: int, price: int | None = None, ticker: str = A, kind: OrderKind | None = None) -> OrderRequest:
    kind = kind or (OrderKind.LIMIT if price else OrderKind.MARKET)
    return OrderRequest(ticker=ticker, side=Side.BUY, quantity=quantity, kind=kind, price=price)


def sell(quantity: int, price: int | None = None, kind: OrderKind | None = None) -> OrderRequest:
    kind = kind or (OrderKind.LIMIT if price else OrderKind.MARKET)
    return OrderRequest(ticker=A, side=Side.SELL, quantity=quantity, kind=kind, price=price)


def test_a_market_order_takes_its_part_of_each_trade_of_its_name(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, (A, 10_000, 100), (B, 20_000, 500), (A, 10_050, 30), (A, 10_100, 400))
    assert traded(panel, {-1: [buy(20)]}) == [(0, "buy", 10_000, 10), (2, "buy", 10_050, 3), (3, "buy", 10_100, 7)]


def test_small_trades_add_up_instead_of_being_rounded_away(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, *[(A, 10_000, 4)] * 10)
    assert traded(panel, {-1: [buy(99)]}) == [(trade, "buy", 10_000, 1) for trade in (2, 4, 7, 9)]


def test_a_limit_fills_at_the_first_trade_or_beyond_it_but_not_where_a_later_trade_touches_it(tmp_path: Path) -> None:
    prices = (10_000, 10_000, 10_050, 10_000, 9_990, 9_980)
    panel = panel_of(tmp_path, *[(A, price, 50) for price in prices])
    assert traded(panel, {-1: [buy(12, 10_000)]}) == [(0, "buy", 10_000, 5), (4, "buy", 9_990, 5), (5, "buy", 9_980, 2)]
    touching = [(0, "buy", 10_000, 5), (1, "buy", 10_000, 5), (3, "buy", 10_000, 2)]
    assert traded(panel, {-1: [buy(12, 10_000)]}, touch=True) == touching


def test_a_trade_of_another_name_is_no_trade_that_went_by(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, (A, 10_050, 50), (B, 20_000, 50), (A, 10_000, 50))
    assert traded(panel, {0: [buy(1, 10_000)]}) == [(2, "buy", 10_000, 1)]
    assert traded(panel, {-1: [buy(1, 10_000)]}) == []


def test_a_stop_trades_at_the_trade_that_sets_it_off(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, *[(A, price, 100) for price in (10_000, 10_000, 9_960, 9_940, 9_930)])
    stop = sell(8, 9_950, OrderKind.STOP)
    assert traded(panel, {-1: [buy(8)], 0: [stop]}) == [(0, "buy", 10_000, 8), (3, "sell", 9_940, 8)]


def test_no_purchase_at_the_upper_limit(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, (A, 13_000, 100), (A, 12_990, 100))
    assert traded(panel, {-1: [buy(5)]}) == [(1, "buy", 12_990, 5)]


def test_a_day_order_ends_with_the_day(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, (A, 10_000, 10), (A, 10_100, 10))
    broker = ReplayBroker(prepare(RuleSet(interval="tick", rules=()), panel, BacktestConfig()))
    for event in broker.events():
        if isinstance(event, Slice) and event.row == 0:
            broker.submit(Approved(value=buy(99, 9_000), checked_at=broker.now()))
    assert not broker.open_orders()
    assert [order.status.value for order in broker.orders(panel.session_date(0))] == ["expired"]


class Once(Strategy):
    """Buys at the first trade, and sends an order from within the fill."""

    def on_bar(self, view: View) -> None:
        if view.session < TUESDAY:
            view.buy(A, quantity=2)

    def on_fill(self, view: View, fill: Fill) -> None:
        if fill.side is Side.BUY:
            view.sell(A)


def test_an_order_sent_on_a_fill_meets_the_next_trade_not_the_same_one(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, (A, 10_000, 100), (B, 20_000, 100), (A, 10_050, 100))
    result = replay(Once(), panel, make_config())
    assert result.fills.select("side", "price").rows() == [("buy", 10_000), ("sell", 10_050)]


@pytest.fixture(scope="module")
def flat_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_daily(tmp_path_factory.mktemp("flat") / "daily", FLAT)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(
    ticks=st.lists(
        st.tuples(st.sampled_from([A, B]), st.sampled_from([9_980, 9_990, 10_000, 10_010]), st.integers(1, 60)),
        min_size=1,
        max_size=40,
    ),
    orders=st.lists(
        st.tuples(st.integers(-1, 39), st.integers(1, 30), st.sampled_from([None, 9_980, 9_990, 10_000, 10_010])),
        max_size=6,
    ),
    rate=st.sampled_from([0.05, 0.1, 1.0]),
)
def test_every_fill_is_a_part_of_one_recorded_trade(
    tmp_path_factory: pytest.TempPathFactory,
    flat_days: Path,
    ticks: list[tuple[str, int, int]],
    orders: list[tuple[int, int, int | None]],
    rate: float,
) -> None:
    ticks = [
        (A, 10_000, 7),
        *((ticker, price if ticker == A else 2 * price, shares) for ticker, price, shares in ticks),
    ]
    panel = panel_of(tmp_path_factory.mktemp("ticks"), *ticks, daily=flat_days)
    sent: dict[int, list[OrderRequest]] = {}
    for row, quantity, price in orders:
        sent.setdefault(row, []).append(buy(quantity, price))
    taken = np.zeros(len(ticks), np.int64)
    for trade, _, price, shares in traded(panel, sent, participation=rate):
        assert ticks[trade][:2] == (A, price)
        taken[trade] += shares
    volume = np.array([shares if ticker == A else 0 for ticker, _, shares in ticks])
    assert (taken <= volume).all()
    for start in range(len(ticks)):  # the budget of any stretch is the rate of its volume to within a share
        assert (np.cumsum(taken[start:]) <= np.cumsum(volume[start:]) * rate + 1).all()


def test_rules_and_features_which_count_bars_are_refused(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, (A, 10_000, 100))
    rules = make_rules(("entry", "close > 1", "buy 10% of equity"), interval="1m")
    with pytest.raises(ConfigError, match=r"count bars of 1m .*, and recording has recorded trades"):
        prepare(rules, panel, BacktestConfig())
    with pytest.raises(BadInput, match="Rules count bars"):
        prepare(RuleSet(interval="tick", rules=()), panel, BacktestConfig()).run()

    class Wide(Once):
        features: ClassVar[Mapping[str, str]] = {"mean": "mean(close, 5)"}

    with pytest.raises(BadInput, match="features count bars"):
        replay(Wide(), panel)
