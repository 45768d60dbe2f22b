"""The decision after a bar: triggers, requirements, ranks, sizes, limits, fields. 4 March 2024 is a Monday."""

from __future__ import annotations

from datetime import date

import pytest

from engine.data.panel import State
from tests.builders_panel import HALT, fills_of, flat, make_panel, run_rules

FLAT = (10_000, 10_000, 10_000, 10_000)
MONDAY = ("entry", "weekday == mon", "buy 10% of equity")


def names(count: int, rows: int = 3, price: int = 10_000) -> dict[str, list]:
    """`count` names without any move."""
    return {f"A{number:05d}": flat(price, rows) for number in range(1, count + 1)}


def bought(result) -> list[str]:
    """Tickers in the order of their purchases."""
    return [ticker for _, _, ticker, side, *_ in fills_of(result) if side == "buy"]


# Entries.


def test_any_trigger_buys_and_the_first_in_priority_sets_the_action():
    rules = (("entry", "close >= 10000", "buy 5% of equity", 3), ("entry", "weekday == mon", "buy 10% of equity", 7))
    result = run_rules(make_panel(names(1)), *rules, ("entry", "close > 20000", "buy 1% of equity", 9))
    assert result.fills["quantity"].to_list() == [100]
    assert result.orders["rule_ids"].to_list() == [["rule-1", "rule-0"]]


def test_every_requirement_must_hold():
    panel = make_panel({"A00001": flat(10_000, 3), "A00002": flat(20_000, 3), "A00003": flat(30_000, 3)})
    require = (("entry", "close > 15000", "require"), ("entry", "close < 25000", "require"))
    assert bought(run_rules(panel, MONDAY, *require)) == ["A00002"]


def test_unknown_requirement_does_not_pass_and_unknown_trigger_does_not_fire():
    panel = make_panel(names(1))
    assert bought(run_rules(panel, MONDAY, ("entry", "close >= mean(close, 50)", "require"))) == []
    assert bought(run_rules(panel, ("entry", "close >= mean(close, 50)", "buy 10% of equity"))) == []


def test_held_name_is_not_bought_again_unless_the_rule_says_add():
    panel = make_panel(names(1, 4))
    assert len(bought(run_rules(panel, ("entry", "always", "buy 10% of equity")))) == 1
    assert len(bought(run_rules(panel, ("entry", "always", "buy 10% of equity add")))) == 3


def test_name_with_an_open_buy_is_not_bought_again():
    # Minute bars: the limit at 9,000 stays open until the end of the session.
    panel = make_panel(names(1, 4), bars_a_session=4)
    result = run_rules(panel, ("entry", "always", "buy 10% of equity at limit 0.9 * close"))
    assert len(result.orders) == 2  # one in the first minute, one after the session's last bar
    assert len(run_rules(panel, ("entry", "always", "buy 10% of equity at limit 0.9 * close add")).orders) == 4


def test_name_sold_by_a_decision_is_not_bought_by_it_but_by_the_next():
    sell = ("exit", "days_held >= 1", "sell all")
    result = run_rules(make_panel(names(1, 7)), ("entry", "always", "buy 10% of equity add"), sell)
    # Bought 1; decisions 2: sell (no buy) → sold 3; decision 3: buy → 4; decision 5: sell → 6.
    sides = [(row, side) for row, _, _, side, *_ in fills_of(result)]
    assert sides[:4] == [(1, "buy"), (2, "buy"), (3, "sell"), (4, "buy")]


def test_buy_of_a_fixed_amount():
    # 1,000,000 won at 30,000: 33 shares.
    panel = make_panel({"A00001": flat(30_000, 2)})
    assert run_rules(panel, ("entry", "weekday == mon", "buy 100만")).fills["quantity"].to_list() == [33]


def test_trading_unit_of_the_date_is_respected():
    # KONEX has none of its own; KOSPI shares traded in tens from 2004-12-20 to 2014-06-01: 10 % at 7,000 = 142 → 140.
    panel = make_panel({"A00001": flat(7_000, 2)}, start=date(2014, 3, 3))
    assert run_rules(panel, MONDAY).fills["quantity"].to_list() == [140]


# Ranks.


def three(**kind):
    """Closes 10,000, 30,000, 20,000 with growing volume."""
    prices = {"A00001": (10_000, 3_000), "A00002": (30_000, 1_000), "A00003": (20_000, 2_000)}
    return make_panel({ticker: flat(price, 3, volume * 1_000) for ticker, (price, volume) in prices.items()}, **kind)


