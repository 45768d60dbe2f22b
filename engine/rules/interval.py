"""The bar lengths that a prompt may declare in `**주기**`."""

from __future__ import annotations

SESSIONS_PER_YEAR = 252
WEEKS_PER_YEAR = 52
MINUTES_PER_SESSION = 390

DEFAULT_INTERVAL = "1d"
INTERVALS = ("1d", "1w", "1m", "2m", "3m", "5m", "10m", "15m", "30m", "60m")


def bars_per_year(interval: str) -> float:
    """How many bars of an interval make a year, for annualising volatility.

    >>> [bars_per_year(interval) for interval in ("1d", "1w", "5m")]
    [252.0, 52.0, 19656.0]
    """
    if interval == "1d":
        return float(SESSIONS_PER_YEAR)
    if interval == "1w":
        return float(WEEKS_PER_YEAR)
    return SESSIONS_PER_YEAR * MINUTES_PER_SESSION / int(interval.removesuffix("m"))
