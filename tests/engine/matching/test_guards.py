"""Exits: guarded levels inside the bar, targets that are sold once, one sell a name and decision."""

from __future__ import annotations

import pytest

from tests.builders_panel import HALT, fills_of, flat, make_panel, run_rules

FLAT = (10_000, 10_000, 10_000, 10_000)
ONCE = ("entry", "weekday == mon and positions == 0", "buy 10% of equity")  # DAY_ONE is a Monday
STOP = ("exit", "pnl <= -7%", "sell all")
HALF = ("exit", "pnl >= 15%", "sell 50%")


def sells(bars, *rules, **config):
    """(row, point, quantity, price) of every sell after buying 100 shares of one name in row 1."""
    result = run_rules(make_panel({"A00001": [FLAT, *bars]}), ONCE, *rules, **config)
    return [
        (row, point, quantity, price) for row, point, _, side, quantity, price in fills_of(result) if side == "sell"
    ]


@pytest.mark.parametrize(
    ("bar", "sold"),
    [
        ((10_000, 10_000, 9_301, 9_400), []),
        ((10_000, 10_000, 9_300, 9_400), [(2, "low", 100, 9_300)]),  # exactly −7 % is −7 %
        ((10_000, 10_000, 9_000, 9_400), [(2, "low", 100, 9_300)]),
        ((9_200, 9_400, 9_100, 9_400), [(2, "open", 100, 9_200)]),  # the open has jumped over the level
        ((9_300, 9_400, 9_300, 9_400), [(2, "open", 100, 9_300)]),
    ],
)
def test_stop_at_minus_seven_percent_is_tested_along_the_path(bar, sold):
    assert sells([FLAT, bar], STOP) == sold


