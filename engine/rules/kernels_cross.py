"""Kernels across the instruments of one row.

Flat layout and NaN as in `engine.rules.kernels_elementwise`. Only instruments that are present and known take part in
a ranking or a share.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from engine.kernel_cache import inner, njit

DIGIT = 11  # bits per pass of the radix sort: 2,048 counters fit in the first-level cache
PASSES = 6  # 6 × 11 bits cover the 64 of a float; even, so that the result ends in the arrays it began in


@inner
def sort_ascending(numbers, order, size, spare_numbers, spare_order, counters):
    """Sort the first `size` numbers (float64, no NaN, no -0.0) in place and `order` with them; ties keep their order.

    Radix sort on the bits of the floats, made monotone: all bits of a negative number flip, the sign bit of another.
    Afterwards `numbers` holds those bits; equal bits mean equal numbers.
    """
    keys, spare_keys = numbers.view(np.uint64), spare_numbers.view(np.uint64)
    top = np.uint64(1) << np.uint64(63)
    for i in range(size):
        keys[i] = ~keys[i] if keys[i] & top else keys[i] | top
    mask = np.uint64((1 << DIGIT) - 1)
    for step in range(PASSES):
        shift = np.uint64(step * DIGIT)
        for digit in range(1 << DIGIT):
            counters[digit] = 0
        for i in range(size):
            counters[(keys[i] >> shift) & mask] += 1
        total = 0
        for digit in range(1 << DIGIT):
            here = counters[digit]
            counters[digit] = total
            total += here
        for i in range(size):
            digit = (keys[i] >> shift) & mask
            place = counters[digit]
            counters[digit] = place + 1
            spare_keys[place] = keys[i]
            spare_order[place] = order[i]
        keys, spare_keys = spare_keys, keys
        order, spare_order = spare_order, order


@njit
def rank(out, out_at, count, width, x, x_at, age, age_at, top):
    """Average rank / count in (0, 1]; with `top` > 0 instead 1.0 for the `top` largest (ties by column), else 0.0."""
    numbers, spare_numbers = np.empty(width), np.empty(width)
    order, spare_order = np.empty(width, np.int64), np.empty(width, np.int64)
    counters = np.empty(1 << DIGIT, np.int64)
    for row in range(count // width):
        values = x[x_at + row * width :][:width]
        present = age[age_at + row * width :][:width]
        result = out[out_at + row * width :][:width]
        size = 0
        for column in range(width):
            result[column] = np.nan
            if present[column] > 0 and not np.isnan(values[column]):
                # Descending for `top`, so that among equals the first column comes first.
                numbers[size] = (values[column] if top == 0 else -values[column]) + 0.0
                order[size] = column
                size += 1
        sort_ascending(numbers, order, size, spare_numbers, spare_order, counters)
        if top > 0:
            for place in range(size):
                result[order[place]] = 1.0 if place < top else 0.0
            continue
        begin = 0
        while begin < size:
            end = begin + 1
            while end < size and numbers[end] == numbers[begin]:
                end += 1
            for place in range(begin, end):
                result[order[place]] = (begin + 1 + end) / (2 * size)
            begin = end


@njit
def breadth(out, out_at, count, width, x, x_at, age, age_at, columns):
    """Share of the present instruments with a known condition for which it is true; one value a row."""
    for row in range(count):
        true, known = 0, 0
        for i in range(row * columns, (row + 1) * columns):
            value = x[x_at + i] if age[age_at + i] > 0 else -1
            true += value == 1
            known += value >= 0
        out[out_at + row] = true / known if known > 0 else np.nan
