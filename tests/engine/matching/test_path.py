"""How orders meet a bar: one sentence of the design a test. Bars are (open, high, low, close[, volume])."""

from __future__ import annotations

from datetime import date

import pytest

from engine.data.panel import State
from tests.builders_panel import HALT, fills_of, flat, make_panel, run_rules
from tests.scripted import buy, run_orders, sell

SIGNAL = (10_000, 10_000, 10_000, 10_000)  # the bar after whose close the order is sent
BAR = (10_000, 10_300, 9_800, 10_100)  # O 10,000, L 9,800, H 10,300, C 10,100


def test_market_buy_fills_at_the_opening_price():
    panel = make_panel({"A00001": [SIGNAL, BAR]})
    assert fills_of(run_orders(panel, {0: [buy(10)]})) == [(1, "open", "A00001", "buy", 10, 10_000)]


def test_market_sell_fills_at_the_opening_price():
    panel = make_panel({"A00001": [SIGNAL, SIGNAL, BAR]})
    assert fills_of(run_orders(panel, {0: [buy(10)], 1: [sell()]}))[1] == (2, "open", "A00001", "sell", 10, 10_000)


@pytest.mark.parametrize(
    ("limit", "fill"),
    [
        (10_050, ("open", 10_000)),  # the open is better than the limit
        (10_000, ("open", 10_000)),  # the auction price itself fills
        (9_900, ("low", 9_900)),  # the path goes below 9,900 on its way to 9,800
        (9_800, None),  # touching is not filling
        (9_700, None),
    ],
)
def test_buy_limit_fills_at_the_open_or_once_the_path_goes_below(limit, fill):
    panel = make_panel({"A00001": [SIGNAL, BAR]})
    expected = [] if fill is None else [(1, fill[0], "A00001", "buy", 10, fill[1])]
    assert fills_of(run_orders(panel, {0: [buy(10, limit=limit)]})) == expected


@pytest.mark.parametrize(
    ("limit", "fill"),
    [(9_950, ("open", 10_000)), (10_000, ("open", 10_000)), (10_200, ("high", 10_200)), (10_300, None)],
)
def test_sell_limit_mirrors_it(limit, fill):
    panel = make_panel({"A00001": [SIGNAL, SIGNAL, BAR]})
    expected = [] if fill is None else [(2, fill[0], "A00001", "sell", 10, fill[1])]
    assert fills_of(run_orders(panel, {0: [buy(10)], 1: [sell(limit=limit)]}))[1:] == expected


def test_touch_option_fills_a_limit_that_the_path_only_touches():
    panel = make_panel({"A00001": [SIGNAL, BAR, BAR]})
    result = run_orders(panel, {0: [buy(10, limit=9_800)], 1: [sell(limit=10_300)]}, touch=True)
    assert fills_of(result) == [(1, "low", "A00001", "buy", 10, 9_800), (2, "high", "A00001", "sell", 10, 10_300)]


@pytest.mark.parametrize(
    ("stop", "fill"),
    [
        (9_900, ("open", 10_000)),  # the open has jumped over the level: the worse of the two is the open
        (10_000, ("open", 10_000)),
        (10_200, ("high", 10_200)),  # inside the bar: at the level
        (10_300, ("high", 10_300)),  # a stop is set off by a touch
        (10_350, None),
    ],
)
def test_buy_stop_fills_at_the_worse_of_level_and_open(stop, fill):
    panel = make_panel({"A00001": [SIGNAL, BAR]})
    expected = [] if fill is None else [(1, fill[0], "A00001", "buy", 10, fill[1])]
    assert fills_of(run_orders(panel, {0: [buy(10, stop=stop)]})) == expected


@pytest.mark.parametrize(
    ("stop", "fill"),
    [(10_100, ("open", 10_000)), (9_900, ("low", 9_900)), (9_800, ("low", 9_800)), (9_790, None)],
)
def test_sell_stop_mirrors_it(stop, fill):
    panel = make_panel({"A00001": [SIGNAL, SIGNAL, BAR]})
    expected = [] if fill is None else [(2, fill[0], "A00001", "sell", 10, fill[1])]
    assert fills_of(run_orders(panel, {0: [buy(10)], 1: [sell(stop=stop)]}))[1:] == expected


