"""How long a channel that failed is left alone: doubling from five seconds to ten minutes, or as long as it asks."""

from __future__ import annotations

from datetime import timedelta

FIRST = timedelta(seconds=5)
LONGEST = timedelta(minutes=10)
LONGEST_ASKED = timedelta(hours=1)  # a server that asks for more is asked again after this


def wait_after(failures: int, asked: timedelta | None = None) -> timedelta:
    """The wait after so many failures in a row, at least what the server asked for (Retry-After).

    >>> [wait_after(n).total_seconds() for n in (1, 2, 3, 8, 9, 10_000)]
    [5.0, 10.0, 20.0, 600.0, 600.0, 600.0]
    >>> wait_after(1, timedelta(seconds=42)).total_seconds()
    42.0
    """
    own = FIRST * 2 ** min(failures - 1, 20)
    return max(min(own, LONGEST), min(asked or timedelta(0), LONGEST_ASKED))
