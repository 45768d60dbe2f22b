"""The least size of a purchase: what the last of the cash buys takes no place in the portfolio."""

from __future__ import annotations

from typing import Any

from engine.config import RiskLimits
from tests.builders_panel import fills_of, flat, make_panel, run_rules
from tests.scripted import buy, run_orders, sell

TWO = {"A00001": flat(10_000, 3), "A00002": flat(10_000, 3)}


def second(quantity: int, **limits: Any) -> dict[str, int]:
    """Shares bought of two names: 970 of the first take all but 300,000 won, then `quantity` of the second."""
    orders = {0: [buy(970, "A00001", limit=10_000), buy(quantity, "A00002", limit=10_000)]}
    result = run_orders(make_panel(TWO), orders, touch=True, limits=limits)
    return {fill[2]: fill[4] for fill in fills_of(result)} | dict(result.refusals)


def test_less_than_a_tenth_of_what_was_wanted_is_refused():
    # Cash for 30 shares: a tenth of 300, less than a tenth of 301.
    assert second(300) == {"A00001": 970, "A00002": 30}
    assert second(301) == {"A00001": 970, "order_too_small": 1}


def test_share_is_a_setting_and_may_be_off():
    assert second(40, min_order_share=0.75) == {"A00001": 970, "A00002": 30}
    assert second(41, min_order_share=0.75) == {"A00001": 970, "order_too_small": 1}
    assert second(900, min_order_share=0) == {"A00001": 970, "A00002": 30}


def test_least_money_in_one_purchase_is_a_setting_too():
    assert second(30, min_order_won=300_000) == {"A00001": 970, "A00002": 30}
    assert second(30, min_order_won=300_001) == {"A00001": 970, "order_too_small": 1}
    assert RiskLimits().min_order_won == 0


def test_what_the_limits_of_the_name_and_the_order_cut_off_was_not_wanted():
    # All of equity asked, 5 % of it allowed in one name, 400,000 won in one order: both are what these limits are for.
    panel = make_panel({"A00001": flat(10_000, 2)})
    rule = ("entry", "weekday == mon", "buy 100% of equity")
    assert [fill[4] for fill in fills_of(run_rules(panel, rule, limits={"max_position_weight": 0.05}))] == [50]
    assert [fill[4] for fill in fills_of(run_rules(panel, rule, limits={"max_order_won": 400_000}))] == [40]


def test_rest_of_a_sector_or_of_the_exposure_is_no_place_for_a_few_shares():
    names = {"A00001": flat(10_000, 3), "A00002": flat(10_000, 3)}
    rule = ("entry", "weekday == mon", "buy 29% of equity")
    sector = make_panel(names, sector={"A00001": "은행", "A00002": "은행"})
    for panel, limit in ((sector, "max_sector_weight"), (make_panel(names), "max_gross_exposure")):
        result = run_rules(panel, rule, limits={limit: 0.3})
        assert [fill[4] for fill in fills_of(result)] == [290]
        assert result.refusals == {"order_too_small": 1}


def test_place_that_a_rest_would_have_taken_stays_free_for_the_next_decision():
    # Monday: 77 % of the cash is reserved and spent at once; the rest is no tenth. Tuesday sells, Wednesday buys.
    bars = {"A00001": flat(10_000, 5), "A00002": flat(10_000, 5)}
    rules = (
        ("entry", "positions < 2", "buy 76% of equity"),
        ("exit", "days_held >= 1", "sell all"),
    )
    whole = run_rules(make_panel(bars), *rules, limits={"max_positions": 2, "min_order_share": 0.5})
    assert {fill[4] for fill in fills_of(whole) if fill[3] == "buy"} == {760}
    assert whole.refusals["order_too_small"] > 0


def test_a_sell_is_never_too_small():
    panel = make_panel({"A00001": flat(10_000, 4)})
    limits = {"min_order_won": 1_000_000, "min_order_share": 1.0}
    result = run_orders(panel, {0: [buy(100)], 1: [sell(1)], 2: [sell()]}, limits=limits)
    assert [fill[4] for fill in fills_of(result)] == [100, 1, 99]
    assert result.refusals == {}
