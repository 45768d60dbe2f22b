"""The morning on which a right leaves a stock: split, bonus or rights issue, capital reduction.

The evening's data will tell of it; levels that were set at the last close must know at the first trade of the day, or a
stop fires at the price of the new shares. What KIS counts the day's change from, the base price, tells it then.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from engine.data.adjust import Row, judge
from engine.data.panel import CLOSE, Panel, State
from engine.exchange import EPOCH
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tick_size import grid_above, tick_size


class ExRights:
    """What the base prices of a session say, by the rules that find corporate actions in data.

    Args:
        panel: bars up to the close before.
        session: the day.
        class_of: instrument classes.
    """

    def __init__(self, panel: Panel, session: date, class_of: dict[str, InstrumentClass]) -> None:
        self._session, self._class_of = session, class_of
        states, closes = panel.state[-1].tolist(), panel.bars[CLOSE, -1].tolist()
        self._before = {
            ticker: (close, bool(state & State.TRADED))
            for ticker, state, close in zip(panel.tickers, states, closes, strict=True)
            if state & State.PRESENT
        }

    def ratio(self, ticker: str, base: int, opening: int) -> Fraction | None:
        """New shares for one old one, told once a day; None where there is nothing to restate.

        Args:
            ticker: KRX short code.
            base: won that the day's change is counted from.
            opening: first price of the day, won.
        """
        close, traded = self._before.get(ticker, (0, False))
        if close <= 0 or base == close:
            return None
        del self._before[ticker]
        kind = self._class_of[ticker]
        verdict = judge(
            Row(
                day=(self._session - EPOCH).days,
                ticker=ticker,
                kind=kind,
                previous_close=close,
                expected_base=grid_above(close, self._session, kind),
                base=base,
                open=opening,
                high=opening,
                low=opening,
                close=opening,
                tick=tick_size(base, self._session, kind),
                limit_pct=0,
                missing_sessions=0,
                previous_traded=traded,
                previous_shares=0,
                shares=0,
            )
        )
        return verdict.ratio if verdict is not None and verdict.kind == "split" else None
