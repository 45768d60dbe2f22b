"""Taxes and fees in exact integers."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadInput, UnknownDate
from engine.krx.costs import (
    BILLION,
    broker_fee_ppb,
    dividend_tax_ppb,
    fee_won,
    sell_tax,
    share_of_amount,
    tax_rates_ppb,
)
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import offset_session, settlement_day
from engine.krx.tables.costs import SELL_TAX

KOSPI, KOSDAQ, KONEX = (
    InstrumentClass.KOSPI_STOCK,
    InstrumentClass.KOSDAQ_STOCK,
    InstrumentClass.KONEX_STOCK,
)

# First settlement date in the law; tax of KOSPI, its rural part and KOSDAQ in hundredths of a percent.
CHANGES = [
    (date(2019, 6, 3), 10, 15, 25),
    (date(2021, 1, 4), 8, 15, 23),
    (date(2023, 1, 2), 5, 15, 20),
    (date(2024, 1, 2), 3, 15, 18),
    (date(2025, 1, 2), 0, 15, 15),
    (date(2026, 1, 2), 5, 15, 20),
]


@pytest.mark.parametrize(("settles", "kospi", "rural", "kosdaq"), CHANGES)
def test_a_tax_starts_with_the_trades_that_settle_on_its_first_day(
    settles: date, kospi: int, rural: int, kosdaq: int
) -> None:
    first_trade = next(
        entry.from_date
        for entry in SELL_TAX[KOSPI].rows
        if entry.from_date.year >= 2019 and settlement_day(entry.from_date) == settles
    )
    assert tax_rates_ppb(first_trade, KOSPI) == (kospi * 100_000, rural * 100_000)
    assert tax_rates_ppb(first_trade, KOSDAQ) == (kosdaq * 100_000, 0)
    day_before = offset_session(first_trade, -1)
    assert settlement_day(day_before) < settles
    assert tax_rates_ppb(day_before, KOSDAQ) != tax_rates_ppb(first_trade, KOSDAQ)


def test_konex_and_funds_have_their_own_rates() -> None:
    day = date(2026, 3, 3)
    assert tax_rates_ppb(day, KONEX) == (1_000_000, 0)
    for kind in (InstrumentClass.ETF, InstrumentClass.ETN, InstrumentClass.ELW):
        assert sell_tax(123_456_789, day, kind) == (0, 0)
        assert broker_fee_ppb(kind) == 146_527
    assert {broker_fee_ppb(kind) for kind in (KOSPI, KOSDAQ, KONEX)} == {140_527}


def test_each_tax_is_cut_on_its_own() -> None:
    # 0.15 % of 1,999 won is 2.99 won: 2 and 2 in 2018, not the 5 that one sum of 0.30 % would give.
    assert sell_tax(1_999, date(2018, 5, 2), KOSPI) == (2, 2)
    assert sell_tax(19_990, date(2018, 5, 2), KOSPI, step_won=10) == (20, 20)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 10**15), st.integers(0, BILLION), st.sampled_from((1, 10, 100)))
def test_costs_equal_exact_integer_arithmetic(amount: int, rate: int, step: int) -> None:
    exact = amount * rate // BILLION // step * step
    assert fee_won(amount, rate, step) == exact
    assert share_of_amount(amount, rate, step) == exact


@pytest.mark.parametrize("arguments", [(-1, 1, 1), (1, -1, 1), (1, BILLION + 1, 1), (1, 1, 0)])
def test_impossible_costs_are_refused(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(BadInput, match="must not be negative"):
        fee_won(*arguments)


def test_tax_before_the_known_years_is_refused() -> None:
    with pytest.raises(UnknownDate, match="transaction tax of KOSDAQ stocks"):
        sell_tax(1_000_000, date(1996, 3, 29), KOSDAQ)


def test_a_dividend_pays_15_4_percent_and_before_the_table_starts_nobody_knows() -> None:
    income, local = dividend_tax_ppb(date(2024, 4, 19))
    assert income + local == BILLION * 154 // 1000
    assert local == income // 10
    with pytest.raises(UnknownDate, match="tax on dividends"):
        dividend_tax_ppb(date(2004, 12, 31))
