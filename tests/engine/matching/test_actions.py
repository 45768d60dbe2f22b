"""Corporate actions, delistings, suspensions: what happens to shares, orders and levels without a trade."""

from __future__ import annotations

from datetime import date

from engine.backtest import backtest
from engine.data.panel import State
from tests.builders_panel import HALT, fills_of, flat, make_config, make_panel, make_rules, run_rules
from tests.scripted import buy, run_orders, sell

FLAT = (10_000, 10_000, 10_000, 10_000)
HALF = (5_000, 5_000, 5_000, 5_000)
ONCE = ("entry", "weekday == mon and positions == 0", "buy 10% of equity")  # DAY_ONE is a Monday


def test_split_doubles_the_shares_and_leaves_cost_and_equity():
    panel = make_panel({"A00001": [FLAT, FLAT, HALF]}, splits=[(2, "A00001", 2, 1)])
    result = run_orders(panel, {0: [buy(100)]})
    assert result.positions.select("quantity", "average_price", "pnl").rows() == [(200, 5_000.0, 0)]
    assert result.equity["equity"].to_list() == [10_000_000] * 3


def test_reverse_split_pays_the_fraction_in_cash_at_the_base_price():
    # 103 shares 10:1 → 10 shares and 3/10 of one; base 100,000 → 30,000 won. Their cost: 1,030,000 × 3/103 = 30,000.
    high = (100_000,) * 4
    panel = make_panel({"A00001": [FLAT, FLAT, high]}, splits=[(2, "A00001", 1, 10)])
    result = run_orders(panel, {0: [buy(103)]})
    assert result.positions["quantity"].to_list() == [10]
    assert result.equity["cash"].to_list() == [10_000_000, 8_970_000, 9_000_000]
    assert result.equity["realised"].to_list() == [0, 0, 0]


def test_fraction_is_paid_at_the_last_close_where_no_base_price_is_known():
    # The close of the day of the split (120,000) is not known when the day begins.
    panel = make_panel(
        {"A00001": [FLAT, FLAT, (110_000, 120_000, 110_000, 120_000)]},
        splits=[(2, "A00001", 1, 10)],
        base={(2, "A00001"): 0},
    )
    assert run_orders(panel, {0: [buy(103)]}).equity["cash"].to_list()[-1] == 9_000_000


def test_position_that_shrinks_to_a_fraction_is_closed_and_leaves_no_purchase_fee_behind():
    # 5 shares 10:1 → nothing but a fraction: 50,000 won in cash. The next position starts from nothing.
    bars = [FLAT, FLAT, (100_000,) * 4, (100_000,) * 4, (100_000,) * 4, (100_000,) * 4]
    panel = make_panel({"A00001": bars}, splits=[(2, "A00001", 1, 10)])
    result = run_orders(panel, {0: [buy(5)], 2: [buy(10)], 3: [sell()]}, costs=True, fee_ppb=1_000_000)
    # The only trade: bought and sold at 100,000; fees 1,000 each way, tax 0.03 % and 0.15 % of 1,000,000.
    assert result.trades.select("quantity", "costs", "pnl").rows() == [(10, 3_800, -3_800)]
    assert result.equity["positions"].to_list() == [0, 1, 0, 1, 0, 0]


def test_open_order_is_restated_overnight():
    # Sent at 9,000 before a 2:1 split: 20 shares at 4,500 when it trades.
    panel = make_panel({"A00001": [FLAT, (5_000, 5_000, 4_400, 4_800)]}, splits=[(1, "A00001", 2, 1)])
    result = run_orders(panel, {0: [buy(10, limit=9_000)]})
    assert fills_of(result) == [(1, "low", "A00001", "buy", 20, 4_500)]
    assert result.orders.select("quantity", "price").rows() == [(20, 4_500)]


def test_restated_buy_goes_down_to_the_grid_and_sell_up():
    # 9,010 / 3 = 3,003.3: tick 5: buy 3,000, sell 3,005.
    bars = [FLAT, FLAT, (3_333, 3_400, 2_900, 3_300)]
    panel = make_panel({"A00001": bars}, splits=[(2, "A00001", 3, 1)])
    result = run_orders(panel, {0: [buy(10)], 1: [buy(10, limit=9_010), sell(10, limit=9_010)]})
    assert result.orders["price"].to_list() == [None, 3_000, 3_005]


def test_restated_stops_go_the_other_way():
    # 9,010 / 3 = 3,003.3: buy stop 3,005, sell stop 3,000.
    bars = [FLAT, FLAT, (3_333, 3_400, 2_900, 3_300)]
    panel = make_panel({"A00001": bars}, splits=[(2, "A00001", 3, 1)])
    result = run_orders(panel, {0: [buy(10)], 1: [buy(10, stop=9_010), sell(10, stop=9_010)]})
    assert result.orders["price"].to_list() == [None, 3_005, 3_000]