def test_low_comes_before_high_unless_high_first_is_asked_for():
    # A stop at 9,900 and a limit at 10,200 both lie inside the bar; whichever comes first sells all there is.
    panel = make_panel({"A00001": [SIGNAL, SIGNAL, BAR]})
    orders = {0: [buy(10)], 1: [sell(5, stop=9_900), sell(5, limit=10_200)]}
    low_first, high_first = (run_orders(panel, orders, path=path) for path in ("low_first", "high_first"))
    assert [fill[1] for fill in fills_of(low_first)] == ["open", "low", "high"]
    assert [fill[1] for fill in fills_of(high_first)] == ["open", "high", "low"]


def test_buy_after_a_dip_is_possible_low_first_and_not_high_first():
    # on_fill of the limit at 9,900 sends a sell at 10,200: the high comes after the low, or has already gone.
    panel = make_panel({"A00001": [SIGNAL, BAR]})
    script = ({0: [buy(10, limit=9_900)]}, {0: [sell(limit=10_200)]})
    assert fills_of(run_orders(panel, *script, path="low_first"))[1:] == [(1, "high", "A00001", "sell", 10, 10_200)]
    assert fills_of(run_orders(panel, *script, path="high_first"))[1:] == []


def test_order_sent_on_a_fill_takes_part_from_the_next_point_of_the_same_bar():
    # Filled at O; the market sell that on_fill sends cannot have the opening auction any more: it gets the low.
    panel = make_panel({"A00001": [SIGNAL, BAR]})
    result = run_orders(panel, {0: [buy(10)]}, {0: [sell()]})
    assert fills_of(result)[1] == (1, "low", "A00001", "sell", 10, 9_800)


def test_order_sent_on_a_fill_of_the_closing_auction_waits_for_the_next_bar():
    panel = make_panel({"A00001": [SIGNAL, BAR, (10_400, 10_500, 10_350, 10_400)]})
    result = run_orders(panel, {0: [buy(10)]}, {0: [sell()]}, latency_points=3)
    assert fills_of(result) == [(1, "close", "A00001", "buy", 10, 10_100), (2, "open", "A00001", "sell", 10, 10_400)]


def test_stop_that_is_already_set_off_when_it_arrives_trades_at_the_next_point():
    # At the low (9,800) on_fill sends a buy stop at 9,000, far below: it does not get the low, it gets the high.
    panel = make_panel({"A00001": [SIGNAL, BAR]})
    result = run_orders(panel, {0: [buy(10, limit=9_900)]}, {0: [buy(5, stop=9_000)]})
    assert fills_of(result)[1] == (1, "high", "A00001", "buy", 5, 10_300)


def test_limit_that_is_marketable_when_it_arrives_does_not_get_the_best_of_the_segment():
    # At the low (9,800) on_fill sends a buy limit at 10,500: until the high the worst price is 10,300.
    panel = make_panel({"A00001": [SIGNAL, BAR]})
    result = run_orders(panel, {0: [buy(10, limit=9_900)]}, {0: [buy(5, limit=10_500)]})
    assert fills_of(result)[1] == (1, "high", "A00001", "buy", 5, 10_300)


def test_no_order_fills_in_the_bar_after_whose_close_it_was_sent():
    panel = make_panel({"A00001": [BAR, (20_000, 20_000, 20_000, 20_000)]})
    assert fills_of(run_orders(panel, {0: [buy(10, limit=9_900)]})) == []


def test_latency_in_bars_and_points_delays_the_first_point():
    bars = [SIGNAL, BAR, (10_200, 10_400, 10_000, 10_300)]
    panel = make_panel({"A00001": bars})
    assert fills_of(run_orders(panel, {0: [buy(10)]}, latency_bars=1)) == [(2, "open", "A00001", "buy", 10, 10_200)]
    assert fills_of(run_orders(panel, {0: [buy(10)]}, latency_points=1)) == [(1, "low", "A00001", "buy", 10, 9_800)]
    assert fills_of(run_orders(panel, {0: [buy(10)]}, latency_points=3)) == [(1, "close", "A00001", "buy", 10, 10_100)]


