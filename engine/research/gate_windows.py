"""Which sessions the gate trains on, which it leaves out, and which the candidate may look at once.

Training ends `label_sessions` before the untouched window begins: what a label of the last training session looks at
must not lie in the window.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from engine.backtest import row_range
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.ledger.looks import Window, WindowLooks
from engine.metrics.returns import SESSIONS_PER_YEAR, periods_per_year
from engine.research.gate_settings import GateSettings
from engine.research.untouched_window import EPOCH, UntouchedWindow, untouched_window

# Fewer sessions than this in the untouched window, and a single day decides.
LEAST_UNTOUCHED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWindows:
    """The windows of one gate.

    Args:
        training: first and last session that every training figure comes from.
        training_days: int64[T], the sessions of it as days since 1970-01-01.
        purge_sessions: left out between the two windows.
        untouched: the window and its looks.
        untouched_days: int64[U], its sessions; empty when there is no window now.
        rows_available: bars up to the end of training, those that only feed look-backs too.
        periods: returns in a year.
    """

    training: Window
    training_days: NDArray[np.int64]
    purge_sessions: int
    untouched: UntouchedWindow
    untouched_days: NDArray[np.int64]
    rows_available: int
    periods: int

    @property
    def sessions_a_week(self) -> float:
        """Returns in a week, to tell waiting times."""
        return self.periods / 52


def plan_windows(
    panel: Panel,
    settings: GateSettings,
    looks: Sequence[WindowLooks] = (),
    start: datetime.date | None = None,
    end: datetime.date | None = None,
) -> GateWindows:
    """Cut the sessions from `start` to `end` into training, purge and untouched window.

    Args:
        panel: the data.
        settings: lengths.
        looks: at earlier windows of this dataset.
        start: first session of training; earlier rows feed the look-backs.
        end: last session of all.

    Raises:
        DataError: no session between the dates, or looks of other data.
        BadInput: too few sessions for the windows.
    """
    first, last = row_range(panel, start, end)
    days = np.unique(panel.session[first:last])
    periods = periods_per_year(panel.interval)
    length = settings.untouched_sessions or max(1, min(periods, len(days) // 4))
    purge = ceil(settings.label_sessions * periods / SESSIONS_PER_YEAR)
    needed = settings.least_training + purge + max(length, LEAST_UNTOUCHED)
    if len(days) < needed:
        raise BadInput(
            f"There are {len(days):,} sessions from {_date(days[0])} to {_date(days[-1])}, and the gate needs at least "
            f"{needed:,}: {settings.least_training} to train on, {purge} left out for the labels, "
            f"{max(length, LEAST_UNTOUCHED)} untouched. Give more data or a shorter untouched window."
        )
    seen = untouched_window(days, looks, length, settings.looks_per_window)
    inside, before = np.zeros(0, np.int64), len(days)
    if seen.window is not None:
        low, high = ((day - EPOCH).days for day in (seen.window.first, seen.window.last))
        inside = days[(days >= low) & (days <= high)]
        before = int(np.searchsorted(days, low)) - purge
    if before < settings.least_training:
        raise BadInput(
            f"Only {max(before, 0):,} sessions from {_date(days[0])} on are left to train on before the untouched "
            f"window {seen.window.first if seen.window else ''}, and {purge} left out for the labels; "
            f"{settings.least_training} are needed. Begin earlier."
        )
    training = days[:before]
    return GateWindows(
        training=Window(_date(training[0]), _date(training[-1])),
        training_days=training,
        purge_sessions=purge,
        untouched=seen,
        untouched_days=inside,
        rows_available=int(np.searchsorted(panel.session, training[-1], side="right")),
        periods=periods,
    )


def _date(day: np.int64) -> datetime.date:
    return EPOCH + datetime.timedelta(days=int(day))
