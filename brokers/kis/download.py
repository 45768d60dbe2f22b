"""History of many names from KIS as a dataset: fetched page by page, continued after anything, extended day by day.

    summary = update_dataset(folder, rest, clock, tickers=["005930"], start=date(2020, 1, 2))
    summary = update_dataset(folder, rest, clock)          the same names, the days since

Only days that were never asked for are asked. A few days before them come with the same call: they correct a bar that
was fetched before its day had settled, and show that KIS has restated adjusted prices since, which fetches that name
anew. Only finished sessions count: a bar of today before the close is left out.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from brokers.kis.download_dataset import Fetched, Plan, State, write
from brokers.kis.download_fetch import DownloadStopped, Fetcher, Progress
from brokers.kis.download_instruments import knows_stock_info
from brokers.kis.download_journal import Journal, Span
from brokers.kis.errors import BadAnswer, CallFailed
from brokers.kis.market_messages import HolidayRow
from brokers.kis.private_files import OWNER_ONLY
from brokers.kis.rest import KisRest
from engine.clock import Clock
from engine.data import catalog
from engine.data.manifest import Manifest
from engine.errors import BadInput, DataError
from engine.krx.sessions import LAST_DAY, is_session, previous_session, session_close

_CALENDAR_AHEAD = timedelta(days=40)
_CALENDAR_BEHIND = timedelta(days=10)


@dataclass(frozen=True, kw_only=True)
class DownloadSummary:
    """What a download did.

    Args:
        folder: of the dataset.
        manifest: of the dataset as it is now.
        last: last finished session that was asked for.
        new_bars: bars that were not there before.
        corrected: bars that KIS tells otherwise than before (a day that had not settled).
        fetched_anew: tickers whose adjusted prices KIS has restated since.
        unknown: codes and indices that KIS does not know, or has no bar of.
        calendar: days on which KIS's calendar differs from ours, and whether KIS says that the exchange is open.
    """

    folder: Path
    manifest: Manifest
    last: date
    new_bars: int
    corrected: int
    fetched_anew: tuple[str, ...]
    unknown: tuple[str, ...]
    calendar: dict[date, bool]


def update_dataset(
    folder: str | Path,
    rest: KisRest,
    clock: Clock,
    tickers: Sequence[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    interval: str | None = None,
    *,
    adjusted: bool | None = None,
    indices: Sequence[str] = ("KOSPI", "KOSDAQ"),
    workers: int | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> DownloadSummary:
    """Make a dataset of KIS's history, or bring one up to date.

    Args:
        folder: of the dataset; it changes in one step, when all has come.
        rest: asks KIS; its rate limits hold for all workers together.
        clock: tells which sessions are finished.
        tickers: KRX codes (an ETN as Q500001); None = those of the dataset. Others of the dataset stay as they are.
        start: first day; None = that of the dataset.
        end: last day; None, or a day that is not over = the last finished session.
        interval: "1d" or "1m"; None = that of the dataset, "1d" for a new one.
        adjusted: daily prices in today's shares; a dataset is the one or the other. None = as the dataset, else raw.
        indices: names of index series.
        workers: calls in flight at once; None = what the rate is worth.
        progress: called with (what, sessions done, sessions in all), from any thread.
        stop: set it to stop soon.

    Raises:
        BadInput: impossible tickers or days.
        DataError: the folder holds something else, or KIS has no bar at all.
        DownloadStopped: `stop` was set.
        KisError: KIS could not be asked; the next call goes on from there.
    """
    target = Path(folder)
    if interval not in (None, "1d", "1m"):
        raise BadInput(f"KIS tells bars of 1d and 1m, not {interval!r}. Coarser bars are made when the data is loaded.")
    name = hashlib.sha256(str(target.resolve()).encode()).hexdigest()[:24]
    lock = FileLock(rest.config.token_folder / f"download-{name}.lock", mode=OWNER_ONLY, timeout=0)
    try:
        with lock:
            journal = Journal(target)
            journal.recover()
            state = _state(target, interval, adjusted, rest.config.options.exchange)
            download = _Download(target, journal, state, rest, clock, progress, stop or threading.Event())
            return download.run(tickers, start, end, indices, workers)
    except Timeout:
        raise DataError(f"Another process is downloading into {target}. Wait until it has ended.") from None


class _Download:
    """One run of `update_dataset`."""

    def __init__(
        self,
        target: Path,
        journal: Journal,
        state: State,
        rest: KisRest,
        clock: Clock,
        progress: Progress | None,
        stop: threading.Event,
    ) -> None:
        self._target, self._journal, self._state, self._plan = target, journal, state, state.plan
        self._rest, self._clock = rest, clock
        self._fetcher = Fetcher(journal, state, rest, clock, progress, stop)
        self._before = target if state.covered else None

    def run(
        self,
        tickers: Sequence[str] | None,
        start: date | None,
        end: date | None,
        indices: Sequence[str],
        workers: int | None,
    ) -> DownloadSummary:
        last = self._last_finished(end)
        codes = self._codes(tickers)
        starts = [span.first for span in self._state.covered.values()]
        first = start or (min(starts) if starts else None)
        if first is None:
            raise BadInput("From which day on? A new dataset needs --from.")
        if first > last:
            if start is None and self._before is not None:
                last = first
            else:
                raise BadInput(f"From {first}: no session from there on is finished; the last one is {last}.")
        self._journal.begin(self._plan.as_json())
        wanted = {ticker: _hull(Span(first, last), self._state.covered.get(ticker)) for ticker in codes}
        of_index = {name: _hull(Span(first, last), self._state.indices.get(name)) for name in indices}
        if self._before is not None:
            self._fetcher.remember(self._before, list(wanted))
        self._fetcher.run(codes, wanted, of_index, workers)
        return self._finish(codes, wanted, of_index, last)

    # What to fetch ------------------------------------------------------------------------------------------

    def _last_finished(self, end: date | None) -> date:
        now = self._clock.now()
        today = now.date()
        is_over = is_session(today) and now >= session_close(today)
        finished = today if is_over else previous_session(today)
        if end is None or end >= finished:
            return finished
        return end if is_session(end) else previous_session(end)

    def _codes(self, tickers: Sequence[str] | None) -> dict[str, str]:
        if tickers is None:
            if not self._state.codes:
                raise BadInput("Which tickers? A new dataset needs --ticker or --universe.")
            return dict(self._state.codes)
        codes: dict[str, str] = {}
        for given in tickers:
            code = given.strip().upper()
            ticker = code[1:] if len(code) == 7 and code[0] in "AQ" else code
            if len(ticker) != 6 or not (ticker.isascii() and ticker.isalnum()):
                raise BadInput(f"{given!r} is no KRX ticker: six digits or letters, such as 005930; an ETN as Q500001.")
            codes[ticker] = code if code[0] == "Q" and len(code) == 7 else self._state.codes.get(ticker, ticker)
        if not codes:
            raise BadInput("Which tickers? None was given.")
        return codes

    # The dataset --------------------------------------------------------------------------------------------

    def _finish(
        self, codes: dict[str, str], wanted: dict[str, Span], of_index: dict[str, Span], last: date
    ) -> DownloadSummary:
        bars = {ticker: self._journal.pages(f"{self._plan.series}-{ticker}") for ticker in sorted(codes)}
        fetched = self._journal.instruments()
        for ticker, code in codes.items():
            is_new = ticker not in self._state.covered
            if ticker in self._fetcher.unknown or (is_new and not bars[ticker].bars):
                self._fetcher.unknown.add(ticker)
                bars.pop(ticker)
                continue
            self._state.codes[ticker], self._state.covered[ticker] = code, wanted[ticker]
        self._state.instruments.update({ticker: fetched[ticker] for ticker in self._state.covered if ticker in fetched})
        indices = {name: self._journal.pages(f"index-{name}") for name in of_index if name not in self._fetcher.unknown}
        self._state.indices.update({name: of_index[name] for name in indices})
        is_new = any(pages.spans or pages.is_anew for pages in (*bars.values(), *indices.values()))
        if self._before is not None and not is_new:
            self._journal.discard()
            manifest, added = catalog.open_dataset(self._target)[1], 0
        else:
            if not self._state.covered:
                shown = ", ".join(sorted(self._fetcher.unknown)[:5])
                raise DataError(f"KIS has no bar of {shown} on these days. Check the codes and the days.")
            self._compare_calendars(last)
            bases = (
                {ticker: self._journal.pages(f"daily-{ticker}") for ticker in bars}
                if self._plan.series == "minute"
                else {}
            )
            content = Fetched(state=self._state, bars=bars, bases=bases, indices=indices)
            manifest, added = write(self._journal.empty_part(), self._target.name, content, self._before)
            self._journal.finish()
        return DownloadSummary(
            folder=self._target,
            manifest=manifest,
            last=last,
            new_bars=added,
            corrected=self._fetcher.corrected,
            fetched_anew=tuple(ticker for ticker, pages in bars.items() if pages.is_anew),
            unknown=tuple(sorted(self._fetcher.unknown)),
            calendar=dict(self._state.calendar),
        )

    def _compare_calendars(self, last: date) -> None:
        """Days around now on which KIS's calendar differs from ours: one question, as KIS wishes, where it has one.

        Where it is not answered, the bars count all the same: without them nothing is decided, nor guarded.
        """
        if not knows_stock_info(self._rest):
            return
        today = self._clock.now().date()
        until = min(today + _CALENDAR_AHEAD, LAST_DAY)
        asked = min(last, today - _CALENDAR_BEHIND)
        while asked <= until:
            try:
                rows = self._rest.call("chk_holiday", {"BASS_DT": f"{asked:%Y%m%d}"}).rows(HolidayRow)
            except (CallFailed, BadAnswer):
                return
            for row in rows:
                if asked <= row.day <= until and row.open != is_session(row.day):
                    self._state.calendar[row.day] = row.open
            latest = max((row.day for row in rows), default=asked)
            if latest < asked + timedelta(days=1):
                return
            asked = latest + timedelta(days=1)


def _state(target: Path, interval: str | None, adjusted: bool | None, exchange: str) -> State:
    """What the folder is a download of, or what it is to become.

    Raises:
        BadInput, DataError: it cannot become what was asked for.
    """
    known = State.load(target)
    before = known.plan if known is not None else Plan(interval=interval or "1d", adjusted=False, exchange=exchange)
    plan = Plan(
        interval=interval or before.interval,
        adjusted=before.adjusted if adjusted is None else adjusted,
        exchange=exchange,
    )
    if plan.interval == "1m" and plan.adjusted:
        raise BadInput("KIS tells minutes as they were traded. Leave --adjusted out.")
    if known is not None and known.plan != plan:
        raise DataError(
            f"{target} is a download of {_words(known.plan)}, and cannot become one of {_words(plan)}. "
            "Choose another folder."
        )
    return known or State(plan=plan)


def _words(plan: Plan) -> str:
    return f"{'adjusted' if plan.adjusted else 'raw'} {plan.interval} bars of {plan.exchange}"


def _hull(wanted: Span, covered: Span | None) -> Span:
    if covered is None:
        return wanted
    return Span(min(wanted.first, covered.first), max(wanted.last, covered.last))


__all__ = ["DownloadStopped", "DownloadSummary", "update_dataset"]
