"""Axes: where a value lies on the picture and which values get a label."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import ceil, floor, log10

import numpy as np

from engine.reports.language import Lang

MOST_TIMES = 9  # labels of a time axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Maps [low, high] to [bottom, top] in pixels; `log` in proportion to the logarithm."""

    low: float
    high: float
    bottom: float
    top: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value.

        >>> Scale(low=0, high=10, bottom=100, top=0)(2.5)
        75.0
        """
        if self.log:
            share = (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.bottom + share * (self.top - self.bottom)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values inside the scale."""
        return _log_ticks(self.low, self.high, count) if self.log else round_ticks(self.low, self.high, count)


def fit(values: list[float], bottom: float, top: float, *, log: bool = False, pad: float = 0.04) -> Scale:
    """A scale around finite values, with some air; a flat line lies in the middle."""
    low, high = min(values), max(values)
    if high == low:
        low, high = (low * 0.99, high * 1.01) if low else (-1.0, 1.0)
        low, high = min(low, high), max(low, high)
    if log:
        factor = (high / low) ** pad
        return Scale(low=low / factor, high=high * factor, bottom=bottom, top=top, log=True)
    air = (high - low) * pad
    return Scale(low=low - air, high=high + air, bottom=bottom, top=top)


def round_ticks(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten between low and high.

    >>> round_ticks(0.0, 1.0, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / max(count, 1)
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    # Less than a factor of three: plain round values read better than powers of ten.
    if high / low < 3:
        return [value for value in round_ticks(low, high, count) if value > 0]
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    values = [factor * 10.0**power for power in decades for factor in (1, 2, 5)]
    return [value for value in values if low <= value <= high]


def time_ticks(sessions: list[date], lang: Lang) -> list[tuple[int, str]]:
    """Positions and labels on the time axis: the first session of years, quarters or months."""
    if len(sessions) < 2:
        return [(0, sessions[0].isoformat())] if sessions else []
    months = np.array([day.year * 12 + day.month - 1 for day in sessions])
    for step in (1, 3, 6, 12, 24, 60, 120):
        places = np.flatnonzero(np.diff(months // step)) + 1
        if len(places) <= MOST_TIMES:
            break
    if not len(places):
        return [(place, sessions[place].strftime("%m-%d")) for place in (0, len(sessions) - 1)]
    return [(place, _label(sessions[place], step, lang)) for place in places.tolist()]


def _label(day: date, months: int, lang: Lang) -> str:
    if months >= 12:
        return f"{day.year}년" if lang == "ko" else str(day.year)
    return day.strftime("%Y-%m")
