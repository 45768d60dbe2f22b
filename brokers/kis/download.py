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
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from brokers.kis.codes import Handling
from brokers.kis.download_dataset import Fetched, Plan, State, write
from brokers.kis.download_instruments import fetch_instrument, knows_stock_info
from brokers.kis.download_journal import Bar, Journal, Span, missing
from brokers.kis.download_pages import HistoryPages
from brokers.kis.environment import LIVE
from brokers.kis.errors import CallRefused
from brokers.kis.market_messages import HolidayRow
from brokers.kis.private_files import OWNER_ONLY
from brokers.kis.rest import KisRest
from engine.clock import Clock
from engine.data import catalog
from engine.data.manifest import Manifest
from engine.errors import BadInput, DataError
from engine.krx.sessions import is_session, offset_session, previous_session, session_close, sessions_between

Progress = Callable[[str, int, int], None]

_OVERLAP = 40  # sessions before the missing days that are asked for again; they cost nothing, a page has 100
_OVERLAP_AFTER = 3  # and after them, where an interrupted download goes on backwards
_MOST_WORKERS = 4
_CALENDAR_AHEAD = timedelta(days=40)
_CALENDAR_BEHIND = timedelta(days=10)
_FIGURES = ("open", "high", "low", "close", "volume", "value", "base_price")
_Ask = Callable[[Span], tuple[Span, list[Bar]]]


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
        unknown: codes that KIS does not know, or has no bar of.
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


class DownloadStopped(DataError):
    """The download was asked to stop; what had come is kept, and the next one goes on from there."""


