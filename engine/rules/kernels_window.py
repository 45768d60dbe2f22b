"""Kernels over finite windows: the value depends on the last rows of the window and on nothing else, bit for bit.

Sums of integer columns are differences of cumulated int64 sums: exact, even where the cumulated sum wraps around, as
long as the sum of one window stays below 2**63 / 100. Everything on floats adds the window up anew, oldest row first;
there is no running float sum from which a value is taken away. The cells of a tile stay in the first-level cache
while the window passes.

Flat layout and NaN as in `engine.rules.kernels_elementwise`.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from engine.kernel_cache import inner, njit

TILE = 512  # cells: three float64 tiles are 12 KB, a quarter of a first-level cache


@njit
def integer_window(out, out_at, count, width, total, total_at, age, age_at, window, divisor):
    """Sum (divisor 1) or mean (divisor = window) from cumulated sums; one rounding."""
    newest = total[total_at : total_at + count]
    before = total[total_at - window * width : total_at - window * width + count]
    known, result = age[age_at : age_at + count], out[out_at : out_at + count]
    for i in range(count):
        result[i] = (newest[i] - before[i]) / divisor if known[i] >= window else np.nan


@njit
def volume_ratio(out, out_at, count, width, volume, volume_at, total, total_at, age, age_at, window):
    """Volume over the mean of the `window` volumes before today. Bound: volume × window < 2**53, so one rounding."""
    today, result = volume[volume_at : volume_at + count], out[out_at : out_at + count]
    newest = total[total_at - width : total_at - width + count]
    before = total[total_at - (window + 1) * width : total_at - (window + 1) * width + count]
    known = age[age_at : age_at + count]
    for i in range(count):
        earlier = newest[i] - before[i]
        result[i] = (today[i] * window) / earlier if (known[i] > window) & (earlier > 0) else np.nan


@njit
def volume_ratio_direct(out, out_at, count, width, volume, volume_at, window):
    """`volume_ratio` of float volumes: the form for windows that span a corporate action."""
    for i in range(count):
        earlier = 0.0
        for back in range(window, 0, -1):
            earlier += volume[volume_at + i - back * width]
        out[out_at + i] = volume[volume_at + i] * window / earlier if earlier > 0 else np.nan


@njit
def rsi(out, out_at, count, width, gains, gains_at, losses, losses_at, age, age_at, window):
    """Cutler's index 100 × gains / (gains + losses) from cumulated changes; unknown where nothing moved."""
    gain, gain_before = gains[gains_at : gains_at + count], gains[gains_at - window * width :][:count]
    loss, loss_before = losses[losses_at : losses_at + count], losses[losses_at - window * width :][:count]
    known, result = age[age_at : age_at + count], out[out_at : out_at + count]
    for i in range(count):
        up = gain[i] - gain_before[i]
        moved = up + loss[i] - loss_before[i]
        result[i] = (100 * up) / moved if (known[i] > window) & (moved > 0) else np.nan


@njit
def rsi_direct(out, out_at, count, width, close, close_at, window):
    """`rsi` of float closes: the form for windows that span a corporate action."""
    for i in range(count):
        gain, moved = 0.0, 0.0
        for back in range(window - 1, -1, -1):
            at = close_at + i - back * width
            change = close[at] - close[at - width]
            gain += change if not change < 0 else 0.0
            moved += abs(change)
        out[out_at + i] = 100 * gain / moved if moved > 0 else np.nan


@njit
def lag(out, out_at, count, width, x, x_at, window):
    before, result = x[x_at - window * width :][:count], out[out_at : out_at + count]
    for i in range(count):  # a loop: assigning slices costs the compiler five seconds
        result[i] = before[i]


@njit
def delta(out, out_at, count, width, x, x_at, window):
    now, before = x[x_at : x_at + count], x[x_at - window * width : x_at - window * width + count]
    result = out[out_at : out_at + count]
    for i in range(count):
        result[i] = now[i] - before[i]