@pytest.mark.parametrize(
    ("cost", "level"),
    [
        # 0.93 × 1,003 = 932.79 → 932 (at 933 the loss is 6.98 %).
        (1_003, 932),
        # 0.93 × 2,305 = 2,143.65 → on the grid of 5: 2,140.
        (2_305, 2_140),
        # 0.93 × 215,000 = 199,950 → the tick below 200,000 is 100: 199,900.
        (215_000, 199_900),
        # 0.93 × 100 = 93 exactly.
        (100, 93),
    ],
)
def test_stop_level_is_the_highest_price_on_the_grid_that_has_lost_seven_percent(cost, level):
    bars = [(cost,) * 4, (cost,) * 4, (cost, cost, cost * 8 // 10, cost * 9 // 10)]
    result = run_rules(make_panel({"A00001": bars}), ONCE, STOP)
    assert fills_of(result)[1][5] == level


def test_strict_comparison_excludes_the_level_itself():
    bar = (10_000, 10_000, 9_300, 9_400)
    assert sells([FLAT, bar], ("exit", "pnl < -7%", "sell all")) == []
    lower = (10_000, 10_000, 9_200, 9_400)
    assert sells([FLAT, lower], ("exit", "pnl < -7%", "sell all")) == [(2, "low", 100, 9_290)]


@pytest.mark.parametrize(
    ("bar", "sold"),
    [
        ((10_000, 11_500, 10_000, 11_000), []),  # a target is a limit: touching does not fill
        ((10_000, 11_510, 10_000, 11_000), [(2, "high", 50, 11_500)]),
        ((11_600, 11_700, 11_600, 11_700), [(2, "open", 50, 11_600)]),
    ],
)
def test_half_is_sold_at_plus_fifteen_percent(bar, sold):
    assert sells([FLAT, bar], HALF) == sold


def test_close_cadence_knows_that_exactly_fifteen_percent_is_fifteen_percent():
    # p / a − 1 >= 0.15 is false in floats for 11,500 / 10,000; (p − a) / a is not.
    rule = ("exit", "pnl >= 15%", "sell all", 5, "종가")
    assert sells([FLAT, (10_000, 11_500, 10_000, 11_500), FLAT], rule) == [(3, "open", 100, 10_000)]


def test_half_is_sold_once_and_rounded_up():
    # 10 % of 10,000,000 at 9,900: 101 shares; half rounded up is 51. The second rise sells nothing more.
    bars = [(9_900,) * 4, (9_900,) * 4, *[(12_000, 12_100, 12_000, 12_000)] * 3]
    result = run_rules(make_panel({"A00001": bars}), ONCE, HALF)
    assert [fill[3:5] for fill in fills_of(result)] == [("buy", 101), ("sell", 51)]


def test_half_is_sent_again_until_it_is_reached():
    # 10 % of 200 = 20 shares a bar: 20 at the target, then 20 and the last 10 as market orders, whatever the price is.
    thin = (11_600, 11_700, 11_600, 11_600, 200)
    low = (10_500, 10_500, 10_500, 10_500, 200)
    assert sells([FLAT, thin, low, low, low], HALF, participation=0.1) == [
        (2, "open", 20, 11_600),
        (3, "open", 20, 10_500),
        (4, "open", 10, 10_500),
    ]


def test_half_waits_through_a_suspension():
    thin = (11_600, 11_700, 11_600, 11_600, 200)
    assert sells([FLAT, thin, HALT, (11_000,) * 4], HALF, participation=0.1) == [
        (2, "open", 20, 11_600),
        (4, "open", 30, 11_000),
    ]


def test_half_is_armed_again_after_the_position_was_closed():
    # Monday buy, half sold at +15 %, stopped out, bought again (cash is there every day), half sold again.
    every_day = ("entry", "always", "buy 10% of equity")
    bars = [FLAT, FLAT, (11_600,) * 4, (9_000,) * 4, FLAT, FLAT, (11_600,) * 4]
    result = run_rules(make_panel({"A00001": bars}), every_day, STOP, HALF)
    assert [(fill[0], fill[3]) for fill in fills_of(result)] == [
        (1, "buy"),
        (2, "sell"),
        (3, "sell"),
        (4, "buy"),
        (6, "sell"),
    ]


def test_sell_all_comes_back_for_shares_bought_after_it_fired():
    # Row 2 is locked at the lower limit of 7,000: the stop fires for 100 shares and cannot sell, the `add` buys 100.
    # Row 3 sells the 100 of the stop, row 4 the rest: its average of 8,500 is far above.
    add = ("entry", "weekday == tue", "buy 10% of equity add")
    bars = [FLAT, FLAT, (7_000,) * 4, (6_500,) * 4, (6_400,) * 4]
    result = run_rules(make_panel({"A00001": bars}), ONCE, add, STOP)
    assert [(fill[0], *fill[3:]) for fill in fills_of(result)][2:] == [
        (3, "sell", 100, 6_500),
        (4, "sell", 100, 6_400),
    ]


def test_bar_of_the_entry_has_no_guard():
    # Bought at the open of row 1, which then falls 20 %: the level is known from the next decision on.
    bars = [(10_000, 10_000, 8_000, 9_500), FLAT]
    assert sells(bars, STOP) == []
    assert sells([(10_000, 10_000, 8_000, 9_500), (9_500, 9_500, 9_300, 9_300)], STOP) == [(2, "low", 100, 9_300)]


def test_position_closed_and_bought_again_in_one_bar_has_no_guard_either():
    # Held at 10,000, target 11,500. Row 2 opens at 9,000: stopped out. The waiting limit buys at 8,900 on the way down;
    # the high of 12,000 would have reached the old target.
    add = ("entry", "weekday == tue", "buy 10% of equity at limit 0.89 * close add")
    bars = [FLAT, FLAT, (9_000, 12_000, 8_800, 11_000)]
    result = run_rules(make_panel({"A00001": bars}), ONCE, add, STOP, ("exit", "pnl >= 15%", "sell all"))
    assert [fill[3] for fill in fills_of(result)] == ["buy", "sell", "buy"]


def test_low_first_is_adverse_for_a_holder_and_the_days_are_counted():
    both = (10_000, 11_600, 9_200, 10_000)
    rules = (STOP, ("exit", "pnl >= 15%", "sell all"))
    assert sells([FLAT, both], *rules) == [(2, "low", 100, 9_300)]
    assert sells([FLAT, both], *rules, path="high_first") == [(2, "high", 100, 11_500)]
    result = run_rules(make_panel({"A00001": [FLAT, FLAT, both]}), ONCE, *rules)
    assert [w.parameters["count"] for w in result.warnings if w.code == "path_dependent_days"] == [1]


def test_trailing_stop_follows_the_highest_close():
    # Highest close 12,000: 10 % below is 10,800, known from the next bar on.
    rule = ("exit", "drawdown_from_peak <= -10%", "sell all")
    bars = [FLAT, (10_000, 12_500, 10_000, 12_000), (11_900, 11_900, 10_700, 11_000)]
    assert sells(bars, rule) == [(3, "low", 100, 10_800)]


def test_stop_in_a_bar_locked_at_the_lower_limit_sells_when_trading_is_possible_again():
    # Base 10,000 → lower limit 7,000, locked. The stop fires, nothing can be sold; next day's open takes it.
    bars = [FLAT, (7_000,) * 4, (6_500, 6_600, 6_400, 6_500)]
    assert sells(bars, STOP) == [(3, "open", 100, 6_500)]


def test_stop_of_a_share_of_one_won_does_not_fire_at_its_own_price():
    # 7 % below 1 won there is no price.
    result = run_rules(make_panel({"A00001": flat(1, 4)}), ONCE, STOP)
    assert [fill[3] for fill in fills_of(result)] == ["buy"]


def test_target_far_above_the_cost_does_not_overflow():
    # +1,000 %: 110,000 from 10,000. Two limit days would be needed; on adjusted data there is no limit.
    bars = [FLAT, FLAT, (90_000, 120_000, 90_000, 100_000)]
    result = run_rules(
        make_panel({"A00001": bars}, adjusted=True), ONCE, ("exit", "pnl >= 1000%", "sell all"), cash_won=100_000_000
    )
    assert fills_of(result)[1][5] == 110_000


# Rules on the finished bar.


def test_exit_on_the_close_sells_in_the_next_session():
    rule = ("exit", "close < 9900", "sell all")
    assert sells([FLAT, (10_000, 10_000, 9_800, 9_800), (9_700,) * 4], rule) == [(3, "open", 100, 9_700)]


def test_one_sell_a_name_and_decision_the_largest_quantity():
    rules = (("exit", "close < 9900", "sell 33%"), ("exit", "close < 9950", "sell 50%"))
    panel = make_panel({"A00001": [FLAT, FLAT, (9_800,) * 4, (9_800,) * 4]})
    result = run_rules(panel, ONCE, *rules)
    assert [fill[4] for fill in fills_of(result)] == [100, 50]
    # Both are recorded, the first in the file first; both targets are done.
    assert result.orders["rule_ids"].to_list()[1] == ["rule-1", "rule-2"]


def test_exit_fired_together_with_a_larger_one_is_done_too():
    rules = (("exit", "close < 9900", "sell 33%"), ("exit", "close < 9950", "sell 50%"))
    bars = [FLAT, FLAT, *[(9_800,) * 4] * 4]
    result = run_rules(make_panel({"A00001": bars}), ONCE, *rules)
    assert [fill[4] for fill in fills_of(result)] == [100, 50]


def test_unknown_condition_never_sells_and_is_counted():
    rule = ("exit", "close < mean(close, 200)", "sell all")
    panel = make_panel({"A00001": [FLAT] * 5})
    result = run_rules(panel, ONCE, rule)
    assert [fill[3] for fill in fills_of(result)] == ["buy"]
    assert [w.parameters["count"] for w in result.warnings if w.code == "blind_exits"] == [4]


def test_days_held_counts_sessions_from_the_day_of_the_fill():
    # Filled in row 1 (0 days); after row 3 two days; sold in row 4.
    assert sells([FLAT] * 5, ("exit", "days_held >= 2", "sell all")) == [(4, "open", 100, 10_000)]


def test_drawdown_from_peak_starts_from_the_closes_since_the_entry():
    # The close of 12,000 in the signal bar came before the entry.
    bars = [(12_000,) * 4, FLAT, FLAT, FLAT]
    rule = ("exit", "drawdown_from_peak <= -10%", "sell all", 5, "종가")
    result = run_rules(make_panel({"A00001": bars}), ONCE, rule)
    assert len(fills_of(result)) == 1
