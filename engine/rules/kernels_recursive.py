"""Kernels that carry state from row to row: cumulated sums, recursions, window extremes, medians, bars since.

What they give depends only on the declared number of rows back, never on where the run started: integer sums are used
as differences, extremes and medians are exact, recursions restart at calendar anchors.

Flat layout and NaN as in `engine.rules.kernels_elementwise`; a state array has one cell per column.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from engine.kernel_cache import njit
from engine.rules.kernels_elementwise import FEW


@njit
def cumulate(out, out_at, count, width, x, x_at):
    """Sum of an integer column since the start of the run, modulo 2**64."""
    if width < FEW:
        for column in range(width):
            total = out[out_at - width + column]
            for row in range(count // width):
                total += x[x_at + row * width + column]
                out[out_at + row * width + column] = total
        return
    for row in range(count // width):
        before = out[out_at + (row - 1) * width : out_at + row * width]
        total = out[out_at + row * width : out_at + (row + 1) * width]
        values = x[x_at + row * width : x_at + (row + 1) * width]
        for column in range(width):
            total[column] = before[column] + values[column]


@njit
def cumulate_gains(out, out_at, count, width, x, x_at, sign):
    """Sum of the rises (sign 1) or falls (sign -1) of an integer column since the start of the run."""
    for row in range(count // width):
        before = out[out_at + (row - 1) * width : out_at + row * width]
        total = out[out_at + row * width : out_at + (row + 1) * width]
        values = x[x_at + row * width : x_at + (row + 1) * width]
        # The first row of the panel has no row before it: compare it with itself.
        earlier = x[max(x_at + (row - 1) * width, 0) :][:width]
        for column in range(width):
            total[column] = before[column] + max(sign * (values[column] - earlier[column]), 0)


@njit
def cumulate_true(out, out_at, count, width, x, x_at):
    """Count of true rows, plus 2**32 for each unknown one, since the start of the run."""
    for row in range(count // width):
        before = out[out_at + (row - 1) * width : out_at + row * width]
        total = out[out_at + row * width : out_at + (row + 1) * width]
        values = x[x_at + row * width : x_at + (row + 1) * width]
        for column in range(width):
            total[column] = before[column] + (4294967296 if values[column] < 0 else values[column])


@njit
def bars_since(out, out_at, count, width, x, x_at, age, age_at, window, since):
    """Rows since the condition was last true, 0 today; unknown if an unknown row comes first or after `window` rows.

    State: since float64 (width,), NaN before the first true row.
    """
    for row in range(count // width):
        values = x[x_at + row * width : x_at + (row + 1) * width]
        known = age[age_at + row * width : age_at + (row + 1) * width]
        result = out[out_at + row * width : out_at + (row + 1) * width]
        for column in range(width):
            passed = 0.0 if values[column] > 0 else (since[column] + 1.0 if values[column] == 0 else np.nan)
            since[column] = passed if known[column] > 0 else np.nan
            result[column] = since[column] if since[column] < window else np.nan


@njit
def extreme(out, out_at, count, width, x, x_at, window, sign, running, later, filled):
    """Largest (sign 1) or smallest (sign -1) value of the window in three comparisons per cell, whatever its length.

    The rows are cut into chunks of `window`. A window is the end of the finished chunk, whose extremes from each row
    to its end stand in `later` (window, width), and the present chunk, whose extreme so far stands in `running`
    (width,). `filled` (1,) counts the rows of the present chunk.
    """
    for row in range(count // width):
        values = x[x_at + row * width : x_at + (row + 1) * width]
        result = out[out_at + row * width : out_at + (row + 1) * width]
        if filled[0] == 0:
            for column in range(width):
                running[column] = sign * values[column]
        else:
            for column in range(width):
                value, best = sign * values[column], running[column]
                running[column] = best if value <= best else (np.nan if np.isnan(best) else value)
        filled[0] += 1
        if filled[0] < window:
            end = later[filled[0]]
            for column in range(width):
                best, other = running[column], end[column]
                joined = best if other <= best else (np.nan if np.isnan(best) else other)
                result[column] = sign * joined + 0.0
            continue
        for column in range(width):
            result[column] = sign * running[column] + 0.0
            later[window - 1, column] = sign * values[column]
        for back in range(1, window):
            end, longer = later[window - back], later[window - back - 1]
            values = x[x_at + (row - back) * width :][:width]
            for column in range(width):
                value, best = sign * values[column], end[column]
                longer[column] = best if value <= best else (np.nan if np.isnan(best) else value)
        filled[0] = 0


@njit
def median(out, out_at, count, width, x, x_at, window, ordered, unknown):
    """Middle value of the window, or mean of the two. State: ordered (width, window), unknown rows as +inf."""
    half = window // 2
    for row in range(count // width):
        for column in range(width):
            at = x_at + row * width + column
            leaving, entering = x[at - window * width], x[at]
            if np.isnan(leaving):
                unknown[column] -= 1
                leaving = np.inf
            if np.isnan(entering):
                unknown[column] += 1
                entering = np.inf
            line = ordered[column]
            place = 0
            while line[place] < leaving:
                place += 1
            while place + 1 < window and line[place + 1] < entering:
                line[place] = line[place + 1]
                place += 1
            while place > 0 and line[place - 1] > entering:
                line[place] = line[place - 1]
                place -= 1
            line[place] = entering
            middle = line[half] if window % 2 else (line[half - 1] + line[half]) / 2
            out[out_at + row * width + column] = middle + 0.0 if unknown[column] == 0 else np.nan


@njit
def median_direct(out, out_at, count, width, x, x_at, window):
    """`median` of each window by itself: the form for windows that span a corporate action."""
    line, half = np.empty(window), window // 2
    for i in range(count):
        unknown = 0.0
        for back in range(window):
            value = x[x_at + i - back * width]
            unknown += value - value
            place = back
            while place > 0 and line[place - 1] > value:
                line[place] = line[place - 1]
                place -= 1
            line[place] = value
        middle = line[half] if window % 2 else (line[half - 1] + line[half]) / 2
        out[out_at + i] = middle + unknown + 0.0


@njit
def true_range(out, out_at, count, width, high, high_at, low, low_at, close, close_at):
    """Range of the bar, widened to the close before it; in the unit of the inputs."""
    for i in range(count):
        before = close[close_at + i - width]
        top, bottom = high[high_at + i], low[low_at + i]
        wide = max(top, before) - min(bottom, before)
        out[out_at + i] = np.nan if np.isnan(top) | np.isnan(bottom) | np.isnan(before) else wide


@njit
def gain(out, out_at, count, width, x, x_at, sign):
    """Rise (sign 1) or fall (sign -1) against the row before, zero otherwise."""
    for i in range(count):
        change = sign * (x[x_at + i] - x[x_at + i - width])
        out[out_at + i] = change if not change < 0 else 0.0


@njit
def strength(out, out_at, count, width, rise, rise_at, fall, fall_at):
    """100 × rise / (rise + fall); unknown where both are zero."""
    for i in range(count):
        moved = rise[rise_at + i] + fall[fall_at + i]
        out[out_at + i] = 100 * rise[rise_at + i] / moved if moved > 0 else np.nan


@njit
def smooth(
    out,
    out_at,
    count,
    width,
    x,
    x_at,
    ordinal,
    row_from,
    action_row,
    action,
    action_column,
    multiplier,
    divisor,
    span,
    alpha,
    seed,
    least,
    older,
    older_age,
    younger,
    younger_age,
    period,
):
    """Recursive mean y += weight × (x - y), restarted at calendar anchors: any start two restarts back gives its bits.

    weight is 1 / k for the k-th value up to `seed`, then `alpha`: seed 1 is an exponential mean begun at the first
    value, seed n with alpha 1/n is Wilder's mean begun at the simple mean of n. Two recursions run; whenever ordinal
    // span changes, the younger becomes the older and a new one begins; the older one's value is given once it has
    `least` values. An unknown value restarts both. At a corporate action the state is restated by multiplier /
    divisor.

    State: older, older_age, younger, younger_age float64 (width,); period int64 (1,).
    """
    for row in range(count // width):
        if ordinal[row_from + row] // span != period[0]:
            period[0] = ordinal[row_from + row] // span
            for column in range(width):
                older[column], older_age[column] = younger[column], younger_age[column]
                younger[column], younger_age[column] = 0.0, 0.0
        while action < action_row.size and action_row[action] == row_from + row:
            column = action_column[action]
            older[column] = older[column] * multiplier[action] / divisor[action]
            younger[column] = younger[column] * multiplier[action] / divisor[action]
            action += 1
        values = x[x_at + row * width : x_at + (row + 1) * width]
        result = out[out_at + row * width : out_at + (row + 1) * width]
        for column in range(width):
            value = values[column]
            known = not np.isnan(value)
            age = older_age[column] + 1.0
            mean = older[column]
            mean += (alpha if age > seed else 1.0 / age) * (value - mean)
            older[column] = mean if known else 0.0
            older_age[column] = age if known else 0.0
            result[column] = mean if known & (age >= least) else np.nan
            age = younger_age[column] + 1.0
            mean = younger[column]
            mean += (alpha if age > seed else 1.0 / age) * (value - mean)
            younger[column] = mean if known else 0.0
            younger_age[column] = age if known else 0.0