@njit
def returns(out, out_at, count, width, close, close_at, window):
    """(close - earlier) / earlier; of integers in float64 below 2**53, so one rounding and 15 % is 15 %."""
    now, before = close[close_at : close_at + count], close[close_at - window * width :][:count]
    result = out[out_at : out_at + count]
    for i in range(count):
        result[i] = (now[i] - before[i]) / before[i] if before[i] != 0 else np.nan


@inner
def accumulate(total, origin, x, at, width, oldest, newest, size):
    """total += x - origin over the rows oldest … newest back, in that order; four a turn spare loads and stores."""
    back = oldest
    while back - 3 >= newest:
        a, b = x[at - back * width :][:size], x[at - (back - 1) * width :][:size]
        c, d = x[at - (back - 2) * width :][:size], x[at - (back - 3) * width :][:size]
        for i in range(size):
            zero = origin[i]
            total[i] = (((total[i] + (a[i] - zero)) + (b[i] - zero)) + (c[i] - zero)) + (d[i] - zero)
        back -= 4
    while back >= newest:
        values = x[at - back * width :][:size]
        for i in range(size):
            total[i] += values[i] - origin[i]
        back -= 1


@inner
def accumulate_squares(total, origin, mean, x, at, width, oldest, newest, size):
    """total += (x - origin - mean)², in the same order."""
    back = oldest
    while back - 3 >= newest:
        a, b = x[at - back * width :][:size], x[at - (back - 1) * width :][:size]
        c, d = x[at - (back - 2) * width :][:size], x[at - (back - 3) * width :][:size]
        for i in range(size):
            zero, middle = origin[i], mean[i]
            first, second = (a[i] - zero) - middle, (b[i] - zero) - middle
            third, fourth = (c[i] - zero) - middle, (d[i] - zero) - middle
            total[i] = (((total[i] + first * first) + second * second) + third * third) + fourth * fourth
        back -= 4
    while back >= newest:
        values = x[at - back * width :][:size]
        for i in range(size):
            distance = (values[i] - origin[i]) - mean[i]
            total[i] += distance * distance
        back -= 1


@njit
def float_window(out, out_at, count, width, x, x_at, window, divisor):
    """Sum (divisor 1) or mean (divisor = window), oldest row first."""
    total, zero = np.empty(TILE), np.zeros(TILE)
    for begin in range(0, count, TILE):
        size = min(TILE, count - begin)
        at = x_at + begin
        for i in range(size):
            total[i] = 0.0
        accumulate(total, zero, x, at, width, window - 1, 0, size)
        result = out[out_at + begin :][:size]
        for i in range(size):
            result[i] = total[i] / divisor


@njit
def extreme_direct(out, out_at, count, width, x, x_at, window, sign):
    """Largest (sign 1) or smallest (sign -1) value of the window; any unknown makes it unknown."""
    best = np.empty(TILE)
    for begin in range(0, count, TILE):
        size = min(TILE, count - begin)
        at = x_at + begin
        for i in range(size):
            best[i] = -np.inf
        for back in range(window - 1, -1, -1):
            values = x[at - back * width :][:size]
            for i in range(size):
                value = sign * values[i]
                best[i] = best[i] if value <= best[i] else (np.nan if np.isnan(best[i]) else value)
        result = out[out_at + begin :][:size]
        for i in range(size):
            result[i] = sign * best[i] + 0.0  # + 0.0: there is one zero, whatever the order in the window


