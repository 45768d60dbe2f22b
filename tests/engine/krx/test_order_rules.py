"""Quantities, order types and short selling by date."""

from __future__ import annotations

from datetime import date

import pytest

from engine.errors import BadInput, UnknownDate
from engine.krx.instrument_class import InstrumentClass
from engine.krx.order_types import broker_code, is_accepted
from engine.krx.quantities import largest_order, trading_unit
from engine.krx.short_selling import short_selling_on
from engine.krx.tables.hours import AFTER_HOURS_SINGLE_PRICE, AFTER_MARKET, NEXTRADE, RANDOM_END
from engine.krx.tables.order_types import Condition, OrderType, Phase
from engine.krx.tables.short_selling import ShortSelling

KOSPI, KOSDAQ, KONEX = (
    InstrumentClass.KOSPI_STOCK,
    InstrumentClass.KOSDAQ_STOCK,
    InstrumentClass.KONEX_STOCK,
)
ETF, ELW = InstrumentClass.ETF, InstrumentClass.ELW
TODAY = date(2026, 10, 1)


@pytest.mark.parametrize(
    ("day", "kind", "close", "unit"),
    [
        (date(2004, 12, 17), KOSPI, 500_000, 10),
        (date(2004, 12, 20), KOSPI, 100_000, 1),
        (date(2004, 12, 20), KOSPI, 99_900, 10),
        (date(2006, 6, 5), KOSPI, 50_000, 1),
        (date(2014, 5, 30), KOSPI, 49_950, 10),
        (date(2014, 6, 2), KOSPI, 500, 1),
        (date(2014, 5, 30), KOSDAQ, 500, 1),
        (date(2014, 11, 14), KONEX, 5_000, 100),
        (date(2014, 11, 17), KONEX, 5_000, 1),
        (date(2024, 1, 2), ELW, 100, 10),
    ],
)
def test_trading_units(day: date, kind: InstrumentClass, close: int, unit: int) -> None:
    assert trading_unit(day, kind, close) == unit


@pytest.mark.parametrize(
    ("base", "listed", "quantity"),
    [
        (70_000, 5_969_782_550, 1_428_571),  # 418 trillion won: 100 billion won / base
        (10_000, 100_000_000, 1_000_000),  # one trillion: 1 % of the listed shares
        (5_000, 10_000_000, 200_000),  # 50 billion: one billion won / base
        (1_000, 10_000_000, 500_000),  # 10 billion: 5 % of the listed shares
    ],
)
def test_largest_quantity_of_one_order(base: int, listed: int, quantity: int) -> None:
    assert largest_order(date(2024, 1, 2), base, listed) == quantity


def test_largest_quantity_needs_real_numbers_and_a_known_date() -> None:
    with pytest.raises(BadInput):
        largest_order(TODAY, 0, 1_000)
    with pytest.raises(UnknownDate):
        largest_order(date(2018, 9, 14), 10_000, 1_000_000)


@pytest.mark.parametrize(
    ("order_type", "phase", "accepted"),
    [
        (OrderType.LIMIT, Phase.OPENING_CALL, True),
        (OrderType.MARKET, Phase.CLOSING_CALL, True),
        (OrderType.LIMIT_TO_MARKET_ON_CLOSE, Phase.CLOSING_CALL, False),
        (OrderType.MID_PRICE, Phase.CONTINUOUS, True),
        (OrderType.MID_PRICE, Phase.VI_CALL, False),
        (OrderType.BEST_SAME, Phase.OPENING_CALL, False),
        (OrderType.MARKET, Phase.AFTER_MARKET, False),
        (OrderType.BEST_OPPOSITE, Phase.AFTER_MARKET, True),
        (OrderType.MARKET, Phase.LIQUIDATION, False),
        (OrderType.SINGLE_PRICE, Phase.AFTER_HOURS_SINGLE_PRICE, False),  # abolished on 2026-09-14
    ],
)
def test_phases_take_their_order_types(order_type: OrderType, phase: Phase, accepted: bool) -> None:
    assert is_accepted(order_type, phase, TODAY, KOSPI) is accepted