def test_order_delayed_past_the_session_does_not_expire_before_it_arrives():
    panel = make_panel({"A00001": [SIGNAL, *flat(10_000, 2)]})
    orders = run_orders(panel, {0: [buy(10, limit=9_000)]}, latency_bars=1).orders
    assert orders["done_at"].dt.date().to_list() == [date(2024, 3, 6)]  # sent 4 March, arrives and expires on the 6th
    assert orders["status"].to_list() == ["expired"]


# Locked bars. 30 % of 10,000 is 3,000: limits 7,000 and 13,000.


def test_stock_locked_at_its_upper_limit_gives_no_buys():
    panel = make_panel({"A00001": [SIGNAL, (13_000, 13_000, 13_000, 13_000), (14_000, 14_000, 14_000, 14_000)]})
    result = run_orders(panel, {0: [buy(10), buy(10, limit=13_000)]})
    assert fills_of(result) == []
    assert result.orders["status"].to_list() == ["expired", "expired"]


def test_stock_locked_at_its_upper_limit_can_be_sold():
    panel = make_panel({"A00001": [SIGNAL, SIGNAL, (13_000, 13_000, 13_000, 13_000)]})
    assert fills_of(run_orders(panel, {0: [buy(10)], 1: [sell()]}))[1][:2] == (2, "open")


def test_stock_locked_at_its_lower_limit_cannot_be_sold_but_bought():
    panel = make_panel({"A00001": [SIGNAL, SIGNAL, (7_000, 7_000, 7_000, 7_000)]})
    result = run_orders(panel, {0: [buy(10)], 1: [sell(), buy(3)]})
    assert fills_of(result)[1:] == [(2, "open", "A00001", "buy", 3, 7_000)]


def test_stock_that_opens_at_the_limit_and_leaves_it_is_not_locked():
    panel = make_panel({"A00001": [SIGNAL, (13_000, 13_000, 12_900, 13_000)]})
    assert fills_of(run_orders(panel, {0: [buy(10)]})) == [(1, "open", "A00001", "buy", 10, 13_000)]


# (day, market, product, multiple, base, upper limit, lower limit), by the formula of the exchange's rule:
LIMITS = [
    # 6,820 × 30 % = 2,046, cut to the tick of the base (10): 2,040.
    (date(2024, 1, 11), "KOSPI", "STOCK", 1, 6_820, 8_860, 4_780),
    # 46,900 × 30 % = 14,070 → 14,050; 60,950 lies where the tick is 100 → 60,900.
    (date(2024, 1, 30), "KOSPI", "STOCK", 1, 46_900, 60_900, 32_850),
    # 24,600 × 30 % = 7,380 → 7,350.
    (date(2024, 1, 31), "KOSDAQ", "STOCK", 1, 24_600, 31_950, 17_250),
    # KONEX: 15 %. 10,000 × 15 % = 1,500.
    (date(2024, 3, 4), "KONEX", "STOCK", 1, 10_000, 11_500, 8_500),
    # Twice leveraged ETF: 10,000 × 30 % × 2 = 6,000.
    (date(2024, 3, 4), "KOSPI", "ETF", 2, 10_000, 16_000, 4_000),
    # Inverse 2X: the sign does not matter.
    (date(2024, 3, 4), "KOSPI", "ETF", -2, 10_000, 16_000, 4_000),
    # A multiple on a plain stock means nothing.
    (date(2024, 3, 4), "KOSPI", "STOCK", 2, 10_000, 13_000, 7_000),
    # Before 2015-06-15 the limit was 15 %; until 2023-01-24 the tick at 11,500 was 50.
    (date(2014, 3, 3), "KOSPI", "STOCK", 1, 10_000, 11_500, 8_500),
]