def test_candidates_are_bought_in_the_order_of_their_rank():
    assert bought(run_rules(three(), MONDAY, ("entry", "always", "rank by close"))) == ["A00002", "A00003", "A00001"]
    ascending = ("entry", "always", "rank by close ascending")
    assert bought(run_rules(three(), MONDAY, ascending)) == ["A00001", "A00003", "A00002"]


def test_several_ranks_are_lexicographic_by_priority():
    tied = ("entry", "always", "rank by close / close", 9)
    volume = ("entry", "always", "rank by volume", 5)
    assert bought(run_rules(three(), MONDAY, volume, tied)) == ["A00001", "A00003", "A00002"]


def test_ties_go_by_ticker():
    assert bought(run_rules(make_panel(names(4)), MONDAY)) == ["A00001", "A00002", "A00003", "A00004"]


def test_unknown_rank_comes_last():
    # A00001 is listed on row 1 only: its return is unknown.
    bars = {"A00001": [None, FLAT, FLAT, FLAT], "A00002": flat(10_000, 4), "A00003": flat(10_000, 4)}
    rules = (("entry", "weekday == tue", "buy 10% of equity"), ("entry", "always", "rank by returns(1)"))
    assert bought(run_rules(make_panel(bars), *rules)) == ["A00002", "A00003", "A00001"]


def test_rank_whose_condition_does_not_hold_comes_last():
    rules = (MONDAY, ("entry", "close < 25000", "rank by close"))
    assert bought(run_rules(three(), *rules)) == ["A00003", "A00001", "A00002"]


def test_without_ranks_the_more_important_trigger_comes_first_then_the_order_in_the_file():
    cheap, dear = ("entry", "close < 15000", "buy 10% of equity"), ("entry", "close > 25000", "buy 10% of equity")
    assert bought(run_rules(three(), (*cheap, 5), (*dear, 8))) == ["A00002", "A00001"]
    assert bought(run_rules(three(), (*dear, 5), (*cheap, 5))) == ["A00002", "A00001"]
    assert bought(run_rules(three(), (*cheap, 5), (*dear, 5))) == ["A00001", "A00002"]


def test_rank_decides_who_gets_the_last_free_place():
    rules = (MONDAY, ("entry", "always", "rank by close"), ("size", "always", "limit positions 2"))
    result = run_rules(three(), *rules)
    assert (bought(result), result.refusals) == (["A00002", "A00003"], {"position_count_limit": 1})


# Sizes.


def test_first_size_rule_that_holds_sets_the_size():
    sizes = (("size", "close > 50000", "size 50% of equity", 9), ("size", "always", "size 20% of equity", 5))
    assert run_rules(make_panel(names(1)), MONDAY, *sizes).fills["quantity"].to_list() == [200]


def test_risk_per_trade_divides_by_the_distance_of_the_stop():
    # 1 % of 10,000,000 at risk with a stop 5 % away: 20 % of equity: 200 shares.
    size = ("size", "always", "size risk 1% at stop 5%")
    assert run_rules(make_panel(names(1)), MONDAY, size).fills["quantity"].to_list() == [200]


def test_volatility_target_divides_by_the_volatility():
    # Returns +1 %, −1 %: std (ddof 1) of (0.01, −0.01) is 0.0141421; × √252 = 0.2244994.
    # 2.244994 % / 22.44994 % = 10 % of 10,000,000 at 9,999: 100 shares.
    closes = [(10_000,) * 4, (10_100,) * 4, (9_999,) * 4, (9_999,) * 4]
    size = ("size", "always", "size volatility target 2.25% over 2")
    rule = ("entry", "weekday == wed", "buy 50% of equity")
    panel = make_panel({"A00001": closes}, adjusted=True)
    # 0.0225 / 0.22449944 = 10.0223 %: 1,002,229 / 9,999 = 100.2.
    assert run_rules(panel, rule, size).fills["quantity"].to_list() == [100]


def test_unknown_volatility_buys_nothing():
    size = ("size", "always", "size volatility target 2% over 20")
    result = run_rules(make_panel(names(1)), MONDAY, size)
    assert (bought(result), result.refusals) == ([], {"quantity_zero": 1})


# Limits.


def test_position_limit_of_a_rule_cuts_the_purchase():
    result = run_rules(
        make_panel(names(1)), ("entry", "weekday == mon", "buy 50% of equity"), ("risk", "always", "limit position 10%")
    )
    assert result.fills["quantity"].to_list() == [100]


