"""Foreign files as they really come: each gets a message that says what, where and what to do, and leaves nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.end_to_end.conftest import Geoul

HEAD = "date,ticker,open,high,low,close,volume\n"
DAYS = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05")
GOOD = HEAD + "".join(f"{day},005930,78000,79000,77000,78500,1000\n" for day in DAYS)
NEXT = "2024-01-08,005930,"

REFUSED = {
    "empty file": (b"", "empty"),
    "head only": (HEAD, "no rows"),
    "a ticker in words": (HEAD + "2024-01-02,삼성전자,1,1,1,1,1\n", "row 2, column 'ticker'"),
    "lost zeros": (HEAD + "2024-01-02,5930,1,1,1,1,1\n", "--pad-tickers"),
    "closing price of zero": (HEAD + "2024-01-02,005930,0,0,0,0,0\n", "row 2, column 'close'"),
    "a bar twice": (GOOD + "2024-01-02,005930,78000,79000,77000,78500,1000\n", "row 6"),
    "not a number": (GOOD + NEXT + "abc,79000,77000,78500,5\n", "row 6, column 'open': value 'abc'"),
    "a hole": (GOOD + NEXT + "78000,NaN,77000,78500,5\n", "row 6, column 'high'"),
    "negative volume": (GOOD + NEXT + "78000,79000,77000,78500,-5\n", "row 6, column 'volume': value '-5'"),
    "negative price": (GOOD + NEXT + "-1,79000,77000,78500,5\n", "row 6, column 'open'"),
    "infinite price": (GOOD + NEXT + "inf,79000,77000,78500,5\n", "row 6, column 'open'"),
    "a price beyond all numbers": (GOOD + NEXT + "1e300,1e300,1e300,1e300,5\n", "row 6, column 'open'"),
    "a price beyond all markets": (GOOD + NEXT + "9e13,9e13,9e13,9e13,5\n", "too large"),
    "a volume beyond all numbers": (GOOD + NEXT + "78000,79000,77000,78500,9" + "9" * 22 + "\n", "column 'volume'"),
    "an infinite volume": (GOOD + NEXT + "78000,79000,77000,78500,inf\n", "row 6, column 'volume': value 'inf'"),
    "no such day": (GOOD + "2024-13-41,005930,1,1,1,1,1\n", "row 6, column 'date'"),
    "a Sunday": (GOOD + "2024-01-07,005930,1,1,1,1,1\n", "closed on that day"),
    "a day before the exchange": (GOOD + "1900-01-02,005930,1,1,1,1,1\n", "out of range"),
    "too many fields": (GOOD + NEXT + "78000,79000,77000,78500,5,9,9\n", "more fields"),
    "too few fields": (GOOD + NEXT + "78000\n", "row 6"),
    "no known column": ("a,b,c\n1,2,3\n", "'a', 'b', 'c'"),
    "two columns that mean one": ("date,ticker,close,종가,volume\n2024-01-02,005930,1,1,1\n", "'close' and '종가'"),
    "two columns of one name": ("date,ticker,close,close,volume\n2024-01-02,005930,1,2,1\n", "'close'"),
    "bytes that are no text": (b"date,ticker\n\xff\xfe\x81\xff,1\n", "neither UTF-8 nor CP949"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused_with_its_place(geoul: Geoul, tmp_path: Path, case: str) -> None:
    content, words = REFUSED[case]
    source = tmp_path / "prices.csv"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    answer = geoul("data", "import", source, tmp_path / "out")
    assert answer.status == 2
    assert words in answer.err and "prices.csv" in answer.err
    assert "Traceback" not in answer.err and "polars" not in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["prices.csv"]


@pytest.mark.parametrize(
    "content", [b"", b"PAR1 and then nothing", GOOD.encode()], ids=["empty", "cut", "text under another name"]
)
def test_broken_parquet_is_refused(geoul: Geoul, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "prices.parquet"
    source.write_bytes(content)
    answer = geoul("data", "import", source, tmp_path / "out")
    assert (answer.status, "prices.parquet" in answer.err) == (2, True)
    assert not (tmp_path / "out").exists()


KOREAN = "날짜;종목코드;종목명;시가;고가;저가;종가;거래량\n" + "".join(
    f'{day.replace("-", "/")};005930;삼성전자;"78,000";"79,000";"77,000";"78,500";"1,000"\n' for day in DAYS
)


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode("utf-8-sig"),
        GOOD.encode("utf-16"),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        KOREAN.encode("cp949"),
        KOREAN.encode(),
    ],
    ids=["mark of UTF-8", "UTF-16", "CRLF", "CR", "CP949, semicolons, thousands", "the same in UTF-8"],
)
def test_spreadsheets_in_every_dress_give_the_same_bars(geoul: Geoul, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "prices.csv"
    source.write_bytes(content)
    assert geoul("data", "import", source, tmp_path / "out").status == 0
    bars = pl.read_parquet(tmp_path / "out" / "bars" / "*" / "*" / "bars.parquet", hive_partitioning=False)
    assert bars.select("ticker", "open", "high", "low", "close", "volume").unique().rows() == [
        ("005930", 78000, 79000, 77000, 78500, 1000)
    ]
    assert bars.height == len(DAYS)


def test_tickers_with_letters_and_days_without_trade_are_good_data(geoul: Geoul, tmp_path: Path) -> None:
    source = tmp_path / "prices.csv"
    source.write_text(HEAD + "2024-01-02,0000J0,10000,10050,9990,10000,10\n2024-01-03,0000J0,0,0,0,10000,0\n")
    assert geoul("data", "import", source, tmp_path / "out").status == 0
    assert geoul("data", "check", tmp_path / "out").status == 0


def test_a_high_below_the_low_is_an_error_of_the_check(geoul: Geoul, tmp_path: Path) -> None:
    source = tmp_path / "prices.csv"
    source.write_text(GOOD + NEXT + "78000,77000,79000,78500,5\n")
    assert geoul("data", "import", source, tmp_path / "out").status == 0
    for target in (tmp_path / "out", source):
        answer = geoul("data", "check", target)
        assert answer.status == 1
        assert "고가 < 저가" in answer.out


def test_net_asset_values_make_every_ticker_a_fund(geoul: Geoul, tmp_path: Path) -> None:
    source = tmp_path / "funds.csv"
    rows = "".join(f"{day},069500,35000,35005,34995,35000,9,35001\n" for day in DAYS)
    source.write_text(HEAD.strip() + ",nav\n" + rows)
    assert geoul("data", "import", source, tmp_path / "out").status == 0
    assert pl.read_parquet(tmp_path / "out" / "instruments.parquet")["product"].to_list() == ["ETF"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--index", "nothing.parquet"), "no such file"),
        (("--index", "prices.csv"), "no column names the index"),
        (("--market", "NYSE"), "not known"),
        (("--market", "nothing.csv"), "no such file"),
        (("--actions", "nothing.csv"), "no such file"),
        (("--actions", "prices.csv"), "are needed"),
        (("--interval", "7x"), "not known"),
        (("--interval", "5m"), "does not fit"),
        (("--product", "BOND"), "not known"),
        (("--stamp", "noon"), "open or close"),
    ],
)
def test_impossible_options_of_an_import_are_refused(
    geoul: Geoul, tmp_path: Path, options: tuple[str, str], words: str
) -> None:
    (tmp_path / "prices.csv").write_text(GOOD)
    answer = geoul("data", "import", "prices.csv", "out", *options)
    assert (answer.status, words in answer.err) == (2, True), answer.err
    assert not (tmp_path / "out").exists()


def test_the_name_of_an_index_cannot_lead_out_of_the_dataset(geoul: Geoul, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text(GOOD)
    (tmp_path / "index.csv").write_text("date,index,close\n" + "".join(f"{day},../../evil,2600\n" for day in DAYS))
    answer = geoul("data", "import", "prices.csv", "out", "--index", "index.csv")
    assert (answer.status, "../../EVIL" in answer.err) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.csv", "prices.csv"]


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_an_import_never_deletes_files_that_are_not_its_own(
    geoul: Geoul, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "prices.csv").write_text(GOOD)
    (tmp_path / "documents" / "thesis.txt").write_text("years of work")
    answer = geoul("data", "import", "documents/prices.csv", "documents", *options)
    assert answer.status == 2
    assert "nothing was written" in answer.err
    assert (tmp_path / "documents" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", ["빈 칸과 한글", "[red] *", "{brace} 'quote'"])
def test_folders_may_have_any_name(geoul: Geoul, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "prices.csv").write_text(GOOD)
    answer = geoul("data", "import", tmp_path / name / "prices.csv", tmp_path / name / "out")
    assert answer.status == 0, answer.err
    assert geoul("data", "check", tmp_path / name / "out").status == 0
    assert geoul("data", "info", tmp_path / name / "out").status == 0


@pytest.mark.parametrize("destination", ["prices.csv", "prices.csv/inside"])
def test_a_destination_that_cannot_be_made_is_named(geoul: Geoul, tmp_path: Path, destination: str) -> None:
    (tmp_path / "prices.csv").write_text(GOOD)
    for command in (("data", "import", "prices.csv", destination), ("data", "sample", destination)):
        answer = geoul(*command)
        assert (answer.status, "prices.csv" in answer.err) == (2, True), answer.err
    assert (tmp_path / "prices.csv").read_text() == GOOD


@pytest.mark.parametrize("option", ["--tickers=0", "--tickers=-1", "--years=0", "--years=99", "--seed=-1"])
def test_a_sample_out_of_range_is_refused(geoul: Geoul, tmp_path: Path, option: str) -> None:
    assert geoul("data", "sample", "out", option).status == 2
    assert list(tmp_path.iterdir()) == []