@pytest.mark.parametrize(("day", "market", "product", "multiple", "base", "upper", "lower"), LIMITS)
def test_locked_by_the_exact_limit_formula_of_market_and_date(day, market, product, multiple, base, upper, lower):
    def filled(price: int, side: str) -> bool:
        bars = [(base,) * 4, (base,) * 4, (price,) * 4]
        kind = {"market": market, "product": product, "multiple": {"A00001": multiple}}
        orders = {0: [buy(10)], 1: [buy(10) if side == "buy" else sell()]}
        panel = make_panel({"A00001": bars}, start=day, **kind)
        return len(fills_of(run_orders(panel, orders, cash_won=100_000_000))) == 2

    tick = 5 if product == "ETF" else 100
    assert not filled(upper, "buy")
    assert filled(upper, "sell")
    assert filled(upper - tick, "buy")
    assert not filled(lower, "sell")
    assert filled(lower, "buy")
    assert filled(lower + tick, "sell")


def test_first_day_and_liquidation_have_no_ordinary_limits():
    for bits in (State.FIRST_DAY, State.LIQUIDATION):
        bars = [SIGNAL, SIGNAL, (7_000, 7_000, 7_000, 7_000)]
        panel = make_panel({"A00001": bars}, state={(2, "A00001"): bits})
        assert len(fills_of(run_orders(panel, {0: [buy(10)], 1: [sell()]}))) == 2


def test_adjusted_prices_know_no_limits():
    panel = make_panel({"A00001": [SIGNAL, (13_000, 13_000, 13_000, 13_000)]}, adjusted=True)
    assert len(fills_of(run_orders(panel, {0: [buy(10)]}))) == 1


# No trade, no fill.


def test_no_volume_no_fill():
    panel = make_panel({"A00001": [SIGNAL, (10_000, 10_000, 10_000, 10_000, 0), SIGNAL]})
    result = run_orders(panel, {0: [buy(10)]})
    assert fills_of(result) == []
    assert result.orders["status"].to_list() == ["expired"]


def test_suspended_stock_neither_buys_nor_sells_nor_sets_off_a_stop():
    panel = make_panel({"A00001": [SIGNAL, SIGNAL, HALT, (8_000, 8_000, 8_000, 8_000)]})
    result = run_orders(panel, {0: [buy(10)], 1: [sell(stop=9_900)], 2: [sell()]})
    assert fills_of(result)[1:] == [(3, "open", "A00001", "sell", 10, 8_000)]


def test_stock_suspended_at_the_close_is_not_bought():
    panel = make_panel({"A00001": [SIGNAL, HALT, SIGNAL]})
    result = run_orders(panel, {1: [buy(10)]})
    assert (fills_of(result), result.refusals) == ([], {"not_tradable": 1})


def test_row_with_a_jump_that_nothing_explains_is_not_traded():
    panel = make_panel(
        {"A00001": [SIGNAL, SIGNAL, (30_000,) * 4, (30_000,) * 4]}, state={(2, "A00001"): State.UNTRADABLE}
    )
    result = run_orders(panel, {0: [buy(10)], 1: [sell()], 2: [sell(), buy(1)]})
    assert fills_of(result)[1:] == [(3, "open", "A00001", "sell", 10, 30_000)]
    assert result.refusals == {"not_tradable": 1}


def test_liquidation_and_managed_names_are_not_bought_but_sold():
    for bits in (State.LIQUIDATION, State.MANAGED):
        panel = make_panel({"A00001": flat(10_000, 4)}, state={(row, "A00001"): bits for row in (1, 2, 3)})
        result = run_orders(panel, {0: [buy(10)], 1: [buy(1)], 2: [sell()]})
        assert [fill[3] for fill in fills_of(result)] == ["buy", "sell"]
        assert result.refusals == {"not_tradable": 1}


def test_managed_names_are_bought_where_the_configuration_allows_it():
    panel = make_panel({"A00001": flat(10_000, 2)}, state={(0, "A00001"): State.MANAGED})
    assert len(fills_of(run_orders(panel, {0: [buy(10)]}, limits={"allow_managed": True}))) == 1


# Participation.


