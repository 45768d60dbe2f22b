"""Every planted defect is found under its name, and clean data has no errors."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.data import app
from engine.data.import_options import ImportOptions
from engine.data.quality import CHECKS, Report, check_dataset, check_source
from engine.errors import DataError
from engine.krx.sessions import sessions_between

DAYS = [str(day) for day in sessions_between(datetime.date(2024, 1, 2), datetime.date(2024, 6, 28))]
A, B = "000020", "005930"


def flat(ticker: str, first: int, last: int, price: int = 10_000) -> list[tuple[object, ...]]:
    return [(DAYS[row], ticker, price, price, price, price, 100, price) for row in range(first, last)]


def found(report: Report) -> dict[str, int]:
    return {finding.code: finding.count for finding in report.findings}


def test_sample_has_no_errors(sample: Path) -> None:
    report = check_dataset(sample)
    assert report.errors == 0, report.findings
    assert report.not_checked == {}
    assert {"suspended", "action", "liquidation"} <= set(found(report))


# Extra rows on a quiet dataset of 20 rows of A and B -> the finding they must cause.
PLANTED: dict[str, tuple[list[tuple[object, ...]], str]] = {
    "off the grid": ([(DAYS[20], B, 10_003, 10_010, 10_000, 10_000, 5, 10_000)], "off_grid"),
    "high below low": ([(DAYS[20], B, 10_000, 9_900, 10_100, 10_000, 5, 10_000)], "high_below_low"),
    "close above high": ([(DAYS[20], B, 10_000, 10_050, 9_990, 10_100, 5, 10_000)], "outside_range"),
    "beyond the limit, trading on": (
        [(DAYS[20], B, 13_010, 13_010, 13_010, 13_010, 5, 10_000), *flat(B, 21, 50, 13_010)],
        "limit_breach",
    ),
    "beyond the limit, then gone": (
        [(DAYS[20], B, 3_000, 3_000, 2_000, 2_500, 5, 10_000), *flat(B, 21, 23, 2_500), *flat(A, 20, 40)],
        "liquidation",
    ),
    "suspended": ([(DAYS[20], B, 0, 0, 0, 10_000, 0, 10_000)], "suspended"),
    "block trade": ([(DAYS[20], B, 0, 0, 0, 10_000, 9, 10_000)], "volume_without_price"),
    "missing sessions": ([*flat(B, 25, 30), *flat(A, 20, 30)], "ticker_gap"),
    "negative volume": ([(DAYS[20], B, 10_000, 10_000, 10_000, 10_000, -9, 10_000)], "negative"),
    "no session": ([("2024-01-06", B, 10_000, 10_000, 10_000, 10_000, 9, 10_000)], "no_session"),
    "twice": ([(DAYS[19], B, 10_000, 10_000, 10_000, 10_000, 9, 10_000)], "duplicate"),
    "ends": (flat(A, 20, 40), "unresolved_end"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_defect_is_found(make_dataset: Callable[..., Path], name: str) -> None:
    rows, code = PLANTED[name]
    clean = check_dataset(make_dataset([*flat(A, 0, 20), *flat(B, 0, 20)], "clean"))
    assert found(clean) == {}
    report = check_dataset(make_dataset([*flat(A, 0, 20), *flat(B, 0, 20), *rows], "planted"))
    assert code in found(report), report.findings
    severity = CHECKS[code][0]
    assert (report.errors > 0) == (severity == "error")
    example = next(finding.examples[0] for finding in report.findings if finding.code == code)
    assert B in example


def test_half_ticks_are_allowed_from_2025_03_04_only(make_dataset: Callable[..., Path]) -> None:
    def rows(day: str) -> list[tuple[object, ...]]:
        return [(day, B, 30_025, 30_025, 30_025, 30_025, 5, 30_000)]

    assert "off_grid" in found(check_dataset(make_dataset(rows("2025-02-28"), "before")))
    assert "off_grid" not in found(check_dataset(make_dataset(rows("2025-03-04"), "after")))
    assert "off_grid" in found(
        check_dataset(make_dataset([("2025-03-04", B, 30_020, 30_020, 30_020, 30_020, 5, 30_000)], "third"))
    )


def test_adjusted_data_skip_tick_and_limits_and_say_so(make_dataset: Callable[..., Path]) -> None:
    rows = [*flat(A, 0, 20), (DAYS[20], A, 10_003, 10_003, 10_003, 10_003, 5, None)]
    rows += [(DAYS[21], A, 30_003, 30_003, 30_003, 30_003, 5, None)]
    report = check_dataset(make_dataset(rows, adjusted=True))
    assert set(report.not_checked) == {"off_grid", "limit_breach"}
    assert found(report) == {"unexplained_jump": 1}


def test_files_are_checked_without_writing(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    head = "date,ticker,open,high,low,close,volume\n"
    lines = "".join(f"{day},{B},10000,10000,10000,10000,10\n" for day in DAYS[:20])
    bad = f"{DAYS[3]},{B},1,1,1,1,1\n2024-01-06,{B},1,1,1,1,1\n{DAYS[20]},{B},1,1,1,x,1\n{DAYS[21]},{B},1,1,1,1,-1\n"
    path = write_csv(head + lines + bad)
    report = check_source([str(path)], ImportOptions())
    assert {code: found(report)[code] for code in ("duplicate", "no_session", "unusable_row", "negative")} == {
        "duplicate": 1,
        "no_session": 1,
        "unusable_row": 1,
        "negative": 1,
    }
    assert [entry.name for entry in tmp_path.iterdir()] == ["prices.csv"]


def test_a_damaged_dataset_is_bad_input(sample: Path, tmp_path: Path, make_dataset: Callable[..., Path]) -> None:
    folder = make_dataset(flat(B, 0, 5))
    path = next(folder.glob("bars/*/*/bars.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    with pytest.raises(DataError, match="differs from its hash"):
        check_dataset(folder)


def test_command_exit_status_and_json(make_dataset: Callable[..., Path]) -> None:
    runner = CliRunner()
    clean = make_dataset(flat(B, 0, 20), "clean")
    warned = make_dataset([*flat(A, 0, 20), *flat(B, 0, 10)], "warned")
    broken = make_dataset([(DAYS[0], B, 10_003, 10_010, 10_000, 10_000, 5, 10_000)], "broken")
    assert runner.invoke(app, ["check", str(clean)]).exit_code == 0
    result = runner.invoke(app, ["check", str(warned), "--lang", "en"])
    assert result.exit_code == 0
    assert "tickers that end" in result.output
    result = runner.invoke(app, ["check", str(broken), "--json"])
    assert result.exit_code == 1
    answer = json.loads(result.output)
    assert answer["errors"] == 1
    assert answer["findings"][0] == {
        "code": "off_grid",
        "severity": "error",
        "count": 1,
        "examples": [f"{B} {DAYS[0]} open 10,003 high 10,010 low 10,000 close 10,000"],
    }
