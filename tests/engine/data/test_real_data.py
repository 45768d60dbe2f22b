"""Real KRX history: each kind of file is imported, and known cases come out as they happened."""

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
from engine.data.panel import State, load_panel
from engine.data.quality import check_dataset

DATE = datetime.date


@pytest.fixture
def import_slice(krx_data: Path, tmp_path: Path) -> Callable[..., tuple[ImportResult, Path]]:
    """Import part of a real file, which keeps its name."""

    def run(name: str, part: pl.Expr | bool = True, out: str = "out", **options: object) -> tuple[ImportResult, Path]:
        path = tmp_path / "source" / Path(name).name
        path.parent.mkdir(exist_ok=True)
        pl.scan_parquet(krx_data / name).filter(part).collect().write_parquet(path)
        return import_dataset([str(path)], tmp_path / out, ImportOptions(**options)), tmp_path / out  # type: ignore[arg-type]

    return run


def verdicts(result: ImportResult) -> dict[tuple[str, str], tuple[object, ...]]:
    rows = result.actions.select("ticker", "date", "kind", "numerator", "denominator", "confidence").rows()
    return {(ticker, str(day)): tuple(rest) for ticker, day, *rest in rows}


def test_daily_section_passes_all_checks_and_its_actions_are_read(
    import_slice: Callable[..., tuple[ImportResult, Path]],
) -> None:
    result, folder = import_slice("krx_daily_sections/krx_daily_2024.parquet")
    manifest = result.manifest
    assert (manifest.rows, manifest.tickers, manifest.interval, manifest.adjusted) == (80_828, 2_800, "1d", False)
    assert "base_price" in manifest.columns and "status" in manifest.columns and "shares" in manifest.columns
    report = check_dataset(folder)
    assert report.errors == 0, report.findings  # every traded price on the grid, every other one explained
    found = verdicts(result)
    assert found["355150", "2024-02-02"] == ("split", 1, 5, "high")
    assert found["089230", "2024-02-13"] == ("split", 1, 10, "high")
    assert found["336370", "2024-01-08"] == ("split", 2, 1, "medium")  # bonus issue, shares listed later
    assert found["033290", "2024-02-02"][0] == "split"  # split-off: the opening price became the base, shares shrank
    assert ("001140", "2024-02-02") not in found  # the opening price became the base, shares unchanged
    assert ("419270", "2024-01-12") not in found
    panel = load_panel(folder)
    managed = (panel.state & State.MANAGED) > 0
    assert 500 < managed.sum() < 3_000
    traded = (panel.state & State.TRADED) > 0
    assert (panel.base[traded] > 0).all()


def test_a_missing_session_makes_no_actions(import_slice: Callable[..., tuple[ImportResult, Path]]) -> None:
    """The 2021 file lacks 2021-01-22: the base of the 25th is not the close of the 21st for 2,300 names."""
    result, _ = import_slice(
        "krx_daily_sections/krx_daily_2021.parquet", pl.col("date").is_between(DATE(2021, 1, 18), DATE(2021, 1, 28))
    )
    assert result.actions.filter(pl.col("date") == DATE(2021, 1, 25)).is_empty()
    assert [(str(gap.after), str(gap.before), gap.sessions) for gap in result.manifest.gaps] == [
        ("2021-01-21", "2021-01-25", 1)
    ]
    assert verdicts(result)["072520", "2021-01-19"][:3] == ("split", 3, 2)


KNOWN = pl.col("ticker").is_in(["042700", "086280", "278470", "207940", "005930", "488770"])


def test_long_raw_file_without_shares_proves_no_split(
    import_slice: Callable[..., tuple[ImportResult, Path]],
) -> None:
    result, folder = import_slice("krx_daily_long/unadjusted_100tk_2021_2026.parquet", KNOWN)
    assert not result.manifest.adjusted
    assert verdicts(result) == {
        ("042700", "2022-04-06"): ("unexplained", 1, 1, "none"),
        ("086280", "2024-07-12"): ("unexplained", 1, 1, "none"),
        ("278470", "2024-10-31"): ("unexplained", 1, 1, "none"),
        ("207940", "2025-11-24"): ("unexplained", 1, 1, "none"),
    }
    products = dict(catalog.read_instruments(folder).select("ticker", "product").rows())
    assert products["488770"] == "ETF" and products["005930"] == "STOCK"
    panel = load_panel(folder)
    untradable = np.argwhere((panel.state & State.UNTRADABLE) > 0)
    assert sorted((panel.tickers[col], str(panel.session_date(row))) for row, col in untradable) == sorted(
        verdicts(result)
    )
    row = int(np.flatnonzero(panel.session == (DATE(2024, 10, 30) - DATE(1970, 1, 1)).days)[0])
    assert panel.bars[:, row, panel.tickers.index("278470")].tolist() == [266_500] * 4 + [
        0
    ]  # halted: zeros in the file


