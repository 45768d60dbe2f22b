"""Small seeded markets for audits."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.panel import Panel, load_panel
from engine.data.sample import make_sample
from engine.data.sample_minutes import SESSION_MINUTES, make_minute_sample


@pytest.fixture(scope="package")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three years of 48 instruments."""
    folder = tmp_path_factory.mktemp("audit") / "daily"
    make_sample(folder, tickers=48, years=3, seed=3)
    return folder


@pytest.fixture(scope="package")
def daily(dataset: Path) -> Panel:
    """The whole market, with listings, delistings, splits and halts."""
    return load_panel(dataset)


@pytest.fixture(scope="package")
def single(dataset: Path) -> Panel:
    """One stock."""
    return load_panel(dataset, tickers=["0001U0"])


@pytest.fixture(scope="package")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """Six sessions of one-minute bars of one stock."""
    folder = tmp_path_factory.mktemp("audit") / "minutes"
    make_minute_sample(folder, years=1, seed=2, bars=SESSION_MINUTES * 6)
    return load_panel(folder)
