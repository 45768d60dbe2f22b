"""Column names are guessed, and every doubt is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.columns import NAMES, guess_columns, require, squeeze, unused_columns
from engine.errors import DataError

ALIASES = [(ours, alias) for ours, aliases in NAMES.items() for alias in aliases]


def test_korean_names_of_the_exchange_are_known() -> None:
    columns = [
        "일자",
        "종목코드",
        "종목명",
        "시가",
        "고가",
        "저가",
        "종가",
        "거래량",
        "거래대금",
        "상장주식수",
        "시가총액",
        "시장구분",
    ]
    assert list(guess_columns(columns, "file")) == [
        "date",
        "ticker",
        "name",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "value",
        "shares",
        "market_cap",
        "market",
    ]


def test_marcap_names_are_known() -> None:
    head = (
        "Date,Code,Name,Open,High,Low,Close,Volume,Amount,Changes,ChagesRatio,ChangeCode,Market,Dept,Marcap,Stocks,Rank"
    )
    columns = head.split(",")
    found = guess_columns(columns, "marcap")
    assert (found["value"], found["change"], found["shares"], found["department"]) == (
        "Amount",
        "Changes",
        "Stocks",
        "Dept",
    )
    assert unused_columns(columns, found) == []


def test_no_alias_means_two_things() -> None:
    aliases = [alias for _, alias in ALIASES]
    assert len(aliases) == len(set(aliases))
    assert all(squeeze(alias) == alias for alias in aliases)


@given(
    st.sampled_from(ALIASES),
    st.data(),
    st.sampled_from(["", " (원)", " (주)", "[KRW]"]),
)
def test_case_spaces_signs_and_units_do_not_matter(pair: tuple[str, str], data: st.DataObject, unit: str) -> None:
    ours, alias = pair
    letters = [data.draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in alias]
    gaps = [data.draw(st.sampled_from(["", "", " ", "_", "-", "."])) for _ in alias]
    written = "".join(letter + gap for letter, gap in zip(letters, gaps, strict=True)) + unit
    assert guess_columns([written], "file") == {ours: written}


def test_two_columns_of_one_meaning_are_an_error() -> None:
    with pytest.raises(DataError, match="'Close' and '종가' both mean 'close'"):
        guess_columns(["Close", "종가"], "file")


def test_missing_columns_are_named_with_what_is_there() -> None:
    with pytest.raises(DataError, match=r"a\.csv: no column for close, volume\. It has 'Date', 'Price'.*종가"):
        require({"date": "Date"}, ["Date", "Price"], ["date", "close", "volume"], "a.csv")
