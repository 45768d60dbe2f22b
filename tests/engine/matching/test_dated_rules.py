"""Rules of the exchange that depend on date, price and kind of instrument: trading unit, multiples, first days."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config import BacktestConfig
from engine.data.importer import import_dataset
from engine.data.panel import CLOSE, HIGH, LOW, Panel, State, load_panel
from engine.exchange import build_exchange
from engine.kernel_cache import njit
from engine.matching import grid
from engine.matching.bundle import bundle
from engine.matching.step import view_market
from tests.builders_panel import fills_of, flat, make_panel
from tests.scripted import buy, run_orders, sell
from tests.watching import accounts_after


def bought(close: int, *, start: date, quantity: int = 15, **panel: Any) -> list[int]:
    """Shares bought of a name that stays at `close`, by orders of 15 shares after each of two bars."""
    market = make_panel({"A00001": flat(close, 3)}, start=start, **panel)
    result = run_orders(market, {0: [buy(quantity)], 1: [buy(quantity)]}, cash_won=100_000_000)
    return [fill[4] for fill in fills_of(result)]


# Trading unit.


def test_kospi_trades_in_tens_until_2014_and_dear_issues_in_single_shares():
    assert bought(49_950, start=date(2010, 1, 5)) == [10, 10]
    assert bought(50_000, start=date(2010, 1, 5)) == [15, 15]
    assert bought(49_950, start=date(2014, 6, 3)) == [15, 15]


def test_dear_meant_100_000_won_until_the_june_of_2006():
    # Monday, 5 June 2006 is the first session of the lower bound: the orders of Friday evening meet it.
    assert bought(60_000, start=date(2006, 6, 1)) == [10, 15]
    assert bought(100_000, start=date(2006, 5, 30)) == [15, 15]
    assert bought(500_000, start=date(2004, 12, 16)) == [10, 15]  # before 20 December 2004 all in tens


def test_close_before_the_session_tells_what_is_dear():
    # 50,000 at the close of row 0: single shares in row 1, although it trades at 45,000 there. Then tens.
    bars = [(50_000,) * 4, (45_000,) * 4, (45_000,) * 4]
    panel = make_panel({"A00001": bars}, start=date(2010, 1, 5))
    assert [fill[4] for fill in fills_of(run_orders(panel, {0: [buy(15)], 1: [buy(15)]}))] == [15, 10]


def test_base_price_of_the_session_tells_it_for_orders_of_a_minute():
    # Two bars a session: the order after row 2 meets the session whose day before closed at 60,000.
    bars = [(60_000,) * 4] * 2 + [(48_000,) * 4] * 3
    panel = make_panel({"A00001": bars}, start=date(2010, 1, 5), bars_a_session=2)
    assert [fill[4] for fill in fills_of(run_orders(panel, {2: [buy(15)], 3: [buy(15)]}))] == [15, 10]


def test_other_markets_and_adjusted_prices_have_units_of_one_share():
    assert bought(9_990, start=date(2010, 1, 5), market="KOSDAQ") == [15, 15]
    assert bought(9_990, start=date(2010, 1, 5), product="ETF") == [15, 15]
    assert bought(9_990, start=date(2010, 1, 5), adjusted=True) == [15, 15]


def test_less_than_a_unit_is_refused():
    panel = make_panel({"A00001": flat(20_000, 2)}, start=date(2010, 1, 5))
    assert run_orders(panel, {0: [buy(9)]}).refusals == {"not_enough_cash": 1}


def test_sells_need_no_whole_unit():
    panel = make_panel({"A00001": flat(20_000, 3)}, start=date(2010, 1, 5))
    assert [fill[4] for fill in fills_of(run_orders(panel, {0: [buy(10)], 1: [sell(3)]}))] == [10, 3]


# Multiples of leveraged funds.

LEVERAGED: dict[str, Any] = {"product": "ETF", "multiple": {"A00001": -2}, "start": date(2010, 5, 6)}


def test_multiple_widens_the_limits_from_its_first_day_on():
    # 15 % of 10,000. Thursday evening reserves at 11,500 for Friday, Friday evening at 13,000 for 10 May.
    panel = make_panel({"A00001": flat(10_000, 3)}, **LEVERAGED)
    accounts = accounts_after(panel, {0: [buy(100)], 1: [buy(100)]})
    assert [10_000_000 - accounts[0].orderable, 9_000_000 - accounts[1].orderable] == [1_150_000, 1_300_000]


def test_nobody_sells_at_the_narrow_limit_and_somebody_at_the_same_distance_later():
    locked = make_panel({"A00001": [(10_000,) * 4, (11_500,) * 4]}, **LEVERAGED)
    assert fills_of(run_orders(locked, {0: [buy(10)]})) == []
    later = make_panel({"A00001": [(10_000,) * 4] * 2 + [(11_500,) * 4]}, **LEVERAGED)
    assert [fill[5] for fill in fills_of(run_orders(later, {1: [buy(10)]}))] == [11_500]


def test_reserve_without_a_base_price_knows_the_multiple_too():
    # Adjusted prices have no limits; the percentage alone is reserved: 15 %, from 10 May 30 %.
    panel = make_panel({"A00001": flat(10_000, 3)}, adjusted=True, **LEVERAGED)
    accounts = accounts_after(panel, {0: [buy(100)], 1: [buy(100)]})
    assert [10_000_000 - accounts[0].orderable, 9_000_000 - accounts[1].orderable] == [1_150_000, 1_300_000]


# First days.

NEW = date(2024, 3, 4)
OLD = date(2023, 6, 20)


def first_day(*bars: tuple[int, ...], start: date, base: int, **panel: Any) -> Panel:
    """A first session of minutes with an issue price of `base` (0 = unknown), and a second session of one minute."""
    rows = range(len(bars))
    return make_panel(
        {"A00001": [*bars, bars[-1]]},
        start=start,
        bars_a_session=len(bars),
        state={(row, "A00001"): State.FIRST_DAY for row in rows},
        base={(row, "A00001"): base for row in rows},
        **panel,
    )


OPENED = (20_000, 20_000, 20_000, 20_000)


def test_nobody_sells_at_four_times_the_issue_price():
    panel = first_day(OPENED, (40_000,) * 4, (39_000, 39_500, 38_000, 39_000), start=NEW, base=10_000)
    assert fills_of(run_orders(panel, {0: [buy(10)]})) == [(2, "open", "A00001", "buy", 10, 39_000)]


def test_nobody_buys_at_three_fifths_of_the_issue_price():
    panel = first_day(OPENED, (9_000,) * 4, (6_000,) * 4, start=NEW, base=10_000)
    result = run_orders(panel, {0: [buy(10)], 1: [sell(10)]})
    assert [fill[0] for fill in fills_of(result)] == [1]


@pytest.mark.parametrize("base", [0, 20_000])
def test_limits_are_not_invented_where_the_issue_price_is_unknown_or_may_be_the_opening_price(base):
    panel = first_day(OPENED, (40_000,) * 4, start=NEW, base=base)
    assert [fill[5] for fill in fills_of(run_orders(panel, {0: [buy(10)]}))] == [40_000]


def test_market_order_of_a_first_day_reserves_at_four_times_the_issue_price():
    panel = first_day(OPENED, OPENED, start=NEW, base=10_000)
    assert accounts_after(panel, {0: [buy(10)]})[0].orderable == 10_000_000 - 10 * 40_000


def test_before_the_june_of_2023_the_opening_price_is_the_base_of_the_rest_of_the_day():
    # Opened at twice the issue price; 30 % above that nobody sells, whether the issue price is known or not.
    for base in (0, 10_000, 20_000):
        panel = first_day(OPENED, (26_000,) * 4, start=OLD, base=base)
        assert fills_of(run_orders(panel, {0: [buy(10)]})) == []
        assert accounts_after(panel, {0: [buy(10)]})[0].orderable == 10_000_000 - 10 * 26_000


def test_first_day_of_a_fund_has_the_ordinary_limits_around_its_known_base_price():
    panel = first_day((10_500,) * 4, (13_000,) * 4, start=NEW, base=10_000, product="ETF")
    assert fills_of(run_orders(panel, {0: [buy(10)]})) == []


def test_slippage_stays_inside_the_limits_of_a_first_day():
    # 35,000 and 30 % of slippage are 45,500; four times the issue price is 40,000.
    panel = first_day(OPENED, (35_000, 36_000, 34_000, 35_000), start=NEW, base=10_000)
    result = run_orders(panel, {0: [buy(10)]}, slippage={"model": "rate", "size": 0.3})
    assert [fill[5] for fill in fills_of(result)] == [40_000]


def test_slippage_of_liquidation_trading_knows_no_limit():
    # 10,000 less half: the ordinary lower limit of 7,000 does not hold.
    panel = make_panel({"A00001": flat(10_000, 3)}, state={(2, "A00001"): State.LIQUIDATION})
    result = run_orders(panel, {0: [buy(10)], 1: [sell(10)]}, slippage={"model": "rate", "size": 0.5})
    assert fills_of(result)[1][5] == 5_000


@njit(cache=False)
def limits_seen(market, row, col, point):
    return grid.limits_at(bundle(view_market(*market)), row, col, point)


@njit(cache=False)
def locked_seen(market, row, col):
    return grid.locked_side(bundle(view_market(*market)), row, col)


def test_opening_auction_of_an_old_first_day_lies_in_a_range_of_the_known_issue_price():
    # 90 % to 200 % of 10,000 for the opening price; afterwards 30 % around the 12,000 that it became.
    bar = (12_000, 12_500, 11_500, 12_000)
    market = build_exchange(first_day(bar, bar, start=OLD, base=10_000), BacktestConfig()).arrays
    assert limits_seen(market, 0, 0, 0) == (9_000, 20_000)
    assert limits_seen(market, 0, 0, 1) == limits_seen(market, 1, 0, 0) == (8_400, 15_600)
    unknown = build_exchange(first_day(bar, bar, start=OLD, base=0), BacktestConfig()).arrays
    assert limits_seen(unknown, 0, 0, 0) == (0, 0)
    assert limits_seen(unknown, 1, 0, 0) == (8_400, 15_600)


def test_rule_of_an_unknown_time_gives_no_limits():
    # The first-day rule of KOSDAQ is known from 31 March 2003 on.
    bar = (12_000, 12_500, 11_500, 12_000)
    panel = first_day(bar, bar, start=date(2003, 3, 26), base=10_000, market="KOSDAQ")
    assert limits_seen(build_exchange(panel, BacktestConfig()).arrays, 1, 0, 0) == (0, 0)


@pytest.mark.parametrize(("year", "closed_at_a_limit"), [(2024, {"457550", "373160"}), (2025, {"373160"})])
def test_real_first_days_lie_inside_their_limits(krx_data: Path, tmp_path: Path, year: int, closed_at_a_limit: Any):
    folder = tmp_path / "section"
    import_dataset([str(krx_data / "krx_daily_sections" / f"krx_daily_{year}.parquet")], folder)
    panel = load_panel(folder)
    market = build_exchange(panel, BacktestConfig()).arrays
    seen, at_limit = 0, set()
    for row, col in np.argwhere((panel.state & State.FIRST_DAY > 0) & (panel.state & State.TRADED > 0)).tolist():
        lower, upper = limits_seen(market, row, col, 1)
        if upper:
            seen += 1
            assert lower <= panel.bars[LOW, row, col] and panel.bars[HIGH, row, col] <= upper, panel.tickers[col]
            if panel.bars[CLOSE, row, col] in (lower, upper):
                at_limit.add(panel.tickers[col])
            # 우진엔텍 stood at four times its issue price all day: nobody sold.
            assert locked_seen(market, row, col) == (panel.tickers[col] == "457550")
    assert seen >= 8
    assert at_limit >= closed_at_a_limit & set(panel.tickers)