def test_share_counts_of_another_file_prove_splits(
    import_slice: Callable[..., tuple[ImportResult, Path]], krx_data: Path
) -> None:
    reference = krx_data / "krx_weekly_sections" / "krx_weekly.parquet"
    result, folder = import_slice("krx_daily_long/unadjusted_100tk_2021_2026.parquet", KNOWN, reference=reference)
    found = verdicts(result)
    assert found["086280", "2024-07-12"] == ("split", 2, 1, "medium")
    assert found["278470", "2024-10-31"] == ("split", 5, 1, "medium")
    assert found["207940", "2025-11-24"][0] == "unexplained"  # after the last share count of the reference
    assert catalog.read_instruments(folder).filter(pl.col("ticker") == "005930")["name"].to_list() == ["삼성전자"]
    panel = load_panel(folder)
    row = int(np.flatnonzero(panel.session == (DATE(2024, 7, 12) - DATE(1970, 1, 1)).days)[0])
    assert panel.base[row, panel.tickers.index("086280")] == 126_300  # 252,500 / 2, up to the grid


def test_adjusted_files_are_known_as_such(import_slice: Callable[..., tuple[ImportResult, Path]]) -> None:
    result, folder = import_slice(
        "krx_daily_long/adjusted_all_2019_2023.parquet", pl.col("ticker").str.starts_with("0000")
    )
    assert (result.manifest.adjusted, result.manifest.price_scale) == (True, 1)
    assert result.actions.is_empty()
    panel = load_panel(folder)
    assert panel.rows == 1_000
    assert set(check_dataset(folder).not_checked) == {"off_grid", "limit_breach"}
    yahoo, other = import_slice(
        "krx_daily_long/adjusted_yahoo_kospi_2000_2017.parquet", pl.col("ticker") == "002150", "yahoo"
    )
    assert (yahoo.manifest.adjusted, yahoo.manifest.price_scale) == (True, 100)
    assert load_panel(other).bars[:, 0, 0].tolist() == [990_000, 990_000, 842_500, 845_000, 2_980_922]


def test_saturday_sessions_of_the_nineties_are_sessions(
    import_slice: Callable[..., tuple[ImportResult, Path]],
) -> None:
    result, folder = import_slice("krx_daily_long/adjusted_few_1990_2023.parquet", pl.col("date") < DATE(1995, 1, 1))
    assert result.dropped == 0
    panel = load_panel(folder, allow_gaps=True)
    assert {panel.session_date(row).weekday() for row in range(panel.rows)} == {0, 1, 2, 3, 4, 5}
    assert (np.diff(panel.ordinal) >= 1).all()


def test_etf_file_has_its_own_grid(import_slice: Callable[..., tuple[ImportResult, Path]]) -> None:
    result, folder = import_slice(
        "krx_etf_daily/krx_etf_unadjusted_2020_2025.parquet",
        pl.col("ticker").is_in(["0000J0", "499660", "069500", "114800", "122630"]),
        product="ETF",
    )
    assert not result.manifest.adjusted
    assert check_dataset(folder).errors == 0
    assert "0000J0" in load_panel(folder).tickers


def test_weekly_file_is_weekly_and_close_only(import_slice: Callable[..., tuple[ImportResult, Path]]) -> None:
    result, folder = import_slice(
        "krx_weekly_sections/krx_weekly.parquet", pl.col("date").is_between(DATE(2023, 1, 6), DATE(2024, 7, 12))
    )
    assert result.manifest.interval == "1w"
    assert {"close_only", "no_base"} <= {note.code for note in result.manifest.notes}
    assert verdicts(result)["007460", "2023-01-20"] == ("split", 1, 3, "medium")
    assert check_dataset(folder).errors == 0
    assert load_panel(folder).interval == "1w"


def test_index_beside_the_real_source_is_the_benchmark(krx_data: Path, tmp_path: Path) -> None:
    source = krx_data / "krx_daily_sections" / "krx_daily_2025.parquet"
    result = import_dataset([str(source)], tmp_path / "out")
    assert result.manifest.rows == 71_708
    panel = load_panel(tmp_path / "out")
    assert not np.isnan(panel.indices["KOSPI"]).any()
    assert panel.indices["KOSPI"][3, 0] == pytest.approx(2398.94)