def test_smallest_limit_wins_and_no_rule_loosens_the_configuration():
    rules = (("risk", "always", "limit position 30%"), ("size", "always", "limit position 20%"))
    entry = ("entry", "weekday == mon", "buy 50% of equity")
    assert run_rules(make_panel(names(1)), entry, *rules).fills["quantity"].to_list() == [200]
    strict = run_rules(make_panel(names(1)), entry, *rules, limits={"max_position_weight": 0.05})
    assert strict.fills["quantity"].to_list() == [50]


def test_position_limit_counts_what_is_held_and_pending():
    add = ("entry", "always", "buy 8% of equity add")
    result = run_rules(make_panel(names(1, 5)), add, ("risk", "always", "limit position 20%"))
    assert result.fills["quantity"].to_list() == [80, 80, 40]
    assert result.refusals == {"position_weight_limit": 2}


def test_position_limit_for_some_names_only():
    limit = ("risk", "close > 15000", "limit position 5%")
    result = run_rules(three(), ("entry", "weekday == mon", "buy 10% of equity"), limit)
    assert result.fills["quantity"].to_list() == [100, 16, 25]  # 5 % at 30,000 and at 20,000


def test_number_of_positions_counts_pending_purchases():
    result = run_rules(make_panel(names(4)), MONDAY, limits={"max_positions": 3})
    assert (len(bought(result)), result.refusals) == (3, {"position_count_limit": 1})


def test_sector_limit_counts_holdings_and_open_purchases_of_the_sector():
    sector = {"A00001": "반도체", "A00002": "반도체", "A00003": "은행"}
    panel = make_panel(names(3), sector=sector)
    result = run_rules(panel, ("entry", "weekday == mon", "buy 20% of equity"), ("size", "always", "limit sector 30%"))
    assert result.fills["quantity"].to_list() == [200, 100, 200]


def test_names_of_unknown_sector_form_one_sector():
    result = run_rules(
        make_panel(names(3)), ("entry", "weekday == mon", "buy 20% of equity"), limits={"max_sector_weight": 0.3}
    )
    assert (result.fills["quantity"].to_list(), result.refusals) == ([200, 100], {"sector_limit": 1})


def test_sector_limit_counts_a_name_that_is_held_and_being_bought_once():
    # Day 1: 10 % of A00001. Day 2: 10 % more (add) and A00002; 30 % in all.
    panel = make_panel(names(2, 3), sector={"A00001": "은행", "A00002": "은행"})
    rules = (
        ("entry", "weekday == mon", "buy 10% of equity"),
        ("entry", "weekday == tue", "buy 10% of equity add"),
        ("size", "always", "limit sector 30%"),
    )
    result = run_rules(panel, *rules)
    assert [fill[4] for fill in fills_of(result)] == [100, 100, 100]


def test_gross_exposure_limit():
    result = run_rules(
        make_panel(names(4)), ("entry", "weekday == mon", "buy 20% of equity"), limits={"max_gross_exposure": 0.5}
    )
    assert (result.fills["quantity"].to_list(), result.refusals) == ([200, 200, 100], {"gross_exposure_limit": 1})


def test_money_in_one_order_is_limited():
    result = run_rules(make_panel(names(1)), MONDAY, limits={"max_order_won": 300_000})
    assert result.fills["quantity"].to_list() == [30]


# Day loss. Equity 10,000,000, 5,000,000 in one name: a fall of 4 % is a loss of 2 %.

LIMIT = ("risk", "always", "limit day loss 2%")


def day_loss(close: int, *rules, **config):
    bars = {"A00001": [FLAT, FLAT, (10_000, 10_000, close, close), (close,) * 4, (close,) * 4]}
    bars["A00002"] = flat(5_000, 5)
    buys_b = ("entry", "close < 6000 and weekday == wed", "buy 5% of equity")
    entry = ("entry", "close > 6000 and weekday == mon", "buy 50% of equity")
    again = ("entry", "close < 6000 and weekday == thu", "buy 5% of equity")
    return run_rules(make_panel(bars), entry, buys_b, again, *rules, **config)


@pytest.mark.parametrize(("rules", "config"), [((LIMIT,), {}), ((), {"limits": {"max_day_loss": 0.02}})])
def test_day_loss_of_exactly_two_percent_blocks_that_evening_and_not_the_next(rules, config):
    # 500 × 400 = 200,000 = 2.00 % of 10,000,000: Wednesday's purchase is blocked, Thursday's is not.
    result = day_loss(9_600, *rules, **config)
    assert [(fill[0], fill[2]) for fill in fills_of(result)] == [(1, "A00001"), (4, "A00002")]
    assert result.refusals == {"day_loss_limit": 1}
    assert result.equity["blocked"].to_list() == [False, False, True, False, False]


