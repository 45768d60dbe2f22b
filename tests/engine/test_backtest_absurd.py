"""Absurd input: each gives a right result or an error that says what to do."""

from __future__ import annotations

import dataclasses
import datetime

import numpy as np
import pytest

from brokers.replay import replay
from engine.backtest import backtest
from engine.config import build_config
from engine.errors import BadInput, ConfigError, DataError, RuleError
from engine.rules.program import compile_rules
from tests.builders_panel import HALT, fills_of, flat, make_config, make_panel, make_rules, run_rules
from tests.event_mode import run_watched, simulate
from tests.scripted import Scripted, buy, run_orders, sell

FLAT = (10_000, 10_000, 10_000, 10_000)
BUY = ("entry", "always", "buy 10% of equity")
STOP = ("exit", "pnl <= -7%", "sell all")


def test_one_won_buys_nothing_and_breaks_nothing():
    result = run_rules(make_panel({"A00001": flat(10_000, 5)}), BUY, STOP, cash_won=1)
    assert (len(result.fills), result.refusals) == (0, {"quantity_zero": 5})
    assert result.equity["equity"].to_list() == [1] * 5


def test_share_of_one_won():
    # 10 % of 10,000,000 at 1 won. Its upper limit: 30 % of 1 is 0, at least one tick: 2 won.
    result = run_rules(make_panel({"A00001": flat(1, 4)}), BUY, STOP, costs=True)
    assert fills_of(result) == [(1, "open", "A00001", "buy", 1_000_000, 1)]


def test_share_of_a_billion_won():
    result = run_rules(make_panel({"A00001": flat(10**9, 4)}), BUY, STOP, cash_won=10**15, costs=True)
    # 10 % of 10^15 at 10^9: 100,000 shares; 0.0140527 % of 10^14.
    assert fills_of(result) == [(1, "open", "A00001", "buy", 100_000, 10**9)]
    assert result.fills["fee"].to_list() == [14_052_700_000]


@pytest.mark.parametrize("model", ["ticks", "rate", "root"])
def test_slippage_of_a_billion_won_share_does_not_overflow(model):
    bars = {"A00001": flat(10**11, 4)}
    panel = make_panel(bars, adjusted=True, price_scale=100)
    config = {"slippage": {"model": model, "size": 1.0}, "cash_won": 10**15}
    price = run_orders(panel, {0: [buy(1)]}, **config).fills["price"].to_list()
    # 10^9 won in hundredths. One unit; 100 %; 100 % of the root of 1 / 1,000,000.
    assert price == {"ticks": [10**9 + 0.01], "rate": [2 * 10**9], "root": [10**9 + 10**6]}[model]


