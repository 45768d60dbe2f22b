"""Single pages of history for a download, each with the days that it answers for.

daily    inquire_daily_itemchartprice, 100 bars a call, walking back; the change of a day against its base price
         (기준가) tells the base price of raw bars
minutes  one session: inquire_time_dailychartprice (live), or today's by inquire_time_itemchartprice
index    inquire_daily_indexchartprice, 50 bars a call
"""

from __future__ import annotations

from datetime import date

from brokers.kis.chart_messages import CandleRow, ChartHead, IndexCandleRow
from brokers.kis.download_journal import Bar, Span
from brokers.kis.history import ADJUSTED, RAW, KisHistory, closing_time
from brokers.kis.quotes import INDEX_CODES, MARKET_OF
from brokers.kis.rest import KisRest
from engine.clock import Clock
from engine.krx.sessions import is_session, next_session

_FALLING = ("4", "5")
_STEADY_OR_RISING = ("1", "2", "3")
# Codes of flng_cls_code that change what a share is worth, and so the base price (락 구분: 권리락, 권배락, …).
_EX_RIGHTS = ("01", "03", "04", "06", "07")


class HistoryPages:
    """Asks KIS for pages.

    Args:
        rest: asks.
        clock: tells what is today.
        adjusted: daily prices in today's shares.
    """

    def __init__(self, rest: KisRest, clock: Clock, *, adjusted: bool) -> None:
        self._rest, self._clock = rest, clock
        self._adjusted = adjusted
        self._market = MARKET_OF[rest.config.options.exchange]
        self._history = KisHistory(rest, clock)
        self.names: dict[str, str] = {}  # as the chart calls them

    def daily(self, code: str, asked: Span) -> tuple[Span, list[Bar]]:
        """The newest bars of the days asked for, and the days that they answer for.

        Raises:
            KisError: they cannot be had.
        """
        values = {
            "FID_COND_MRKT_DIV_CODE": self._market,
            "FID_INPUT_ISCD": code,
            "FID_INPUT_DATE_1": f"{asked.first:%Y%m%d}",
            "FID_INPUT_DATE_2": f"{asked.last:%Y%m%d}",
            "FID_ORG_ADJ_PRC": ADJUSTED if self._adjusted else RAW,
        }
        answer = self._rest.call("inquire_daily_itemchartprice", values)
        head = answer.maybe(ChartHead)
        if head is not None and head.name:
            self.names[code] = head.name
        rows = [row for row in answer.rows(CandleRow) if asked.first <= row.day <= asked.last]
        bars = [self._daily_bar(row) for row in rows if is_session(row.day) and row.close > 0]
        return _answered(asked, [row.day for row in rows]), bars

    def minutes(self, code: str, day: date) -> list[Bar]:
        """The minutes of one finished session; NotInPaper if it lies in the past and the environment has only today's.

        Raises:
            KisError: they cannot be had.
        """
        bars: list[Bar] = []
        before = 0
        for row in self._history.minutes_of(code, day):
            value = None
            if row.cumulative_value is not None:
                value, before = row.cumulative_value - before, row.cumulative_value
            prices = row.open, row.high, row.low, row.close
            bars.append((f"{closing_time(row):%Y-%m-%dT%H:%M:%S}", *prices, row.volume, value, None, False))
        return bars

    def index(self, name: str, asked: Span) -> tuple[Span, list[Bar]]:
        """The newest bars of an index such as "KOSPI", in points as texts.

        Raises:
            KisError: they cannot be had.
        """
        values = {
            "FID_INPUT_ISCD": INDEX_CODES[name],
            "FID_INPUT_DATE_1": f"{asked.first:%Y%m%d}",
            "FID_INPUT_DATE_2": f"{asked.last:%Y%m%d}",
        }
        found = self._rest.call("inquire_daily_indexchartprice", values).rows(IndexCandleRow)
        rows = [row for row in found if asked.first <= row.day <= asked.last]
        bars: list[Bar] = [
            (str(row.day), str(row.open), str(row.high), str(row.low), str(row.close), None, None, None, False)
            for row in rows
            if is_session(row.day)
        ]
        return _answered(asked, [row.day for row in rows]), bars

    def _daily_bar(self, row: CandleRow) -> Bar:
        base = None if self._adjusted else base_price(row)
        marked = not self._adjusted and is_ex_rights(row)
        return (str(row.day), row.open, row.high, row.low, row.close, row.volume, row.value, base, marked)


def base_price(row: CandleRow) -> int | None:
    """The base price (기준가격) of a raw day: its close less the change; None where KIS does not say."""
    if row.change is None:
        return None
    if row.change_sign in _FALLING:
        change = -abs(row.change)
    elif row.change_sign in _STEADY_OR_RISING:
        change = abs(row.change)
    else:
        change = row.change
    base = row.close - change
    return base if base > 0 else None


def is_ex_rights(row: CandleRow) -> bool:
    """Whether KIS marks the day as one on which a share became another share."""
    return bool(row.changed) or row.adjustment_code in _EX_RIGHTS


def _answered(asked: Span, days: list[date]) -> Span:
    """The days for which a page is the whole answer: all of them, or those back to its oldest bar.

    A page may be full, or shorter than documented; what lies before it is asked for again, and an empty page ends it.
    """
    if not days or min(days) <= _first_session(asked.first):
        return asked
    return Span(min(days), asked.last)


def _first_session(day: date) -> date:
    return day if is_session(day) else next_session(day)
