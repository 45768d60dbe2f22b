"""Returns of an equity curve: per session, in total, per year, per month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from engine.metrics.undefined import Figure, Undefined

SESSIONS_PER_YEAR = 252
DAYS_PER_YEAR = 365
# A year of sessions spans 360 to 365 days; below that an annual figure would be an extrapolation.
SHORTEST_YEAR_DAYS = 350

Floats = NDArray[np.float64]


def periods_per_year(interval: str) -> int:
    """How many returns make a year; bars inside a day are first reduced to the day's last equity.

    >>> periods_per_year("5m"), periods_per_year("1w")
    (252, 52)
    """
    return {"1w": 52, "1mo": 12}.get(interval, SESSIONS_PER_YEAR)


def simple_returns(equity: Floats) -> Floats:
    """Change from each value to the next, as a ratio; not a number where the earlier value is not above zero.

    Shapes: equity (n,) -> (n - 1,). `equity[0]` is the capital before the first bar.

    >>> simple_returns(np.array([100.0, 110.0, 99.0])).round(12).tolist()
    [0.1, -0.1]
    """
    before, after = equity[:-1], equity[1:]
    result = np.full(before.shape, np.nan)
    np.divide(after - before, before, out=result, where=before > 0)
    return result


def total_return(equity: Floats) -> Figure:
    """Last value against the first, as a ratio."""
    if len(equity) < 2:
        return Undefined.TOO_FEW_SESSIONS
    if equity[0] <= 0:
        return Undefined.RUINED
    return float((equity[-1] - equity[0]) / equity[0])


def annual_return(growth: Figure, years: float) -> Figure:
    """Compound annual growth rate: (1 + growth) ** (1 / years) - 1.

    The report measures `years` in calendar days / 365, because a year of KRX has about 246 sessions and
    counting them as 252 would flatter every strategy by about 2.5 % of its rate.

    >>> annual_return(0.21, 2.0).__round__(12)
    0.1
    """
    if isinstance(growth, Undefined):
        return growth
    if years < SHORTEST_YEAR_DAYS / DAYS_PER_YEAR:
        return Undefined.UNDER_A_YEAR
    if growth <= -1:
        return -1.0
    return float((1.0 + growth) ** (1.0 / years) - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReturn:
    """Return of one calendar month, or of one year (month 0), with the benchmark beside it."""

    year: int
    month: int
    value: float
    benchmark: float | None


def monthly_returns(sessions: list[date], equity: Floats, benchmark: Floats) -> tuple[PeriodReturn, ...]:
    """Return of each calendar month, then of each year as month 0.

    Shapes: sessions (n,); equity and benchmark (n + 1,): their first value stands before the first session.
    A benchmark value may be unknown (not a number); a month without both ends known has none.
    """
    months = [(day.year, day.month) for day in sessions]
    years = [(day.year, 0) for day in sessions]
    return _by_period(months, equity, benchmark) + _by_period(years, equity, benchmark)


def _by_period(periods: list[tuple[int, int]], equity: Floats, benchmark: Floats) -> tuple[PeriodReturn, ...]:
    rows = []
    start = 0
    for position, period in enumerate(periods):
        last_of_period = position + 1 == len(periods) or periods[position + 1] != period
        if not last_of_period:
            continue
        value = simple_returns(equity[[start, position + 1]])[0]
        against = simple_returns(benchmark[[start, position + 1]])[0]
        rows.append(
            PeriodReturn(
                year=period[0],
                month=period[1],
                value=float(value) if np.isfinite(value) else 0.0,
                benchmark=float(against) if np.isfinite(against) else None,
            )
        )
        start = position + 1
    return tuple(rows)