def test_order_types_depend_on_date_and_market() -> None:
    stop = (OrderType.STOP_LIMIT, Phase.CONTINUOUS)
    assert not is_accepted(*stop, date(2025, 2, 28), KOSDAQ) and is_accepted(*stop, date(2025, 3, 4), KOSDAQ)
    assert not is_accepted(*stop, TODAY, KONEX)
    assert is_accepted(OrderType.SINGLE_PRICE, Phase.AFTER_HOURS_SINGLE_PRICE, date(2026, 9, 11), KOSPI)
    assert not is_accepted(OrderType.LIMIT, Phase.AFTER_MARKET, TODAY, ETF)
    assert not is_accepted(OrderType.MARKET, Phase.CONTINUOUS, TODAY, ELW)
    with pytest.raises(UnknownDate):
        is_accepted(OrderType.LIMIT, Phase.CONTINUOUS, date(1996, 11, 22), KOSPI)


def test_conditions_go_with_continuous_matching_only() -> None:
    for condition in (Condition.IOC, Condition.FOK):
        assert is_accepted(OrderType.LIMIT, Phase.CONTINUOUS, TODAY, KOSPI, condition)
        assert is_accepted(OrderType.LIMIT, Phase.AFTER_MARKET, TODAY, KOSPI, condition)
        assert not is_accepted(OrderType.LIMIT, Phase.OPENING_CALL, TODAY, KOSPI, condition)
        assert not is_accepted(OrderType.BEST_SAME, Phase.CONTINUOUS, TODAY, KOSPI, condition)
        assert not is_accepted(OrderType.LIMIT, Phase.CONTINUOUS, TODAY, KONEX, condition)


@pytest.mark.parametrize(
    ("order_type", "phase", "condition", "code"),
    [
        (OrderType.LIMIT, Phase.OPENING_CALL, Condition.REST, "00"),
        (OrderType.MARKET, Phase.CONTINUOUS, Condition.REST, "01"),
        (OrderType.CLOSING_PRICE, Phase.PRE_HOURS_CLOSE_PRICE, Condition.REST, "05"),
        (OrderType.CLOSING_PRICE, Phase.AFTER_HOURS_CLOSE_PRICE, Condition.REST, "06"),
        (OrderType.BEST_OPPOSITE, Phase.CONTINUOUS, Condition.FOK, "16"),
        (OrderType.STOP_LIMIT, Phase.CONTINUOUS, Condition.REST, "22"),
        (OrderType.LIMIT, Phase.AFTER_MARKET, Condition.REST, "41"),
        (OrderType.BEST_SAME, Phase.AFTER_MARKET, Condition.REST, "47"),
    ],
)
def test_broker_codes(order_type: OrderType, phase: Phase, condition: Condition, code: str) -> None:
    assert broker_code(order_type, phase, condition) == code


def test_an_order_without_a_code_is_refused_with_what_is_possible() -> None:
    with pytest.raises(BadInput, match="지정가"):
        broker_code(OrderType.MARKET, Phase.AFTER_MARKET)


@pytest.mark.parametrize(
    ("day", "rule"),
    [
        (date(2008, 12, 1), ShortSelling.NONE),
        (date(2010, 1, 4), ShortSelling.NO_FINANCIALS),
        (date(2011, 9, 1), ShortSelling.NONE),
        (date(2013, 11, 13), ShortSelling.NO_FINANCIALS),
        (date(2013, 11, 14), ShortSelling.ALL),
        (date(2020, 3, 16), ShortSelling.NONE),
        (date(2021, 5, 3), ShortSelling.LARGE_INDEX_ONLY),
        (date(2023, 11, 6), ShortSelling.NONE),
        (date(2025, 3, 31), ShortSelling.ALL),
    ],
)
def test_short_selling_bans(day: date, rule: ShortSelling) -> None:
    assert short_selling_on(day) is rule


def test_the_after_market_replaced_the_single_price_session() -> None:
    before, after = date(2026, 9, 11), date(2026, 9, 14)
    assert AFTER_MARKET.at(before) is None and AFTER_MARKET.at(after) == ("16:00", "20:00")
    assert AFTER_HOURS_SINGLE_PRICE.at(after) is None
    single = AFTER_HOURS_SINGLE_PRICE.at(before)
    assert single is not None and (single.limit_percent, single.without_nextrade_issues) == (10, True)
    assert RANDOM_END.at(after).within_seconds == 30
    assert NEXTRADE.at(after).pre_market == ("08:00", "08:50")