def test_offset_from_the_opening_price_is_restated_too():
    # Range 400: half of it, 200, becomes 100 after the 2:1 split. Stop 5,000 + 100, limit 5,000 − 100.
    bars = [(10_000, 10_200, 9_800, 10_000), (5_000, 5_300, 4_800, 5_000)]
    panel = make_panel({"A00001": bars}, splits=[(1, "A00001", 2, 1)])
    for how, price in (("stop session_open +", 5_100), ("limit session_open -", 4_900)):
        result = run_rules(panel, ("entry", "weekday == mon", f"buy 10% of equity at {how} 0.5 * (high - low)"))
        assert [fill[4:] for fill in fills_of(result)] == [(200, price)]


def test_order_of_less_than_one_new_share_is_cancelled_and_gives_its_cash_back():
    panel = make_panel({"A00001": [FLAT, (100_000,) * 4]}, splits=[(1, "A00001", 1, 10)])
    result = run_orders(panel, {0: [buy(5)]})
    assert result.orders["status"].to_list() == ["cancelled"]
    assert result.equity["orderable"].to_list() == [10_000_000, 10_000_000]


def test_market_order_across_a_split_buys_the_restated_quantity():
    panel = make_panel({"A00001": [FLAT, HALF]}, splits=[(1, "A00001", 2, 1)])
    assert fills_of(run_orders(panel, {0: [buy(10)]})) == [(1, "open", "A00001", "buy", 20, 5_000)]


def test_guarded_stop_is_restated():
    # Bought at 10,000; stop at 9,300, after the 2:1 split at 4,650. 4,700 is above it, 4,650 is not.
    stop = ("exit", "pnl <= -7%", "sell all")
    bars = [FLAT, FLAT, (5_000, 5_000, 4_655, 5_000)]
    above = run_rules(make_panel({"A00001": bars}, splits=[(2, "A00001", 2, 1)]), ONCE, stop)
    assert len(fills_of(above)) == 1
    bars = [FLAT, FLAT, (5_000, 5_000, 4_600, 5_000)]
    below = run_rules(make_panel({"A00001": bars}, splits=[(2, "A00001", 2, 1)]), ONCE, stop)
    assert fills_of(below)[1] == (2, "low", "A00001", "sell", 200, 4_650)


def test_guarded_target_is_restated_and_never_below_what_was_asked():
    # Bought at 1,003: +15 % is 1,153.45 → 1,154. 3:1: 384.67 → 385 (384 would be 14.9 %).
    bars = [(1_003,) * 4, (1_003,) * 4, (335, 385, 335, 350)]
    target = ("exit", "pnl >= 15%", "sell all")
    panel = make_panel({"A00001": bars}, splits=[(2, "A00001", 3, 1)])
    assert len(fills_of(run_rules(panel, ONCE, target))) == 1
    bars[2] = (335, 390, 335, 350)
    panel = make_panel({"A00001": bars}, splits=[(2, "A00001", 3, 1)])
    assert fills_of(run_rules(panel, ONCE, target))[1][5] == 385


def test_highest_close_is_restated():
    # Bought at 10,000, closed at 12,000; 2:1 → peak 6,000. Close 5,500: −8.3 % from the peak, and +10 % on the cost.
    bars = [FLAT, (10_000, 12_000, 10_000, 12_000), (6_000, 6_000, 5_500, 5_500), (5_500,) * 4]
    panel = make_panel({"A00001": bars}, splits=[(2, "A00001", 2, 1)])
    keep = run_rules(panel, ONCE, ("exit", "drawdown_from_peak <= -9%", "sell all", 5, "종가"))
    gone = run_rules(panel, ONCE, ("exit", "drawdown_from_peak <= -8%", "sell all", 5, "종가"))
    assert [len(fills_of(result)) for result in (keep, gone)] == [1, 2]


def test_rest_of_a_target_is_restated():
    # `sell 50%` of 100 = 50; 10 % of 300 shares = 30 sold; rest 20 → 40 after the 2:1 split.
    bars = [FLAT, FLAT, (11_500, 11_600, 11_500, 11_600, 300), (5_800, 5_800, 5_800, 5_800)]
    panel = make_panel({"A00001": bars}, splits=[(3, "A00001", 2, 1)])
    result = run_rules(panel, ONCE, ("exit", "pnl >= 15%", "sell 50%"), participation=0.1)
    assert [fill[4] for fill in fills_of(result)] == [100, 30, 40]


def test_cash_distribution_of_a_fund_pays_the_holder_and_keeps_the_shares():
    panel = make_panel({"A00001": [FLAT, FLAT, (9_900,) * 4]}, product="ETF", cash=[(2, "A00001", 100)])
    result = run_orders(panel, {0: [buy(50)]})
    assert result.equity["cash"].to_list() == [10_000_000, 9_500_000, 9_505_000]
    assert result.equity["equity"].to_list() == [10_000_000] * 3
    assert (result.equity["realised"].to_list()[-1], result.positions["quantity"].to_list()) == (5_000, [50])


