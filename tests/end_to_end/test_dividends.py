"""Dividends from a user's file to the report, on real prices."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.end_to_end.conftest import Geoul

SOURCE = Path("krx_daily_long") / "unadjusted_100tk_2021_2026.parquet"
# Samsung Electronics, 005930: three dividends of 361 won in the raw prices of 2023, the last paid in 2024.
FILE = """배당락일,종목코드,주당배당금,지급일
2023-06-29,005930,361,2023-08-16
2023-09-26,005930,361,2023-11-20
2023-12-27,005930,361,2024-04-19
"""


@pytest.fixture
def dataset(geoul: Geoul, krx_data: Path, tmp_path: Path) -> Path:
    part = tmp_path / "unadjusted_samsung.parquet"
    pl.read_parquet(krx_data / SOURCE).filter(pl.col("ticker") == "005930").write_parquet(part)
    (tmp_path / "dividends.csv").write_text(FILE, encoding="utf-8")
    index = krx_data / "krx_index" / "krx_index_daily.parquet"
    done = geoul(
        "data", "import", part, "with", "--index", index, "--dividends", tmp_path / "dividends.csv", "--lang", "en"
    )
    assert done.status == 0, done.err
    assert "3 cash dividends of stocks taken from dividends.csv" in done.out
    assert geoul("data", "import", part, "without", "--index", index).status == 0
    return tmp_path


def answer(geoul: Geoul, folder: Path, end: str, *more: object) -> dict[str, object]:
    held = ("--strategy", Path(__file__).parents[2] / "strategies" / "buy_and_hold.py")
    done = geoul("backtest", *held, "--data", folder, "--from", "2023-01-02", "--to", end, "--json", *more)
    assert done.status == 0, done.err
    found: dict[str, object] = json.loads(done.out)
    return found


def codes(found: dict[str, object]) -> set[str]:
    return {warning["code"] for warning in found["warnings"]}  # type: ignore[attr-defined, index]


def held_shares(found: dict[str, object]) -> int:
    """Shares bought in the first days and never sold."""
    return sum(fill["quantity"] for fill in found["fills"])  # type: ignore[attr-defined]


def test_held_shares_earn_their_dividends_after_tax(geoul: Geoul, dataset: Path) -> None:
    end = "2024-05-31"
    paid, plain = answer(geoul, dataset / "with", end), answer(geoul, dataset / "without", end)
    gross = held_shares(paid) * 361
    net = gross - gross * 140 // 1000 - gross * 14 // 1000
    metrics = paid["metrics"]
    assert metrics["dividends"] == 3 * net  # type: ignore[index]
    assert metrics["dividend_tax"] == 3 * (gross - net)  # type: ignore[index]
    gain = metrics["final_equity"] - plain["metrics"]["final_equity"]  # type: ignore[index]
    assert gain == 3 * net
    assert metrics["costs"] == plain["metrics"]["costs"]  # type: ignore[index]
    # The benchmark is the same index, without dividends.
    assert metrics["benchmark_return"] == plain["metrics"]["benchmark_return"]  # type: ignore[index]
    assert "dividends_used" in codes(paid) and "price_return" not in codes(paid)
    assert "price_return" in codes(plain) and "dividends_used" not in codes(plain)
    assert "dividends_owed" not in codes(paid)


def test_a_run_that_ends_before_the_payment_says_what_is_owed(geoul: Geoul, dataset: Path) -> None:
    found = answer(geoul, dataset / "with", "2023-12-28")
    (owed,) = [warning for warning in found["warnings"] if warning["code"] == "dividends_owed"]  # type: ignore[attr-defined]
    assert f"₩{held_shares(found) * 361:,}" in str(owed)


@pytest.mark.parametrize(("lang", "says"), [("ko", "배당을 뺀 가격 수익률"), ("en", "price return without dividends")])
def test_the_page_says_that_the_benchmark_has_no_dividends(geoul: Geoul, dataset: Path, lang: str, says: str) -> None:
    held = ("--strategy", Path(__file__).parents[2] / "strategies" / "buy_and_hold.py")
    done = geoul(
        "backtest", *held, "--data", dataset / "with", "--from", "2023-01-02", "--lang", lang, "--report", "r.html"
    )
    assert done.status == 0, done.err
    page = Path("r.html").read_text(encoding="utf-8")
    assert says in page
    assert ("배당(세후)" if lang == "ko" else "Dividends after tax") in page


def test_check_and_info_know_the_dividends(geoul: Geoul, dataset: Path) -> None:
    info = geoul("data", "info", dataset / "with", "--lang", "en")
    assert "dividends" in info.out and " 3" in info.out
    assert geoul("data", "check", dataset / "with").status == 0
