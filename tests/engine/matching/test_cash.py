"""Cash: what is reserved, what funds what, when it settles, what costs and slippage take. Figures by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.builders_panel import fills_of, flat, make_panel
from tests.scripted import buy, run_orders, sell
from tests.watching import accounts_after

FLAT = (10_000, 10_000, 10_000, 10_000)
COSTS: dict[str, Any] = {"costs": True, "fee_ppb": 0, "fund_fee_ppb": 0}  # taxes alone


def test_market_buy_reserves_at_the_upper_limit_and_a_limit_buy_at_its_price():
    # Upper limit of 10,000 is 13,000. 100 × 13,000 and 100 × 9,000 of 10,000,000.
    panel = make_panel({"A00001": flat(10_000, 3)})
    accounts = accounts_after(panel, {0: [buy(100)], 1: [buy(100, limit=9_000)]})
    # Row 0: 1,300,000 reserved. Row 1: bought for 1,000,000, reservation gone; 900,000 reserved. Row 2: expired.
    assert [account.orderable for account in accounts] == [8_700_000, 8_100_000, 9_000_000]


def test_market_order_is_cut_to_what_the_upper_limit_can_cost():
    # 10,000,000 / 13,000 = 769.2: the broker lets 769 shares through, although 1,000 would cost 10,000,000 at 10,000.
    panel = make_panel({"A00001": flat(10_000, 2)})
    assert fills_of(run_orders(panel, {0: [buy(1_000)]}))[0][4] == 769


def test_reservation_includes_the_commission():
    # 0.1 %: 10,000,000 / (10,000 × 1.001) = 999.0009: 999 shares cost 9,990,000 + 9,990.
    panel = make_panel({"A00001": [FLAT, (9_900, 10_000, 9_900, 10_000)]})
    result = run_orders(panel, {0: [buy(1_000, limit=10_000)]}, costs=True, fee_ppb=1_000_000)
    assert fills_of(result)[0][4] == 999
    assert run_orders(panel, {0: [buy(1_000, limit=10_000)]}).fills["quantity"].to_list() == [1_000]


def test_minute_market_order_reserves_at_the_upper_limit_of_the_day_and_not_of_the_last_minute():
    # Base 10,000 (close of the day before) → 13,000, whatever the last minute was.
    bars = [FLAT, FLAT, (8_000, 8_000, 8_000, 8_000), (8_000, 8_000, 8_000, 8_000)]
    panel = make_panel({"A00001": bars}, bars_a_session=2)
    accounts = accounts_after(panel, {2: [buy(100)]})
    assert accounts[2].orderable == 10_000_000 - 100 * 13_000


def test_second_order_has_only_what_the_first_left():
    panel = make_panel({"A00001": flat(10_000, 2), "A00002": flat(10_000, 2)})
    result = run_orders(panel, {0: [buy(600, "A00001", limit=10_000), buy(600, "A00002", limit=10_000)]})
    assert [fill[4] for fill in fills_of(result)] == [600, 400]


def test_order_without_any_cash_left_is_refused():
    panel = make_panel({"A00001": flat(10_000, 2), "A00002": flat(10_000, 2)})
    result = run_orders(panel, {0: [buy(1_000, "A00001", limit=10_000), buy(1, "A00002", limit=10_000)]})
    assert result.refusals == {"not_enough_cash": 1}


def test_partial_fills_never_take_cash_from_other_orders():
    # Two limit orders reserve all cash, commission 0.1 %: 499 × 10,000 × 1.001 = 4,994,990 each, twice 9,989,980.
    # The first fills in pieces of 100 shares; the second must still get its 499.
    thin = (10_000, 10_000, 10_000, 10_000, 1_000)
    panel = make_panel(
        {"A00001": [FLAT, thin, thin, thin, thin, thin], "A00002": [FLAT, *[(10_010,) * 4] * 4, FLAT]}, bars_a_session=6
    )
    orders = {0: [buy(499, "A00001", limit=10_000), buy(499, "A00002", limit=10_000)]}
    result = run_orders(panel, orders, costs=True, fee_ppb=1_000_000, participation=0.1, cash_won=9_989_980)
    assert [fill[4] for fill in fills_of(result)] == [100, 100, 100, 100, 99, 499]
    assert result.equity["orderable"].to_list() == [9_989_980, 0, 0, 0, 0, 0]
    assert result.equity["cash"].to_list()[-1] == 0


def test_sell_in_the_same_auction_does_not_fund_a_buy_unless_funding_is_optimistic():
    bars = {"A00001": flat(10_000, 3), "A00002": flat(10_000, 3)}
    orders = {0: [buy(1_000, "A00001", limit=10_000)], 1: [sell(ticker="A00001"), buy(500, "A00002")]}
    strict = run_orders(make_panel(bars), orders)
    assert (len(fills_of(strict)), strict.refusals) == (2, {"not_enough_cash": 1})
    optimistic = run_orders(make_panel(bars), orders, funding="optimistic")
    assert fills_of(optimistic)[1:] == [
        (2, "open", "A00001", "sell", 1_000, 10_000),
        (2, "open", "A00002", "buy", 500, 10_000),
    ]


def test_optimistic_funding_never_lets_cash_go_below_zero():
    # 10,000,000 won buys 1,000 shares at 10,000; the open is 12,000: only 833 can be paid.
    panel = make_panel({"A00001": [FLAT, (12_000,) * 4]})
    result = run_orders(panel, {0: [buy(1_000)]}, funding="optimistic")
    assert (fills_of(result)[0][4], result.equity["cash"].to_list()[-1]) == (833, 10_000_000 - 833 * 12_000)


def test_proceeds_count_from_the_fill_of_the_sell_and_settle_two_sessions_later():
    # Sold in row 2, so orderable again at the close of row 2; the deposit follows on row 4.
    panel = make_panel({"A00001": flat(10_000, 6)})
    accounts = accounts_after(panel, {0: [buy(500, limit=10_000)], 1: [sell()]})
    assert [a.deposit for a in accounts] == [10_000_000, 10_000_000, 10_000_000, 5_000_000, 10_000_000, 10_000_000]
    assert [a.deposit_d1 for a in accounts] == [10_000_000, 10_000_000, 5_000_000, 10_000_000, 10_000_000, 10_000_000]
    assert [a.deposit_d2 for a in accounts] == [10_000_000, 5_000_000, 10_000_000, 10_000_000, 10_000_000, 10_000_000]
    assert [a.orderable for a in accounts] == [5_000_000, 5_000_000, 10_000_000, 10_000_000, 10_000_000, 10_000_000]


def test_settlement_counts_sessions_and_not_calendar_days_or_bars():
    # Minute bars, two a session; bought in session 0, settled at the first bar of session 2.
    panel = make_panel({"A00001": flat(10_000, 6)}, bars_a_session=2)
    accounts = accounts_after(panel, {0: [buy(100, limit=10_000)]})
    assert [a.deposit for a in accounts] == [10_000_000] * 4 + [9_000_000] * 2


def test_account_asked_inside_a_bar_counts_from_the_session_of_that_bar():
    # Asked on the fill of row 1 (session 1): payable on session 3, which is D+2.
    panel = make_panel({"A00001": flat(10_000, 4)})
    asked = []
    accounts_after(panel, {0: [buy(500, limit=10_000)]}, on_fill=lambda broker: asked.append(broker.account()))
    assert [(a.deposit, a.deposit_d1, a.deposit_d2) for a in asked] == [(10_000_000, 10_000_000, 5_000_000)]


# Fees and taxes. A sell of 123 shares at 10,000 = 1,230,000 won.


@pytest.mark.parametrize(
    ("day", "market", "product", "tax", "rural"),
    [
        # KOSPI 2024: 0.03 % + 0.15 %. 1,230,000 → 369 and 1,845.
        (date(2024, 3, 4), "KOSPI", "STOCK", 369, 1_845),
        # KOSPI 2025: 0 % + 0.15 %.
        (date(2025, 3, 4), "KOSPI", "STOCK", 0, 1_845),
        # KOSPI 2026: 0.05 % + 0.15 %: 615.
        (date(2026, 3, 3), "KOSPI", "STOCK", 615, 1_845),
        # KOSDAQ 2024: 0.18 %: 2,214. 2025: 0.15 %: 1,845.
        (date(2024, 3, 4), "KOSDAQ", "STOCK", 2_214, 0),
        (date(2025, 3, 4), "KOSDAQ", "STOCK", 1_845, 0),
        # KONEX: 0.1 %: 1,230. ETF: nothing.
        (date(2024, 3, 4), "KONEX", "STOCK", 1_230, 0),
        (date(2024, 3, 4), "KOSPI", "ETF", 0, 0),
        # KOSPI before 2019-05-30: 0.15 % + 0.15 %.
        (date(2019, 3, 4), "KOSPI", "STOCK", 1_845, 1_845),
    ],
)
def test_sells_pay_the_tax_of_market_and_date(day, market, product, tax, rural):
    panel = make_panel({"A00001": flat(10_000, 3)}, start=day, market=market, product=product)
    fills = run_orders(panel, {0: [buy(123)], 1: [sell()]}, **COSTS).fills
    assert fills.select("stt", "rural").rows() == [(0, 0), (tax, rural)]


def test_tax_of_the_year_follows_the_trade_date():
    # 2024-12-26 is the last trade date of 2024's rates: the law counts by settlement, two sessions later.
    panel = make_panel({"A00001": flat(10_000, 4)}, start=date(2024, 12, 24))
    fills = run_orders(panel, {0: [buy(246)], 1: [sell(123)], 2: [sell(123)]}, **COSTS).fills
    assert fills["session"].to_list() == [date(2024, 12, 26), date(2024, 12, 27), date(2024, 12, 30)]
    panel = make_panel({"A00001": flat(10_000, 4)}, start=date(2024, 12, 20))
    fills = run_orders(panel, {0: [buy(246)], 1: [sell(123)], 2: [sell(123)]}, **COSTS).fills
    assert fills.select("session", "stt").rows()[1:] == [(date(2024, 12, 24), 369), (date(2024, 12, 26), 369)]


def test_each_cost_is_rounded_down_by_itself():
    # 7 × 1,234 = 8,638. Fee 0.0140527 %: 1.21 → 1. Tax 0.03 %: 2.59 → 2. Rural 0.15 %: 12.957 → 12.
    panel = make_panel({"A00001": flat(1_234, 3)})
    fills = run_orders(panel, {0: [buy(7)], 1: [sell()]}, costs=True).fills
    assert fills.select("fee", "stt", "rural").rows() == [(1, 0, 0), (1, 2, 12)]


def test_costs_can_be_rounded_down_to_ten_won():
    # Fee of 1,230,000: 172.8 → 170. Tax 369 → 360. Rural 1,845 → 1,840.
    panel = make_panel({"A00001": flat(10_000, 3)})
    fills = run_orders(panel, {0: [buy(123)], 1: [sell()]}, costs=True, cost_step_won=10).fills
    assert fills.select("fee", "stt", "rural").rows() == [(170, 0, 0), (170, 360, 1_840)]


def test_costs_of_an_order_are_rounded_on_its_sum_whatever_the_number_of_fills():
    # 100 + 23 shares in two minutes at 10,000; fee on 1,000,000 is 140, on 1,230,000 172: the second fill pays 32.
    thin = (10_000, 10_000, 10_000, 10_000, 1_000)
    panel = make_panel({"A00001": [FLAT, thin, thin]}, bars_a_session=3)
    fills = run_orders(panel, {0: [buy(123)]}, costs=True, participation=0.1).fills
    assert fills.select("quantity", "fee").rows() == [(100, 140), (23, 32)]


def test_costs_can_be_rounded_on_the_sums_of_the_day():
    # Two orders of 6,170: fee 0.867 each → 0 each by order. On the day's sum of 12,340: 1.73 → 1, with the second.
    panel = make_panel({"A00001": flat(1_234, 2)})
    orders = {0: [buy(5), buy(5)]}
    assert run_orders(panel, orders, costs=True).fills["fee"].to_list() == [0, 0]
    assert run_orders(panel, orders, costs=True, cost_rounding="day").fills["fee"].to_list() == [0, 1]


def test_sums_of_the_day_start_anew_each_session_and_differ_by_class_and_side():
    bars = {"A00001": flat(1_234, 4), "A00002": flat(1_234, 4)}
    panel = make_panel(bars, market={"A00002": "KOSDAQ"})
    orders = {0: [buy(5, "A00001"), buy(5, "A00002")], 1: [buy(5, "A00001"), sell(5, "A00001")], 2: [buy(5, "A00001")]}
    assert run_orders(panel, orders, costs=True, cost_rounding="day").fills["fee"].to_list() == [0, 0, 0, 0, 0]


def test_funds_pay_their_own_commission():
    # 0.0146527 % of 1,000,000 = 146.
    panel = make_panel({"A00001": flat(10_000, 2)}, product="ETF")
    assert run_orders(panel, {0: [buy(100)]}, costs=True).fills["fee"].to_list() == [146]


def test_no_costs_at_all_where_they_are_switched_off():
    panel = make_panel({"A00001": flat(10_000, 3)})
    fills = run_orders(panel, {0: [buy(100)], 1: [sell()]}, costs=False).fills
    assert fills.select("fee", "stt", "rural").rows() == [(0, 0, 0), (0, 0, 0)]


# Slippage: always against the trader, orders that take liquidity only.


def slippage(model: str, size: float, **more: Any) -> dict[str, Any]:
    return {"slippage": {"model": model, "size": size}, **more}


def test_ticks_of_slippage_move_buys_up_and_sells_down():
    # Tick 10 at 10,000.
    panel = make_panel({"A00001": flat(10_000, 3)})
    result = run_orders(panel, {0: [buy(100)], 1: [sell()]}, **slippage("ticks", 2))
    assert result.fills.select("price", "slippage").rows() == [(10_020, 2_000), (9_980, 2_000)]


def test_slippage_as_a_rate_goes_to_the_grid_away_from_the_trader():
    # 0.12 % of 10,000 = 12: 10,012 → 10,020 and 9,988 → 9,980 (tick 10 from 5,000 on).
    panel = make_panel({"A00001": flat(10_000, 3)})
    result = run_orders(panel, {0: [buy(100)], 1: [sell()]}, **slippage("rate", 0.0012))
    assert result.fills["price"].to_list() == [10_020, 9_980]


def test_slippage_of_scaled_prices_needs_no_grid():
    panel = make_panel({"A00001": flat(1_000_000, 3)}, adjusted=True, price_scale=100)
    result = run_orders(panel, {0: [buy(100)], 1: [sell()]}, **slippage("rate", 0.0012))
    assert result.fills["price"].to_list() == [10_012.0, 9_988.0]


def test_root_slippage_grows_with_the_root_of_the_share_of_the_volume():
    # 1 % × sqrt(100 / 10,000) = 0.1 %: 10 won. With 400 shares: 1 % × 0.2 = 20 won.
    panel = make_panel({"A00001": flat(10_000, 2, volume=10_000)})
    assert run_orders(panel, {0: [buy(100)]}, **slippage("root", 0.01)).fills["price"].to_list() == [10_010]
    assert run_orders(panel, {0: [buy(400)]}, **slippage("root", 0.01)).fills["price"].to_list() == [10_020]


def test_limit_orders_do_not_slip_and_stops_do():
    bars = [FLAT, (10_000, 10_300, 9_800, 10_100)]
    orders = {0: [buy(10, limit=9_900), buy(10, stop=10_200)]}
    result = run_orders(make_panel({"A00001": bars}), orders, **slippage("ticks", 1))
    assert result.fills["price"].to_list() == [9_900, 10_210]


def test_slippage_stays_inside_the_limits_of_the_day():
    # Opens one tick (10) below the upper limit of 13,000.
    panel = make_panel({"A00001": [FLAT, (12_990, 13_000, 12_900, 12_990)]})
    assert run_orders(panel, {0: [buy(10)]}, **slippage("ticks", 5)).fills["price"].to_list() == [13_000]


def test_cash_identity_in_won_after_a_round_trip():
    # Buy 123 × 10,000 = 1,230,000, fee 172. Sell 123 × 11,000 = 1,353,000, fee 190, tax 405, rural 2,029.
    panel = make_panel({"A00001": [FLAT, FLAT, (11_000,) * 4]})
    last = run_orders(panel, {0: [buy(123)], 1: [sell()]}, costs=True).equity.row(-1, named=True)
    assert (last["fees"], last["stt"], last["rural"], last["realised"]) == (362, 405, 2_029, 123_000)
    assert last["cash"] == 10_000_000 + 123_000 - 362 - 405 - 2_029