@pytest.mark.parametrize(("rules", "config"), [((LIMIT,), {}), ((), {"limits": {"max_day_loss": 0.02}})])
def test_day_loss_of_a_little_less_blocks_nothing(rules, config):
    result = day_loss(9_601, *rules, **config)  # 500 × 399 = 199,500
    assert [(fill[0], fill[2]) for fill in fills_of(result)] == [(1, "A00001"), (3, "A00002")]
    assert not any(result.equity["blocked"])


def test_day_loss_on_minutes_cancels_open_purchases_until_the_next_session():
    # Minute 2 of session 1 falls 4 %; the limit order of minute 1 is cancelled, minute 3 sends none.
    bars = {
        "A00001": [FLAT, FLAT, FLAT, FLAT, (9_600,) * 4, (9_600,) * 4, (9_600,) * 4, (9_600,) * 4],
        "A00002": flat(5_000, 8),
    }
    panel = make_panel(bars, bars_a_session=3)
    entry = ("entry", "close > 6000 and weekday == mon", "buy 50% of equity")
    wait = ("entry", "close < 6000 and weekday == tue", "buy 5% of equity at limit 0.9 * close")
    result = run_rules(panel, entry, wait, LIMIT)
    statuses = result.orders.filter(result.orders["ticker"] == "A00002").select("status", "done_at").rows()
    assert statuses[0] == ("cancelled", result.equity["time"][4])
    assert result.equity["blocked"].to_list() == [False] * 4 + [True, True, False, False]


def test_halt_blocks_purchases_for_good_but_never_exits():
    bars = {"A00001": [FLAT, FLAT, (9_500,) * 4, *flat(10_000, 4)], "A00002": flat(5_000, 7)}
    halt = ("risk", "day_pnl <= -1%", "halt")
    entry = ("entry", "close > 6000 and weekday == mon", "buy 50% of equity")
    later = ("entry", "close < 6000 and weekday == thu", "buy 5% of equity")
    result = run_rules(make_panel(bars), entry, later, halt, ("exit", "days_held >= 3", "sell all"))
    assert [(fill[0], fill[3]) for fill in fills_of(result)] == [(1, "buy"), (5, "sell")]
    assert result.refusals == {"halted": 2}  # Thursday's, and the next Monday's
    assert result.equity["blocked"].to_list() == [False, False, True, True, True, True, True]


def test_block_buys_for_the_whole_account_and_for_one_name():
    panel = three()
    block = ("risk", "weekday == mon", "block buys")
    result = run_rules(panel, MONDAY, block)
    assert (bought(result), result.refusals) == ([], {"buys_blocked": 3})
    one = run_rules(panel, MONDAY, ("risk", "close > 25000", "block buys"))
    assert (bought(one), one.refusals) == (["A00001", "A00003"], {"buys_blocked": 1})


def test_unknown_risk_condition_blocks_the_account_or_the_name():
    # The index is unknown on row 0; the mean over 2 rows is unknown for a name listed that day.
    panel = make_panel(names(2), index=[float("nan"), 2_000.0, 2_000.0])
    account = run_rules(panel, MONDAY, ("risk", 'index("KOSPI").close < 1000', "block buys"))
    assert (bought(account), account.refusals) == ([], {"risk_unknown": 2})
    bars = {"A00001": [None, FLAT, FLAT, FLAT], "A00002": flat(10_000, 4)}
    tuesday = ("entry", "weekday == tue", "buy 10% of equity")
    name = run_rules(make_panel(bars), tuesday, ("risk", "mean(close, 2) < 5000", "block buys"))
    assert (bought(name), name.refusals) == (["A00002"], {"risk_unknown": 1})


def test_risk_rules_never_stop_a_sell():
    bars = {"A00001": [FLAT] * 5}
    rules = (("risk", "weekday != mon", "block buys"), ("exit", "days_held >= 1", "sell all"))
    assert [fill[3] for fill in fills_of(run_rules(make_panel(bars), MONDAY, *rules))] == ["buy", "sell"]


# Position and portfolio fields.


