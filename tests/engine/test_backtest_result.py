"""The tables of a result: what a reader sees of orders, fills, trades and positions."""

from __future__ import annotations

from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.matching import arrays as at
from engine.outcome import build_result
from tests.builders_panel import flat, make_panel, run_rules
from tests.event_mode import run_batch, simulate
from tests.lively_rules import any_rules
from tests.random_panels import configs, panels
from tests.scripted import buy, run_orders, sell

FLAT = (10_000, 10_000, 10_000, 10_000)
PATIENT = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def test_trade_has_the_average_price_and_its_share_of_the_purchase_fees():
    # 100 at 10,000 and 100 at 12,000: average 11,000; fee 0.1 %: 1,000 + 1,200. Sell 50 at 13,000: fee 650,
    # tax 0.03 % of 650,000 = 195, rural 0.15 % = 975; a quarter of the purchase fees: 550.
    bars = [FLAT, FLAT, (12_000,) * 4, (13_000,) * 4, (13_000,) * 4]
    orders = {0: [buy(100)], 1: [buy(100)], 2: [sell(50)], 3: [sell()]}
    result = run_orders(make_panel({"A00001": bars}), orders, costs=True, fee_ppb=1_000_000)
    first, second = result.trades.rows(named=True)
    assert (first["quantity"], first["entry_price"], first["exit_price"]) == (50, 11_000.0, 13_000.0)
    assert (first["costs"], first["pnl"]) == (650 + 195 + 975 + 550, 100_000 - 2_370)
    assert first["return"] == (100_000 - 2_370) / 550_000
    assert (first["bars_held"], first["entry_session"], first["exit_session"]) == (
        2,
        date(2024, 3, 5),
        date(2024, 3, 7),
    )
    assert [trade["closes_position"] for trade in (first, second)] == [False, True]
    # Everything is sold: what the trades made is what the account made.
    assert first["pnl"] + second["pnl"] == result.equity["equity"][-1] - 10_000_000


def test_sell_in_several_fills_is_one_trade():
    thin = (10_000, 10_000, 10_000, 10_000, 1_000)
    panel = make_panel({"A00001": [FLAT, FLAT, thin, thin, thin]}, bars_a_session=5)
    result = run_orders(panel, {0: [buy(50)], 1: [buy(200)], 2: [sell()]}, participation=0.1)
    assert result.fills.filter(result.fills["side"] == "sell")["quantity"].to_list() == [100, 50]
    assert result.trades.select("quantity", "closes_position").rows() == [(150, True)]


def test_position_opened_again_is_a_trade_of_its_own():
    orders = {0: [buy(10)], 1: [sell()], 2: [buy(20)], 3: [sell()]}
    result = run_orders(make_panel({"A00001": flat(10_000, 5)}), orders)
    assert result.trades.select("quantity", "entry_session", "closes_position").rows() == [
        (10, date(2024, 3, 5), True),
        (20, date(2024, 3, 7), True),
    ]


def test_trade_and_order_name_their_rules():
    rules = (("entry", "weekday == mon", "buy 10% of equity"), ("exit", "days_held >= 1", "sell all"))
    result = run_rules(make_panel({"A00001": flat(10_000, 5)}), *rules)
    assert result.trades.select("entry_rules", "exit_rules").rows() == [(["rule-0"], ["rule-1"])]


def test_rule_that_never_fired_is_named():
    rules = (("entry", "weekday == mon", "buy 10% of equity"), ("exit", "close < 5000", "sell all"))
    result = run_rules(make_panel({"A00001": flat(10_000, 3)}), *rules)
    assert [w.parameters["rules"] for w in result.warnings if w.code == "never_fired"] == ["rule-1"]


def test_open_position_is_valued_at_its_last_close():
    result = run_orders(make_panel({"A00001": [FLAT, FLAT, (12_000,) * 4]}), {0: [buy(100)]})
    (position,) = result.positions.rows(named=True)
    assert (position["quantity"], position["average_price"], position["price"]) == (100, 10_000.0, 12_000)
    assert (position["value"], position["pnl"], position["return"]) == (1_200_000, 200_000, 0.2)


def test_status_of_an_order_tells_filled_partly_filled_expired_cancelled_and_open():
    thin = (10_000, 10_000, 10_000, 10_000, 1_000)
    panel = make_panel({"A00001": [FLAT, thin, FLAT]})
    orders = {0: [buy(60), buy(60), buy(10, limit=9_000)], 2: [buy(1)]}
    result = run_orders(panel, orders, participation=0.1)
    assert result.orders.select("status", "filled").rows() == [
        ("filled", 60),
        ("partly filled", 40),
        ("expired", 0),
        ("open", 0),
    ]
    assert result.orders["done_at"].is_null().to_list() == [False, False, False, True]


@settings(PATIENT, max_examples=25)
@given(data=st.data())
def test_tables_add_up_to_the_account(data):
    panel, config = data.draw(panels()), data.draw(configs())
    simulation = run_batch(simulate(data.draw(any_rules(panel.interval)), panel, config))
    result, account = build_result(simulation, {}), simulation.book.account
    scale = panel.manifest.price_scale

    def units(series):
        return round(series.sum() * scale)

    sells = result.fills.filter(result.fills["side"] == "sell")
    buys = result.fills.filter(result.fills["side"] == "buy")
    kept_fees = int(simulation.book.positions[:, at.POSITION_BUY_FEES].sum())
    assert units(result.fills["fee"]) == account[at.FEES]
    assert units(result.fills["stt"]) + units(result.fills["rural"]) == account[at.TAXES] + account[at.RURAL_TAXES]
    assert result.trades["quantity"].sum() == sells["quantity"].sum()
    # Fees of purchases leave with the shares sold; those of shares that became a fraction leave without a trade.
    costs = units(sells["fee"]) + units(sells["stt"]) + units(sells["rural"]) + units(buys["fee"]) - kept_fees
    assert units(result.trades["costs"]) <= costs
    assert units(result.trades["pnl"]) == units(sells["realised"]) - units(result.trades["costs"])
    assert (result.trades["entry_session"] <= result.trades["exit_session"]).all()
    assert result.trades["closes_position"].sum() <= account[at.POSITION_COUNT]
    assert result.positions["quantity"].to_list() == [
        quantity for quantity in simulation.book.positions[:, at.POSITION_QUANTITY].tolist() if quantity
    ]
    assert result.orders["filled"].sum() == result.fills["quantity"].sum()
    assert units(result.equity["cash"][-1:]) + units(result.equity["holdings"][-1:]) == account[at.EQUITY]