def test_orders_of_a_name_share_one_participation_budget_and_the_rest_expires():
    # 10 % of 1,000 shares = 100. The first order takes 80, the second the last 20; nothing is left for the third.
    panel = make_panel({"A00001": [SIGNAL, (10_000, 10_000, 10_000, 10_000, 1_000), SIGNAL]})
    result = run_orders(panel, {0: [buy(80), buy(50), buy(10)]}, participation=0.1)
    assert fills_of(result) == [(1, "open", "A00001", "buy", 80, 10_000), (1, "open", "A00001", "buy", 20, 10_000)]
    assert result.orders["status"].to_list() == ["filled", "partly filled", "expired"]


def test_sells_and_buys_of_a_name_use_the_same_budget_sells_first():
    panel = make_panel({"A00001": [SIGNAL, SIGNAL, (10_000, 10_000, 10_000, 10_000, 1_000)]})
    result = run_orders(panel, {0: [buy(90)], 1: [buy(50), sell(90)]}, participation=0.1)
    assert [fill[3:5] for fill in fills_of(result)[1:]] == [("sell", 90), ("buy", 10)]


def test_budget_is_used_up_along_the_path():
    # 100 shares a bar: 60 at the open, 40 of the 50 at 9,900, none for the limit at 9,850.
    panel = make_panel({"A00001": [SIGNAL, (10_000, 10_300, 9_800, 10_100, 1_000)]})
    orders = {0: [buy(60), buy(50, limit=9_900), buy(50, limit=9_850)]}
    result = run_orders(panel, orders, participation=0.1)
    assert [fill[4:] for fill in fills_of(result)] == [(60, 10_000), (40, 9_900)]


def test_other_names_have_budgets_of_their_own():
    bars = [SIGNAL, (10_000, 10_000, 10_000, 10_000, 1_000)]
    panel = make_panel({"A00001": bars, "A00002": bars})
    result = run_orders(panel, {0: [buy(500, "A00001"), buy(500, "A00002")]}, participation=0.1, cash_won=100_000_000)
    assert [fill[2:5] for fill in fills_of(result)] == [("A00001", "buy", 100), ("A00002", "buy", 100)]


# Minute bars: three a session.


def test_orders_of_a_session_expire_at_its_last_bar():
    bars = [SIGNAL] * 6
    panel = make_panel({"A00001": bars}, bars_a_session=3)
    result = run_orders(panel, {0: [buy(10, limit=9_000)], 2: [buy(10, limit=9_000)], 4: [buy(10, limit=9_000)]})
    last_bar = dict(enumerate(result.equity["time"]))
    assert result.orders["done_at"].to_list() == [last_bar[2], last_bar[5], last_bar[5]]
    assert result.orders["status"].to_list() == ["expired"] * 3


def test_rest_of_a_partial_fill_waits_for_the_next_minute():
    # 10 % of 1,000 = 100 a minute.
    panel = make_panel({"A00001": [(10_000, 10_000, 10_000, 10_000, 1_000)] * 4}, bars_a_session=4)
    result = run_orders(panel, {0: [buy(250)]}, participation=0.1)
    assert [(fill[0], fill[4]) for fill in fills_of(result)] == [(1, 100), (2, 100), (3, 50)]


def test_rest_of_a_stop_that_was_set_off_goes_on_as_a_market_order():
    # 100 shares a minute. The sell stop at 9,900 is set off in minute 2; the price is back at 10,000 in minute 3.
    dip = (10_000, 10_000, 9_800, 10_000, 1_000)
    panel = make_panel({"A00001": [(*SIGNAL, 10_000), (*SIGNAL, 10_000), dip, (*SIGNAL, 1_000)]}, bars_a_session=4)
    result = run_orders(panel, {0: [buy(150)], 1: [sell(stop=9_900)]}, participation=0.1)
    assert fills_of(result)[1:] == [(2, "low", "A00001", "sell", 100, 9_900), (3, "open", "A00001", "sell", 50, 10_000)]


# Prices relative to the opening price of the bar in which the order trades (rules only).


