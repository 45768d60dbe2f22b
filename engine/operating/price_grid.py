"""The prices at which the next order of a name may be sent."""

from __future__ import annotations

import datetime

from engine.clock import from_nanoseconds
from engine.errors import UnknownDate
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import next_session
from engine.krx.tick_size import grid_above, grid_below
from engine.matching import arrays as at
from engine.simulation import Simulation


class PriceGrid:
    """Tick grid of the session in which an order sent after the last closed bar trades.

    Args:
        simulation: after the bar of the decision.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._exchange, self._row = simulation.exchange, simulation.row

    def __call__(self, ticker: str, price_won: float) -> tuple[float, float]:
        """The nearest prices in won that an order may carry: not above and not below `price_won`, which is positive.

        Adjusted data, and dates for which the exchange's table is unknown, have no grid: every price unit will do.
        """
        panel, scale = self._exchange.panel, self._exchange.scale
        below = int(price_won * scale)
        above = below + (below < price_won * scale)
        if not panel.manifest.adjusted:
            *_, instruments, _actions, _config = self._exchange.arrays
            kind = InstrumentClass(int(instruments[panel.tickers.index(ticker), at.INSTRUMENT_CLASS]))
            try:
                day = self._day()
                return grid_below(max(below, 1), day, kind), grid_above(max(above, 1), day, kind)
            except UnknownDate:
                pass
        return below / scale, above / scale

    def _day(self) -> datetime.date:
        today = from_nanoseconds(int(self._exchange.panel.closed_at_ns[self._row])).date()
        return next_session(today) if self._exchange.ends_session[self._row] else today
