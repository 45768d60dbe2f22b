"""Where Geoul keeps what it can make again: compiled kernels, panels, the synthetic market."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_root() -> Path:
    """The user's cache folder for Geoul; the environment variable `GEOUL_CACHE` overrides it."""
    given = os.environ.get("GEOUL_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("geoul", appauthor=False))
