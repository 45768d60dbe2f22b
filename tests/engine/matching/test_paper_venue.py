"""The paper account as a venue: no order before the opening price, the first price after acceptance."""

from __future__ import annotations

import pytest

from engine.config import build_config
from engine.errors import ConfigError
from tests.builders_panel import fills_of, flat, make_panel, run_rules

FLAT = (10_000, 10_000, 10_000, 10_000)
BAR = (10_200, 10_300, 9_800, 10_100)
ONCE = ("entry", "weekday == mon and positions == 0", "buy 10% of equity")  # DAY_ONE is a Monday
STOP = ("exit", "pnl <= -7%", "sell all")
TARGET = ("exit", "pnl >= 15%", "sell all")


def run(bars, *rules, **config):
    return fills_of(run_rules(make_panel({"A00001": bars}), *rules, **{"venue": "paper", **config}))


def test_a_market_order_of_the_evening_meets_the_price_after_the_opening_one():
    assert run([FLAT, BAR], ONCE) == [(1, "low", "A00001", "buy", 100, 9_800)]
    assert run([FLAT, BAR], ONCE, path="high_first") == [(1, "high", "A00001", "buy", 100, 10_300)]
    assert run([FLAT, BAR], ONCE, venue="krx") == [(1, "open", "A00001", "buy", 100, 10_200)]


def test_a_limit_that_the_opening_price_has_reached_is_marketable_when_it_arrives():
    limit = ("entry", "weekday == mon and positions == 0", "buy 10% of equity at limit close * 1.05")
    # At the open it would have paid 10,200; behind it the worst price until the low is that same opening price.
    assert run([FLAT, BAR], limit) == [(1, "low", "A00001", "buy", 100, 10_200)]


def test_latency_in_points_counts_from_the_opening_price_on():
    bars = [FLAT, BAR, FLAT]
    assert run(bars, ONCE, latency_points=1) == [(1, "high", "A00001", "buy", 100, 10_300)]
    assert run(bars, ONCE, latency_points=2) == [(1, "close", "A00001", "buy", 100, 10_100)]
    assert run(bars, ONCE, latency_points=3) == [(1, "close", "A00001", "buy", 100, 10_100)]
    assert run(bars, ONCE, latency_bars=1) == [(2, "low", "A00001", "buy", 100, 10_000)]


def test_minute_bars_wait_only_for_the_first_price_of_a_session():
    # Two bars a session: what the morning's close decides meets the next bar's open, as everywhere.
    panel = make_panel({"A00001": [FLAT, BAR, BAR, BAR]}, bars_a_session=2)
    rule = ("entry", "close == 10_100", "buy 10% of equity add")
    result = run_rules(panel, rule, venue="paper")
    assert [(row, point) for row, point, *_ in fills_of(result)] == [(2, "low"), (3, "open")]


@pytest.mark.parametrize(
    ("bar", "krx", "paper"),
    [
        # The opening price has jumped over the level: on paper the sell that answers it meets the price behind it.
        ((9_200, 9_400, 9_100, 9_400), ("open", 9_200), ("low", 9_100)),
        # The path reaches the level inside the bar: the same everywhere.
        ((10_000, 10_000, 9_000, 9_400), ("low", 9_300), ("low", 9_300)),
    ],
)
def test_a_stop_level_cannot_answer_the_opening_price_before_it_is_made(bar, krx, paper):
    for venue, (point, price) in {"krx": krx, "paper": paper}.items():
        sold = run([FLAT, FLAT, bar], ONCE, STOP, venue=venue)[1]
        assert (sold[1], sold[5]) == (point, price)


def test_a_target_that_the_opening_price_has_passed_sells_at_its_level_at_least():
    bars = [FLAT, FLAT, (11_600, 11_700, 11_550, 11_600)]
    assert run(bars, ONCE, TARGET, venue="krx")[1][1:] == ("open", "A00001", "sell", 100, 11_600)
    assert run(bars, ONCE, TARGET)[1][1:] == ("low", "A00001", "sell", 100, 11_550)


def test_the_last_bar_of_the_data_takes_orders_like_any_other():
    assert run(flat(10_000, 2), ONCE)[-1][0] == 1


def test_another_venue_is_refused_by_name():
    with pytest.raises(ConfigError, match="venue"):
        build_config({"venue": "nasdaq"})
