"""Sessions of the exchange for columns of dates."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.krx.sessions import close_times_ns, session_days


def day_numbers(dates: pl.Series) -> NDArray[np.int64]:
    """Days since 1970-01-01 of a column of dates without nulls."""
    return dates.cast(pl.Date).to_physical().cast(pl.Int64).to_numpy()


def close_times(dates: pl.Series) -> pl.Series:
    """Moment at which the regular session of each date ends, Asia/Seoul."""
    stamps = close_times_ns(day_numbers(dates)) // 1000
    return pl.Series("time", stamps).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone("Asia/Seoul")


def are_sessions(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the exchange trades on each day (days since 1970-01-01); False outside the calendar's range."""
    sessions = session_days()
    at = np.minimum(np.searchsorted(sessions, days), len(sessions) - 1)
    known: NDArray[np.bool_] = sessions[at] == days
    return known
