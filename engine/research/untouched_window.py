"""Which sessions no candidate has seen yet: the untouched window, and when it rolls forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput, DataError
from engine.ledger.looks import LOOKS_PER_WINDOW, Window, WindowLooks

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UntouchedWindow:
    """The window that the next candidate looks at.

    Args:
        window: None when every window is used up and too few sessions have come since.
        number: which one it is, from 1; more than 1 means that it has rolled forward.
        looks_used: candidates that have looked at it.
        looks_left: candidates that still may.
        missing_sessions: sessions that must come before there is a window again; 0 if there is one.
    """

    window: Window | None
    number: int
    looks_used: int
    looks_left: int
    missing_sessions: int = 0


def untouched_window(
    sessions: Sequence[int] | NDArray[np.int64],
    looks: Sequence[WindowLooks],
    length: int,
    k: int = LOOKS_PER_WINDOW,
    *,
    reserve: int = 1,
) -> UntouchedWindow:
    """The window that the next candidate looks at, from nothing but the sessions and the looks so far.

    1. Nobody has looked: the last `reserve * length` sessions are kept back, and the first `length` of them are the
       window. So with `reserve` 1 it ends with the data; with 2, one more window of old sessions waits behind it.
    2. Fewer than `k` candidates have looked at the latest window: it stays, whatever was added to the data and
       whatever `length` is now. What is added stays untouched.
    3. `k` have looked: the window rolls forward to the first `length` sessions after it. If there are fewer, there
       is no window until they have come: data that many have seen cannot tell luck from skill.

    Everything before the window may be trained on, used-up windows too.

    Args:
        sessions: of the dataset as days since 1970-01-01, in any order, repeats allowed.
        looks: of this dataset, see `engine.ledger.looks.window_looks`.
        length: sessions in a new window.
        k: candidates that may look at one window.
        reserve: windows that are kept back at the start.

    Raises:
        BadInput: a number below 1, or a window that leaves nothing to train on.
        DataError: the dataset ends before a window that was looked at, so the looks are of other data.
    """
    if min(length, k, reserve) < 1:
        raise BadInput(f"A window of {length} sessions, {k} looks and {reserve} in reserve: each must be 1 or more.")
    days = np.unique(np.asarray(sessions, dtype=np.int64))
    if not looks:
        kept_back = reserve * length
        if kept_back >= len(days):
            raise BadInput(
                f"{len(days):,} sessions leave nothing to train on beside {kept_back:,} untouched ones. "
                f"Take a shorter window or a longer dataset."
            )
        return UntouchedWindow(window=_window(days[-kept_back:], length), number=1, looks_used=0, looks_left=k)
    latest = max(looks, key=lambda seen: seen.window.last)
    if not len(days) or latest.window.last > _day(days[-1]):
        reached = f"up to {_day(days[-1])}" if len(days) else "of this range"
        raise DataError(
            f"Candidates have looked at {latest.window.first} … {latest.window.last}, which the sessions {reached} do "
            f"not reach. Let the range end later (--to), or use the ledger that belongs to this dataset."
        )
    if latest.looks < k:
        return UntouchedWindow(
            window=latest.window, number=len(looks), looks_used=latest.looks, looks_left=k - latest.looks
        )
    coming = days[days > (latest.window.last - EPOCH).days]
    if len(coming) < length:
        return UntouchedWindow(
            window=None, number=len(looks) + 1, looks_used=0, looks_left=0, missing_sessions=length - len(coming)
        )
    return UntouchedWindow(window=_window(coming, length), number=len(looks) + 1, looks_used=0, looks_left=k)


def _window(days: NDArray[np.int64], length: int) -> Window:
    return Window(_day(days[0]), _day(days[length - 1]))


def _day(number: np.int64) -> date:
    return EPOCH + timedelta(days=int(number))
