"""What is kept of a run where a thousand of them are made: returns by session and a few sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.matching import arrays as at
from engine.simulation import Simulation

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A variant's track record.

    Args:
        returns: float64[S], one simple return a session; the first against the money on the first day.
        orders, fills: how many.
        trades: sales that filled, the unit of a closed trade.
        wins: those that earned more than their costs.
        final_equity_won: at the last close.
        costs_won: fees and taxes.
        refused: proposals that the risk check turned down.
    """

    returns: Floats
    orders: int
    fills: int
    trades: int
    wins: int
    final_equity_won: float
    costs_won: float
    refused: int

    def figures(self) -> dict[str, Any]:
        """Everything but the returns, by name."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "returns"}


def track_of(simulation: Simulation) -> Track:
    """The track record of a finished run; no table is made for it."""
    book, scale = simulation.book, simulation.exchange.scale
    account = book.account
    fills = book.fills[: account[at.FILL_COUNT]]
    sells = fills[fills[:, at.FILL_SIDE] != at.BUY]
    profit = sells[:, at.FILL_REALISED] - sells[:, [at.FILL_FEE, at.FILL_TAX, at.FILL_RURAL, at.FILL_BUY_FEES]].sum(1)
    by_order, place = np.unique(sells[:, at.FILL_ORDER], return_inverse=True)
    earned = np.zeros(len(by_order), np.int64)
    np.add.at(earned, place, profit)
    return Track(
        returns=session_returns(simulation),
        orders=int(account[at.ORDER_COUNT]),
        fills=len(fills),
        trades=len(by_order),
        wins=int(np.count_nonzero(earned > 0)),
        final_equity_won=float(account[at.EQUITY]) / scale,
        costs_won=float(account[at.FEES] + account[at.TAXES] + account[at.RURAL_TAXES]) / scale,
        refused=int(book.refusals.sum()),
    )


def session_returns(simulation: Simulation) -> Floats:
    """float64[S]: simple return of every session of the run; after a total loss 0."""
    ends = simulation.exchange.ends_session[simulation.first : simulation.last].copy()
    ends[-1] = True  # a run may end inside a session
    equity = simulation.book.marks[simulation.first : simulation.last][ends].astype(np.float64)
    before = np.append(float(simulation.exchange.config.cash_won * simulation.exchange.scale), equity[:-1])
    return np.divide(equity - before, before, out=np.zeros_like(equity), where=before > 0)
