"""The panel: a dataset as time-major arrays [rows, instruments], memory-mapped from a cache.

`load_panel` is the only way from a dataset to the kernels. The first call builds the arrays (seconds), later
calls map
them (milliseconds).
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data.manifest import Manifest

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
SPLIT, CASH = 0, 1

Integers = NDArray[np.int64]


class State(IntFlag):
    """What is known about one instrument on one row, from that row and rows before it only."""

    ABSENT = 0  # not listed yet, or no more
    PRESENT = 1
    TRADED = 2  # at least one trade: volume and prices are real
    FIRST_DAY = 4  # first session of a new listing
    LIQUIDATION = 8  # 정리매매: no price limits, about to be delisted
    MANAGED = 16  # 관리종목
    WARNING = 32  # 투자주의환기종목
    UNTRADABLE = 64  # a price jump that the data cannot explain: no fills on this row
    FILLED = 128  # the source has no row here; close carried, volume 0


@dataclass(frozen=True)
class ActionTable:
    """Corporate actions as columns sorted by (row, col); int64, one entry per action.

    new quantity = old quantity * numerator / denominator; restated price = old price * denominator /
    numerator.
    `kind` is SPLIT (any change of quantity) or CASH (a distribution of `cash` price units per share).
    """

    row: Integers
    col: Integers
    kind: Integers
    numerator: Integers
    denominator: Integers
    cash: Integers

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class DividendTable:
    """Cash dividends of stocks, which pay whoever held the shares and change no price; int64, one entry each.

    Args:
        row: bar before which the shares trade without the dividend.
        col: the instrument.
        cash: price units a share, before tax.
        pay_row: bar before which it is paid: the same as `row` where the day of payment is unknown, the number of rows
            where it lies beyond them.
    """

    row: Integers
    col: Integers
    cash: Integers
    pay_row: Integers

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def none(cls) -> DividendTable:
        """No dividends."""
        return cls(*(freeze(np.zeros(0, np.int64)) for _ in range(4)))


@dataclass(frozen=True)
class Panel:
    """One dataset, or a selection of it, as read-only C-contiguous arrays; T rows in time, N instruments.

    Args:
        bars: int64[5, T, N]: open, high, low, close in price units (won * price_scale), volume in shares. A
            row without
            a trade has open = high = low = close = the carried close and volume 0; an absent row is all 0.
        state: uint8[T, N], bits of `State`. Present on every row from first_row to last_row.
        base: int64[T, N], base price of the day (기준가격) in price units; 0 where unknown.
        value: int64[T, N], traded won; -1 where unknown; None when the dataset has none.
        shares: int64[T, N], listed shares; -1 where unknown; None when the dataset has none.
        closed_at_ns: int64[T], UTC nanoseconds at which the bar closed.
        session: int64[T], session date as days since 1970-01-01.
        ordinal: int64[T], strictly increasing, a function of absolute time and interval alone.
        tickers: sorted; column c of every array belongs to tickers[c].
        instruments: one row per ticker in that order: ticker, name, market, product, sector, multiple,
            listed, delisted.
        first_row: int64[N], first row of the instrument inside this panel.
        last_row: int64[N], last row of the instrument inside this panel.
        delisted_known: bool[N], the rows end because of a delisting that the data know of.
        indices: per index name float64[4, T]: open, high, low, close in points; NaN where unknown.
        actions: corporate actions by (row, col).
        interval: `1d`, `1w`, `1m`, `5m`, …
        manifest: of the dataset the panel comes from.
        dividends: cash dividends of stocks; features never see them.
        trades_from: first row that is one recorded trade of one instrument instead of a bar (interval `tick`, see
            `engine.data.tick_panel`); None where all rows are bars.
    """

    bars: Integers
    state: NDArray[np.uint8]
    base: Integers
    value: Integers | None
    shares: Integers | None
    closed_at_ns: Integers
    session: Integers
    ordinal: Integers
    tickers: tuple[str, ...]
    instruments: pl.DataFrame
    first_row: Integers
    last_row: Integers
    delisted_known: NDArray[np.bool_]
    indices: dict[str, NDArray[np.float64]]
    actions: ActionTable
    interval: str
    manifest: Manifest
    dividends: DividendTable = field(default_factory=DividendTable.none)
    trades_from: int | None = None

    def is_trade(self, row: int) -> bool:
        """Whether a row is one recorded trade instead of a bar."""
        return self.trades_from is not None and row >= self.trades_from

    @property
    def rows(self) -> int:
        """Number of rows in time."""
        return int(self.bars.shape[1])

    @property
    def columns(self) -> int:
        """Number of instruments."""
        return int(self.bars.shape[2])

    def session_date(self, row: int) -> datetime.date:
        """Session date of a row."""
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=int(self.session[row]))


def load_panel(
    folder: str | Path,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    tickers: Sequence[str] | None = None,
    interval: str | None = None,
    *,
    allow_gaps: bool = False,
) -> Panel:
    """Load a dataset, or a selection of it, as a panel.

    Args:
        folder: the dataset's folder.
        start: first session to keep; what earlier rows tell (previous close, liquidation) is still known.
        end: last session to keep.
        tickers: instruments to keep; None keeps all.
        interval: interval of the panel; coarser than the dataset's means the bars are put together. None
            keeps it.
        allow_gaps: accept stretches of sessions that the whole dataset lacks; windows then span them.

    Raises:
        DataError: no dataset there, damaged, nothing selected, or a gap of more than twenty sessions in the
        selection.
    """
    from engine.data import panel_cache  # noqa: PLC0415  (panel_cache needs the dataclasses above)

    return panel_cache.load(Path(folder), start, end, tickers, interval, allow_gaps)


def load_part(
    folder: str | Path,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    tickers: Sequence[str] | None = None,
    interval: str | None = None,
    *,
    allow_gaps: bool = False,
) -> Panel:
    """The panel for a run from `start` to `end`: everything, or, where the data has long gaps, the part they lie in.

    Unlike `load_panel` it keeps the rows around the dates, which windows look back on. Arguments and errors are those
    of `load_panel`.
    """
    from engine.data import panel_cache  # noqa: PLC0415  (as above)

    part = None if allow_gaps else panel_cache.whole_part(Path(folder), start, end)
    first, last = part or (None, None)
    return load_panel(folder, first, last, tickers, interval, allow_gaps=allow_gaps)


def freeze(array: NDArray[Any]) -> NDArray[Any]:
    """The array itself, C-contiguous and made read-only."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
