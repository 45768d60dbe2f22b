"""A small seeded market of each interval; behaviour is tested on it, never profit."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.panel import Panel, load_panel
from engine.data.sample import make_sample
from engine.data.sample_minutes import SESSION_MINUTES, make_minute_sample


@pytest.fixture(scope="package")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three years of 48 instruments, three of them funds."""
    folder = tmp_path_factory.mktemp("strategies") / "daily"
    make_sample(folder, tickers=48, years=3, seed=3)
    return folder


@pytest.fixture(scope="package")
def pair(daily: Path) -> Panel:
    """Two stocks listed throughout."""
    return load_panel(daily, tickers=["0001U0", "0002U0"])


@pytest.fixture(scope="package")
def single(daily: Path) -> Panel:
    """One stock."""
    return load_panel(daily, tickers=["0001U0"])


@pytest.fixture(scope="package")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """Forty sessions of one-minute bars of one stock."""
    folder = tmp_path_factory.mktemp("strategies") / "minutes"
    make_minute_sample(folder, years=1, seed=2, bars=SESSION_MINUTES * 40)
    return load_panel(folder)
