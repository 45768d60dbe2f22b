"""Files are read with their types, and every bad value is named with file, row, column and what to do."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from engine.data.problems import Problems
from engine.data.reading import find_files, read_file
from engine.errors import DataError

HEAD = "date,ticker,open,high,low,close,volume\n"
GOOD = "2024-01-02,005930,100,110,90,105,1000\n"


@pytest.mark.parametrize(
    "written", ["2024-01-02", "20240102", "2024/01/02", "2024.01.02", "2024년 01월 02일", " 2024-01-02 "]
)
def test_dates_are_read_in_many_forms(write_csv: Callable[..., Path], written: str) -> None:
    raw = read_file(write_csv(f"{HEAD}{written},005930,100,110,90,105,1000\n"), Problems())
    assert raw.dated_only
    assert raw.frame["stamp"].to_list() == [datetime.datetime(2024, 1, 2)]  # noqa: DTZ001  (naive: Korean wall time)


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("datetime", "2024-01-02 09:01:00"),
        ("datetime", "202401020901"),
        ("datetime", "2024-01-02T09:01"),
        ("일자,체결시간", "20240102,90100"),
        ("date,time", "2024-01-02,09:01"),
    ],
)
def test_times_of_day_are_read(write_csv: Callable[..., Path], columns: str, values: str) -> None:
    text = f"{columns},ticker,open,high,low,close,volume\n{values},005930,100,110,90,105,1000\n"
    raw = read_file(write_csv(text), Problems())
    assert not raw.dated_only
    assert raw.frame["stamp"].to_list() == [datetime.datetime(2024, 1, 2, 9, 1)]  # noqa: DTZ001


def test_korean_spreadsheet_with_cp949_and_thousands_is_read(write_csv: Callable[..., Path]) -> None:
    head = "날짜\t종목코드\t종목명\t시가\t고가\t저가\t종가\t거래량\n"
    line = '2024/01/02\t005930\t삼성전자\t"78,200"\t"79,800"\t"78,200"\t"79,600"\t"17,142,847"\n'
    raw = read_file(write_csv(head + line, "sise.txt", "cp949"), Problems())
    row = raw.frame.row(0, named=True)
    assert (row["ticker"], row["name"], row["close"], row["volume"]) == ("005930", "삼성전자", 79_600.0, 17_142_847)


def test_tickers_stay_text(write_csv: Callable[..., Path]) -> None:
    rows = "".join(f"2024-01-02,{ticker},1,1,1,1,1\n" for ticker in ("000020", "0000J0", "33626K", "A005930"))
    raw = read_file(write_csv(HEAD + rows), Problems())
    assert raw.frame["ticker"].to_list() == ["000020", "0000J0", "33626K", "005930"]


def test_lost_zeros_are_an_error_that_says_so(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    path = write_csv(HEAD + GOOD.replace("005930", "5930"))
    with pytest.raises(
        DataError, match=r"prices\.csv, row 2, column 'ticker': value '5930' — .*zeros were lost.*--pad-tickers"
    ):
        read_file(path, Problems())
    assert read_file(path, Problems(), pad_tickers=True).frame["ticker"].to_list() == ["005930"]
    numbers = tmp_path / "numbers.parquet"
    pl.read_csv(path).write_parquet(numbers)
    with pytest.raises(DataError, match="zeros were lost"):
        read_file(numbers, Problems())
    assert read_file(numbers, Problems(), pad_tickers=True).frame["ticker"].to_list() == ["005930"]


def test_ticker_comes_from_the_file_name_or_the_user(write_csv: Callable[..., Path]) -> None:
    text = "Date,Open,High,Low,Close,Volume\n2024-01-02,100,110,90,105,1000\n"
    assert read_file(write_csv(text, "005930_daily.csv"), Problems()).frame["ticker"].to_list() == ["005930"]
    assert read_file(write_csv(text, "x.csv"), Problems(), ticker="0000J0").frame["ticker"].to_list() == ["0000J0"]
    with pytest.raises(DataError, match="no column for ticker"):
        read_file(write_csv(text, "x.csv"), Problems())


BAD_ROWS = {
    "2024-13-02,005930,100,110,90,105,1000": (3, "date", "2024-13-02", "not a date"),
    "2024-01-03,00593,100,110,90,105,1000": (3, "ticker", "00593", "leading zeros"),
    "2024-01-03,00593?,100,110,90,105,1000": (3, "ticker", "00593?", "not a KRX ticker"),
    "2024-01-03,,100,110,90,105,1000": (3, "ticker", "(empty)", "not a KRX ticker"),
    "2024-01-03,005930,abc,110,90,105,1000": (3, "open", "abc", "not a number"),
    "2024-01-03,005930,100,110,90,NaN,1000": (3, "close", "(empty)", "no value"),
    "2024-01-03,005930,100,110,90,,1000": (3, "close", "(empty)", "no value"),
    "2024-01-03,005930,100,110,90,0,1000": (3, "close", "0", "0 is no price"),
    "2024-01-03,005930,100,,90,105,1000": (3, "high", "(empty)", "although the row has volume"),
    "2024-01-03,005930,100,110,90,105,-5": (3, "volume", "-5", "cannot be negative"),
    "2024-01-03,005930,100,110,90,105,": (3, "volume", "(empty)", "no value"),
    "2024-01-03,005930,-100,110,90,105,1000": (3, "open", "-100", "cannot be negative"),
}


@pytest.mark.parametrize("line", BAD_ROWS)
def test_bad_value_is_named_with_file_row_column_and_reason(write_csv: Callable[..., Path], line: str) -> None:
    row, column, value, reason = BAD_ROWS[line]
    path = write_csv(HEAD + GOOD + line + "\n")
    with pytest.raises(DataError) as caught:
        read_file(path, Problems())
    message = str(caught.value)
    assert f"prices.csv, row {row}, column '{column}': value '{value}'" in message
    assert reason in message
    assert "--drop-bad" in message
    problems = Problems(drop_bad=True)
    assert read_file(path, problems).frame.height == 1
    assert problems.table().rows() == [("prices.csv", row, column, value, problems.table()["reason"][0])]


def test_messages_use_the_words_of_the_file(write_csv: Callable[..., Path]) -> None:
    path = write_csv("일자,종목코드,시가,고가,저가,종가,거래량\n2024-01-02,005930,1,1,1,1,-1\n")
    with pytest.raises(DataError, match=r"row 2, column '거래량': value '-1' — cannot be negative"):
        read_file(path, Problems())


def test_blank_prices_without_volume_are_a_day_without_trade(write_csv: Callable[..., Path]) -> None:
    raw = read_file(write_csv(f"{HEAD}2024-01-02,005930,,,,105,0\n"), Problems())
    assert raw.frame.select("open", "high", "low", "close").row(0) == (0.0, 0.0, 0.0, 105.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"empty \(0 bytes\)"),
        (HEAD, "has no rows"),
        ("a,b\n1\n2,3,4,5\n", "cannot be read as csv"),
        ("날짜,종가\n2024-01-02,1\n", "no column for ticker"),
        ("date,ticker,close\n2024-01-02,005930,1\n", "no column for volume"),
    ],
)
def test_unusable_files_are_errors(write_csv: Callable[..., Path], text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_file(write_csv(text), Problems())


def test_wrong_column_type_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    pl.DataFrame({"date": ["2024-01-02"], "ticker": ["005930"], "close": [[1]], "volume": [1]}).write_parquet(path)
    with pytest.raises(DataError, match="column 'close' has type List"):
        read_file(path, Problems())


def test_sources_are_files_folders_and_patterns(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    first, second = write_csv("a", "in/a.csv"), write_csv("b", "in/deep/b.parquet")
    write_csv("c", "in/readme.md")
    assert find_files([str(tmp_path / "in")]) == [first, second]
    assert find_files([str(tmp_path / "in" / "*.csv"), str(first)]) == [first]
    with pytest.raises(DataError, match="no CSV or Parquet file"):
        find_files([str(tmp_path / "nothing*")])
