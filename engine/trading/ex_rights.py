"""The morning on which a right leaves a stock: split, bonus or rights issue, capital reduction.

The evening's data will tell of it; levels that were set at the last close must know at the first trade of the day, or a
stop fires at the price of the new shares. What KIS counts the day's change from, the base price, tells it then.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction

from engine.data.adjust import REFERENCE_DAYS, Row, judge
from engine.data.panel import CLOSE, Panel, State
from engine.events import ActionKind, CorporateAction
from engine.exchange import EPOCH
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import session_hours
from engine.krx.tick_size import grid_above, tick_size
from engine.ledger.history import events_of
from engine.ledger.ledger import Ledger

NEW_SHARES_COME = timedelta(days=REFERENCE_DAYS)  # by then, or never


class ExRights:
    """What the base prices of a session say, by the rules that find corporate actions in data.

    Args:
        panel: bars up to the close before.
        session: the day.
        class_of: instrument classes.
    """

    def __init__(self, panel: Panel, session: date, class_of: dict[str, InstrumentClass]) -> None:
        self._session, self._class_of = session, class_of
        self._heard: set[str] = set()
        self._unexplained: set[str] = set()
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
        self._heard.add(ticker)
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
        if verdict is not None and verdict.kind == "unexplained":
            self._unexplained.add(ticker)
        return verdict.ratio if verdict is not None and verdict.kind == "split" else None

    def has_heard(self, ticker: str) -> bool:
        """Whether the base price is known, so that levels and prices count the same shares as far as can be told."""
        return ticker in self._heard

    def is_unexplained(self, ticker: str) -> bool:
        """Whether the base price changed and nothing says by what ratio of shares."""
        return ticker in self._unexplained


def takes_effect(session: date) -> datetime:
    """When the corporate actions of a session happen: before its first trade."""
    return session_hours(session).periods[0][0] - timedelta(seconds=1)


def book_ratio(ledger: Ledger, session: date, ticker: str, ratio: Fraction, base: int) -> bool:
    """Restate what the ledger holds, before anything of the new shares is sold; False if that was done already.

    The end of the day finds the same action in the data and does not book it twice.
    """
    time = takes_effect(session)
    if ticker not in ledger.positions:
        return False
    if was_restated(ledger, ticker, time):
        return False
    action = CorporateAction(
        time=time,
        ticker=ticker,
        kind=ActionKind.RATIO,
        numerator=ratio.numerator,
        denominator=ratio.denominator,
        fraction_price=base,
    )
    return ledger.append(action)


def was_restated(ledger: Ledger, ticker: str, since: datetime) -> bool:
    """Whether the ledger has booked other shares for the old ones, at a time or later."""
    return any(
        event.ticker == ticker and event.kind is ActionKind.RATIO and event.time >= since
        for event in events_of(ledger, CorporateAction)
    )
