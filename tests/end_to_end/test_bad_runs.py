"""`geoul backtest` and `geoul compare` with impossible wishes: a message, exit status 2, and no page."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from engine.data.sample import make_sample
from tests.end_to_end.conftest import Geoul

ROOT = Path(__file__).parents[2]
PROMPT = ROOT / "prompts" / "core_decision_prompt.md"
HEAD = "## 투자 원칙 및 규칙\n**주기**: {interval}\n\n"


def prompt(condition: str, action: str = "buy 10% of equity", interval: str = "1d") -> str:
    """A prompt with one rule."""
    return (
        HEAD.format(interval=interval) + f"### Entry Criteria: rule\n**규칙**: r\n**조건**: `{condition}`\n"
        f"**행동**: `{action}`\n**우선순위**: 5/10\n"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (prompt("sma(close, 20) > close"), ["[rule] 6줄", "`mean(x, n)`"]),
        (prompt("close > 7%"), ["[rule] 6줄", "원", "비율"]),
        (prompt("close > (5"), ["[rule] 6줄"]),
        (prompt("close > highest(close, 252)"), ["절대 실행되지 않습니다"]),
        (prompt("always", "buy 300% of equity"), ["[rule] 7줄", "300%"]),
        (prompt("always", interval="2d"), ["2줄", "2d", "1d"]),
        (prompt('index("NASDAQ").close > 5'), ["NASDAQ", "KOSPI, KOSDAQ"]),
        (HEAD.format(interval="1d") + "### Entry Criteria: rule\n**규칙**: 좋은 종목을 산다\n", ["글로만 쓴 규칙"]),
        (HEAD.format(interval="1d"), ["규칙이 없습니다"]),
        ("", ["구역이 없습니다"]),
        ("규칙".encode("cp949"), ["UTF-8"]),
    ],
)
def test_rules_that_are_no_rules_name_file_line_and_cause(
    geoul: Geoul, market: Path, tmp_path: Path, content: str | bytes, words: list[str]
) -> None:
    path = tmp_path / "prompt.md"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for command in (
        ("backtest", path, "--data", market),
        ("compare", PROMPT, path, "--data", market),
        ("rules", "check", path),
    ):
        answer = geoul(*command)
        assert answer.status == 2, answer.out
        assert "prompt.md" in answer.err
        assert [word for word in words if word not in answer.err] == []
    assert [file.name for file in tmp_path.iterdir()] == ["prompt.md"]


@pytest.mark.parametrize("wish", ["missing.md", ".", "/dev/null"])
def test_prompts_that_are_no_files_are_refused(geoul: Geoul, market: Path, wish: str) -> None:
    answer = geoul("backtest", wish, "--data", market)
    assert answer.status == 2
    assert answer.err.startswith("geoul: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cash_won: -5", "cash_won = -5"),
        ("limits:\n  max_position_weight: 3.0", "limits.max_position_weight = 3.0"),
        ("cash: 5", "did you mean cash_won"),
        ("limits:\n  weather: 1", "the keys are max_positions"),
        ("cash_won: lots", "cash_won = 'lots'"),
        ("cash_won: 50,000,000", "cash_won"),
        ("cash_won: 1000\ncash_won: 2000", "given twice"),
        ("participation: .nan", "participation"),
        ("slippage: {model: ticks, size: 1.5}", "whole numbers"),
        ("- a list", "must be a mapping"),
        ("a: [1, 2", "cannot be read"),
        ("!!python/object/apply:os.system ['true']", "cannot be read"),
    ],
)
def test_impossible_configurations_name_the_key(
    geoul: Geoul, market: Path, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "run.yaml").write_text(text)
    for command in (("backtest",), ("compare", PROMPT, PROMPT)):
        answer = geoul(*command, "--data", market, "--config", "run.yaml")
        assert (answer.status, words in answer.err, "run.yaml" in answer.err) == (2, True, True), answer.err
    assert [file.name for file in tmp_path.iterdir()] == ["run.yaml"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cash", "-5"), "cash_won = -5"),
        (("--cash", "9" * 20), "cash_won"),
        (("--cash", "1,000"), "--cash"),
        (("--from", "2024-13-01"), "--from"),
        (("--from", "2024-05-01", "--to", "2024-01-02"), "lies after"),
        (("--from", "2031-01-02"), "No session from 2031-01-02"),
        (("--to", "1999-01-04"), "No session to 1999-01-04"),
        (("--from", "2024-05-04", "--to", "2024-05-05"), "from 2024-05-04 to 2024-05-05"),
        (("--config", "missing.yaml"), "missing.yaml"),
        (("--data", "missing"), "is not a dataset"),
        (("--lang", "fr"), "--lang"),
        (("--report", "."), "names no file"),
        (("--report", "/dev/null"), "device"),
        (("--report", f"{PROMPT}/page.html"), "not a folder"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_written(
    geoul: Geoul, market: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    for command in (("backtest",), ("compare", PROMPT, PROMPT)):
        answer = geoul(*command, "--data", market, *options)
        assert (answer.status, words in answer.err) == (2, True), answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_ticker_that_the_data_lack_is_refused(geoul: Geoul, market: Path) -> None:
    answer = geoul("backtest", "--data", market, "--ticker", "삼성전자")
    assert (answer.status, "삼성전자" in answer.err) == (2, True)


def test_rules_about_what_the_data_lack_entirely_are_refused(geoul: Geoul, tmp_path: Path) -> None:
    rows = "".join(f"2024-01-{day:02},005930,78000,79000,77000,78500,1000\n" for day in (2, 3, 4, 5))
    (tmp_path / "prices.csv").write_text("date,ticker,open,high,low,close,volume\n" + rows)
    assert geoul("data", "import", "prices.csv", "plain").status == 0
    for condition in ('index("KOSPI").close > 5', "value > 1억", "market_cap > 1억", "mean(value, 2) > 1억"):
        (tmp_path / "prompt.md").write_text(prompt(condition))
        answer = geoul("backtest", "prompt.md", "--data", "plain")
        assert answer.status == 2, condition
        assert "Rule rule looks at" in answer.err


def test_finer_bars_than_the_data_holds_are_refused(geoul: Geoul, market: Path, tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text(prompt("always", interval="5m"))
    answer = geoul("backtest", "prompt.md", "--data", market)
    assert (answer.status, "5m bars cannot be made" in answer.err) == (2, True)


def test_dates_inside_one_part_of_data_with_gaps_run(geoul: Geoul, tmp_path: Path) -> None:
    make_sample(tmp_path / "whole", tickers=3, years=2, seed=5)
    for year, days in (("2023", ("01-01", "03-01")), ("2024", ("06-01", "12-31"))):
        source = tmp_path / "whole" / "bars" / "interval=1d" / f"year={year}" / "bars.parquet"
        first, last = (f"{year}-{day}" for day in days)
        _cut(source, tmp_path / f"raw{year}.parquet", first, last)
    sources = [tmp_path / f"raw{year}.parquet" for year in ("2023", "2024")]
    reference = tmp_path / "whole" / "instruments.parquet"
    assert geoul("data", "import", *sources, "parts", "--market", reference).status == 0
    refused = geoul("backtest", "--data", "parts")
    assert (refused.status, "--allow-gaps" in refused.err) == (2, True)
    inside = ("--data", "parts", "--from", "2024-07-01", "--to", "2024-10-31")
    assert geoul("backtest", *inside).status == 0
    assert geoul("compare", PROMPT, PROMPT, *inside).status == 0
    assert geoul("compare", PROMPT, PROMPT, "--data", "parts", "--allow-gaps").status == 0


def _cut(source: Path, target: Path, first: str, last: str) -> None:
    bars = pl.read_parquet(source, hive_partitioning=False)
    days = pl.col("time").dt.date().cast(pl.String)
    bars.filter(days.is_between(pl.lit(first), pl.lit(last))).write_parquet(target)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"price_scale": 0}', b"\xff"])
def test_a_damaged_manifest_is_told_in_one_line(geoul: Geoul, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.json").write_bytes(content)
    for command in (("backtest", "--data", "data"), ("data", "info", "data"), ("data", "check", "data")):
        answer = geoul(*command)
        assert (answer.status, answer.err.count("\n"), "manifest.json" in answer.err) == (2, 1, True)
        assert "pydantic" not in answer.err
