"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# An example that is the first to need a kernel compiles it, which takes seconds and says nothing about the code.
# CI draws the same examples every time, so that a red run means a change; at home every run looks somewhere new.
settings.register_profile("geoul", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("geoul")


@pytest.fixture(scope="session")
def krx_data() -> Path:
    """The folder of real KRX history; tests that need it are skipped where it is not installed."""
    folder = os.environ.get("GEOUL_KRX_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("GEOUL_KRX_DATA does not name a folder with real KRX history")
    return Path(folder)
