"""The fetching part of a download: which days are missing, and page after page until none is.

Days are walked from the last one back, as KIS answers. Some known days around the missing ones come with them, which
costs nothing because a page has 100: they correct what had not settled, and show restated prices.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from brokers.kis.codes import Handling
from brokers.kis.download_dataset import State
from brokers.kis.download_instruments import fetch_instrument
from brokers.kis.download_journal import Bar, Journal, Span, missing
from brokers.kis.download_pages import HistoryPages
from brokers.kis.errors import CallRefused
from brokers.kis.rest import KisRest
from engine.clock import Clock
from engine.data import catalog
from engine.errors import DataError
from engine.krx.sessions import is_session, offset_session, previous_session, sessions_between

Progress = Callable[[str, int, int], None]

_OVERLAP = 40  # sessions before the missing days that are asked for again
_OVERLAP_AFTER = 3  # and after them, where an interrupted download goes on backwards
_FIGURES = ("open", "high", "low", "close", "volume", "value", "base_price")
_Ask = Callable[[Span], tuple[Span, list[Bar]]]


class DownloadStopped(DataError):
    """The download was asked to stop; what had come is kept, and the next one goes on from there."""


class Fetcher:
    """Fetches into a journal what a dataset lacks.

    Args:
        journal: keeps the pages.
        state: what the dataset holds already.
        rest: asks KIS.
        clock: tells what is today.
        progress: called with (what, sessions done, sessions in all), from any thread.
        stop: set it to stop after the present page.

    Attributes:
        corrected: bars that KIS tells otherwise than before.
        unknown: names that KIS does not know.
    """

    def __init__(
        self,
        journal: Journal,
        state: State,
        rest: KisRest,
        clock: Clock,
        progress: Progress | None,
        stop: threading.Event,
    ) -> None:
        self._journal, self._state, self._rest = journal, state, rest
        self._adjusted, self._kind = state.plan.adjusted, state.plan.series
        self._tell, self._stop = progress or (lambda what, done, total: None), stop
        self._pages = HistoryPages(rest, clock, adjusted=state.plan.adjusted)
        self._known: dict[str, dict[str, Bar]] = {}
        self._lock = threading.Lock()
        self._done = self._total = 0
        self.corrected = 0
        self.unknown: set[str] = set()

    def remember(self, before: Path, tickers: Sequence[str]) -> None:
        """The first and last bars of the dataset, to compare with: missing days lie beyond them."""
        if self._kind != "daily":
            return
        folder, manifest = catalog.open_dataset(before)
        bars = catalog.scan_bars(folder, manifest).filter(pl.col("ticker").is_in(list(tickers))).collect()
        place, count = pl.int_range(pl.len()).over("ticker"), pl.len().cast(pl.Int64).over("ticker")
        bars = bars.filter((place <= _OVERLAP_AFTER) | (place + _OVERLAP >= count - 1))
        for key, part in bars.partition_by("ticker", as_dict=True).items():
            ticker = str(key[0])
            days = part["time"].dt.strftime("%Y-%m-%d")
            rows = zip(days, *(part[name] for name in _FIGURES), strict=True)
            self._known[ticker] = {row[0]: (*row, False) for row in rows}

    def run(
        self,
        codes: Mapping[str, str],
        wanted: Mapping[str, Span],
        of_index: Mapping[str, Span],
        workers: int | None,
    ) -> None:
        """Fetch all that is missing.

        Args:
            codes: by ticker, what KIS calls it.
            wanted: days by ticker.
            of_index: days by index.
            workers: calls in flight at once; None = what the rate is worth.

        Raises:
            DownloadStopped: it was stopped.
            KisError: KIS could not be asked. Everything that came before is in the journal.
        """
        self._count(wanted, of_index)
        tasks: list[Callable[[], None]] = [
            lambda ticker=ticker, code=code: self._ticker(ticker, code, wanted[ticker])  # type: ignore[misc]
            for ticker, code in sorted(codes.items())
        ]
        tasks += [lambda name=name: self._index(name, of_index[name]) for name in of_index]  # type: ignore[misc]
        count = workers or self._rest.config.quote_workers
        with ThreadPoolExecutor(count, thread_name_prefix="kis-download") as pool:
            futures = [pool.submit(task) for task in tasks]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            except BaseException:
                self._stop.set()
                for future in futures:
                    future.cancel()
                raise
        if self._stop.is_set():
            raise DownloadStopped("The download was stopped; the same command goes on from there.")

    def _count(self, wanted: Mapping[str, Span], of_index: Mapping[str, Span]) -> None:
        gaps = [
            self._gaps(f"{self._kind}-{name}", span, self._state.covered.get(name)) for name, span in wanted.items()
        ]
        gaps += [self._gaps(f"index-{name}", span, self._state.indices.get(name)) for name, span in of_index.items()]
        self._total = sum(_sessions(gap) for several in gaps for gap in several)
        self._tell("", 0, self._total)

    def _gaps(self, series: str, wanted: Span, covered: Span | None) -> list[Span]:
        pages = self._journal.pages(series)
        known = list(pages.spans)
        if covered is not None and not pages.is_anew:
            known.append(covered)
        return [gap for gap in missing(wanted, known) if _sessions(gap)]

    def _ticker(self, ticker: str, code: str, wanted: Span) -> None:
        try:
            if self._kind == "minute":
                self._minutes(ticker, code, wanted)
            else:
                self._daily(ticker, code, wanted)
            if not self._stop.is_set():
                self._instrument(ticker, code, wanted)
        except CallRefused as error:
            self._leave_out(ticker, error)

    def _leave_out(self, name: str, error: CallRefused) -> None:
        """KIS does not know this name; any other refusal ends the download."""
        if error.failure.handling is not Handling.STOP or error.failure.code.startswith("EGW"):
            raise error
        with self._lock:
            self.unknown.add(name)

    def _daily(self, ticker: str, code: str, wanted: Span) -> None:
        series = f"daily-{ticker}"
        covered = self._state.covered.get(ticker)
        for gap in reversed(self._gaps(series, wanted, covered)):
            pages = self._journal.pages(series)
            known = {**({} if pages.is_anew else self._known.get(ticker, {})), **pages.bars}
            asked = self._widened(gap, known)
            if not self._walk(series, asked, gap, known, lambda span: self._pages.daily(code, span)):
                self._journal.start_anew(series)
                self._walk(series, wanted, wanted, {}, lambda span: self._pages.daily(code, span))
                return

    def _widened(self, gap: Span, known: dict[str, Bar]) -> Span:
        """The missing days with some known ones around them."""
        first, last = _first_session(gap.first), _last_session(gap.last)
        before, after = offset_session(first, -_OVERLAP), offset_session(last, _OVERLAP_AFTER)
        days = [date.fromisoformat(stamp) for stamp in known]
        earlier = [day for day in days if before <= day < gap.first]
        later = [day for day in days if gap.last < day <= after]
        return Span(min(earlier, default=gap.first), max(later, default=gap.last))

    def _walk(self, series: str, asked: Span, gap: Span, known: dict[str, Bar], ask: _Ask) -> bool:
        """Fetch pages from the last day back to the first; False if KIS has restated what is known."""
        last = asked.last
        while asked.first <= last and not self._stop.is_set():
            span, bars = ask(Span(asked.first, last))
            for bar in bars:
                before = known.get(bar[0])
                if before is None or before[1:6] == bar[1:6]:
                    continue
                if self._adjusted and before[1:5] != bar[1:5]:
                    return False
                with self._lock:
                    self.corrected += 1
            self._journal.add(series, span, bars)
            self._advance(series, Span(max(span.first, gap.first), min(span.last, gap.last)))
            last = span.first - timedelta(days=1)
        return True

    def _minutes(self, ticker: str, code: str, wanted: Span) -> None:
        series = f"minute-{ticker}"
        for gap in self._gaps(series, wanted, self._state.covered.get(ticker)):
            for day in sessions_between(gap.first, gap.last):
                if self._stop.is_set():
                    return
                self._journal.add(series, Span(day, day), self._pages.minutes(code, day))
                self._advance(series, Span(day, day))
        # Minutes have no base price: the daily bars tell it, and what the day before closed at.
        daily = f"daily-{ticker}"
        for gap in reversed(self._gaps(daily, wanted, self._state.covered.get(ticker))):
            asked = Span(offset_session(_first_session(gap.first), -2), gap.last)
            self._walk(daily, asked, gap, {}, lambda span: self._pages.daily(code, span))

    def _index(self, name: str, wanted: Span) -> None:
        series = f"index-{name}"
        for gap in reversed(self._gaps(series, wanted, self._state.indices.get(name))):
            try:
                self._walk(series, gap, gap, {}, lambda span: self._pages.index(name, span))
            except CallRefused as error:
                self._leave_out(name, error)
                return

    def _instrument(self, ticker: str, code: str, wanted: Span) -> None:
        """Asked once; and again where the last bars are missing, because its listing may have ended."""
        if ticker in self._journal.instruments():
            return
        pages = self._journal.pages(f"{self._kind}-{ticker}")
        latest = max((*pages.bars, *self._known.get(ticker, ())), default="")[:10]
        is_behind = bool(pages.spans) and latest < str(_last_session(wanted.last))
        if ticker in self._state.instruments and not is_behind:
            return
        chart_name = self._pages.names.get(code) or (self._state.instruments.get(ticker) or {}).get("name") or ""
        row = fetch_instrument(self._rest, code, ticker, chart_name)
        with self._lock:
            self._journal.add_instrument(row)

    def _advance(self, series: str, span: Span) -> None:
        if span.first <= span.last:
            with self._lock:
                self._done = min(self._done + _sessions(span), self._total)
                self._tell(f"{series.split('-', 1)[1]} {span.first}", self._done, self._total)


def _first_session(day: date) -> date:
    return day if is_session(day) else sessions_between(day, day + timedelta(days=20))[0]


def _last_session(day: date) -> date:
    return day if is_session(day) else previous_session(day)


def _sessions(span: Span) -> int:
    return len(sessions_between(span.first, span.last))
