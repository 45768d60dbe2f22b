"""The trades of a recorded stream (`geoul data record`), checked: what the exchange printed, in its order.

    FOLDER/day=2026-11-23/trades-0001.parquet   written by `brokers.kis.recording`

Kept are the trades of KRX in its regular session, opening and closing auction included. Left out and counted are those
of other venues, those outside the session, expected prices of an auction (no trade), and trades that the recording
holds twice. The day's total in each record (cumulative volume) tells how many shares were traded unseen.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from engine.data.manifest import FILE_NAME
from engine.data.segments import days_of, read_day
from engine.data.timeline import are_sessions, day_numbers
from engine.errors import DataError
from engine.krx.sessions import session_hours

KIND = "trades"
KRX_TRADES = "H0STCNT0"  # tr_id of KRX's own trades; NXT and the unified stream bear others
# A closing auction ends at random up to half a minute after the close; what comes later belongs to no regular session.
AFTER_THE_CLOSE = datetime.timedelta(minutes=1)
_CONTINUOUS = ("0", "")
_SHOWN = 3
_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "tr_id": pl.String,
    "ticker": pl.String,
    "time": pl.Datetime("us", "Asia/Seoul"),
    "price": pl.Int64,
    "volume": pl.Int64,
    "cumulative_volume": pl.Int64,
    "previous_close": pl.Int64,
    "hour_code": pl.String,
}


@dataclass(frozen=True)
class RecordedTrades:
    """Trades of one or more sessions.

    Args:
        table: ticker, time, day, price (won), volume (shares), previous_close (won, null where the record does not
            tell), sorted by time; trades of one second stand in the order in which they arrived.
        outside: trades before the opening or after the close, left out.
        other_venues: records of other venues, left out.
        repeated: records that say the same trade once more, left out.
        unseen: shares by which a day's total grew without a recorded trade, gaps and a late start included.
    """

    table: pl.DataFrame
    outside: int
    other_venues: int
    repeated: int
    unseen: int


def is_recording(folder: str | Path) -> bool:
    """Whether a folder holds a recorded stream rather than a dataset."""
    root = Path(folder)
    return not (root / FILE_NAME).exists() and any(root.glob(f"day=????-??-??/{KIND}-*"))


def read_trades(
    folder: str | Path,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    tickers: Sequence[str] | None = None,
) -> RecordedTrades:
    """Read and check the trades of a recording.

    Args:
        folder: of the recording; it may still be written to.
        start, end: first and last session, by the date that the records bear.
        tickers: instruments to keep; None keeps all that were recorded.

    Raises:
        DataError: no recording there, no trade of the selection, or records that cannot be: what, where, what to do.
    """
    root = Path(folder)
    frames = [frame for day in days_of(root) if (frame := _read(root, day)) is not None]
    if not frames:
        raise DataError(f"{root} holds no recorded trades. Record some with `geoul data record {root} --ticker …`.")
    found = pl.concat([_columns(frame, root) for frame in frames])
    _refuse_nulls(found, root)
    other = found["tr_id"] != KRX_TRADES
    found = found.filter(~other & pl.col("hour_code").is_in(_CONTINUOUS))
    found = found.with_columns(day=pl.col("time").dt.date())
    found = _select(found, root, start, end, tickers)
    _refuse_numbers(found, root)
    # Stable: what arrived first within a second stays first.
    found = found.filter(pl.col("volume") > 0).sort("time", maintain_order=True)
    inside = _in_session(found, root)
    outside = found.height - int(inside.sum())
    found, repeated, unseen = _check_totals(found.filter(inside), root)
    if found.is_empty():
        raise DataError(f"{root} holds no trade inside a regular session of KRX. Choose other days or tickers.")
    table = found.select("ticker", "time", "day", "price", "volume", "previous_close")
    return RecordedTrades(table, outside, int(other.sum()), repeated, unseen)


def _read(root: Path, day: datetime.date) -> pl.DataFrame | None:
    try:
        return read_day(root, day, KIND)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{root / f'day={day}'} cannot be read: {error}. Take the damaged file out, or that day's folder."
        ) from None


def _columns(frame: pl.DataFrame, root: Path) -> pl.DataFrame:
    missing = [name for name in _COLUMNS if name not in frame.columns]
    if missing:
        raise DataError(
            f"{root} is no recording that can be replayed: its trades have no column {', '.join(missing)}. "
            "Record it again with `geoul data record`."
        )
    try:
        return frame.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{root}: a column of the trades is not of its type ({error}). Record it again.") from None


def _refuse_nulls(found: pl.DataFrame, root: Path) -> None:
    for name in _COLUMNS:
        if name not in ("previous_close", "hour_code") and found[name].null_count():
            row = found.filter(pl.col(name).is_null()).row(0, named=True)
            raise DataError(
                f"{root}: {found[name].null_count():,} recorded trades have no {name}, the first one of "
                f"{row['ticker']} at {row['time']}. Take those rows out of the recording."
            )


def _select(
    found: pl.DataFrame,
    root: Path,
    start: datetime.date | None,
    end: datetime.date | None,
    tickers: Sequence[str] | None,
) -> pl.DataFrame:
    days = found["day"].unique().sort().to_list()
    recorded = sorted(found["ticker"].unique().to_list())
    unknown = sorted(set(tickers or ()) - set(recorded))
    if unknown:
        raise DataError(f"{root} has no trade of {', '.join(unknown)}. Recorded are {', '.join(recorded)}.")
    if start is not None:
        found = found.filter(pl.col("day") >= start)
    if end is not None:
        found = found.filter(pl.col("day") <= end)
    if tickers is not None:
        found = found.filter(pl.col("ticker").is_in(list(tickers)))
    if found.is_empty():
        has = f"It has trades of {days[0]} to {days[-1]}." if days else "It has none of KRX at all."
        raise DataError(f"{root} has no trade of KRX between {start or 'its start'} and {end or 'its end'}. {has}")
    return found


def _refuse_numbers(found: pl.DataFrame, root: Path) -> None:
    for name, wrong, why in (
        ("price", pl.col("price") <= 0, "must be positive"),
        ("volume", pl.col("volume") < 0, "cannot be negative"),
        ("previous_close", pl.col("previous_close") <= 0, "must be positive"),
    ):
        bad = found.filter(wrong)
        if bad.height:
            raise DataError(
                f"{root}: {name} {why}, but {bad.height:,} recorded trades have another: {_shown(bad, name)}. "
                "Take those rows out of the recording."
            )


def _shown(bad: pl.DataFrame, name: str) -> str:
    rows = bad.head(_SHOWN).select("ticker", "time", name).rows()
    return "; ".join(f"{ticker} at {time:%Y-%m-%d %H:%M:%S}: {value}" for ticker, time, value in rows)


def _in_session(found: pl.DataFrame, root: Path) -> pl.Series:
    days = found["day"].unique().sort()
    closed = days.filter(~pl.Series(are_sessions(day_numbers(days))))
    if len(closed):
        raise DataError(
            f"{root} has trades of {closed[0]}, on which KRX did not trade. Say --from and --to without that day."
        )
    inside = pl.Series(np.zeros(found.height, np.bool_))
    for day in days:
        hours = session_hours(day)
        opens, closes = hours.periods[0][0], hours.periods[-1][1] + AFTER_THE_CLOSE
        inside |= found["time"].is_between(opens, closes)
    return inside


def _check_totals(found: pl.DataFrame, root: Path) -> tuple[pl.DataFrame, int, int]:
    """Drop trades told twice, refuse totals that fall, count the shares that nobody recorded."""
    key = ["ticker", "day"]
    height = found.height
    found = found.unique([*key, "time", "price", "volume", "cumulative_volume"], keep="first", maintain_order=True)
    before = pl.col("cumulative_volume").shift(1).over(key).fill_null(0)
    found = found.with_columns(unseen=pl.col("cumulative_volume") - pl.col("volume") - before)
    wrong = found.filter(pl.col("unseen") < 0)
    if wrong.height:
        raise DataError(
            f"{root}: after {wrong.height:,} recorded trades the day's volume is less than before plus the trade: "
            f"{_shown(wrong, 'cumulative_volume')}. The records are not in their order, or of two recordings: keep one."
        )
    return found, height - found.height, int(found["unseen"].sum())