def test_bars_since_exit_keeps_a_name_out_for_a_while_and_is_endless_before_the_first():
    # Bought 1, sold 3 (days_held 1 after row 2). Blocked while fewer than 3 bars have passed: 3, 4, 5; bought on 7.
    rules = (
        ("entry", "always", "buy 10% of equity"),
        ("exit", "days_held >= 1", "sell all"),
        ("risk", "bars_since_exit < 3", "block buys"),
    )
    result = run_rules(make_panel(names(1, 9)), *rules)
    assert [(fill[0], fill[3]) for fill in fills_of(result)][:3] == [(1, "buy"), (3, "sell"), (7, "buy")]


def test_consecutive_losses_count_closed_positions_after_costs():
    # Flat prices: every round trip loses its costs. Two losses, then no more purchases.
    rules = (
        ("entry", "always", "buy 10% of equity"),
        ("exit", "days_held >= 1", "sell all"),
        ("risk", "consecutive_losses >= 2", "block buys"),
    )
    result = run_rules(make_panel(names(1, 12)), *rules, costs=True)
    assert len(bought(result)) == 2
    gain = run_rules(make_panel(names(1, 12)), *rules)  # without costs they are not losses
    assert len(bought(gain)) == 4


def test_month_pnl_counts_from_the_last_close_of_the_month_before():
    # March 29, 2024 is the last session of March. A loss of 5 % in March does not count in April.
    bars = [FLAT, FLAT, (9_000,) * 4, (9_000,) * 4, (9_000,) * 4, (9_000,) * 4]
    panel = make_panel({"A00001": bars, "A00002": flat(5_000, 6)}, start=date(2024, 3, 25))
    rules = (
        ("entry", "close > 6000 and weekday == mon", "buy 50% of equity"),
        ("entry", "close < 6000", "buy 5% of equity"),
        ("risk", "month_pnl <= -4%", "block buys"),
        ("exit", "close < 6000 and days_held >= 0", "sell all"),
    )
    result = run_rules(panel, *rules)
    # 25 Mon, 26 Tue, 27 Wed (−5 %), 28 Thu, 29 Fri, 1 April.
    blocked = result.equity["blocked"].to_list()
    assert blocked == [False, False, True, True, True, False]


def test_weight_and_cash_ratio():
    # 50 % in one name; it doubles: weight 10,000,000 / 15,000,000 = 2/3, cash 1/3.
    bars = [FLAT, FLAT, (20_000,) * 4, (20_000,) * 4]
    panel = make_panel({"A00001": bars}, adjusted=True)
    entry = ("entry", "weekday == mon", "buy 50% of equity")
    assert len(fills_of(run_rules(panel, entry, ("exit", "weight > 66.6% and cash_ratio < 33.4%", "sell all")))) == 2
    assert len(fills_of(run_rules(panel, entry, ("exit", "weight > 66.7%", "sell all")))) == 1
    assert len(fills_of(run_rules(panel, entry, ("exit", "cash_ratio < 33.3%", "sell all")))) == 1


def test_drawdown_and_equity_and_positions():
    bars = [FLAT, FLAT, (9_000,) * 4, FLAT, FLAT]
    panel = make_panel({"A00001": bars, "A00002": flat(5_000, 5)})
    entry = ("entry", "close > 6000 and weekday == mon", "buy 50% of equity")
    # −5 % after row 2 only.
    rules = [
        ("entry", "close < 6000 and drawdown <= -5%", "buy 5% of equity"),
        ("entry", "close < 6000 and equity <= 950만 and positions == 1", "buy 5% of equity"),
    ]
    for rule in rules:
        assert [(fill[0], fill[2]) for fill in fills_of(run_rules(panel, entry, rule))][1:] == [(3, "A00002")]


def test_entry_price_is_won_per_share_on_scaled_data():
    panel = make_panel({"A00001": flat(1_000_050, 4)}, adjusted=True, price_scale=100)
    rule = ("exit", "entry_price == 10000.5", "sell all")
    assert len(fills_of(run_rules(panel, MONDAY, rule))) == 2


def test_drawdown_from_peak_of_a_suspended_name_keeps_its_last_close():
    bars = [FLAT, FLAT, (10_000, 12_000, 10_000, 12_000), HALT, HALT]
    rule = ("exit", "drawdown_from_peak <= -1%", "sell all", 5, "종가")
    assert len(run_rules(make_panel({"A00001": bars}), MONDAY, rule).orders) == 1


def test_name_with_a_warning_flag_is_bought():
    panel = make_panel(names(1), state={(0, "A00001"): State.WARNING})
    assert bought(run_rules(panel, MONDAY)) == ["A00001"]
