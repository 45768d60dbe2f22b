"""How the volume of a bar is split among the four prints of its path.

Each print has a quarter; the remainder goes to the earlier ones. A bar of fewer than four shares has fewer prints than
points: the first share opens it, the last one closes it, and one between them goes to the extreme that is neither the
opening nor the closing price. So every price of a bar is told, as no bar has more prices than shares.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTS = 4
Integers = NDArray[np.int64]


def shares_of_points(path: Any, volume: Integers) -> Integers:
    """Shares of each print.

    Args:
        path: int64[4, …], the prices of a bar in the order in which it is replayed.
        volume: int64[…], shares of the bar.

    Returns:
        int64[4, …], which adds up to the volume.

    Example:
        >>> path = np.array([[100, 100, 100], [90, 90, 100], [100, 110, 110], [95, 100, 105]])
        >>> shares_of_points(path, np.array([9, 2, 3])).tolist()
        [[3, 1, 1], [2, 0, 0], [2, 0, 1], [2, 1, 1]]
    """
    done = [(volume * point + POINTS - 1) // POINTS for point in range(POINTS + 1)]
    shares = np.array([after - before for before, after in pairwise(done)])
    thin = (volume > 0) & (volume < POINTS)
    if not thin.any():
        return shares
    middle = (volume == POINTS - 1).astype(np.int64)
    first_extreme = middle * ((path[1] != path[0]) & (path[1] != path[3]))
    few = np.array([np.ones_like(volume), first_extreme, middle - first_extreme, (volume > 1).astype(np.int64)])
    return np.where(thin, few, shares)