def test_buy_stop_relative_to_the_open_fills_at_open_plus_offset():
    # 4 March 2024 is a Monday: signal bar with range 10,200 − 9,800 = 400; half of it is 200; open 10,100 + 200.
    bars = [(10_000, 10_200, 9_800, 10_000), (10_100, 10_500, 10_050, 10_400)]
    panel = make_panel({"A00001": bars})
    rule = ("entry", "weekday == mon", "buy 10% of equity at stop session_open + 0.5 * (high - low)")
    result = run_rules(panel, rule)
    # 10 % of 10,000,000 at the close of 10,000: 100 shares.
    assert fills_of(result) == [(1, "high", "A00001", "buy", 100, 10_300)]
    assert result.orders["price"].to_list() == [10_300]


def test_relative_stop_goes_up_to_the_grid_and_relative_limit_down():
    # Half of 310 is 155. Stop: 10,100 + 155 = 10,255 → 10,260. Limit: 10,100 − 155 = 9,945 → 9,940 (tick 10, then 5).
    bars = [(10_000, 10_310, 10_000, 10_000), (10_100, 10_500, 9_000, 10_400)]
    stop = ("entry", "weekday == mon", "buy 10% of equity at stop session_open + 0.5 * (high - low)")
    limit = ("entry", "weekday == mon", "buy 10% of equity at limit session_open - 0.5 * (high - low)")
    assert fills_of(run_rules(make_panel({"A00001": bars}), stop))[0][5] == 10_260
    assert fills_of(run_rules(make_panel({"A00001": bars}), limit))[0][5] == 9_940


def test_relative_stop_at_the_open_itself_fills_at_the_open():
    bars = [SIGNAL, (10_100, 10_500, 10_000, 10_400)]
    rule = ("entry", "weekday == mon", "buy 10% of equity at stop session_open + (high - low)")
    for path in ("low_first", "high_first"):
        assert fills_of(run_rules(make_panel({"A00001": bars}), rule, path=path))[0][5] == 10_100


def test_relative_price_is_fixed_by_the_first_bar_of_minutes_in_which_the_order_takes_part():
    # Range 200 → open of minute 1 (10,000) + 200 = 10,200. Minute 2 opens at 10,100, but the level stays.
    bars = [(10_000, 10_100, 9_900, 10_000), (10_000, 10_050, 9_950, 10_000), (10_100, 10_250, 10_100, 10_250)]
    panel = make_panel({"A00001": bars}, bars_a_session=3)
    rule = ("entry", "high - low == 200", "buy 10% of equity at stop session_open + (high - low)")
    assert fills_of(run_rules(panel, rule)) == [(2, "high", "A00001", "buy", 100, 10_200)]


def test_relative_price_with_an_unknown_offset_is_refused():
    # std over 3 bars is unknown on the first one.
    panel = make_panel({"A00001": [SIGNAL, BAR]})
    rule = ("entry", "weekday == mon", "buy 10% of equity at stop session_open + std(close, 3)")
    result = run_rules(panel, rule)
    assert (fills_of(result), result.refusals) == ([], {"bad_price": 1})


def test_order_that_never_met_an_opening_price_shows_none():
    panel = make_panel({"A00001": [SIGNAL, HALT]})
    rule = ("entry", "weekday == mon", "buy 10% of equity at limit session_open - 0.5 * close")
    assert run_rules(panel, rule).orders["price"].to_list() == [None]


def test_level_computed_by_a_rule_is_not_moved_by_the_rounding_of_floats():
    # 1.1 × 10,000 is 11,000.000000000002 and 0.57 × 10,000 is 5,699.999999999999 in binary.
    bars = [SIGNAL, (10_000, 12_000, 5_000, 10_000)]
    stop = ("entry", "weekday == mon", "buy 10% of equity at stop 1.1 * close")
    limit = ("entry", "weekday == mon", "buy 10% of equity at limit 0.57 * close")
    assert fills_of(run_rules(make_panel({"A00001": bars}), stop))[0][5] == 11_000
    assert fills_of(run_rules(make_panel({"A00001": bars}, adjusted=True), limit))[0][5] == 5_700
