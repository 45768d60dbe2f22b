"""Bars from KIS as the replay broker gives them: a polars frame of finished bars, each stamped with its close.

"1d", "1w"   inquire_daily_itemchartprice, 100 a call, walking back
minutes      today's by inquire_time_itemchartprice (30 a call), those of past days by inquire_time_dailychartprice
             (120 a call, a year back at most; live only), put together to the interval asked for
KIS stamps a minute with its beginning. A minute that is still running, and a day before its close, are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl

from brokers.kis.errors import BadAnswer
from brokers.kis.messages import CandleRow, MinuteRow
from brokers.kis.quotes import MARKET_OF
from brokers.kis.rest import KisRest
from engine.clock import KST, Clock, to_nanoseconds
from engine.data.interval import interval_minutes
from engine.errors import BadInput
from engine.krx.dated import days_since_epoch
from engine.krx.sessions import close_times_ns, session_close, session_open, sessions_between

ADJUSTED, RAW = "0", "1"  # of inquire_daily_itemchartprice; inquire_daily_price means it the other way round
_MINUTE = timedelta(minutes=1)
_COLUMNS = ("open", "high", "low", "close", "volume")
_Bar = tuple[datetime, int, int, int, int, int]


class KisHistory:
    """Bars of single names.

    Args:
        rest: asks.
        clock: tells which bars are finished.
    """

    def __init__(self, rest: KisRest, clock: Clock) -> None:
        self._rest, self._clock = rest, clock
        self._market = MARKET_OF[rest.config.options.exchange]

    def bars(self, ticker: str, interval: str, start: date, end: date, *, adjusted: bool = True) -> pl.DataFrame:
        """Finished bars from `start` to `end`, both included, oldest first: time, open, high, low, close, volume.

        Args:
            ticker: KRX short code.
            interval: "1d", "1w", or minutes such as "1m", "5m", "1h".
            start, end: days.
            adjusted: prices in today's shares; minutes are always as traded.

        Raises:
            BadInput: no such interval, or the days are in the wrong order.
            NotInPaper: minutes of past days.
            KisError: the bars cannot be had.
        """
        if start > end:
            raise BadInput(f"History of {ticker} from {start} to {end}: the first day lies after the last.")
        minutes = interval_minutes(interval)
        end = min(end, self._clock.now().date())
        if minutes:
            clock = self._clock.now()
            together = _put_together(self._minutes(ticker, start, end), minutes)
            # The last bar of a session may be short: it is finished with the session.
            return _frame([bar for bar in together if bar[0] <= clock or session_close(bar[0].date()) <= clock])
        rows = self._candles(ticker, interval, start, end, adjusted)
        now = to_nanoseconds(self._clock.now())
        closes = close_times_ns(
            np.array([days_since_epoch(_last_day(row.day, interval)) for row in rows], dtype=np.int64)
        )
        stamped = [(int(close), row) for close, row in zip(closes, rows, strict=True) if close <= now]
        return pl.DataFrame(
            {
                "time": pl.Series([close for close, _ in stamped], dtype=pl.Int64).cast(_TIME),
                **{name: pl.Series([getattr(row, name) for _, row in stamped], dtype=pl.Int64) for name in _COLUMNS},
            }
        )

    def _candles(self, ticker: str, interval: str, start: date, end: date, adjusted: bool) -> list[CandleRow]:
        found: dict[date, CandleRow] = {}
        last = end
        while start <= last:
            values = {
                "FID_COND_MRKT_DIV_CODE": self._market,
                "FID_INPUT_ISCD": ticker,
                "FID_INPUT_DATE_1": f"{start:%Y%m%d}",
                "FID_INPUT_DATE_2": f"{last:%Y%m%d}",
                "FID_PERIOD_DIV_CODE": "D" if interval == "1d" else "W",
                "FID_ORG_ADJ_PRC": ADJUSTED if adjusted else RAW,
            }
            rows = self._rest.call("inquire_daily_itemchartprice", values).rows(CandleRow)
            new = [row for row in rows if start <= row.day <= last and row.day not in found]
            found.update((row.day, row) for row in new)
            if len(rows) < self._rest.config.most_rows("inquire_daily_itemchartprice") or not new:
                break
            last = min(row.day for row in new) - timedelta(days=1)
        return [found[day] for day in sorted(found)]

    def _minutes(self, ticker: str, start: date, end: date) -> list[_Bar]:
        now = self._clock.now()
        found: list[_Bar] = []
        for day in sessions_between(start, end):
            if now >= session_open(day):
                found += [_bar(row) for row in self.minutes_of(ticker, day)]
        return [bar for bar in found if bar[0] <= now]

    def minutes_of(self, ticker: str, day: date) -> list[MinuteRow]:
        """The minutes of one session that has begun, from its open on, as KIS tells them: the last may be running.

        Raises:
            NotInPaper: a past day.
            KisError: they cannot be had.
        """
        ask = self._past_minutes if day < self._clock.now().date() else self._minutes_of_today
        found: dict[time, MinuteRow] = {}
        hour = min(session_close(day), self._clock.now()).time().replace(microsecond=0)
        for _ in range(self._rest.config.options.most_pages):
            new = [row for row in ask(ticker, day, hour) if row.day == day and row.time not in found]
            if not new:
                break
            found.update((row.time, row) for row in new)
            earliest = min(found)
            if datetime.combine(day, earliest, KST) <= session_open(day):
                break
            hour = (datetime.combine(day, earliest, KST) - _MINUTE).time()
        else:
            raise BadAnswer("minutes", "stck_cntg_hour", str(hour), f"the whole of {day} within the pages allowed")
        return [found[at] for at in sorted(found)]

    def _minutes_of_today(self, ticker: str, day: date, hour: time) -> Sequence[MinuteRow]:
        values = {
            "FID_COND_MRKT_DIV_CODE": self._market,
            "FID_INPUT_ISCD": ticker,
            "FID_INPUT_HOUR_1": f"{hour:%H%M%S}",
        }
        return self._rest.call("inquire_time_itemchartprice", values).rows(MinuteRow)

    def _past_minutes(self, ticker: str, day: date, hour: time) -> Sequence[MinuteRow]:
        values = {
            "FID_COND_MRKT_DIV_CODE": self._market,
            "FID_INPUT_ISCD": ticker,
            "FID_INPUT_DATE_1": f"{day:%Y%m%d}",
            "FID_INPUT_HOUR_1": f"{hour:%H%M%S}",
        }
        return self._rest.call("inquire_time_dailychartprice", values).rows(MinuteRow)


_TIME = pl.Datetime("ns", "Asia/Seoul")


def closing_time(row: MinuteRow) -> datetime:
    """When a minute was over that KIS stamps with its beginning."""
    closed_at = datetime.combine(row.day, row.time.replace(second=0), KST) + _MINUTE
    # The closing auction prints at the close itself, under the minute that would begin there.
    return min(closed_at, max(session_close(row.day), closed_at - _MINUTE))


def _bar(row: MinuteRow) -> _Bar:
    return closing_time(row), row.open, row.high, row.low, row.close, row.volume


def _put_together(bars: Iterable[_Bar], minutes: int) -> list[_Bar]:
    """Bars of so many minutes, counted from midnight; the last may be short."""
    found: dict[datetime, _Bar] = {}
    for closed_at, opening, high, low, close, volume in bars:
        midnight = closed_at.replace(hour=0, minute=0, second=0)
        whole = -(-int((closed_at - midnight).total_seconds()) // (60 * minutes))
        slot = midnight + whole * timedelta(minutes=minutes)
        before = found.get(slot)
        if before is None:
            found[slot] = (slot, opening, high, low, close, volume)
        else:
            found[slot] = (slot, before[1], max(before[2], high), min(before[3], low), close, before[5] + volume)
    return list(found.values())


def _frame(bars: Sequence[_Bar]) -> pl.DataFrame:
    columns = list(zip(*bars, strict=True)) if bars else [()] * 6
    stamps = pl.Series([to_nanoseconds(stamp) for stamp in columns[0]], dtype=pl.Int64).cast(_TIME)
    figures = {
        name: pl.Series(list(column), dtype=pl.Int64) for name, column in zip(_COLUMNS, columns[1:], strict=True)
    }
    return pl.DataFrame({"time": stamps, **figures})


def _last_day(day: date, interval: str) -> date:
    """The day with whose close a bar is finished: KIS stamps a week with its first session."""
    if interval != "1w":
        return day
    sunday = day + timedelta(days=6 - day.weekday())
    return sessions_between(day, sunday)[-1]
