"""Tickers are six characters, not six digits."""

from __future__ import annotations

from datetime import date

import pytest

from engine.errors import BadInput
from engine.instrument import Instrument, Market, check_ticker


@pytest.mark.parametrize("ticker", ["005930", "0000J0", "33626K"])
def test_krx_short_codes_may_hold_letters(ticker: str) -> None:
    assert check_ticker(ticker) == ticker


@pytest.mark.parametrize("ticker", ["", "5930", "A005930", "005930 ", "00593a", "삼성전자00"])
def test_other_codes_are_refused(ticker: str) -> None:
    with pytest.raises(BadInput, match="not a KRX ticker"):
        check_ticker(ticker)


def test_listing_and_delisting_days_are_part_of_the_listing() -> None:
    share = Instrument(
        ticker="005930",
        name="가나다",
        market=Market.KOSPI,
        listed=date(2020, 1, 2),
        delisted=date(2021, 1, 4),
    )
    assert share.is_listed_on(date(2020, 1, 2))
    assert share.is_listed_on(date(2021, 1, 4))
    assert not share.is_listed_on(date(2020, 1, 1))
    assert not share.is_listed_on(date(2021, 1, 5))


def test_impossible_instruments_are_refused() -> None:
    with pytest.raises(BadInput, match="before it is listed"):
        Instrument(
            ticker="005930",
            name="가",
            market=Market.KOSPI,
            listed=date(2021, 1, 4),
            delisted=date(2020, 1, 2),
        )
    with pytest.raises(BadInput, match="multiple of 0"):
        Instrument(ticker="069500", name="가", market=Market.KOSPI, multiple=0)
