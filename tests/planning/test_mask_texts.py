"""Aliases, dates and names in texts."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.planning.aliases import Aliases, looks_like_alias
from engine.planning.date_shift import DateShift, dates_in
from engine.planning.names_in_text import NamesInText, normal
from engine.planning.text_mask import money_in
from tests.planning.builders_mask import NAMES


def mentioned(text: str) -> list[str]:
    return [found.ticker for found in NamesInText(NAMES).find(normal(text))]


@given(
    tickers=st.sets(st.from_regex(r"[0-9]{4}[0-9A-Z][0-9]", fullmatch=True), min_size=1, max_size=60),
    seed=st.integers(0, 2**64),
)
def test_aliases_are_one_to_one(tickers: set[str], seed: int) -> None:
    aliases = Aliases(tickers, seed)
    shown = {ticker: aliases.of(ticker) for ticker in tickers}
    assert len(set(shown.values())) == len(tickers)
    assert all(aliases.ticker(alias) == ticker for ticker, alias in shown.items())
    assert all(looks_like_alias(f"buy {alias}가") == [alias] for alias in shown.values())


def test_a_whole_market_has_aliases_without_a_collision_for_many_seeds() -> None:
    tickers = [f"{number:05d}0" for number in range(3_000)]
    for seed in range(12):
        aliases = Aliases(tickers, seed)
        assert len({aliases.of(ticker) for ticker in tickers}) == 3_000


def test_an_alias_does_not_depend_on_the_rest_of_the_universe() -> None:
    small, large = Aliases(["005930"], 5), Aliases(NAMES, 5)
    assert small.of("005930") == large.of("005930")


def test_an_alias_nobody_has_is_refused() -> None:
    with pytest.raises(BadInput, match="is no alias"):
        Aliases(NAMES, 5).ticker("X-B2222")


@given(day=st.dates(date(1950, 1, 1), date(2049, 12, 31)), seed=st.integers(0, 2**64))
def test_a_masked_date_is_of_the_same_weekday_and_of_another_century(day: date, seed: int) -> None:
    shift = DateShift(seed)
    moved = shift.ahead(day)
    assert moved.weekday() == day.weekday()
    assert moved.year >= 2050
    assert shift.back(moved) == day


@given(day=st.dates(date(1950, 1, 1), date(2049, 12, 31)), seed=st.integers(0, 2**64))
def test_every_notation_of_a_date_is_found_and_hidden(day: date, seed: int) -> None:
    shift = DateShift(seed)
    notations = [
        f"{day:%Y-%m-%d}",
        f"{day:%Y.%m.%d}",
        f"{day.year}/{day.month}/{day.day}",
        f"{day:%Y%m%d}",
        f"{day:%Y%m%d}153000",
        f"{day:%Y-%m-%d}T15:30:00+09:00",
        f"{day.year}년 {day.month}월 {day.day}일",
        f"{day.year}년{day.month}월{day.day}일",
        f"{day.year}년 {day.month}월",
        f"{day.year}년",
        f"{day:%y}년 {day.month}월 {day.day}일",
        f"{day:%y.%m.%d}",
        f"{day.month}월 {day.day}일",
        f"{day:%B} {day.day}, {day.year}",
        f"{day:%b} {day.day} {day.year}",
        f"{day.day} {day:%B} {day.year}",
        f"{day:%B} {day.year}",
        f"{day:%d}-{day:%m}-{day.year}",
        f"{day:%m}/{day:%d}/{day.year}",
        f"{day:%Y-%m}",
        f"{day.year}Q1",
        f"in {day.year}",
    ]
    for notation in notations:
        for text in (
            notation,
            f"지난 {notation}에 샀다" if not notation.startswith("in ") else notation,
            f'"{notation}"',
        ):
            assert [found for found in dates_in(text) if found.is_real], text
            hidden = shift.hide_in(text)
            assert not [found for found in dates_in(hidden) if found.is_real], (text, hidden)


@given(day=st.dates(date(1950, 1, 1), date(2049, 12, 31)), seed=st.integers(0, 2**64))
def test_a_day_in_a_text_comes_back(day: date, seed: int) -> None:
    shift = DateShift(seed)
    text = f"{day.isoformat()}에 사서 {day.year}년 {day.month}월 {day.day}일에 팔았다"
    assert shift.show_in(shift.hide_in(text)) == text


@pytest.mark.parametrize(
    "text",
    ["0.2024", "close > 2024원", "2,024주", "20일 평균", "10년 국채", "3개월", "12345678901", "mean(close, 2000)"],
)
def test_numbers_are_no_dates(text: str) -> None:
    assert list(dates_in(text)) == []


def test_names_are_found_with_particles_spaces_and_in_any_case() -> None:
    assert mentioned("삼성전자가 올랐다") == ["005930"]
    assert mentioned("기아를 판다, 기아, 기아(000270)") == ["000270"] * 4
    assert mentioned("SK 하이닉스? SK하이닉스! sk하이닉스와") == ["000660", "000660"]
    assert mentioned("naver와 NAVER") == ["035420", "035420"]
    assert mentioned("새삼성전자우") == ["005930"]


def test_a_name_in_decomposed_letters_is_found() -> None:
    assert mentioned(unicodedata.normalize("NFD", "삼성전자를 산다")) == ["005930"]


def test_everyday_words_are_no_names() -> None:
    assert mentioned("매수 대상 종목과 대상을 고른다") == []
    assert mentioned("기아자동차는 없다, 동기아님") == []
    assert mentioned("NAVERS") == []
    assert mentioned('{"name": "대상"}') == ["001680"]
    assert mentioned("대상(001680)") == ["001680", "001680"]


def test_tickers_are_found_as_words_only() -> None:
    assert mentioned("005930 1005930 0.005930 A005930 0001U0,") == ["005930", "0001U0"]


def test_money_is_found_in_won() -> None:
    found = money_in("5만 원, 1억 2천만원, 50,000원, ₩3,000, 100 won, 1.2조 원")
    assert [re.sub(r"\s", "", text) for text in found] == [
        "5만원", "1억2천만원", "50,000원", "₩3,000", "100won", "1.2조원",
    ]  # fmt: skip
    assert money_in("1.5배, 20일, 7%, 10종목, 3천재") == []
