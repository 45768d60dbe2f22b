"""How much the strategy traded, how far it was invested and what trading cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.metrics.returns import Floats
from engine.metrics.undefined import Figure, Undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Won paid over the run.

    Args:
        fees: the broker's.
        stt: securities transaction tax (증권거래세).
        rural: special tax for rural development (농어촌특별세).
        slippage: what the slippage model took from the prices; already inside them, so not part of `paid`.
    """

    fees: float
    stt: float
    rural: float
    slippage: float

    @property
    def paid(self) -> float:
        """Fees and taxes: what left the account beside the prices."""
        return self.fees + self.stt + self.rural


def turnover(bought: float, sold: float, mean_equity: float, years: float) -> Figure:
    """Turns of the account per year: half of all purchases and sales over the mean equity."""
    if years <= 0:
        return Undefined.TOO_FEW_SESSIONS
    if mean_equity <= 0:
        return Undefined.RUINED
    return (bought + sold) / 2 / mean_equity / years


def exposure(holdings: Floats, equity: Floats) -> Figure:
    """Mean share of the equity that was invested, over all rows with equity."""
    if not len(equity):
        return Undefined.TOO_FEW_SESSIONS
    alive = equity > 0
    return float(np.mean(holdings[alive] / equity[alive])) if alive.any() else Undefined.RUINED


def share_invested(positions: Floats) -> Figure:
    """Share of rows on which anything was held."""
    return float((positions > 0).mean()) if len(positions) else Undefined.TOO_FEW_SESSIONS