def test_volume_beyond_two_to_the_fortieth():
    panel = make_panel({"A00001": flat(100, 4, volume=2**45)})
    orders = {0: [buy(10**13)], 1: [sell()]}
    result = run_orders(panel, orders, cash_won=10**15, participation=0.1, costs=True)
    # 10^15 / 130 (upper limit) and the commission on it; 10 % of 2^45 is 3.5 × 10^12, which is less.
    assert [fill[4] for fill in fills_of(result)] == [2**45 // 10, 2**45 // 10]


def test_shares_are_split_exactly_where_products_pass_two_to_the_63():
    # 10^15 shares of one won, sold in odd parts; the books are recomputed with Python's integers after each part.
    rules = make_rules(
        ("entry", "always", "buy 100% of equity"),
        ("exit", "days_held >= 1", "sell 33.3%"),
        ("exit", "days_held >= 3", "sell 77.7%"),
        ("exit", "days_held >= 5", "sell all"),
    )
    panel = make_panel({"A00001": [(1, 2, 1, 1, 2**50)] * 20, "A00002": [(3, 3, 3, 3, 2**50)] * 20})
    config = make_config(cash_won=10**15, costs=True, participation=0.37, fee_ppb=1_234_567)
    simulation = run_watched(simulate(rules, panel, config))
    assert simulation.book.account[21] > 6  # fills


def test_holding_that_outgrows_the_integers_stops_the_run_with_a_reason():
    bars = [(1,) * 4, (1,) * 4, (10**6,) * 4, (10**6,) * 4]
    panel = make_panel({"A00001": bars}, adjusted=True)
    with pytest.raises(BadInput, match="one holding is worth more than"):
        run_rules(panel, ("entry", "always", "buy 100% of equity"), cash_won=10**15)
    with pytest.raises(BadInput, match="Start with less cash"):
        run_orders(panel, {0: [buy(10**14)]}, cash_won=10**15)


def test_one_row_trades_nothing():
    result = run_rules(make_panel({"A00001": [FLAT]}), BUY, STOP)
    assert (len(result.fills), result.orders["status"].to_list()) == (0, ["open"])
    assert result.equity["equity"].to_list() == [10_000_000]


def test_market_in_which_everything_is_suspended():
    result = run_rules(make_panel({"A00001": [FLAT, *[HALT] * 4]}), BUY, STOP)
    assert len(result.fills) == 0
    assert result.refusals == {"not_tradable": 4}


def test_market_in_which_everything_is_delisted():
    bars = {"A00001": [FLAT, FLAT, None, None], "A00002": [FLAT, FLAT, None, None]}
    panel = make_panel(bars, delisted=["A00001", "A00002"])
    result = run_rules(panel, ("entry", "always", "buy 30% of equity"), STOP)
    assert result.equity["equity"].to_list() == [10_000_000, 10_000_000, 4_000_000, 4_000_000]
    assert len(result.trades) == 2


def test_name_without_a_single_bar_is_never_bought():
    bars = {"A00001": flat(10_000, 3), "A00002": [None, None, FLAT]}
    assert {fill[2] for fill in fills_of(run_rules(make_panel(bars), BUY))} == {"A00001"}


def test_as_many_rules_as_an_order_can_name():
    # 126 rules: 124 triggers, the first in priority last in the file. Every one of them is recorded.
    triggers = [("entry", f"close > {number}", "buy 1% of equity", 1) for number in range(1, 125)]
    triggers.append(("entry", "close > 200", "buy 10% of equity", 10))
    exits = [("exit", "days_held >= 1", "sell all")]
    result = run_rules(make_panel({"A00001": flat(10_000, 4)}), *triggers, *exits)
    buys = ["rule-124", *[f"rule-{number}" for number in range(124)]]
    assert result.orders["rule_ids"].to_list() == [buys, ["rule-125"], buys]
    assert result.orders["quantity"].to_list() == [100, 100, 100]


def test_exit_rules_beyond_the_first_mask_word_count_down():
    idle = [("entry", f"close > {10**6 + number}", "buy 1% of equity") for number in range(70)]
    rules = [*idle, ("entry", "weekday == mon", "buy 10% of equity"), ("exit", "pnl >= 15%", "sell 50%")]
    bars = [FLAT, FLAT, *[(12_000,) * 4] * 3]
    assert [fill[4] for fill in fills_of(run_rules(make_panel({"A00001": bars}), *rules))] == [100, 50]


def test_one_rule_more_is_an_error():
    rules = make_rules(*[("entry", f"close > {number}", "buy 1% of equity") for number in range(1, 127)])
    too_many = dataclasses.replace(rules, rules=(*rules.rules, rules.rules[0]))
    with pytest.raises(RuleError, match="There are 127 rules; orders can name 126"):
        compile_rules(too_many)


def test_expression_deeper_than_the_stack_is_an_error():
    condition = "pnl > 1%"
    for _ in range(70):
        condition = f"days_held > 1 and ({condition} or weight > 1%)"
    with pytest.raises(RuleError):
        compile_rules(make_rules(BUY, ("exit", condition, "sell all")))


def test_rules_of_another_interval_are_refused():
    with pytest.raises(ConfigError, match="bars of 5m"):
        backtest(make_rules(BUY, interval="5m"), make_panel({"A00001": flat(10_000, 3)}))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime.date(2024, 3, 6), datetime.date(2024, 3, 5)),
        (datetime.date(2030, 1, 1), None),
        (None, datetime.date(2020, 1, 1)),
        (datetime.date(2024, 3, 9), datetime.date(2024, 3, 10)),  # a weekend
    ],
)
def test_dates_without_a_session_are_refused(start, end):
    panel = make_panel({"A00001": flat(10_000, 8)})
    with pytest.raises(DataError, match=r"No session .*2024-03-04 to 2024-03-13"):
        backtest(make_rules(BUY), panel, start=start, end=end)
    with pytest.raises(DataError, match=r"No session .*2024-03-04 to 2024-03-13"):
        replay(Scripted({}), panel, start=start, end=end)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cash_won", 0),
        ("cash_won", -5),
        ("cash_won", 10**16),
        ("participation", 1.5),
        ("latency_points", 4),
        ("latency_bars", -1),
        ("delisting_haircut", 1.1),
        ("limits.max_position_weight", 3.0),
        ("limits.max_positions", 0),
        ("limits.max_day_loss", 0.0),
        ("slippage.size", -0.1),
        ("path", "middle"),
        ("no_such_key", 1),
    ],
)
def test_configuration_out_of_range_is_named(key, value):
    values: dict[str, object] = {key: value}
    if "." in key:
        outer, inner = key.split(".")
        values = {outer: {inner: value}}
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        build_config(values)


