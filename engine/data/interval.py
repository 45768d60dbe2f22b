"""Bar intervals: their names, their order and the ordinal of a bar."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError

KST_NS = 9 * 3600 * 1_000_000_000
DAY_NS = 24 * 3600 * 1_000_000_000
MINUTE_NS = 60 * 1_000_000_000
DAY_MINUTES = 1440


def interval_minutes(interval: str) -> int:
    """Minutes of a minute interval; 0 for `1d` and `1w`.

    >>> interval_minutes("5m"), interval_minutes("1h"), interval_minutes("1d")
    (5, 60, 0)

    Raises:
        DataError: not an interval we know.
    """
    match = re.fullmatch(r"([1-9][0-9]*)([mh])", interval)
    if match:
        minutes = int(match[1]) * (60 if match[2] == "h" else 1)
        if DAY_MINUTES % minutes == 0:
            return minutes
    elif interval in ("1d", "1w"):
        return 0
    raise DataError(f"Interval {interval!r} is not known. Use 1m, 3m, 5m, 10m, 15m, 30m, 1h, 1d or 1w.")


def canonical(interval: str) -> str:
    """One spelling per interval: minutes as `60m`, days as `1d`, weeks as `1w`.

    >>> canonical("1h")
    '60m'
    """
    minutes = interval_minutes(interval)
    return f"{minutes}m" if minutes else interval


def is_coarser(wanted: str, stored: str) -> bool:
    """True when bars of `wanted` can be put together from bars of `stored`."""
    order = {"1d": DAY_MINUTES, "1w": 7 * DAY_MINUTES}
    fine, coarse = order.get(stored, interval_minutes(stored)), order.get(wanted, interval_minutes(wanted))
    return coarse > fine and (coarse >= DAY_MINUTES or coarse % fine == 0)


def week_number(session: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the Monday-to-Sunday week of each day since 1970-01-01 (a Thursday)."""
    return (session + 3) // 7


def minute_ordinal(
    session_index: NDArray[np.int64], closed_at_ns: NDArray[np.int64], minutes: int
) -> NDArray[np.int64]:
    """Strictly increasing number of a minute bar: the session's index and the bar's place in the day, KST."""
    minute = ((closed_at_ns + KST_NS) % DAY_NS) // MINUTE_NS
    return session_index * (DAY_MINUTES // minutes) + (minute - 1) // minutes
