"""Where Geoul keeps what it can make again (compiled kernels, panels, the synthetic market), and what it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_root() -> Path:
    """The user's cache folder for Geoul; the environment variable `GEOUL_CACHE` overrides it."""
    given = os.environ.get("GEOUL_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("geoul", appauthor=False))


def state_root() -> Path:
    """The user's folder for what cannot be made again, such as served worlds; `GEOUL_STATE` overrides it."""
    given = os.environ.get("GEOUL_STATE")
    return Path(given) if given else Path(platformdirs.user_state_dir("geoul", appauthor=False))