def update_dataset(
    folder: str | Path,
    rest: KisRest,
    clock: Clock,
    tickers: Sequence[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    interval: str = "1d",
    *,
    adjusted: bool = False,
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
        interval: "1d" or "1m".
        adjusted: daily prices in today's shares; a dataset is the one or the other.
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
    if interval not in ("1d", "1m"):
        raise BadInput(f"KIS tells bars of 1d and 1m, not {interval!r}. Coarser bars are made when the data is loaded.")
    if interval == "1m" and adjusted:
        raise BadInput("KIS tells minutes as they were traded. Leave --adjusted out.")
    name = hashlib.sha256(str(target.resolve()).encode()).hexdigest()[:24]
    lock = FileLock(rest.config.token_folder / f"download-{name}.lock", mode=OWNER_ONLY, timeout=0)
    try:
        with lock:
            plan = Plan(interval=interval, adjusted=adjusted, exchange=rest.config.options.exchange)
            download = _Download(target, rest, clock, plan, progress, stop or threading.Event())
            return download.run(tickers, start, end, indices, workers)
    except Timeout:
        raise DataError(f"Another process is downloading into {target}. Wait until it has ended.") from None


class _Download:
    """One run of `update_dataset`."""

    def __init__(
        self,
        target: Path,
        rest: KisRest,
        clock: Clock,
        plan: Plan,
        progress: Progress | None,
        stop: threading.Event,
    ) -> None:
        self._target, self._rest, self._clock, self._plan = target, rest, clock, plan
        self._tell, self._stop = progress or (lambda what, done, total: None), stop
        self._pages = HistoryPages(rest, clock, adjusted=plan.adjusted)
        self._journal = Journal(target)
        self._journal.recover()
        known = State.load(target)
        if known is not None and known.plan != plan:
            raise DataError(
                f"{target} is a download of {_words(known.plan)}, and cannot become one of {_words(plan)}. "
                "Choose another folder."
            )
        self._before = target if known is not None else None
        self._state = known or State(plan=plan)
        self._known: dict[str, dict[str, Bar]] = {}
        self._lock = threading.Lock()
        self._done = self._total = self._corrected = 0
        self._unknown: set[str] = set()

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
        self._remember(wanted)
        tasks: list[Callable[[], None]] = [
            lambda ticker=ticker, code=code: self._ticker(ticker, code, wanted[ticker])  # type: ignore[misc]
            for ticker, code in sorted(codes.items())
        ]
        tasks += [lambda name=name: self._index(name, of_index[name]) for name in of_index]  # type: ignore[misc]
        self._count(wanted, of_index)
        self._run_all(tasks, workers)
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
                raise BadInput("Which tickers? A new dataset needs --tickers or --universe.")
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

    def _remember(self, wanted: dict[str, Span]) -> None:
        """The first and last bars of the dataset, to compare with: missing days lie beyond them."""
        if self._before is None or self._plan.interval != "1d":
            return
        folder, manifest = catalog.open_dataset(self._before)
        bars = catalog.scan_bars(folder, manifest).filter(pl.col("ticker").is_in(list(wanted))).collect()
        place, rest = pl.int_range(pl.len()).over("ticker"), pl.len().over("ticker")
        bars = bars.filter((place < _OVERLAP_AFTER + 1) | (place >= rest - _OVERLAP - 1))
        for key, part in bars.partition_by("ticker", as_dict=True).items():
            ticker = str(key[0])
            days = part["time"].dt.strftime("%Y-%m-%d")
            rows = zip(days, *(part[name] for name in _FIGURES), strict=True)
            self._known[ticker] = {row[0]: (*row, False) for row in rows}

    def _count(self, wanted: dict[str, Span], of_index: dict[str, Span]) -> None:
        kind = "minute" if self._plan.interval == "1m" else "daily"
        gaps = [self._gaps(f"{kind}-{name}", span, self._state.covered.get(name)) for name, span in wanted.items()]
        gaps += [self._gaps(f"index-{name}", span, self._state.indices.get(name)) for name, span in of_index.items()]
        self._total = sum(_sessions(gap) for several in gaps for gap in several)
        self._tell("", 0, self._total)

    def _gaps(self, series: str, wanted: Span, covered: Span | None) -> list[Span]:
        pages = self._journal.pages(series)
        known = list(pages.spans)
        if covered is not None and not pages.is_anew:
            known.append(covered)
        return [gap for gap in missing(wanted, known) if _sessions(gap)]

    # Fetching -----------------------------------------------------------------------------------------------

    def _run_all(self, tasks: Sequence[Callable[[], None]], workers: int | None) -> None:
        config = self._rest.config
        rate = config.options.calls_per_second or config.world.calls_per_second
        if config.options.quotes == "live":
            rate = config.options.quote_calls_per_second or LIVE.calls_per_second
        count = workers or (_MOST_WORKERS if rate > 2 else 1)
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

    def _ticker(self, ticker: str, code: str, wanted: Span) -> None:
        try:
            if self._plan.interval == "1m":
                self._minutes(ticker, code, wanted)
            else:
                self._daily(ticker, code, wanted)
            if not self._stop.is_set():
                self._instrument(ticker, code)
        except CallRefused as error:
            if error.failure.handling is not Handling.STOP or error.failure.code.startswith("EGW"):
                raise
            with self._lock:
                self._unknown.add(ticker)  # no such name

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
                if self._plan.adjusted and before[1:5] != bar[1:5]:
                    return False
                with self._lock:
                    self._corrected += 1
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
            self._walk(series, gap, gap, {}, lambda span: self._pages.index(name, span))

    def _instrument(self, ticker: str, code: str) -> None:
        """Asked once; and again where no new bar came, because its listing may have ended."""
        fetched = self._journal.instruments()
        kind = "minute" if self._plan.interval == "1m" else "daily"
        pages = self._journal.pages(f"{kind}-{ticker}")
        is_quiet = bool(pages.spans) and not set(pages.bars) - set(self._known.get(ticker, {}))
        if ticker in fetched or (ticker in self._state.instruments and not is_quiet):
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

    # The dataset --------------------------------------------------------------------------------------------

    def _finish(
        self, codes: dict[str, str], wanted: dict[str, Span], of_index: dict[str, Span], last: date
    ) -> DownloadSummary:
        kind = "minute" if self._plan.interval == "1m" else "daily"
        bars = {ticker: self._journal.pages(f"{kind}-{ticker}") for ticker in sorted(codes)}
        fetched = self._journal.instruments()
        for ticker, code in codes.items():
            is_new = ticker not in self._state.covered
            if ticker in self._unknown or (is_new and not bars[ticker].bars):
                self._unknown.add(ticker)
                bars.pop(ticker)
                continue
            self._state.codes[ticker], self._state.covered[ticker] = code, wanted[ticker]
        self._state.instruments.update({ticker: fetched[ticker] for ticker in self._state.covered if ticker in fetched})
        indices = {name: self._journal.pages(f"index-{name}") for name in of_index}
        self._state.indices.update(of_index)
        is_new = any(pages.spans or pages.is_anew for pages in (*bars.values(), *indices.values()))
        if self._before is not None and not is_new:
            self._journal.discard()
            manifest, added = catalog.open_dataset(self._target)[1], 0
        else:
            if not self._state.covered:
                shown = ", ".join(sorted(self._unknown)[:5])
                raise DataError(f"KIS has no bar of {shown} on these days. Check the codes and the days.")
            self._compare_calendars(last)
            bases = {ticker: self._journal.pages(f"daily-{ticker}") for ticker in bars} if kind == "minute" else {}
            content = Fetched(state=self._state, bars=bars, bases=bases, indices=indices)
            manifest, added = write(self._journal.empty_part(), self._target.name, content, self._before)
            self._journal.finish()
        return DownloadSummary(
            folder=self._target,
            manifest=manifest,
            last=last,
            new_bars=added,
            corrected=self._corrected,
            fetched_anew=tuple(ticker for ticker, pages in bars.items() if pages.is_anew),
            unknown=tuple(sorted(self._unknown)),
            calendar=dict(self._state.calendar),
        )

    def _compare_calendars(self, last: date) -> None:
        """Days around now on which KIS's calendar differs from ours: one question, as KIS wishes, where it has one."""
        if not knows_stock_info(self._rest):
            return
        today = self._clock.now().date()
        until = today + _CALENDAR_AHEAD
        asked = min(last, today - _CALENDAR_BEHIND)
        rows: Iterable[HolidayRow] = ()
        while asked <= until:
            answer = self._rest.call("chk_holiday", {"BASS_DT": f"{asked:%Y%m%d}"})
            rows = answer.rows(HolidayRow)
            for row in rows:
                if asked <= row.day <= until and row.open != is_session(row.day):
                    self._state.calendar[row.day] = row.open
            latest = max((row.day for row in rows), default=asked)
            if latest < asked + timedelta(days=1):
                return
            asked = latest + timedelta(days=1)


def _words(plan: Plan) -> str:
    return f"{'adjusted' if plan.adjusted else 'raw'} {plan.interval} bars of {plan.exchange}"


def _hull(wanted: Span, covered: Span | None) -> Span:
    if covered is None:
        return wanted
    return Span(min(wanted.first, covered.first), max(wanted.last, covered.last))


def _first_session(day: date) -> date:
    return day if is_session(day) else sessions_between(day, day + timedelta(days=20))[0]


def _last_session(day: date) -> date:
    return day if is_session(day) else previous_session(day)


def _sessions(span: Span) -> int:
    return len(sessions_between(span.first, span.last))