@njit
def deviation(out, out_at, count, width, x, x_at, window, standardise):
    """Sample deviation (ddof 1), or today's distance from the mean in deviations (unknown where all are equal).

    Values are taken relative to the oldest one, so that equal values give exactly zero.
    """
    mean, squares = np.empty(TILE), np.empty(TILE)
    for begin in range(0, count, TILE):
        size = min(TILE, count - begin)
        at = x_at + begin
        oldest, today = x[at - (window - 1) * width :][:size], x[at:][:size]
        for i in range(size):
            mean[i] = squares[i] = 0.0
        accumulate(mean, oldest, x, at, width, window - 2, 0, size)
        for i in range(size):
            mean[i] /= window
        accumulate_squares(squares, oldest, mean, x, at, width, window - 1, 0, size)
        result = out[out_at + begin :][:size]
        if standardise:
            for i in range(size):
                spread = np.sqrt(squares[i] / (window - 1))
                distance = (today[i] - oldest[i]) - mean[i]
                result[i] = distance / spread if spread > 0 else np.nan
        else:
            for i in range(size):
                result[i] = np.sqrt(squares[i] / (window - 1))


@njit
def ts_rank(out, out_at, count, width, x, x_at, window):
    """Share of the window's values at or below today's, ties counted half: (less + (equal + 1) / 2) / window."""
    twice, unknown = np.empty(TILE), np.empty(TILE)
    for begin in range(0, count, TILE):
        size = min(TILE, count - begin)
        at = x_at + begin
        today = x[at:][:size]
        for i in range(size):
            twice[i], unknown[i] = 1.0, 0.0
        for back in range(window - 1, -1, -1):
            values = x[at - back * width :][:size]
            for i in range(size):
                twice[i] += 2.0 if values[i] < today[i] else (1.0 if values[i] == today[i] else 0.0)
                unknown[i] += values[i] - values[i]
        result = out[out_at + begin :][:size]
        for i in range(size):
            result[i] = twice[i] / (2 * window) + unknown[i]


@njit
def codeviation(out, out_at, count, width, x, x_at, y, y_at, window, slope):
    """Correlation of x and y over the window, or (slope) covariance / variance of y; unknown if a variance is zero."""
    mean_x, mean_y = np.empty(TILE), np.empty(TILE)
    square_x, square_y, product = np.empty(TILE), np.empty(TILE), np.empty(TILE)
    for begin in range(0, count, TILE):
        size = min(TILE, count - begin)
        at, other = x_at + begin, y_at + begin
        oldest_x, oldest_y = x[at - (window - 1) * width :][:size], y[other - (window - 1) * width :][:size]
        for i in range(size):
            mean_x[i] = mean_y[i] = square_x[i] = square_y[i] = product[i] = 0.0
        for back in range(window - 2, -1, -1):
            values_x, values_y = x[at - back * width :][:size], y[other - back * width :][:size]
            for i in range(size):
                mean_x[i] += values_x[i] - oldest_x[i]
                mean_y[i] += values_y[i] - oldest_y[i]
        for i in range(size):
            mean_x[i] /= window
            mean_y[i] /= window
        for back in range(window - 1, -1, -1):
            values_x, values_y = x[at - back * width :][:size], y[other - back * width :][:size]
            for i in range(size):
                distance_x = (values_x[i] - oldest_x[i]) - mean_x[i]
                distance_y = (values_y[i] - oldest_y[i]) - mean_y[i]
                square_x[i] += distance_x * distance_x
                square_y[i] += distance_y * distance_y
                product[i] += distance_x * distance_y
        result = out[out_at + begin :][:size]
        for i in range(size):
            known = (square_x[i] > 0) & (square_y[i] > 0)
            if slope:
                result[i] = product[i] / square_y[i] if known else np.nan
            else:
                ratio = product[i] / (np.sqrt(square_x[i]) * np.sqrt(square_y[i]))
                result[i] = min(max(ratio, -1.0), 1.0) if known else np.nan


@njit
def count_true(out, out_at, count, width, total, total_at, age, age_at, window):
    """Number of true rows from cumulated counts (unknown rows count 2**32 each); unknown if any row is."""
    newest = total[total_at : total_at + count]
    before = total[total_at - window * width : total_at - window * width + count]
    known, result = age[age_at : age_at + count], out[out_at : out_at + count]
    for i in range(count):
        inside = newest[i] - before[i]
        result[i] = inside if (known[i] >= window) & (inside < 4294967296) else np.nan
