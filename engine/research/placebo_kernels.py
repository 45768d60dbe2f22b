"""Compiled part of placebo worlds: prices that follow given returns, on the grid and inside the limits of each date."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.data.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, State
from engine.data.sample_kernels import NO_LIMIT, nearest
from engine.kernel_cache import inner, njit
from engine.krx.arrays import limit_prices, round_down, round_up

Int64 = NDArray[np.int64]

PRESENT, TRADED = int(State.PRESENT), int(State.TRADED)
# What belongs to the life of a name stays on its row; whether there was a trade moves with the bar.
STAYS = int(State.PRESENT | State.FIRST_DAY | State.LIQUIDATION | State.MANAGED | State.WARNING)
MOVES = int(State.TRADED | State.FILLED)
UNLIMITED = int(State.FIRST_DAY | State.LIQUIDATION)
# A latent price outside this range shows as the smallest tick, or is no price of a share any more.
LEAST, MOST = 1e-6, 1e12


@inner
def mirrored(ratio: float) -> float:
    """The ratio whose return has the opposite sign: 1 + r becomes 1 - r, so that the mean return is 0, not above.

    A gain of more than half, which only sessions without limits show, turns into a loss that leaves a price above 0.
    """
    return 2.0 - ratio if ratio <= 1.5 else 0.75 / ratio


@inner
def turned(ratio: float, turn: bool) -> float:
    """The ratio, mirrored if it turns."""
    return mirrored(ratio) if turn else ratio


@inner
def _shown(price: float, lower: int, upper: int, table: int, bounds_row: Int64, sizes_row: Int64) -> int:
    """A latent price as it is traded: on the grid where there is one (`table` >= 0), inside the limits."""
    bounded = min(max(price, LEAST), MOST)
    whole = nearest(bounded, bounds_row, sizes_row) if table >= 0 else int(bounded + 0.5)
    return min(max(whole, lower), upper)


@inner
def _reached(price: float, low: bool, table: int, bounds_row: Int64, sizes_row: Int64) -> int:
    """A latent extreme as the last grid price that the path has reached: a low is rounded up, a high down.

    Rounded to the nearest, half of all extremes would touch a stop that the path has not come to.
    """
    bounded = min(max(price, LEAST), MOST)
    whole = int(np.ceil(bounded)) if low else int(bounded)
    if table < 0:
        return max(whole, 1)
    if low:
        return round_up(max(whole, sizes_row[0]), bounds_row, sizes_row)
    return round_down(max(whole, sizes_row[0]), bounds_row, sizes_row)


@njit
def follow(
    bars: Int64,
    state: NDArray[np.uint8],
    base: Int64,
    value: Int64,
    reference: NDArray[np.float64],
    factor: NDArray[np.float64],
    source: NDArray[np.int32],
    gap_turned: NDArray[np.bool_],
    body_turned: NDArray[np.bool_],
    reach: NDArray[np.float64],
    first_row: Int64,
    last_row: Int64,
    kind: Int64,
    leverage: Int64,
    leverage_applies: NDArray[np.bool_],
    tick_bounds: Int64,
    tick_sizes: Int64,
    tick_table: Int64,
    limit_pct: Int64,
    rounded_base: NDArray[np.bool_],
    on_grid: bool,
    limited: bool,
    scale: int,
    new_bars: Int64,
    new_state: NDArray[np.uint8],
    new_base: Int64,
    new_value: Int64,
) -> None:
    """Fill a world with the bars of other rows, chained to one path for each instrument.

    A latent price follows the returns exactly; what is shown is that price on the grid, inside the limits. So rounding
    never adds up, and what a limit cuts off waits for the next sessions, as it does on the exchange.

    Shapes: bars, new_bars (5, T, N); state, base, reference, factor, source (T, N) and their new ones; value (T, N) or
    (0, 0) when there is none; gap_turned, body_turned, reach, leverage_applies (T,); first_row, last_row, kind,
    leverage (N,); tick_table, limit_pct, rounded_base (6, T).
    Units: prices and reference in price units (won * scale), value in won; factor is shares now for one of the first
    row. source is the row whose bar goes to a place. gap_turned and body_turned say of the rows of the source whether
    the way to the open and the way from the open to the close are mirrored; reach, how far a session goes to the other
    side of its open before it reaches its close, as a share of the way between them, or -1 where bars stay as they are.
    The new arrays come in as zeros.
    """
    rows, columns = state.shape
    latent = np.zeros(columns)
    close = np.zeros(columns, dtype=np.int64)
    has_value = value.size > 0
    for row in range(rows):
        for col in range(columns):
            if row < first_row[col] or row > last_row[col]:
                continue
            if row == first_row[col]:
                for index in range(5):
                    new_bars[index, row, col] = bars[index, row, col]
                new_state[row, col] = state[row, col]
                new_base[row, col] = base[row, col]
                if has_value:
                    new_value[row, col] = value[row, col]
                close[col] = bars[CLOSE, row, col]
                latent[col] = float(close[col])
                continue
            at = source[row, col]
            table = tick_table[kind[col], row] if on_grid else -1
            bounds_row, sizes_row = tick_bounds[table], tick_sizes[table]
            previous = close[col]
            today = previous
            if table >= 0 and rounded_base[kind[col], row] and previous > 0:
                today = round_up(previous, bounds_row, sizes_row)
            new_base[row, col] = today
            stays = state[row, col] & STAYS
            new_state[row, col] = stays | (state[at, col] & MOVES)
            anchor = reference[at, col]
            traded = (state[at, col] & TRADED) != 0
            opening, closing = 1.0, 1.0
            if anchor > 0.0:
                opening, closing = bars[OPEN, at, col] / anchor, bars[CLOSE, at, col] / anchor
            body = closing / opening if opening > 0.0 else 1.0
            tossed = reach[at] >= 0.0
            if tossed:
                opening = turned(opening, gap_turned[at])
                body = turned(body, body_turned[at])
                closing = opening * body
            before = latent[col]
            latent[col] = min(max(before * closing, LEAST), MOST)
            if not traded or anchor <= 0.0 or previous <= 0:
                for index in range(4):
                    new_bars[index, row, col] = previous
                new_state[row, col] = new_state[row, col] & ~TRADED
                if has_value:
                    new_value[row, col] = min(value[at, col], 0)
                continue
            lower, upper = 1, NO_LIMIT
            if table >= 0:
                lower = sizes_row[0]
            percent = limit_pct[kind[col], row]
            if limited and percent > 0 and (stays & UNLIMITED) == 0 and today > 0:
                times = leverage[col] if leverage_applies[row] else 1
                if table >= 0:
                    lower, upper = limit_prices(today, percent, times, bounds_row, sizes_row)
                else:
                    width = max(today * percent * times // 100, 1)
                    lower, upper = max(today - width, 1), today + width
            opened = _shown(before * opening, lower, upper, table, bounds_row, sizes_row)
            closed = _shown(before * closing, lower, upper, table, bounds_row, sizes_row)
            if tossed:
                # One extreme is the close, the other one lies on the far side of the open.
                back = before * opening * mirrored(1.0 + (body - 1.0) * reach[at])
                far = min(max(_reached(back, body > 1.0, table, bounds_row, sizes_row), lower), upper)
                high, low = (opened, far) if body > 1.0 else (far, opened)
            else:
                high = _shown(before * (bars[HIGH, at, col] / anchor), lower, upper, table, bounds_row, sizes_row)
                low = _shown(before * (bars[LOW, at, col] / anchor), lower, upper, table, bounds_row, sizes_row)
            high, low = max(high, opened, closed), min(low, opened, closed)
            new_bars[OPEN, row, col], new_bars[CLOSE, row, col] = opened, closed
            new_bars[HIGH, row, col], new_bars[LOW, row, col] = high, low
            shares = max(int(bars[VOLUME, at, col] / factor[at, col] + 0.5), 1)
            new_bars[VOLUME, row, col] = shares
            close[col] = closed
            if has_value:
                new_value[row, col] = value[at, col]
                if value[at, col] > 0:
                    # The average price of the session keeps its place between the close and the extremes.
                    average = value[at, col] * scale / (float(bars[VOLUME, at, col]) * bars[CLOSE, at, col])
                    average = closed / average if tossed and body_turned[at] else closed * average
                    average = min(max(average, float(low)), float(high))
                    new_value[row, col] = np.int64(average * shares / scale)
