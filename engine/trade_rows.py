"""How orders meet single recorded trades, where the exchange's fill rule (`engine.matching.fills`) is made for bars.

A row of a tick panel is one trade, which the exchange matches as one opening price: a market order trades at its price,
a limit at its price or better, a stop that it reaches or passes is set off and trades at it. Two things differ from a
bar, and are arranged here before each trade:

* An order that has already seen a trade of its name go by does not fill where a trade merely touches its limit: there
  is a queue at that price, and where it stands in it nobody knows. (`touch` is the option, as for bars.) The first
  trade after its acceptance is its opening price, at which it fills at its limit too.
* The participation is one budget along the trades of a session, not a tenth of each rounded down: most trades have
  fewer than ten shares. What a trade allows is the difference of the budgets after and before it, so it never exceeds
  the trade's own volume, and over any stretch it is the rate of the volume to within one share.

Nothing else is invented: every fill has the price of a recorded trade and a part of its volume.

Bias: a resting order that a trade passes fills at that trade's price, which is better than its limit, although in the
real book it would have been met at its limit first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.data.panel import CLOSE, VOLUME, Panel, State
from engine.errors import DataError
from engine.matching import arrays as at

Integers = NDArray[np.int64]


class TradeRows:
    """The trades of a tick panel, and what of each an account may have.

    Args:
        panel: rows from `trades_from` on are trades.
        first: that row.
        config: configuration of the step (`engine.matching.arrays`).
    """

    def __init__(self, panel: Panel, first: int, config: Integers) -> None:
        rows, cols = np.nonzero(np.asarray(panel.state[first:]) & np.uint8(State.TRADED))
        if len(rows) != panel.rows - first or (rows != np.arange(len(rows))).any():
            raise DataError(f"{panel.manifest.name}: each row from {first} on must be one trade of one instrument.")
        self.first = first
        self._col = cols
        self._price = panel.bars[CLOSE, first + rows, cols]
        self._volume = panel.bars[VOLUME, first + rows, cols]
        self._rate, self._touch = int(config[at.CONFIG_PARTICIPATION]), bool(config[at.CONFIG_TOUCH])
        self._before = np.full(len(rows), -1, np.int64)  # row of the trade of the same name before
        self._allowed = np.zeros(len(rows), np.int64)
        session = np.asarray(panel.session[first:])
        for col in range(panel.columns):
            mine = np.flatnonzero(cols == col)
            self._before[mine[1:]] = first + mine[:-1]
            traded = np.cumsum(self._volume[mine])
            starts = np.searchsorted(session[mine], session[mine])  # the day's total begins anew every session
            of_earlier_days = np.append(0, traded)[starts]
            budget = _part(traded - of_earlier_days, self._rate)
            before = np.append(0, budget[:-1])
            before[starts == np.arange(len(mine))] = 0
            self._allowed[mine] = budget - before

    def column(self, row: int) -> int:
        """The instrument that a row trades."""
        return int(self._col[row - self.first])

    def arrange(self, book: at.Book, row: int) -> None:
        """Make the account ready for the trade of a row; calling it twice changes nothing."""
        place = row - self.first
        col, price = self._col[place], self._price[place]
        position = book.positions[col]
        if position[at.POSITION_BUDGET_ROW] != row:
            position[at.POSITION_BUDGET_ROW] = row
            whole = int(_part(self._volume[place : place + 1], self._rate)[0])
            position[at.POSITION_BUDGET_USED] = whole - self._allowed[place]
        if self._touch:
            return
        for index in book.open[: book.account[at.OPEN_COUNT]]:
            order = book.orders[index]
            touched = order[at.ORDER_COL] == col and order[at.ORDER_PRICE] == price
            if not touched or order[at.ORDER_KIND] != at.LIMIT or order[at.ORDER_FROM_ROW] > row:
                continue
            if self._before[place] > order[at.ORDER_ROW]:
                order[at.ORDER_FROM_ROW], order[at.ORDER_FROM_POINT] = row + 1, 0


def _part(shares: Integers, rate: int) -> Integers:
    """floor(shares × rate / 10⁹), as `engine.matching.costs.part` computes it."""
    whole, rest = shares // at.PPB, shares % at.PPB
    return whole * rate + rest * (rate // at.PPB) + rest * (rate % at.PPB) // at.PPB
