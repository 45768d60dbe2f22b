"""The synthetic market is repeatable, labelled, and behaves like a market under the exchange's rules."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.data import catalog
from engine.data.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, State, load_panel
from engine.data.quality import check_dataset
from engine.data.sample import make_sample, sample_ticker
from engine.data.sample_minutes import make_minute_sample
from engine.errors import DataError
from engine.instrument import check_ticker


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    first = make_sample(tmp_path / "a", tickers=40, years=2, seed=7)
    again = make_sample(tmp_path / "b", tickers=40, years=2, seed=7)
    other = make_sample(tmp_path / "c", tickers=40, years=2, seed=8)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert first.content_hash == again.content_hash != other.content_hash


def test_sample_says_that_it_is_synthetic(sample: Path) -> None:
    manifest = catalog.open_dataset(sample)[1]
    assert manifest.synthetic
    assert [note.code for note in manifest.notes] == ["synthetic"]
    names = catalog.read_instruments(sample)["name"]
    assert all(name.startswith("합성") for name in names)


def test_tickers_are_valid_and_never_issued() -> None:
    assert all(re.fullmatch(r"[0-9]{4}U0", check_ticker(sample_ticker(number))) for number in (1, 250, 9_999))


@pytest.mark.parametrize("years", [1, 8, 20])
def test_ticks_and_limits_of_every_date_are_kept(tmp_path: Path, years: int) -> None:
    make_sample(tmp_path / "market", tickers=30, years=years, seed=11)
    report = check_dataset(tmp_path / "market")
    assert report.errors == 0, report.findings
    assert report.not_checked == {}


def test_sample_has_every_kind_of_event(sample: Path) -> None:
    panel = load_panel(sample)
    traded = (panel.state & State.TRADED) > 0
    locked = traded & (panel.bars[HIGH] == panel.bars[LOW]) & (panel.bars[CLOSE] != panel.base)
    assert locked.sum() > 5
    assert ((panel.state & State.FIRST_DAY) > 0).sum() > 5
    assert ((panel.state & State.LIQUIDATION) > 0).sum() > 5
    assert ((panel.state & State.PRESENT) > 0).sum() - traded.sum() > 100
    assert panel.delisted_known.sum() >= 2
    assert set(panel.actions.kind) == {0, 1}
    assert set(panel.instruments["market"]) == {"KOSPI", "KOSDAQ"}
    assert set(panel.instruments["product"]) == {"STOCK", "ETF"}
    assert panel.instruments.filter(pl.col("product") == "STOCK")["sector"].n_unique() == 10
    assert panel.base[traded].min() > 0


def test_returns_have_fat_tails_and_volume_clusters(sample: Path) -> None:
    panel = load_panel(sample)
    stocks = (panel.instruments["product"] == "STOCK").to_numpy()
    whole = (((panel.state & State.TRADED) > 0).mean(axis=0) > 0.95) & stocks
    known = (panel.base[:, whole] > 0).all(axis=1)
    returns = np.log(panel.bars[CLOSE][known][:, whole] / panel.base[known][:, whole])
    scaled = returns / returns.std(axis=0)
    assert 4.0 < (scaled**4).mean() < 30.0  # a normal distribution has 3
    size = np.abs(scaled)
    assert np.corrcoef(size[1:].ravel(), size[:-1].ravel())[0, 1] > 0.03
    assert np.corrcoef(returns[:, 0], returns.mean(axis=1))[0, 1] > 0.15
    assert known.mean() > 0.9
    volume = np.log(panel.bars[VOLUME][:, whole] + 1.0)
    volume -= volume.mean(axis=0)
    assert np.corrcoef(volume[1:].ravel(), volume[:-1].ravel())[0, 1] > 0.4


def test_index_follows_its_members(sample: Path) -> None:
    panel = load_panel(sample)
    points = panel.indices["KOSPI"]
    assert not np.isnan(points).any()
    assert (points[1] >= points[[0, 3]].max(axis=0)).all() and (points[2] <= points[[0, 3]].min(axis=0)).all()
    members = ((panel.instruments["market"] == "KOSPI") & (panel.instruments["product"] == "STOCK")).to_numpy()
    assert panel.shares is not None
    counted = members & ((panel.state & State.PRESENT) > 0)
    after = (panel.bars[CLOSE] * panel.shares * counted).sum(axis=1).astype(np.float64)
    before = (panel.base * panel.shares * counted).sum(axis=1).astype(np.float64)
    expected = np.diff(np.log(points[3]))
    assert np.abs(expected - np.log(after / before)[1:]).max() < 1e-4


def test_traded_value_lies_inside_the_bar(sample: Path) -> None:
    panel = load_panel(sample)
    assert panel.value is not None
    traded = (panel.state & State.TRADED) > 0
    average = panel.value[traded] / panel.bars[VOLUME][traded]
    assert (average >= panel.bars[LOW][traded] - 1).all() and (average <= panel.bars[HIGH][traded]).all()


def test_minute_sample_keeps_hours_and_limits(tmp_path: Path) -> None:
    manifest = make_minute_sample(tmp_path / "m", tickers=1, years=1, seed=2)
    assert (manifest.interval, manifest.synthetic) == ("1m", True)
    assert check_dataset(tmp_path / "m").errors == 0
    panel = load_panel(tmp_path / "m")
    minute = (panel.closed_at_ns // 60_000_000_000 + 9 * 60) % 1440
    ordinary = panel.session == panel.session[-1]
    assert (minute[ordinary][0], minute[ordinary][-2], minute[ordinary][-1]) == (9 * 60 + 1, 15 * 60 + 20, 15 * 60 + 31)
    first_of_year = panel.session == panel.session[0]
    assert minute[first_of_year][0] == 10 * 60 + 1
    assert (panel.bars[[OPEN, CLOSE]] <= panel.bars[HIGH]).all() and (
        panel.bars[[OPEN, CLOSE]] >= panel.bars[LOW]
    ).all()
    daily = load_panel(tmp_path / "m", interval="1d")
    inside = np.abs(daily.bars[CLOSE][1:] / daily.base[1:] - 1) <= 0.3
    assert inside.all()


@pytest.mark.parametrize("options", [{"tickers": 0}, {"tickers": 10_000}, {"years": 0}, {"years": 99}])
def test_impossible_sizes_are_errors(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(DataError, match="out of range"):
        make_sample(tmp_path / "x", **options)
    assert list(tmp_path.iterdir()) == []
