"""A file of dividends becomes part of a dataset, checked row by row, and its panel says who is owed what when."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.data import catalog
from engine.data.import_options import ImportOptions
from engine.data.importer import ImportResult, import_dataset
from engine.data.panel import DividendTable, load_panel
from engine.errors import DataError
from engine.krx.sessions import sessions_between

SESSIONS = sessions_between(datetime.date(2024, 1, 2), datetime.date(2024, 3, 29))
A, B = "000020", "005930"
HEAD = "date,ticker,cash,pay_date\n"


@pytest.fixture
def prices(write_csv: Callable[..., Path]) -> Path:
    """Forty sessions of two quiet stocks at 70,000 won."""
    lines = "".join(f"{day},{code},70000,70100,69900,70000,1000\n" for day in SESSIONS[:40] for code in (A, B))
    return write_csv("date,ticker,open,high,low,close,volume\n" + lines)


@pytest.fixture
def run(prices: Path, write_csv: Callable[..., Path], tmp_path: Path) -> Callable[..., ImportResult]:
    """Import the prices with the text of a dividends file."""

    def imported(text: str, out: str = "out", **options: object) -> ImportResult:
        path = write_csv(text, "dividends.csv")
        return import_dataset([str(prices)], tmp_path / out, ImportOptions(dividends=path, **options))  # type: ignore[arg-type]

    return imported


def stored(folder: Path) -> list[tuple[object, ...]]:
    return catalog.read_dividends(folder).rows()


def table(dividends: DividendTable) -> list[tuple[int, ...]]:
    columns = (dividends.row, dividends.col, dividends.cash, dividends.pay_row)
    return [tuple(int(value) for value in row) for row in zip(*columns, strict=True)]


def test_dividends_are_kept_with_and_without_a_day_of_payment(run: Callable[..., ImportResult], tmp_path: Path):
    result = run(HEAD + f"{SESSIONS[5]},{B},361,{SESSIONS[20]}\n{SESSIONS[3]},{A},1000,\n")
    assert stored(tmp_path / "out") == [(SESSIONS[3], A, 1000, None), (SESSIONS[5], B, 361, SESSIONS[20])]
    assert result.manifest.dividends == 2
    assert "dividends" in {note.code for note in result.manifest.notes}
    assert catalog.DIVIDENDS in result.manifest.files


def test_korean_heads_amounts_with_commas_and_other_date_forms_are_read(
    run: Callable[..., ImportResult], tmp_path: Path
):
    day = SESSIONS[5]
    run(f'배당락일,종목코드,주당배당금,지급일\n{day:%Y%m%d},{B},"1,444원",2024.04.19\n')
    assert stored(tmp_path / "out") == [(day, B, 1444, datetime.date(2024, 4, 19))]


def test_other_tickers_and_days_are_left_out_and_counted(run: Callable[..., ImportResult], tmp_path: Path):
    result = run(HEAD + f"{SESSIONS[5]},{B},361,\n{SESSIONS[5]},999999,361,\n2023-12-27,{B},361,\n")
    assert len(stored(tmp_path / "out")) == 1
    assert next(note.en for note in result.manifest.notes if note.code == "dividends").startswith("1 cash dividends")
    assert "2 left out" in next(note.en for note in result.manifest.notes if note.code == "dividends")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-06,005930,361,", r"row 2.*2024-01-06.*closed on that day.*record date"),
        ("soon,005930,361,", "not a date"),
        ("2024-01-05,005930,361,later", "not a date"),
        ("2024-01-05,005930,361,2024-01-04", "paid before the ex-date"),
        ("2024-01-05,005930,-361,", "not a dividend in whole won"),
        ("2024-01-05,005930,361.5,", "not a dividend in whole won"),
        ("2024-01-05,005930,,", "not a dividend in whole won"),
        ("2024-01-05,005930,70000,", "as much as the share itself"),
        ("2024-01-05,5930,361,", "leading zeros were lost"),
        ("2024-01-05,005930,361,\n2024-01-05,005930,361,", r"row 3.*second dividend"),
        ("2004-12-28,005930,361,", "tax on dividends is known from 2005-01-01"),
    ],
)
def test_a_row_that_cannot_be_true_is_an_error_or_a_dropped_row(
    run: Callable[..., ImportResult], tmp_path: Path, row: str, reason: str
):
    with pytest.raises(DataError, match=reason):
        run(HEAD + row + "\n")
    assert not (tmp_path / "out").exists()
    result = run(HEAD + row + f"\n{SESSIONS[7]},{A},500,\n", drop_bad=True)
    assert (SESSIONS[7], A, 500, None) in stored(tmp_path / "out")
    assert result.dropped == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("date,ticker\n2024-01-05,005930\n", "no column for cash"),
        ("date,배당락일,ticker,cash\n2024-01-05,2024-01-05,005930,361\n", "several columns for date"),
        (HEAD + "2024-01-05,999999,361,\n", "no dividend of it belongs"),
    ],
)
def test_a_file_that_is_of_no_use_is_an_error(run: Callable[..., ImportResult], text: str, reason: str):
    with pytest.raises(DataError, match=reason):
        run(text)


def test_a_missing_file_is_an_error(prices: Path, tmp_path: Path):
    with pytest.raises(DataError, match="there is no such file"):
        import_dataset([str(prices)], tmp_path / "out", ImportOptions(dividends=tmp_path / "none.csv"))


def test_adjusted_prices_take_no_dividends(run: Callable[..., ImportResult]):
    with pytest.raises(DataError, match="adjusted prices count other shares"):
        run(HEAD + f"{SESSIONS[5]},{B},361,\n", adjusted=True)


def test_funds_and_payments_that_are_actions_are_refused(
    run: Callable[..., ImportResult], write_csv: Callable[..., Path]
):
    line = HEAD + f"{SESSIONS[5]},{B},361,\n"
    with pytest.raises(DataError, match="a fund or note"):
        run(line, product="ETF")
    actions = write_csv(f"date,ticker,cash\n{SESSIONS[5]},{B},361\n", "actions.csv")
    with pytest.raises(DataError, match="already paid by a corporate action"):
        run(line, actions=actions)


def test_a_file_put_into_the_folder_by_hand_is_not_taken_for_checked(run: Callable[..., ImportResult], tmp_path: Path):
    run(HEAD + f"{SESSIONS[5]},{B},361,\n", out="with")
    source = (tmp_path / "with" / catalog.DIVIDENDS).read_bytes()
    prices = tmp_path / "prices.csv"
    import_dataset([str(prices)], tmp_path / "without")
    assert len(load_panel(tmp_path / "without").dividends) == 0
    (tmp_path / "without" / catalog.DIVIDENDS).write_bytes(source)
    with pytest.raises(DataError, match=r"never checked.*--dividends"):
        load_panel(tmp_path / "without")


def test_panel_has_the_rows_of_ex_date_and_payment_and_the_cache_too(
    run: Callable[..., ImportResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    saturday = datetime.date(2024, 1, 20)
    lines = f"{SESSIONS[5]},{B},361,{saturday}\n{SESSIONS[3]},{A},1000,\n{SESSIONS[9]},{B},362,2024-04-19\n"
    run(HEAD + lines)
    # Paid on the first session after the Saturday; at once; after the last of forty rows.
    monday = SESSIONS.index(datetime.date(2024, 1, 22))
    expected = [(3, 0, 1000, 3), (5, 1, 361, monday), (9, 1, 362, 40)]
    assert table(load_panel(tmp_path / "out").dividends) == expected
    monkeypatch.setattr("engine.data.panel_build.build", None)
    cached = load_panel(tmp_path / "out").dividends
    assert table(cached) == expected
    assert not cached.row.flags.writeable


def test_dividends_before_the_cut_are_gone_and_those_after_it_move(run: Callable[..., ImportResult], tmp_path: Path):
    run(HEAD + f"{SESSIONS[5]},{B},361,{SESSIONS[20]}\n{SESSIONS[12]},{B},362,{SESSIONS[15]}\n{SESSIONS[12]},{A},9,\n")
    part = load_panel(tmp_path / "out", start=SESSIONS[10], end=SESSIONS[14], tickers=[B])
    assert table(part.dividends) == [(2, 0, 362, 5)]


def test_week_of_the_ex_date_owes_it(run: Callable[..., ImportResult], tmp_path: Path):
    wednesday = datetime.date(2024, 1, 10)
    run(HEAD + f"{wednesday},{B},361,2024-01-31\n")
    weekly = load_panel(tmp_path / "out", interval="1w")
    ((row, _, _, pay_row),) = table(weekly.dividends)
    assert [weekly.session_date(place) for place in (row, pay_row)] == [
        datetime.date(2024, 1, 12),
        datetime.date(2024, 2, 2),
    ]


def test_base_prices_and_features_know_nothing_of_a_dividend(run: Callable[..., ImportResult], tmp_path: Path):
    run(HEAD + f"{SESSIONS[5]},{B},3610,\n", out="with")
    import_dataset([str(tmp_path / "prices.csv")], tmp_path / "without")
    one, other = load_panel(tmp_path / "with"), load_panel(tmp_path / "without")
    assert np.array_equal(one.base, other.base)
    assert len(one.actions) == len(other.actions) == 0


def test_a_parquet_file_with_typed_columns_is_read_too(prices: Path, tmp_path: Path):
    frame = pl.DataFrame({"ex_date": [SESSIONS[5]], "Ticker": [B], "DPS": [361.0], "payment_date": [SESSIONS[9]]})
    frame.write_parquet(tmp_path / "d.parquet")
    import_dataset([str(prices)], tmp_path / "out", ImportOptions(dividends=tmp_path / "d.parquet"))
    assert stored(tmp_path / "out") == [(SESSIONS[5], B, 361, SESSIONS[9])]
