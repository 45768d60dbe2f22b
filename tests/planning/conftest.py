"""A small synthetic market for the planner's tests."""

from __future__ import annotations

import pytest

from engine.data.panel import Panel, load_panel
from engine.data.sample import make_sample


@pytest.fixture(scope="session")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """A year of twelve names."""
    folder = tmp_path_factory.mktemp("market")
    make_sample(folder / "sample", tickers=12, years=1, seed=11)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOUL_CACHE", str(folder / "cache"))
        return load_panel(folder / "sample")
