"""A sweep gives the same bytes however it is run, and each of its rows is the backtest of its rules."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from engine.backtest import backtest
from engine.config import BacktestConfig
from engine.data.panel import Panel, load_panel
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.metrics.ratios import sharpe
from engine.metrics.returns import simple_returns
from engine.research import sweep as sweep_module
from engine.research.identity import rules_hash
from engine.research.sweep import OUTSIDE, Chunk, Sweep, chunks_of, places_to_try, run_sweep
from engine.research.sweep_identity import identity_of
from engine.research.sweep_store import PARTS, SweepStore
from engine.research.workers import InProcess, PanelSource, Workers, open_workers
from engine.rules.constants import with_constants
from engine.rules.grid import parse_grid
from engine.rules.prompt import load_rules_text

RULES = load_rules_text(
    """## 투자 원칙 및 규칙
**주기**: 1d

### Entry Criteria: cross
**규칙**: 종가가 5일선을 상향 돌파하면 산다
**조건**: `crosses_above(close, mean(close, 5)) and macd(4, 9) > -1`
**행동**: `buy 20% of equity`
**우선순위**: 7/10

### Exit Criteria: stop
**규칙**: 7% 손실이면 판다
**조건**: `pnl <= -7%`
**행동**: `sell all`
**우선순위**: 10/10
"""
)
AXES = ["cross.1=3:8:1", "stop.1=-9%:-3%:1%", "cross.2=3,4,12"]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=5, years=1, seed=3)
    return folder


@pytest.fixture(scope="module")
def panel(market: Path) -> Panel:
    return load_panel(market)


def a_sweep(axes: list[str] | None = None, samples: int | None = None, seed: int = 1) -> Sweep:
    grid = parse_grid(RULES, axes or AXES)
    return Sweep(rules=RULES, grid=grid, places=places_to_try(grid, samples, seed), config=BacktestConfig())


def run(
    sweep: Sweep, panel: Panel, folder: Path, workers: Workers | None = None, chunks: list[Chunk] | None = None
) -> SweepStore:
    store = SweepStore(folder, identity_of(sweep, panel, samples=None, seed=1))
    with workers or InProcess(panel) as opened:
        run_sweep(sweep, store, chunks_of(sweep) if chunks is None else chunks, opened, periods=252)
    return store


def table_of(sweep: Sweep, panel: Panel, folder: Path) -> pl.DataFrame:
    return run(sweep, panel, folder).finish(len(chunks_of(sweep)))


@pytest.fixture(scope="module")
def whole(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    table_of(a_sweep(), panel, folder)
    return folder


def test_every_row_is_the_backtest_of_its_rules(panel: Panel, whole: Path) -> None:
    sweep = a_sweep()
    table = pl.read_parquet(whole / "sweep.parquet")
    assert table["variant"].to_list() == list(range(sweep.grid.size))
    assert table.filter(pl.col("fills") > 0).height > 60
    for row in table.sample(12, seed=4).iter_rows(named=True):
        point = sweep.grid.point(row["variant"])
        assert [row[name] for name in point] == [float(value) for value in point.values()]
        if row["reason_en"]:
            continue
        rules = with_constants(RULES, point)
        result = backtest(rules, panel)
        assert row["rules_hash"] == rules_hash(rules)
        assert (row["orders"], row["fills"]) == (result.orders.height, result.fills.height)
        assert row["trades"] == result.trades.height
        equity = [1e8, *result.equity["equity"].to_list()]
        assert row["final_equity_won"] == equity[-1]
        returns = simple_returns(pl.Series(equity).to_numpy())
        assert row["returns"] == pytest.approx(returns.tolist(), abs=1e-15)
        assert row["sharpe"] == pytest.approx(sharpe(returns, 252), rel=1e-12)
        assert row["total_return"] == pytest.approx(equity[-1] / 1e8 - 1, abs=1e-15)
        falls = [value / max(equity[: place + 1]) - 1 for place, value in enumerate(equity)]
        assert row["max_drawdown"] == pytest.approx(min(falls), abs=1e-12)


def test_a_point_without_a_meaning_is_kept_with_its_reason(whole: Path) -> None:
    table = pl.read_parquet(whole / "sweep.parquet")
    without = table.filter(pl.col("reason_en").is_not_null())
    # macd needs its fast span below the slow one of 9 bars.
    assert set(without["cross.2"]) == {12.0}
    assert without.height == 42
    assert without["returns"].null_count() == without["sharpe"].null_count() == 42
    assert "macd(12, 9)" in without["reason_en"][0]
    assert without["reason_ko"][0] != without["reason_en"][0]


def test_a_sweep_that_was_stopped_and_resumed_gives_the_same_bytes(panel: Panel, whole: Path, tmp_path: Path) -> None:
    sweep = a_sweep()
    chunks = chunks_of(sweep)
    assert len(chunks) == 2
    stopped = run(sweep, panel, tmp_path, chunks=chunks[1:])
    assert [stopped.has(number) for number in range(2)] == [False, True]
    before = (tmp_path / PARTS / "00001.parquet").stat().st_mtime_ns
    resumed = run(sweep, panel, tmp_path)
    assert (tmp_path / PARTS / "00001.parquet").stat().st_mtime_ns == before
    resumed.finish(2)
    assert (tmp_path / "sweep.parquet").read_bytes() == (whole / "sweep.parquet").read_bytes()
    assert not (tmp_path / PARTS).exists()


def test_two_processes_give_the_same_bytes_as_one(panel: Panel, market: Path, whole: Path, tmp_path: Path) -> None:
    workers = open_workers(PanelSource(folder=market), processes=2)
    run(a_sweep(), panel, tmp_path, workers).finish(2)
    assert (tmp_path / "sweep.parquet").read_bytes() == (whole / "sweep.parquet").read_bytes()


def test_a_finished_sweep_runs_nothing_again(panel: Panel, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "run_chunk", None)
    before = (whole / "sweep.parquet").read_bytes()
    assert run(a_sweep(), panel, whole).finish(2).height == 126
    assert (whole / "sweep.parquet").read_bytes() == before


def test_the_unchanged_rules_are_one_of_the_variants(panel: Panel, tmp_path: Path) -> None:
    inside = table_of(a_sweep(["cross.1=4,5,6", "stop.1=-7%,-5%"]), panel, tmp_path / "inside")
    (row,) = inside.filter(pl.col("base")).to_dicts()
    assert (row["variant"], row["cross.1"], row["stop.1"]) == (2, 5.0, -0.07)
    assert inside.height == 6

    outside = table_of(a_sweep(["cross.1=4,6"]), panel, tmp_path / "outside")
    (row,) = outside.filter(pl.col("base")).to_dicts()
    assert (row["variant"], row["cross.1"], row["rules_hash"]) == (OUTSIDE, None, rules_hash(RULES))
    assert row["final_equity_won"] == inside.filter(pl.col("base"))["final_equity_won"][0]
    assert outside.height == 3


def test_a_random_sample_is_part_of_the_grid_and_known_by_its_seed(panel: Panel, tmp_path: Path) -> None:
    grid = parse_grid(RULES, ["cross.1=2:200:1", "stop.1=-50%:-0.1%:0.1%"])
    places = places_to_try(grid, 70, 5)
    assert list(places) == sorted(set(places))
    assert len(places) == 70
    assert places == places_to_try(grid, 70, 5) != places_to_try(grid, 70, 6)
    sweep = Sweep(rules=RULES, grid=grid, places=places, config=BacktestConfig())
    assert not sweep.complete
    table = table_of(sweep, panel, tmp_path).filter(pl.col("variant") >= 0)
    assert table["variant"].to_list() == list(range(70))
    assert table["cross.1"].to_list() == [float(grid.point(place)["cross.1"]) for place in places]


def test_variants_with_the_same_window_share_a_chunk() -> None:
    chunks = chunks_of(a_sweep(["stop.1=-9%:-1%:0.1%", "cross.1=5,6,7"]))
    windows = [[point["cross.1"] for _, point in chunk.points if point] for chunk in chunks]
    flat = [window for chunk in windows for window in chunk]
    assert flat == sorted(flat)
    numbers = sorted(number for chunk in chunks for number, _ in chunk.points)
    assert numbers == list(range(243))


def test_more_variants_than_one_sweep_takes_are_refused() -> None:
    grid = parse_grid(RULES, ["cross.1=2:201:1", "stop.1=-50%:-0.1%:0.1%"])
    assert grid.size == 100_000
    with pytest.raises(BadInput, match=r"100,000 variants .* --samples"):
        places_to_try(grid, None, 0)
    with pytest.raises(BadInput, match="20,001"):
        places_to_try(grid, 20_001, 0)
    assert len(places_to_try(grid, 20_000, 0)) == 20_000
