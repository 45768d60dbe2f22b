"""What a gap of the stream hid, asked of REST: the trades of the tickers that were missed, or at least their minutes.

The stream says that something is missing (`stream_reports.Gap`); here a thread of its own asks for it, within the rate
limit and behind every order, and what it finds is told as a `GapFilled`. Trades are told once: the day's volume, which
each of them bears, tells which ones the stream had brought already. Books and indices need no filling: the next record
says all. Order news of a gap is the broker's, which asks the list of orders.

Source: inquire_time_itemconclusion (trades of today back from an hour, both environments) and
inquire_time_itemchartprice (minutes of today) of the official samples (885dd4e).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from brokers.kis.chart_messages import MinuteRow
from brokers.kis.errors import KisError
from brokers.kis.quote_messages import TimedTradeRow
from brokers.kis.realtime import Trade
from brokers.kis.realtime_fields import TRADE, TRADE_NXT, TRADE_UNIFIED
from brokers.kis.rest import KisRest
from brokers.kis.stream_reports import Gap, GapReason, LinkChange, LinkState, Report
from engine.clock import Clock

_MARKET: Mapping[str, str] = MappingProxyType({TRADE: "J", TRADE_NXT: "NX", TRADE_UNIFIED: "UN"})
_MOST_CALLS = 6  # for one ticker: 180 trades; what lies before comes as minutes
_MOST_MINUTE_CALLS = 4  # two hours
_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class MissedTrade(NamedTuple):
    """One trade that the stream did not bring; `cumulative_volume` is None where KIS leaves it out."""

    time: datetime
    price: int
    volume: int
    cumulative_volume: int | None


class MissedMinute(NamedTuple):
    """One minute of the gap, named by its beginning. Trades before and after the gap may be in it."""

    begins: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFilled:
    """What REST says about one ticker of a gap.

    Args:
        gap: what was missing.
        tr_id, ticker: of which stream.
        trades: that the stream did not bring, oldest first.
        minutes: where there were too many trades to ask for: the part of the gap before the first of them.
        is_whole: the trades are all of them.
        problem: why nothing could be had, "" if it could.
        at: by our clock.
    """

    gap: Gap
    tr_id: str
    ticker: str
    trades: tuple[MissedTrade, ...] = ()
    minutes: tuple[MissedMinute, ...] = ()
    is_whole: bool = True
    problem: str = ""
    at: datetime

    @property
    def shares(self) -> int:
        """Shares of the missed trades; the minutes are not counted."""
        return sum(trade.volume for trade in self.trades)

    @property
    def high(self) -> int | None:
        """Highest price that was missed, won; None if nothing was."""
        return max((*(trade.price for trade in self.trades), *(bar.high for bar in self.minutes)), default=None)

    @property
    def low(self) -> int | None:
        """Lowest price that was missed, won; None if nothing was."""
        return min((*(trade.price for trade in self.trades), *(bar.low for bar in self.minutes)), default=None)

    def text(self, lang: str = "ko") -> str:
        """One sentence for people."""
        count, shares = len(self.trades), self.shares
        if self.problem:
            return (
                f"{self.ticker}: the gap could not be filled from REST: {self.problem}"
                if lang == "en"
                else f"{self.ticker}: 누락을 REST로 채우지 못했습니다: {self.problem}"
            )
        prices = "" if self.high is None else f", {self.low:,}–{self.high:,}"
        if lang == "en":
            more = "" if self.is_whole else f", and {len(self.minutes)} minutes in place of older ones"
            return f"{self.ticker}: {count:,} missed trades, {shares:,} shares{prices} from REST{more}"
        more = "" if self.is_whole else f", 그 전은 {len(self.minutes)}분봉"
        return f"{self.ticker}: REST로 채운 체결 {count:,}건 {shares:,}주{prices}{more}"


@dataclass(frozen=True, slots=True)
class _Task:
    gap: Gap
    tr_id: str
    ticker: str
    above: int | None  # cumulative volume that the stream had reached before the gap
    up_to: int | None  # and that which its next record continues


class GapFiller:
    """Asks for what gaps hid. Told about the stream by one thread, asks in another.

    Args:
        rest: asks.
        clock: time of the answers.
    """

    def __init__(self, rest: KisRest, clock: Clock) -> None:
        self._rest, self._clock = rest, clock
        self._last: dict[tuple[str, str], int] = {}
        self._before_loss: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], int] = {}
        self._day = clock.now().date()
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._found: queue.SimpleQueue[GapFilled] = queue.SimpleQueue()
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    @property
    def waiting(self) -> int:
        """Gaps of single tickers whose answer has not been taken yet."""
        return self._waiting

    def saw(self, trade: Trade) -> None:
        """A trade of the stream, in order."""
        if not trade.is_expected:
            self._last[trade.tr_id, trade.ticker] = trade.cumulative_volume

    def hear(self, report: Report) -> None:
        """A report of the stream, in order; a gap with trades in it is asked about."""
        if isinstance(report, LinkChange) and report.state is LinkState.LOST and report.failures == 1:
            self._before_loss = dict(self._last)
        if not isinstance(report, Gap):
            return
        today = self._clock.now().date()
        if today != self._day:  # the volume of a day begins at 0
            self._day = today
            self._told.clear()
        for tr_id, ticker in report.subscriptions:
            if tr_id not in _MARKET or report.until.date() != today:
                continue
            key = (tr_id, ticker)
            above = up_to = None
            if report.reason is GapReason.DISCONNECTED:
                above = self._before_loss.get(key)
            elif report.reason in (GapReason.JUMP, GapReason.QUEUE_FULL):
                above = self._last.get(key)
                if report.reason is GapReason.JUMP and above is not None and report.lost is not None:
                    up_to = above + report.lost
            if report.since.date() != today:
                above = None  # it was reached on another day
            self._waiting += 1
            self._tasks.put(_Task(report, tr_id, ticker, above, up_to))
        if self._waiting and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="kis-gaps", daemon=True)
            self._thread.start()

    def take(self) -> list[GapFilled]:
        """What has been found since the last time."""
        found: list[GapFilled] = []
        while not self._found.empty():
            found.append(self._found.get())
        self._waiting -= len(found)
        return found

    def close(self) -> None:
        """End the thread after the call it is in."""
        self._stop.set()
        self._tasks.put(None)
        if self._thread is not None:
            self._thread.join(self._rest.config.options.read_seconds)

    # In the thread ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._stop.is_set():
            try:
                self._found.put(self._fill(task))
            except KisError as error:
                self._found.put(
                    GapFilled(
                        gap=task.gap,
                        tr_id=task.tr_id,
                        ticker=task.ticker,
                        is_whole=False,
                        problem=str(error),
                        at=self._clock.now(),
                    )
                )

    def _fill(self, task: _Task) -> GapFilled:
        key = (task.tr_id, task.ticker)
        rows, is_whole = self._trades(task)
        floor = max(task.above or 0, self._told.get(key, 0))
        missed = []
        for at, row in rows:
            total = row.volume
            if total is not None and (total <= floor or (task.up_to is not None and total > task.up_to)):
                continue
            if (total is None or task.up_to is None) and at > task.gap.until:
                continue  # the stream is up again and brings it
            if (total is None or task.above is None) and at < task.gap.since.replace(microsecond=0):
                continue
            missed.append(MissedTrade(at, row.price, row.quantity, total))
        missed.sort(key=lambda trade: (trade.time, trade.cumulative_volume or 0))
        if missed and missed[-1].cumulative_volume is not None:
            self._told[key] = missed[-1].cumulative_volume
        oldest = rows[-1][0] if rows else task.gap.until
        minutes = () if is_whole else self._minutes(task, oldest)
        return GapFilled(
            gap=task.gap,
            tr_id=task.tr_id,
            ticker=task.ticker,
            trades=tuple(missed),
            minutes=minutes,
            is_whole=is_whole,
            at=self._clock.now(),
        )

    def _trades(self, task: _Task) -> tuple[list[tuple[datetime, TimedTradeRow]], bool]:
        """Trades from now back to the beginning of the gap, newest first, and whether it was reached."""
        since, hour = task.gap.since.replace(microsecond=0), max(task.gap.until, task.gap.since) + _SECOND
        found: dict[tuple[object, ...], tuple[datetime, TimedTradeRow]] = {}
        for _ in range(_MOST_CALLS):
            values = {
                "FID_COND_MRKT_DIV_CODE": _MARKET[task.tr_id],
                "FID_INPUT_ISCD": task.ticker,
                "FID_INPUT_HOUR_1": f"{hour:%H%M%S}",
            }
            rows = self._rest.call("inquire_time_itemconclusion", values).rows(TimedTradeRow)
            before = len(found)
            for row in rows:
                at = datetime.combine(hour.date(), row.time, hour.tzinfo)
                found.setdefault((row.time, row.volume, row.price, row.quantity), (at, row))
            if not rows or len(found) == before:
                return list(found.values()), True
            oldest = list(found.values())[-1]
            reached = task.above is not None and oldest[1].volume is not None and oldest[1].volume <= task.above
            if reached or oldest[0] < since:
                return list(found.values()), True
            hour = oldest[0]
        return list(found.values()), False

    def _minutes(self, task: _Task, oldest: datetime) -> tuple[MissedMinute, ...]:
        """The minutes from the beginning of the gap to the first trade that was had."""
        first, hour = task.gap.since.replace(second=0, microsecond=0), oldest
        found: dict[datetime, MissedMinute] = {}
        for _ in range(_MOST_MINUTE_CALLS):
            values = {
                "FID_COND_MRKT_DIV_CODE": _MARKET[task.tr_id],
                "FID_INPUT_ISCD": task.ticker,
                "FID_INPUT_HOUR_1": f"{hour:%H%M%S}",
            }
            rows = self._rest.call("inquire_time_itemchartprice", values).rows(MinuteRow)
            new = [row for row in rows if row.day == oldest.date()]
            for row in new:
                begins = datetime.combine(row.day, row.time.replace(second=0), oldest.tzinfo)
                if first <= begins <= oldest:
                    found[begins] = MissedMinute(begins, row.open, row.high, row.low, row.close, row.volume)
            earliest = min((row.time for row in new), default=None)
            if earliest is None or datetime.combine(oldest.date(), earliest, oldest.tzinfo) <= first:
                break
            hour = datetime.combine(oldest.date(), earliest, oldest.tzinfo) - _MINUTE
        return tuple(found[begins] for begins in sorted(found))