def test_buyer_on_the_day_of_a_distribution_gets_none():
    panel = make_panel({"A00001": [FLAT, (9_900,) * 4]}, product="ETF", cash=[(1, "A00001", 100)])
    assert run_orders(panel, {0: [buy(50)]}).equity["realised"].to_list() == [0, 0]


def test_delisted_holding_is_written_off_on_the_day_after_its_last_row():
    bars = {"A00001": [FLAT, FLAT, (3_000,) * 4, None, None], "A00002": flat(10_000, 5)}
    panel = make_panel(bars, delisted=["A00001"])
    result = run_orders(panel, {0: [buy(100, "A00001")]})
    assert fills_of(result)[1] == (3, "open", "A00001", "sell", 100, 0)
    assert result.equity["equity"].to_list() == [10_000_000, 10_000_000, 9_300_000, 9_000_000, 9_000_000]
    assert result.trades.select("quantity", "pnl", "closes_position").rows() == [(100, -1_000_000, True)]
    assert "delisted_positions" in [warning.code for warning in result.warnings]


def test_delisting_haircut_is_a_parameter():
    # 3,000 × (1 − 70 %) = 900.
    bars = {"A00001": [FLAT, FLAT, (3_000,) * 4, None], "A00002": flat(10_000, 4)}
    panel = make_panel(bars, delisted=["A00001"])
    result = run_orders(panel, {0: [buy(100, "A00001")]}, delisting_haircut=0.7)
    assert fills_of(result)[1] == (3, "open", "A00001", "sell", 100, 900)


def test_open_orders_of_a_delisted_name_expire_and_hold_nothing_back():
    bars = {"A00001": [FLAT, FLAT, FLAT, None, None], "A00002": flat(10_000, 5)}
    panel = make_panel(bars, delisted=["A00001"])
    result = run_orders(panel, {0: [buy(100, "A00001")], 2: [sell(ticker="A00001"), buy(5, "A00001", limit=9_000)]})
    assert result.orders["status"].to_list() == ["filled", "expired", "expired", "filled"]
    assert result.equity["orderable"].to_list()[-1] == 9_000_000


def test_name_whose_rows_merely_end_is_unresolved_and_valued_at_its_last_price():
    bars = {"A00001": [FLAT, FLAT, (12_000,) * 4, None, None], "A00002": flat(10_000, 5)}
    result = run_orders(make_panel(bars), {0: [buy(100, "A00001")], 3: [sell(ticker="A00001")]})
    assert result.equity["equity"].to_list() == [10_000_000, 10_000_000, 10_200_000, 10_200_000, 10_200_000]
    assert result.positions.select("quantity", "price", "unresolved").rows() == [(100, 12_000, True)]
    assert [warning.parameters["tickers"] for warning in result.warnings if warning.code == "unresolved_tickers"] == [
        "A00001"
    ]
    assert result.orders["status"].to_list()[-1] == "expired"


def test_days_on_which_a_holding_is_suspended_are_counted():
    panel = make_panel({"A00001": [FLAT, FLAT, HALT, HALT, FLAT]})
    result = run_orders(panel, {0: [buy(100)]})
    assert [w.parameters["count"] for w in result.warnings if w.code == "halted_days"] == [2]


def test_split_of_a_suspended_stock_takes_effect_all_the_same():
    panel = make_panel({"A00001": [FLAT, FLAT, HALT, HALF]}, splits=[(3, "A00001", 2, 1)])
    assert run_orders(panel, {0: [buy(100)]}).equity["equity"].to_list() == [10_000_000] * 4


def test_actions_before_the_first_row_of_the_run_are_over():
    panel = make_panel({"A00001": [FLAT, HALF, HALF, HALF]}, splits=[(1, "A00001", 2, 1)])
    result = run_rules(panel, ("entry", "always", "buy 10% of equity"))
    assert result.positions["quantity"].to_list() == [200]
    rules = make_rules(("entry", "always", "buy 10% of equity"))
    later = backtest(rules, panel, make_config(), start=date(2024, 3, 6))
    assert later.positions["quantity"].to_list() == [200]


def test_first_day_is_a_day_like_any_other_for_orders_of_the_evening_before_it():
    # Nothing can be sent before the first row: the name is absent, and not tradable.
    bars = {"A00001": [None, FLAT, FLAT], "A00002": flat(10_000, 3)}
    panel = make_panel(bars, state={(1, "A00001"): State.FIRST_DAY})
    result = run_orders(panel, {0: [buy(10, "A00001")], 1: [buy(10, "A00001")]})
    assert result.refusals == {"not_tradable": 1}
    assert [fill[0] for fill in fills_of(result)] == [2]
