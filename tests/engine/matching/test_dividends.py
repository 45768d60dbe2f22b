"""Cash dividends of stocks: who is owed them, when they come in, what tax leaves of them. Figures by hand."""

from __future__ import annotations

from datetime import date

from engine.backtest import backtest
from engine.data.panel import Panel
from tests.builders_panel import fills_of, flat, make_config, make_panel, make_rules, run_rules
from tests.scripted import buy, run_orders, sell

NO_FEES = {"costs": True, "fee_ppb": 0}


def paying(*dividends: tuple[int, int, int], rows: int = 6, **panel: object) -> Panel:
    """A stock at 10,000 won with (ex-row, won a share, row of payment)."""
    table = [(row, "A00001", won, paid) for row, won, paid in dividends]
    return make_panel({"A00001": flat(10_000, rows)}, dividends=table, **panel)  # type: ignore[arg-type]


def test_dividend_comes_in_on_the_day_of_payment_less_both_taxes():
    # 100 × 361 = 36,100; 14 % = 5,054; 1.4 % = 505.4 → 505; left 30,541.
    result = run_orders(paying((2, 361, 4)), {0: [buy(100)]}, **NO_FEES)
    assert result.equity["dividends"].to_list() == [0, 0, 0, 0, 30_541, 30_541]
    assert result.equity["dividend_tax"].to_list() == [0, 0, 0, 0, 5_559, 5_559]
    assert result.equity["realised"].to_list() == result.equity["dividends"].to_list()
    assert result.equity["cash"].to_list()[-2:] == [9_030_541] * 2
    assert result.equity["equity"].to_list() == [10_000_000] * 4 + [10_030_541] * 2
    assert result.equity["stt"].to_list()[-1] == 0  # no tax on a sale, and no cost of trading


def test_where_the_day_of_payment_is_unknown_it_comes_in_on_the_ex_date():
    result = run_orders(paying((2, 361, 2)), {0: [buy(100)]}, **NO_FEES)
    assert result.equity["dividends"].to_list() == [0, 0, 30_541, 30_541, 30_541, 30_541]


def test_who_buys_on_the_ex_date_is_owed_nothing():
    assert run_orders(paying((1, 361, 3)), {0: [buy(100)]}).equity["dividends"].sum() == 0


def test_who_sells_on_the_ex_date_is_paid_all_the_same():
    result = run_orders(paying((2, 361, 4)), {0: [buy(100)], 1: [sell()]})
    assert result.equity["positions"].to_list() == [0, 1, 0, 0, 0, 0]
    assert result.equity["dividends"].to_list() == [0, 0, 0, 0, 36_100, 36_100]


def test_shares_bought_between_ex_date_and_payment_have_no_part_in_it():
    result = run_orders(paying((2, 100, 4)), {0: [buy(100)], 2: [buy(50)]})
    assert result.equity["dividends"].to_list()[-1] == 10_000


def test_several_dividends_may_be_owed_at_once():
    # 100 shares: 10,000 on row 5, 20,000 on row 4 (also at once), 30,000 on row 3.
    result = run_orders(paying((2, 100, 5), (2, 200, 4), (3, 300, 3)), {0: [buy(100)]})
    assert result.equity["dividends"].to_list() == [0, 0, 0, 30_000, 50_000, 60_000]


def test_split_of_the_same_day_comes_after_the_dividend():
    # The new shares of row 2 trade without the dividend of the old ones: 100 × 361.
    bars = [(10_000,) * 4] * 2 + [(5_000,) * 4] * 3
    for paid in (2, 3):
        panel = make_panel({"A00001": bars}, splits=[(2, "A00001", 2, 1)], dividends=[(2, "A00001", 361, paid)])
        assert run_orders(panel, {0: [buy(100)]}).equity["dividends"].to_list()[-1] == 36_100


def test_split_before_the_payment_changes_nothing_in_what_is_owed():
    bars = [(10_000,) * 4] * 3 + [(5_000,) * 4] * 2
    panel = make_panel({"A00001": bars}, splits=[(3, "A00001", 2, 1)], dividends=[(2, "A00001", 361, 4)])
    assert run_orders(panel, {0: [buy(100)]}).equity["dividends"].to_list()[-1] == 36_100


def test_taxes_are_rounded_down_to_ten_won_where_costs_are():
    # 5,054 → 5,050 and 505 → 500.
    result = run_orders(paying((2, 361, 3)), {0: [buy(100)]}, cost_step_won=10, **NO_FEES)
    assert result.equity["dividend_tax"].to_list()[-1] == 5_550


def test_without_costs_no_tax_is_withheld():
    assert run_orders(paying((2, 361, 3)), {0: [buy(100)]}).equity["dividend_tax"].to_list()[-1] == 0


def test_money_of_a_dividend_buys_on_the_evening_of_its_payment():
    # 999 shares at the limit leave 10,000 won. The dividend of 999 × 20 won makes it 29,980: two more, not three.
    orders = {0: [buy(999, limit=10_000)], 2: [buy(3, limit=10_000)], 3: [buy(3, limit=10_000)]}
    result = run_orders(paying((2, 20, 3)), orders, touch=True)
    assert [(fill[0], fill[4]) for fill in fills_of(result)] == [(1, 999), (3, 1), (4, 1)]


def test_what_is_paid_after_the_last_day_is_owed_and_not_in_the_equity():
    result = run_orders(paying((2, 361, 6)), {0: [buy(100)]})
    assert result.equity["equity"].to_list() == [10_000_000] * 6
    owed = [warning.parameters for warning in result.warnings if warning.code == "dividends_owed"]
    assert owed == [{"amount": "₩36,100"}]
    paid = run_orders(paying((2, 361, 5)), {0: [buy(100)]})
    assert "dividends_owed" not in {warning.code for warning in paid.warnings}


def test_run_that_starts_after_the_ex_date_is_owed_nothing():
    panel = paying((2, 361, 4))
    rules = make_rules(("entry", "always", "buy 10% of equity"))
    late = backtest(rules, panel, make_config(), start=panel.session_date(2))
    assert late.equity["dividends"].sum() == 0
    early = backtest(rules, panel, make_config(), start=date(2024, 3, 4))
    assert early.equity["dividends"].to_list()[-1] == 36_100


def test_rules_do_not_see_a_dividend():
    rules = (("entry", "returns(1) == 0%", "buy 10% of equity"), ("exit", "returns(1) < 0%", "sell all"))
    with_one, without = (run_rules(panel, *rules) for panel in (paying((3, 3_000, 3)), paying()))
    assert fills_of(with_one) == fills_of(without)
    assert with_one.equity["equity"][-1] > without.equity["equity"][-1]


def test_on_minutes_it_is_paid_before_the_first_trade_of_the_day():
    # Two bars a session: ex before row 2, paid before row 4.
    result = run_orders(paying((2, 100, 4), bars_a_session=2), {0: [buy(100)], 1: [buy(1)]})
    assert result.equity["dividends"].to_list() == [0, 0, 0, 0, 10_000, 10_000]


def test_distributions_of_funds_have_a_line_of_their_own():
    panel = make_panel({"A00001": flat(10_000, 4)}, product="ETF", cash=[(2, "A00001", 100)])
    result = run_orders(panel, {0: [buy(50)]})
    assert result.equity.select("distributions", "dividends").rows()[-1] == (5_000, 0)