@pytest.mark.parametrize(
    "ask",
    [
        buy(10, limit=0),
        buy(10, limit=-100),
        buy(10, limit=float("nan")),
        buy(10, limit=1e30),
        buy(10, stop=float("inf")),
        buy(10**18),
        buy(-1),
        buy(10, limit=10_000, stop=10_000),
        buy(weight=0.0),
        buy(weight=3.0),
        buy(weight=float("nan")),
        buy(10, weight=0.5),
        buy(),
        sell(10**18),
    ],
)
def test_impossible_orders_of_a_strategy_are_errors(ask):
    with pytest.raises(BadInput):
        run_orders(make_panel({"A00001": flat(10_000, 3)}), {0: [ask]})


def test_limit_far_from_the_market_waits_and_expires():
    panel = make_panel({"A00001": flat(10_000, 3)})
    result = run_orders(panel, {0: [buy(1, limit=1_000), buy(1, stop=900_000)]})
    assert result.orders["status"].to_list() == ["expired", "expired"]


def test_price_of_a_rule_below_zero_is_refused():
    rule = ("entry", "always", "buy 10% of equity at limit close - 2 * close")
    assert run_rules(make_panel({"A00001": flat(10_000, 3)}), rule).refusals == {"bad_price": 3}


def test_opening_price_less_more_than_itself_never_fills():
    rule = ("entry", "weekday == mon", "buy 10% of equity at limit session_open - 2 * close")
    result = run_rules(make_panel({"A00001": flat(10_000, 3)}), rule)
    assert result.orders.select("status", "price").rows() == [("expired", 1)]


def test_strange_bars_do_not_break_the_books():
    # High below low, and prices of zero: `geoul data check` reports them; the exchange must not fall over them.
    bars = {"A00001": [FLAT, (10_000, 9_000, 11_000, 10_000), (0, 0, 0, 0), FLAT, FLAT]}
    rules = make_rules(("entry", "always", "buy 10% of equity add"), STOP, ("exit", "pnl >= 15%", "sell 50%"))
    simulation = run_watched_without_bounds(rules, bars)
    assert np.all(simulation.book.positions[:, 0] >= 0)


def run_watched_without_bounds(rules, bars):
    simulation = simulate(rules, make_panel(bars), make_config())
    simulation.run()
    return simulation
