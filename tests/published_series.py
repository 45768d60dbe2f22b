"""Nearly normal values that any language can rebuild: sums of twelve uniforms of a linear congruential generator."""

from __future__ import annotations

import numpy as np


def published_normals(seed: int, *shape: int) -> np.ndarray:
    """Values with mean near 0 and deviation near 1, in row order.

    x -> (1103515245 x + 12345) mod 2^31 from `seed`, which itself is not used; each value is the sum of the next
    twelve x / 2^31, less 6.
    """
    count = int(np.prod(shape)) * 12
    values = np.empty(count)
    state = seed
    for place in range(count):
        state = (1_103_515_245 * state + 12_345) % 2**31
        values[place] = state / 2**31
    return values.reshape(*shape, 12).sum(axis=-1) - 6
