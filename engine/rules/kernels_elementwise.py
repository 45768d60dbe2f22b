"""Kernels whose value at a cell depends on that cell alone, or on it and the row before.

All feature kernels work on flat time-major arrays: cell `row * width + column`, so a run of rows is one contiguous
run of cells whatever the number of instruments, and the compiler vectorises over it (over instruments, or over rows
where there is one instrument). `x[x_at]` is the first cell of the present block, `x[x_at - width]` the row before it.

Numbers are float64, NaN is unknown. Conditions are int8: 0 false, 1 true, -1 unknown, combined by Kleene's rules.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from engine.kernel_cache import njit

FEW = 8  # below this many columns a loop over columns does not fill a vector register


@njit
def ages(out, out_at, count, width, state, state_at, first_row, first_at, start_row):
    """Rows that an instrument has had up to today, today included; 0 where it is not present.

    Shapes: state uint8 cells; first_row int64 (width,). Rows before `start_row` were never read and do not count.
    """
    rows = count // width
    newest = state_at // width + 1
    if width < FEW:
        for column in range(width):
            born = max(first_row[first_at + column], start_row[0])
            for row in range(rows):
                present = state[state_at + row * width + column] & 1
                out[out_at + row * width + column] = present * (newest + row - born)
        return
    born = first_row[first_at : first_at + width]
    for row in range(rows):
        present = state[state_at + row * width : state_at + (row + 1) * width]
        age = out[out_at + row * width : out_at + (row + 1) * width]
        today = newest + row
        for column in range(width):
            age[column] = (present[column] & 1) * (today - max(born[column], start_row[0]))


@njit
def load(out, out_at, count, width, x, x_at, age, age_at):
    """Integers of the panel as float64; unknown where negative or the instrument is not present. Exact below 2**53."""
    values, known, result = x[x_at : x_at + count], age[age_at : age_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = np.float64(values[i]) if (known[i] > 0) & (values[i] >= 0) else np.nan


@njit
def market_cap(out, out_at, count, width, close, close_at, shares, shares_at, age, age_at, scale):
    """Close × listed shares in won. Bound: close in price units × shares < 9.2e18."""
    for i in range(count):
        listed = shares[shares_at + i]
        known = (age[age_at + i] > 0) & (listed >= 0)
        out[out_at + i] = close[close_at + i] * listed / scale if known else np.nan


@njit
def spread(out, out_at, count, width, x, x_at):
    """A value of the bar (an index, the weekday) given to every instrument."""
    for row in range(count // width):
        result, value = out[out_at + row * width : out_at + (row + 1) * width], x[x_at + row]
        for column in range(width):
            result[column] = value


@njit
def add(out, out_at, count, width, a, a_at, b, b_at):
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = left[i] + right[i]


@njit
def subtract(out, out_at, count, width, a, a_at, b, b_at):
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = left[i] - right[i]


@njit
def multiply(out, out_at, count, width, a, a_at, b, b_at):
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = left[i] * right[i]


@njit
def divide(out, out_at, count, width, a, a_at, b, b_at):
    """a / b; unknown where b is zero."""
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = left[i] / right[i] if right[i] != 0 else np.nan


@njit
def add_constant(out, out_at, count, width, x, x_at, constant):
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = values[i] + constant


@njit
def subtract_from_constant(out, out_at, count, width, x, x_at, constant):
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = constant - values[i]


@njit
def multiply_constant(out, out_at, count, width, x, x_at, constant):
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = values[i] * constant


@njit
def divide_by_constant(out, out_at, count, width, x, x_at, constant):
    """x / constant; the caller has made a zero constant unknown already."""
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = values[i] / constant


@njit
def divide_constant(out, out_at, count, width, x, x_at, constant):
    """constant / x; unknown where x is zero."""
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = constant / values[i] if values[i] != 0 else np.nan


@njit
def greater(out, out_at, count, width, a, a_at, b, b_at):
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = 1 if left[i] > right[i] else (0 if left[i] <= right[i] else -1)


@njit
def greater_equal(out, out_at, count, width, a, a_at, b, b_at):
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = 1 if left[i] >= right[i] else (0 if left[i] < right[i] else -1)


@njit
def equal(out, out_at, count, width, a, a_at, b, b_at):
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        known = not (np.isnan(left[i]) | np.isnan(right[i]))
        result[i] = (1 if left[i] == right[i] else 0) if known else -1


@njit
def not_equal(out, out_at, count, width, a, a_at, b, b_at):
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        known = not (np.isnan(left[i]) | np.isnan(right[i]))
        result[i] = (0 if left[i] == right[i] else 1) if known else -1


@njit
def greater_constant(out, out_at, count, width, x, x_at, constant):
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = 1 if values[i] > constant else (0 if values[i] <= constant else -1)


@njit
def greater_equal_constant(out, out_at, count, width, x, x_at, constant):
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = 1 if values[i] >= constant else (0 if values[i] < constant else -1)


@njit
def less_constant(out, out_at, count, width, x, x_at, constant):
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = 1 if values[i] < constant else (0 if values[i] >= constant else -1)


@njit
def less_equal_constant(out, out_at, count, width, x, x_at, constant):
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = 1 if values[i] <= constant else (0 if values[i] > constant else -1)


@njit
def equal_constant(out, out_at, count, width, x, x_at, constant):
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = -1 if np.isnan(values[i]) else (1 if values[i] == constant else 0)


@njit
def not_equal_constant(out, out_at, count, width, x, x_at, constant):
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = -1 if np.isnan(values[i]) else (0 if values[i] == constant else 1)


@njit
def crosses_above(out, out_at, count, width, a, a_at, b, b_at):
    """a > b today and a <= b on the row before; false as soon as one half is known to be false."""
    left, left_before = a[a_at : a_at + count], a[a_at - width : a_at - width + count]
    right, right_before = b[b_at : b_at + count], b[b_at - width : b_at - width + count]
    result = out[out_at : out_at + count]
    for i in range(count):
        yes = (left[i] > right[i]) & (left_before[i] <= right_before[i])
        no = (left[i] <= right[i]) | (left_before[i] > right_before[i])
        result[i] = 1 if yes else (0 if no else -1)


@njit
def crosses_above_constant(out, out_at, count, width, x, x_at, constant):
    now, before = x[x_at : x_at + count], x[x_at - width : x_at - width + count]
    result = out[out_at : out_at + count]
    for i in range(count):
        yes = (now[i] > constant) & (before[i] <= constant)
        no = (now[i] <= constant) | (before[i] > constant)
        result[i] = 1 if yes else (0 if no else -1)


@njit
def crosses_below_constant(out, out_at, count, width, x, x_at, constant):
    now, before = x[x_at : x_at + count], x[x_at - width : x_at - width + count]
    result = out[out_at : out_at + count]
    for i in range(count):
        yes = (now[i] < constant) & (before[i] >= constant)
        no = (now[i] >= constant) | (before[i] < constant)
        result[i] = 1 if yes else (0 if no else -1)


@njit
def both(out, out_at, count, width, a, a_at, b, b_at):
    """Kleene's and: false beats unknown beats true."""
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = 0 if (left[i] == 0) | (right[i] == 0) else min(left[i], right[i])


@njit
def either(out, out_at, count, width, a, a_at, b, b_at):
    """Kleene's or: true beats unknown beats false."""
    left, right, result = a[a_at : a_at + count], b[b_at : b_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = 1 if (left[i] == 1) | (right[i] == 1) else min(left[i], right[i])


@njit
def negate(out, out_at, count, width, x, x_at):
    """Kleene's not: unknown stays unknown."""
    values, result = x[x_at : x_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = values[i] if values[i] < 0 else 1 - values[i]
