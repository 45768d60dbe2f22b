"""The strategies of the benchmarks as plain Python over exact integers: slow, short, and right by reading.

Every engine in the table must produce these fills. Nothing here is fast on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.fills import as_fills
from benchmarks.market import CLOSE, OPEN, VOLUME

INITIAL_CASH_WON = 100_000_000
ORDER_WON = 1_000_000  # what one purchase of the minute strategy is meant to cost
MINUTE_CASH_WON = 1_000_000_000  # never runs out, costs included


@dataclass(frozen=True)
class SurgeRules:
    """Volume surge and upward crossing, stop and target, a capped number of positions.

    Args:
        window_bars: bars of both means.
        surge_percent: volume must be at least this share of the mean of the `window_bars` volumes before
        today.
        stop_percent, target_percent: exit at the close at which (close - entry) / entry has reached either.
        most_positions: held names, those with a sell on its way included, plus names with a buy on its way.
        weight_percent: share of the equity at the close that one purchase is meant to cost. Small enough that
            cash does not run out: what becomes of an order that cash cannot pay is where engines differ.
    """

    window_bars: int = 20
    surge_percent: int = 150
    stop_percent: int = -7
    target_percent: int = 15
    most_positions: int = 20
    weight_percent: int = 4


def surge(bars: np.ndarray, rules: SurgeRules | None = None, cash_won: int = INITIAL_CASH_WON) -> np.ndarray:
    """Fills of the volume-surge strategy on a whole market.

    One row after another:

    1. At the open all sells decided at the previous close fill, then all buys in the order of their decision.
       There are no costs. Proceeds of a sell pay for the buys of the same open. A buy that costs more than
       the cash left takes floor(cash / open) shares; with 0 shares it does not fill. Nothing stays open.
    2. At the close the exits are decided first: every held name at or beyond the stop or the target is sold
       completely.
    3. Then the entries: tickers in ascending order that surge and cross, are not held (a name being sold
       counts as held) and find a free place. A place is free while held + bought < `most_positions`; a sale
       frees its place only when it has filled. The quantity is floor(weight × equity / close), equity = cash
       + holdings at today's closes; 0 takes no place.

    A surge compares today's volume with the mean of the `window_bars` volumes before today. A crossing is
    close > mean today and close <= mean on the row before, each mean including its own row. Either is
    unknown, and does not fire, while its window is incomplete.
    """
    rules = rules or SurgeRules()
    signal = _entries(bars, rules)
    opens, closes = bars[OPEN].tolist(), bars[CLOSE].tolist()
    held: dict[int, tuple[int, int]] = {}  # ticker -> shares, entry price
    sells: list[int] = []
    buys: list[tuple[int, int]] = []
    fills = []
    for row, (open_won, close_won) in enumerate(zip(opens, closes, strict=True)):
        for ticker in sells:
            quantity, _ = held.pop(ticker)
            cash_won += quantity * open_won[ticker]
            fills.append((row, ticker, -1, quantity))
        for ticker, wanted in buys:
            quantity = min(wanted, cash_won // open_won[ticker])
            if quantity > 0:
                cash_won -= quantity * open_won[ticker]
                held[ticker] = (quantity, open_won[ticker])
                fills.append((row, ticker, 1, quantity))

        sells = [ticker for ticker, (_, entry) in sorted(held.items()) if _reached(close_won[ticker], entry, rules)]
        equity_won = cash_won + sum(quantity * close_won[ticker] for ticker, (quantity, _) in held.items())
        buys = []
        for ticker in np.flatnonzero(signal[row]).tolist():
            if len(held) + len(buys) >= rules.most_positions:
                break
            quantity = equity_won * rules.weight_percent // (100 * close_won[ticker])
            if ticker not in held and quantity > 0:
                buys.append((ticker, quantity))
    return as_fills(*np.array(fills, np.int64).reshape(-1, 4).T)


def _reached(close_won: int, entry_won: int, rules: SurgeRules) -> bool:
    gain = 100 * (close_won - entry_won)
    return gain <= rules.stop_percent * entry_won or gain >= rules.target_percent * entry_won


def _entries(bars: np.ndarray, rules: SurgeRules) -> np.ndarray:
    """bool[rows, tickers]: surge and crossing, by integer sums (no rounding anywhere)."""
    window = rules.window_bars
    close, volume = bars[CLOSE], bars[VOLUME]
    signal = np.zeros(close.shape, bool)
    for row in range(window, len(close)):
        before = volume[row - window : row].sum(axis=0)
        surges = 100 * window * volume[row] >= rules.surge_percent * before
        above = window * close[row] > close[row - window + 1 : row + 1].sum(axis=0)
        was_above = window * close[row - 1] > close[row - window : row].sum(axis=0)
        signal[row] = surges & above & ~was_above
    return signal


def moving_average_cross(bars: np.ndarray, fast_bars: int = 10, slow_bars: int = 30) -> np.ndarray:
    """Fills of crossing averages on one ticker.

    At a close without a position and the fast mean above the slow one, which it was not a row before: buy
    floor(`ORDER_WON` / close) shares at the next open. At a close with the position and the fast mean below,
    which it was not a row before: sell all at the next open. Means include their own row; before row
    `slow_bars` nothing is known and nothing fires. Cash never runs out.
    """
    close = bars[CLOSE, :, 0].tolist()
    held = 0
    fills = []
    before = None  # sign of fast - slow on the row before
    first = slow_bars - 1
    fast, slow = sum(close[first - fast_bars : first]), sum(close[:first])  # without the last row of the window
    for row in range(first, len(close) - 1):
        fast += close[row] - (close[row - fast_bars] if row > first else close[first - fast_bars])
        slow += close[row] - (close[row - slow_bars] if row > first else 0)
        above = fast * slow_bars - slow * fast_bars
        now = (above > 0) - (above < 0)
        if before is not None and not held and now > 0 >= before:
            held = ORDER_WON // close[row]
            fills.append((row + 1, 0, 1, held))
        elif before is not None and held and now < 0 <= before:
            fills.append((row + 1, 0, -1, held))
            held = 0
        before = now
    return as_fills(*np.array(fills, np.int64).reshape(-1, 4).T)
