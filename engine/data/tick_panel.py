"""A recorded stream as a panel whose rows are trades: the market's real path, one trade of one instrument a row.

    rows before `trades_from`   one a session: the daily bars of the dataset given beside the recording
    rows from it on             one a trade: open = high = low = close = its price, volume = its shares

A recording says what was traded, not what the instruments are: market and product (which decide ticks, limits and
taxes), the days before, corporate actions and states come from the daily dataset. The base price of a session is the
recording's own (price less the change that each record tells); a name that does not trade has its last price.
Times are those of the exchange, whole seconds; trades of one second stand a microsecond apart, in the order of their
arrival, so that each row has a time of its own. Nobody's order book is known, and indices are not told.

A dense panel costs 66 bytes a row and instrument: a day of 20 names with 20,000 trades each has 400,000 rows and takes
0.53 GB. Recordings that would need more than half of the machine's memory are refused; `tickers`, `start` and `end`
choose a part.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data import catalog
from engine.data.dense import Dense
from engine.data.manifest import Manifest
from engine.data.notes import Note, note
from engine.data.panel import CLOSE, OPEN, VOLUME, Panel, State, freeze, load_panel
from engine.data.panel_build import SHARE_OF_MEMORY, action_table, dividend_table
from engine.data.recorded_trades import RecordedTrades, read_trades
from engine.data.timeline import day_numbers
from engine.errors import DataError
from engine.krx.columns import base_column
from engine.krx.instrument_class import instrument_class
from engine.krx.sessions import next_session, ordinals

INTERVAL = "tick"
BYTES_PER_CELL = 8 * 8 + 2  # five prices and shares, base, value, listed shares; state and what the source has
MOST_ROWS_A_SESSION = 100_000_000  # room between the ordinals of two sessions
_CARRIED = State.MANAGED | State.WARNING | State.LIQUIDATION
_EPOCH = datetime.date(1970, 1, 1)
Integers = NDArray[np.int64]


def load_recording(
    folder: str | Path,
    daily: str | Path,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    tickers: Sequence[str] | None = None,
    *,
    allow_gaps: bool = False,
) -> Panel:
    """The trades of a recording as a panel, behind the daily bars that came before them.

    Args:
        folder: of the recording, see `engine.data.recorded_trades`.
        daily: dataset with raw bars of the same instruments, up to the session before the first recorded one.
        start, end: first and last recorded session.
        tickers: instruments to keep; None keeps all that were recorded.
        allow_gaps: accept sessions that were not recorded, and daily bars that end too early.

    Raises:
        DataError: trades that cannot be, an instrument or a day that the dataset lacks, more than memory can hold.
    """
    trades = read_trades(folder, start, end, tickers)
    days = trades.table["day"].unique().sort().to_list()
    names = tuple(sorted(trades.table["ticker"].unique().to_list()))
    if not allow_gaps:
        _refuse_missing_days(folder, days)
    instruments = instruments_of(folder, Path(daily), names)
    before = _bars_before(folder, Path(daily), names, days[0], allow_gaps)
    _refuse_what_memory_cannot_hold(folder, before.rows + trades.table.height, len(names))
    return _Assembly(Path(folder), Path(daily), trades, names, instruments, before).panel()


def _refuse_missing_days(folder: str | Path, days: Sequence[datetime.date]) -> None:
    for day, following in itertools.pairwise(days):
        if next_session(day) != following:
            raise DataError(
                f"{folder}: {next_session(day)} was not recorded, between {day} and {following}: positions would jump "
                "over it. Choose --from and --to on one side of it, or pass --allow-gaps."
            )


def _bars_before(
    folder: str | Path, daily: Path, names: Sequence[str], first: datetime.date, allow_gaps: bool
) -> Panel:
    last = first - datetime.timedelta(days=1)
    try:
        before = load_panel(daily, None, last, names, "1d", allow_gaps=True)
    except DataError as error:
        raise DataError(f"The daily bars before {first}, where {folder} begins, are missing: {error}") from None
    if before.manifest.adjusted or before.manifest.price_scale != 1:
        raise DataError(f"{daily} holds adjusted prices, a recording real ones. Give a dataset of raw prices.")
    ends = before.session_date(before.rows - 1)
    if next_session(ends) != first and not allow_gaps:
        raise DataError(
            f"{daily} ends on {ends}, the recording {folder} begins on {first}: the sessions between them are missing. "
            "Bring the dataset up to date (`geoul data download`), or pass --allow-gaps."
        )
    return before


def _refuse_what_memory_cannot_hold(folder: str | Path, rows: int, names: int) -> None:
    needed = rows * names * BYTES_PER_CELL
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**33
    if needed > memory * SHARE_OF_MEMORY:
        raise DataError(
            f"{folder}: {rows:,} trades of {names:,} tickers need {needed / 1e9:.1f} GB, more than half of this "
            "machine's memory. Choose fewer tickers (--ticker) or sessions (--from, --to)."
        )


def instruments_of(folder: str | Path, daily: Path, names: Sequence[str]) -> pl.DataFrame:
    """What a dataset knows of the recorded instruments, sorted by ticker.

    Raises:
        DataError: it does not know one of them, or not its market and product.
    """
    table = catalog.read_instruments(catalog.open_dataset(daily)[0])
    table = table.filter(pl.col("ticker").is_in(list(names))).sort("ticker")
    unknown = sorted(set(names) - set(table["ticker"]))
    if unknown:
        raise DataError(
            f"{daily} does not know {', '.join(unknown[:5])}{' …' if len(unknown) > 5 else ''}, which {folder} has "
            "trades of: their market and product decide ticks, limits and taxes. Give a dataset that has them "
            "(`geoul data download`), or choose others with --ticker."
        )
    unsaid = table.filter(pl.col("market").is_null() | pl.col("product").is_null())["ticker"].to_list()
    if unsaid:
        raise DataError(
            f"{daily} does not say market and product of {', '.join(unsaid[:5])}, which {folder} has trades of: they "
            "decide ticks, limits and taxes. Write them into its instruments.parquet."
        )
    return table


class _Assembly:
    """The arrays of one panel while they are put together."""

    def __init__(
        self,
        folder: Path,
        daily: Path,
        trades: RecordedTrades,
        names: tuple[str, ...],
        instruments: pl.DataFrame,
        before: Panel,
    ) -> None:
        self._folder, self._daily, self._names, self._before = folder, daily, names, before
        self._trades, self._instruments = trades, instruments
        table = trades.table
        self._first = before.rows
        self._rows = before.rows + table.height
        self._col = table["ticker"].cast(pl.Enum(list(names))).to_physical().to_numpy().astype(np.int64)
        self._price, self._volume = table["price"].to_numpy(), table["volume"].to_numpy()
        self._days: list[datetime.date] = table["day"].unique().sort().to_list()
        self._actions = catalog.read_actions(daily)
        place = np.arange(table.height, dtype=np.int64)
        stamps = table["time"].dt.epoch("us").to_numpy()
        # A microsecond between trades of one second: rows need times of their own.
        self._stamps = (np.maximum.accumulate(stamps - place) + place) * 1_000
        self._session = np.append(np.asarray(before.session), day_numbers(table["day"]))
        self._kinds = np.array(
            [instrument_class(market, product) for market, product in instruments.select("market", "product").rows()],
            dtype=np.int64,
        )

    def panel(self) -> Panel:
        dense = self._dense()
        actions = action_table(self._actions, self._instruments, dense, self._session)
        everything = np.ones(len(self._names), np.bool_)
        dividends = catalog.read_dividends(self._daily)
        inside = np.arange(self._rows, dtype=np.int64) - np.searchsorted(self._session, self._session)
        return Panel(
            bars=freeze(dense.bars),
            state=freeze(dense.state),
            base=freeze(dense.base),
            value=None if dense.value is None else freeze(dense.value),
            shares=None if dense.shares is None else freeze(dense.shares),
            closed_at_ns=freeze(dense.closed_at_ns),
            session=freeze(self._session),
            ordinal=freeze(ordinals(self._session) * MOST_ROWS_A_SESSION + inside),
            tickers=self._names,
            instruments=self._instruments,
            first_row=freeze(dense.first_row),
            last_row=freeze(dense.last_row),
            delisted_known=freeze(np.zeros(len(self._names), np.bool_)),
            indices={},
            actions=actions,
            interval=INTERVAL,
            manifest=self._manifest(),
            dividends=dividend_table(dividends, self._names, dense, self._session, 0, everything),
            trades_from=self._first,
        )

    def _dense(self) -> Dense:
        rows, names, first, before = self._rows, len(self._names), self._first, self._before
        bars = np.zeros((5, rows, names), np.int64)
        base = np.zeros((rows, names), np.int64)
        value = np.zeros((rows, names), np.int64)
        state = np.zeros((rows, names), np.uint8)
        shares = None if before.shares is None else np.full((rows, names), -1, np.int64)
        value[:first] = -1
        value[first:][np.arange(rows - first), self._col] = self._price * self._volume
        first_row = np.full(names, first, np.int64)
        place = {name: number for number, name in enumerate(before.tickers)}
        for col, name in enumerate(self._names):
            known = place.get(name)
            if known is not None:
                first_row[col] = before.first_row[known]
                bars[:, :first, col] = before.bars[:, :, known]
                base[:first, col], state[:first, col] = before.base[:, known], before.state[:, known]
                if before.value is not None:
                    value[:first, col] = before.value[:, known]
                self._carry_to_the_end(bars, state, base, value, col, int(before.last_row[known]))
                if shares is not None and before.shares is not None:
                    shares[:first, col] = before.shares[:, known]
                    shares[int(before.last_row[known]) :, col] = before.shares[before.last_row[known], known]
            self._fill_trades(bars, state, base, col, known is not None)
        return Dense(
            bars=bars,
            state=state,
            base=base,
            value=value,
            shares=shares,
            closed_at_ns=np.append(np.asarray(before.closed_at_ns), self._stamps),
            # Of a recorded session every row counts as seen: an action takes effect with the first of them.
            seen=((state & np.uint8(State.FILLED)) == 0) | (np.arange(rows) >= first)[:, None],
            first_row=first_row,
            last_row=np.full(names, rows - 1, np.int64),
        )

    def _carry_to_the_end(
        self, bars: Integers, state: NDArray[np.uint8], base: Integers, value: Integers, col: int, last: int
    ) -> None:
        """Rows without a bar between the last one of the dataset and the recording: the close is carried."""
        missing = slice(last + 1, self._first)
        close = bars[CLOSE, last, col]
        bars[OPEN : CLOSE + 1, missing, col] = close
        base[missing, col] = close
        value[missing, col] = 0
        state[missing, col] = np.uint8(State.PRESENT | State.FILLED)

    def _fill_trades(
        self, bars: Integers, state: NDArray[np.uint8], base: Integers, col: int, has_history: bool
    ) -> None:
        first, name = self._first, self._names[col]
        mine = np.flatnonzero(self._col == col)
        bases = self._bases(col, int(bars[CLOSE, first - 1, col]) if has_history else 0)
        session = self._session[first:]
        base[first:, col] = bases[np.searchsorted(np.unique(session), session)]
        before = int(bars[CLOSE, first - 1, col]) if has_history else int(base[first, col])
        prices = np.append(before, self._price[mine])
        # Row -> how many trades of this name up to it: its last price is that of the latest one.
        done = np.zeros(self._rows - first, np.int64)
        done[mine] = 1
        bars[OPEN : CLOSE + 1, first:, col] = prices[np.cumsum(done)]
        for day in self._actions.filter(pl.col("ticker") == name)["date"].unique().to_list():
            # New shares have the new price from the morning on, not from the first trade.
            begins, ends = np.searchsorted(session, [_number(day), _number(day) + 1])
            if begins < ends:
                traded = mine[mine >= begins]
                until = int(traded[0]) if len(traded) else len(session)
                bars[OPEN : CLOSE + 1, first + begins : first + until, col] = base[first + begins, col]
        bars[VOLUME, first + mine, col] = self._volume[mine]
        bits = np.full(self._rows - first, State.PRESENT | State.FILLED, np.uint8)
        bits[mine] = np.uint8(State.PRESENT | State.TRADED)
        if has_history:
            bits |= np.uint8(int(state[first - 1, col]) & _CARRIED.value)
        listed = self._instruments["listed"][col]
        if listed is not None:
            bits[session == _number(listed)] |= np.uint8(State.FIRST_DAY)
        elif not has_history:
            raise DataError(
                f"{self._daily} has no bar of {name} before its first recorded trade, nor its listing date: whether "
                "that is its first day decides its limits. Write `listed` into its instruments.parquet."
            )
        state[first:, col] = bits

    def _bases(self, col: int, previous: int) -> Integers:
        """Base price of one instrument by recorded session."""
        name, table = self._names[col], self._trades.table
        mine = table.filter(pl.col("ticker") == name)
        told = mine.group_by("day").agg(
            low=pl.col("previous_close").min(), high=pl.col("previous_close").max(), last=pl.col("price").last()
        )
        by_day = {row["day"]: row for row in told.rows(named=True)}
        bases = []
        for day in self._days:
            row = by_day.get(day)
            if row is None:
                days = np.array([_number(day)])
                bases.append(int(base_column(np.array([previous]), days, self._kinds[col : col + 1])[0]))
                continue
            if row["low"] is None:
                raise DataError(
                    f"{self._folder}: no record of {name} on {day} tells its change from the base price, so its "
                    "limits are not known. Leave the name out with --ticker, or the day with --from and --to."
                )
            if row["low"] != row["high"]:
                raise DataError(
                    f"{self._folder}: the records of {name} on {day} follow from different base prices, "
                    f"{row['low']:,} to {row['high']:,} won. They are of different recordings: keep one."
                )
            bases.append(row["low"])
            previous = row["last"]
        return np.array(bases, np.int64)

    def _manifest(self) -> Manifest:
        table, before = self._trades.table, self._before
        digest = hashlib.sha256(before.manifest.content_hash.encode())
        digest.update(repr(self._names).encode())
        previous = table["previous_close"].fill_null(0).to_numpy()
        for column in (self._stamps, self._col, self._price, self._volume, previous):
            digest.update(np.ascontiguousarray(column).tobytes())
        return Manifest(
            name=self._folder.name,
            source=(f"recorded stream {self._folder}", f"daily bars {self._daily}"),
            first=before.session_date(0),
            last=self._days[-1],
            interval=INTERVAL,
            adjusted=False,
            synthetic=before.manifest.synthetic,
            rows=table.height,
            tickers=len(self._names),
            columns=("open", "high", "low", "close", "volume", "value", "base_price"),
            content_hash=digest.hexdigest(),
            notes=trades_notes(self._trades),
        )


def trades_notes(trades: RecordedTrades) -> tuple[Note, ...]:
    """What was recorded and what of it is left out, for people."""
    days = trades.table["day"]
    told = note(
        "recorded_trades",
        first=days[0],
        last=days[-1],
        count=trades.table.height,
        outside=trades.outside,
        venues=trades.other_venues,
        repeated=trades.repeated,
    )
    return (told, note("recorded_unseen", count=trades.unseen)) if trades.unseen else (told,)


def _number(day: datetime.date) -> int:
    return (day - _EPOCH).days
