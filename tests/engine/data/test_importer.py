"""Foreign files become a dataset, whole or not at all, and nothing is decided silently."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from engine.data import catalog
from engine.data.import_options import ImportOptions
from engine.data.importer import import_dataset
from engine.data.manifest import Manifest
from engine.errors import DataError
from engine.krx.sessions import sessions_between

HEAD = "date,ticker,open,high,low,close,volume\n"
SESSIONS = sessions_between(datetime.date(2024, 1, 2), datetime.date(2024, 3, 29))


def daily(ticker: str = "005930", days: list[datetime.date] | None = None, close: int = 70_000) -> str:
    """CSV lines of a quiet stock on the tick grid."""
    return "".join(
        f"{day},{ticker},{close},{close + 100},{close - 100},{close},1000\n" for day in days or SESSIONS[:20]
    )


def codes(manifest: Manifest) -> set[str]:
    return {note.code for note in manifest.notes}


def bars_of(folder: Path, manifest: Manifest) -> pl.DataFrame:
    return catalog.scan_bars(folder, manifest).collect()


def test_csv_comes_back_as_written(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    path = write_csv(HEAD + daily("000020") + daily("0000J0", close=5_000))
    result = import_dataset([str(path)], tmp_path / "out")
    bars = bars_of(tmp_path / "out", result.manifest)
    assert bars.schema == pl.Schema(catalog.BARS_SCHEMA)
    assert bars.height == result.manifest.rows == 40
    assert bars.select("time", "ticker").equals(bars.select("time", "ticker").sort("time", "ticker"))
    first = bars.row(0, named=True)
    assert first["time"].isoformat() == "2024-01-02T15:30:00+09:00"
    assert [first[name] for name in ("open", "high", "low", "close", "volume", "value")] == [
        70_000,
        70_100,
        69_900,
        70_000,
        1_000,
        None,
    ]
    manifest = result.manifest
    assert (manifest.interval, manifest.adjusted, manifest.price_scale, manifest.synthetic) == ("1d", False, 1, False)
    assert manifest.columns == ("time", "ticker", "open", "high", "low", "close", "volume")
    assert {"market_assumed", "no_base", "no_index"} <= codes(manifest)
    catalog.check_contents(tmp_path / "out", manifest)
    assert (tmp_path / "out/bars/interval=1d/year=2024/bars.parquet").is_file()


def test_an_imported_dataset_can_be_imported_again(sample: Path, tmp_path: Path) -> None:
    manifest = import_dataset(
        [str(sample / "bars")],
        tmp_path / "again",
        ImportOptions(reference=sample / "instruments.parquet", actions=None),
    ).manifest
    first, again = bars_of(sample, catalog.open_dataset(sample)[1]), bars_of(tmp_path / "again", manifest)
    assert again.equals(first)
    columns = ["ticker", "name", "market", "product", "sector", "multiple"]
    before = catalog.read_instruments(sample).select(columns)
    assert catalog.read_instruments(tmp_path / "again").select(columns).equals(before)


def test_errors_leave_nothing_behind(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    path = write_csv(HEAD + daily() + "2024-01-06,005930,1,1,1,1,1\n")
    with pytest.raises(DataError, match=r"row 22.*2024-01-06.*closed on that day"):
        import_dataset([str(path)], tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["prices.csv"]


def test_dropped_rows_are_reported(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    bad = "2024-01-06,005930,1,1,1,1,1\n1985-01-04,005930,1,1,1,1,1\n2024-01-02,005930,1,1,1,1,1\n"
    path = write_csv(HEAD + daily() + bad)
    result = import_dataset([str(path)], tmp_path / "out", ImportOptions(drop_bad=True))
    assert (result.manifest.rows, result.dropped) == (20, 3)
    report = pl.read_csv(tmp_path / "out" / "dropped_rows.csv")
    assert sorted(report["row"].to_list()) == [22, 23, 24]
    assert "dropped" in codes(result.manifest)
    reasons = " ".join(report["reason"])
    assert "closed" in reasons and "out of range" in reasons and "second row" in reasons


def test_existing_dataset_is_kept_unless_told(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    path = write_csv(HEAD + daily())
    import_dataset([str(path)], tmp_path / "out")
    with pytest.raises(DataError, match="already exists"):
        import_dataset([str(path)], tmp_path / "out")
    import_dataset([str(path)], tmp_path / "out", ImportOptions(overwrite=True))


def test_sections_join_and_their_gap_is_recorded(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    write_csv(HEAD + daily(days=SESSIONS[:10]), "in/first.csv")
    write_csv(HEAD + daily(days=SESSIONS[40:50]), "in/second.csv")
    manifest = import_dataset([str(tmp_path / "in")], tmp_path / "out").manifest
    assert [(gap.after, gap.before, gap.sessions) for gap in manifest.gaps] == [(SESSIONS[9], SESSIONS[40], 30)]
    assert manifest.source == ("first.csv", "second.csv")


def test_equal_rows_of_two_files_count_once_and_others_are_an_error(
    write_csv: Callable[..., Path], tmp_path: Path
) -> None:
    write_csv(HEAD + daily(), "in/a.csv")
    write_csv(HEAD + daily(days=SESSIONS[15:25]), "in/b.csv")
    manifest = import_dataset([str(tmp_path / "in")], tmp_path / "out").manifest
    assert manifest.rows == 25
    assert "repeated" in codes(manifest)
    write_csv(HEAD + daily(days=SESSIONS[19:22], close=71_000), "in/c.csv")
    with pytest.raises(DataError, match="a second row of the same ticker and time"):
        import_dataset([str(tmp_path / "in")], tmp_path / "other")


def test_adjusted_and_raw_files_are_not_mixed(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    write_csv(HEAD + daily(), "in/raw_prices.csv")
    write_csv(HEAD + daily("000020"), "in/adjusted_prices.csv")
    with pytest.raises(DataError, match=r"adjusted_prices\.csv is adjusted and raw_prices\.csv is not"):
        import_dataset([str(tmp_path / "in")], tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "close", "options", "adjusted", "scale", "code"),
    [
        ("x.csv", "70000", None, False, 1, "unadjusted_grid"),
        ("x.csv", "70013", None, True, 1, "adjusted_grid"),
        ("x.csv", "70000.25", None, True, 100, "adjusted_fractions"),
        ("my_adj.csv", "70000", None, True, 1, "adjusted_name"),
        ("unadjusted.csv", "70013", None, False, 1, "unadjusted_name"),
        ("x.csv", "70000", True, True, 1, "adjusted_told"),
        ("x.csv", "70013", False, False, 1, "unadjusted_told"),
    ],
)
def test_adjustment_is_told_named_or_detected(
    write_csv: Callable[..., Path],
    tmp_path: Path,
    name: str,
    close: str,
    options: bool | None,
    adjusted: bool,
    scale: int,
    code: str,
) -> None:
    lines = "".join(f"{day},005930,{close},{close},{close},{close},10\n" for day in SESSIONS[:20])
    path = write_csv(HEAD + lines, name)
    manifest = import_dataset([str(path)], tmp_path / "out", ImportOptions(adjusted=options)).manifest
    assert (manifest.adjusted, manifest.price_scale) == (adjusted, scale)
    assert code in codes(manifest)
    assert bars_of(tmp_path / "out", manifest)["close"][0] == round(float(close) * scale)


def test_fractions_in_raw_prices_are_an_error(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    path = write_csv(HEAD + "2024-01-02,005930,1,2,1,1.5,10\n")
    with pytest.raises(DataError, match=r"column 'close'.*whole won.*--adjusted"):
        import_dataset([str(path)], tmp_path / "out", ImportOptions(adjusted=False))


def test_marcap_layout_gives_base_shares_status_and_market(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    head = "Date,Code,Name,Open,High,Low,Close,Volume,Amount,Changes,ChagesRatio,ChangeCode,Market,Dept,Marcap,Stocks\n"
    lines = ""
    for count, day in enumerate(SESSIONS[:12]):
        change = 100 if count else 300
        close = 10_000 + 100 * count
        lines += (
            f"{day},000250,삼천당제약,{close},{close},{close},{close},5,{close * 5},{change},1.0,1,KOSDAQ GLOBAL,"
            f"관리종목(소속부없음),{close * 1000},1000\n"
        )
    manifest = import_dataset([str(write_csv(head + lines))], tmp_path / "out").manifest
    bars = bars_of(tmp_path / "out", manifest)
    assert bars.select("base_price", "shares", "status", "value").row(0) == (9_700, 1_000, "managed", 50_000)
    assert catalog.read_instruments(tmp_path / "out").row(0)[:4] == ("000250", "삼천당제약", "KOSDAQ", "STOCK")
    assert not manifest.adjusted


def test_a_change_column_that_is_no_change_is_not_used(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    lines = "".join(
        f"{day},005930,100,100,100,{10_000 + 50 * count},9,50\n" for count, day in enumerate(reversed(SESSIONS[:20]))
    )
    path = write_csv(HEAD.replace("\n", ",전일대비\n") + lines)
    manifest = import_dataset([str(path)], tmp_path / "out").manifest
    assert "base_price" not in manifest.columns
    assert "change_unused" in codes(manifest)


def test_close_only_data_say_what_stands_for_the_open(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    lines = "".join(f"{day},005930,10000,{count % 3}\n" for count, day in enumerate(SESSIONS[4::5]))
    path = write_csv("date,ticker,close,volume\n" + lines)
    manifest = import_dataset([str(path)], tmp_path / "out").manifest
    assert manifest.interval == "1w"
    assert "close_only" in codes(manifest)
    assert bars_of(tmp_path / "out", manifest).select("open", "close").rows()[:2] == [(0, 10_000), (10_000, 10_000)]


@pytest.mark.parametrize(
    ("first", "interval", "stamp", "closed"),
    [("09:00", "1m", None, "09:01"), ("09:01", "1m", None, "09:01"), ("09:00", "5m", "close", "09:00")],
)
def test_minute_stamps_become_closing_times(
    write_csv: Callable[..., Path], tmp_path: Path, first: str, interval: str, stamp: str | None, closed: str
) -> None:
    begin = datetime.datetime.fromisoformat(f"2024-01-03 {first}")
    step = datetime.timedelta(minutes=int(interval[:-1]))
    lines = "".join(f"{begin + step * count},005930,100,100,100,100,1\n" for count in range(30))
    path = write_csv(HEAD.replace("date", "datetime") + lines)
    manifest = import_dataset([str(path)], tmp_path / "out", ImportOptions(stamp=stamp)).manifest
    assert manifest.interval == interval
    assert bars_of(tmp_path / "out", manifest)["time"][0].strftime("%H:%M") == closed


def test_daily_and_minute_files_are_not_mixed(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    write_csv(HEAD + daily(), "in/day.csv")
    write_csv(HEAD + "2024-01-02 09:00,005930,1,1,1,1,1\n", "in/minute.csv")
    with pytest.raises(DataError, match=r"day\.csv has dates and minute\.csv has times"):
        import_dataset([str(tmp_path / "in")], tmp_path / "out")


def test_index_series_beside_the_source_are_taken(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    path = write_csv(HEAD + daily(), "bundle/prices/a.csv")
    index = pl.DataFrame(
        {
            "date": [*SESSIONS[:20], datetime.date(2024, 1, 6)],
            "index": "코스피",
            "close": [2500.0 + step for step in range(21)],
        }
    )
    (tmp_path / "bundle/krx_index").mkdir()
    index.write_parquet(tmp_path / "bundle/krx_index/i.parquet")
    manifest = import_dataset([str(path)], tmp_path / "out").manifest
    assert "index_beside" in codes(manifest)
    series = catalog.read_indices(tmp_path / "out")["KOSPI"]
    assert (series.height, series["close"][19], series["open"].null_count()) == (20, 2519.0, 20)


def test_funds_are_recognised_by_their_grid_only_where_nobody_says(
    write_csv: Callable[..., Path], tmp_path: Path
) -> None:
    lines = HEAD + daily() + daily("0000J0", days=SESSIONS[:40], close=30_005)
    manifest = import_dataset([str(write_csv(lines, "raw.csv"))], tmp_path / "out").manifest
    assert dict(catalog.read_instruments(tmp_path / "out").select("ticker", "product").rows()) == {
        "005930": "STOCK",
        "0000J0": "ETF",
    }
    assert "funds" in codes(manifest)
    told = ImportOptions(product="ETF")
    import_dataset([str(write_csv(lines, "raw.csv"))], tmp_path / "told", told)
    assert set(catalog.read_instruments(tmp_path / "told")["product"]) == {"ETF"}


def test_stated_actions_win(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    lines = daily(days=SESSIONS[:10]) + daily(days=SESSIONS[10:20], close=14_000)
    path = write_csv(HEAD + lines, "raw.csv")
    found = import_dataset([str(path)], tmp_path / "out")
    assert found.actions.select("kind").to_series().to_list() == ["unexplained"]
    stated = write_csv(f"date,ticker,ratio\n{SESSIONS[10]},005930,5\n", "actions.csv")
    result = import_dataset([str(path)], tmp_path / "told", ImportOptions(actions=stated))
    assert result.actions.select("kind", "numerator", "denominator").rows() == [("split", 5, 1)]
    wrong = write_csv(f"date,ticker,ratio\n{SESSIONS[10]},005930,-5\n", "wrong.csv")
    with pytest.raises(DataError, match=r"wrong\.csv, row 1.*ratio above 0"):
        import_dataset([str(path)], tmp_path / "wrong", ImportOptions(actions=wrong))


def test_a_reference_file_names_markets_and_unknown_ones_are_errors(
    write_csv: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_csv(HEAD + daily())
    reference = write_csv("종목코드,종목명,시장구분\n005930,삼성전자,유가증권\n", "stocks.csv")
    import_dataset([str(path)], tmp_path / "out", ImportOptions(reference=reference))
    assert catalog.read_instruments(tmp_path / "out").row(0)[:3] == ("005930", "삼성전자", "KOSPI")
    with pytest.raises(DataError, match="market 'NYSE' is not known"):
        import_dataset([str(path)], tmp_path / "other", ImportOptions(market="NYSE"))
