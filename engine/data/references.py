"""Files beside the prices: instruments and share counts, corporate actions, index series."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import polars as pl

from engine.data.catalog import ACTIONS_SCHEMA, INDEX_SCHEMA, INSTRUMENTS_SCHEMA, conform
from engine.data.columns import guess_columns, require
from engine.data.problems import Problems
from engine.data.reading import parse_stamps, read_table, with_tickers
from engine.data.timeline import are_sessions, close_times, day_numbers
from engine.errors import DataError

INDEX_NAMES = {"코스피": "KOSPI", "코스닥": "KOSDAQ", "코스피200": "KOSPI200", "코스닥150": "KOSDAQ150"}
# A name becomes a file's name, so it may not lead out of the dataset's folder.
INDEX_NAME = r"^[\p{L}\p{N}][\p{L}\p{N}._-]{0,39}$"


@dataclass(frozen=True)
class Reference:
    """What another file says about tickers.

    Args:
        instruments: one row per ticker, any of the catalog's instrument columns; the last known value.
        shares: date, ticker, shares; None when the file has none.
    """

    instruments: pl.DataFrame
    shares: pl.DataFrame | None

    @classmethod
    def read(cls, path: Path) -> Reference:
        """Read a reference file.

        Raises:
            DataError: there is no ticker column, or nothing beside it.
        """
        table = _named(path, ["ticker"])
        table = with_tickers(table, Problems(), None, pad_tickers=False)
        if "date" in table.columns:
            table = table.with_columns(parse_stamps(table["date"])[0].dt.date().alias("date")).sort("date")
        fields = [name for name in INSTRUMENTS_SCHEMA if name != "ticker" and name in table.columns]
        if not fields and "shares" not in table.columns:
            raise DataError(
                f"{path}: beside the ticker there is no column we know. "
                f"Useful are {', '.join(INSTRUMENTS_SCHEMA)}, shares."
            )
        instruments = table.group_by("ticker").agg(pl.col(fields).drop_nulls().last())
        shares = None
        if {"date", "shares"} <= set(table.columns):
            shares = table.select("date", "ticker", pl.col("shares").cast(pl.Int64, strict=False)).drop_nulls()
        return cls(instruments, shares)


def _named(path: Path, wanted: list[str]) -> pl.DataFrame:
    """The recognised columns of a file under our names, with `_file` and `_row`."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    raw = read_table(path)
    found = guess_columns(raw.columns, str(path))
    require(found, raw.columns, wanted, str(path))
    return raw.select(
        pl.lit(path.name).alias("_file"),
        (pl.int_range(pl.len()) + 1).alias("_row"),
        *(pl.col(column).alias(ours) for ours, column in found.items()),
    )


def read_actions_file(path: Path) -> pl.DataFrame:
    """Corporate actions that the user states: date, ticker, ratio (new shares per old: 5, 0.1 or 3/2) and cash in won.

    Raises:
        DataError: a column is missing or a ratio is not a positive number.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    raw = read_table(path)
    lower = {name.strip().lower(): name for name in raw.columns}
    missing = [name for name in ("date", "ticker") if name not in lower]
    if missing or not {"ratio", "cash"} & set(lower):
        raise DataError(
            f"{path}: the columns date, ticker and ratio or cash are needed; it has {', '.join(raw.columns)}."
        )
    table = raw.select(pl.col(original).alias(name) for name, original in lower.items())
    dates = parse_stamps(table["date"])[0].dt.date()
    rows = []
    for row, (date, values) in enumerate(zip(dates, table.iter_rows(named=True), strict=True), start=1):
        rows.append(_stated_action(path, row, date, values))
    return pl.DataFrame(rows, schema=ACTIONS_SCHEMA, orient="row")


def _stated_action(path: Path, row: int, date: datetime.date | None, values: dict[str, object]) -> tuple[object, ...]:
    ratio_text, cash_text = str(values.get("ratio") or "").strip(), str(values.get("cash") or "").strip()
    try:
        ratio = Fraction(ratio_text) if ratio_text else Fraction(1)
        cash = int(float(cash_text)) if cash_text else 0
    except (ValueError, ZeroDivisionError):
        ratio, cash = Fraction(0), 0
    if date is None or ratio <= 0 or cash < 0 or (ratio == 1 and cash == 0):
        raise DataError(
            f"{path}, row {row}: {values} is no corporate action. Give a date, a ratio above 0 (new shares per old, "
            "such as 5 or 1/10) or a cash amount per share in won."
        )
    kind = "split" if ratio != 1 else "cash"
    ticker = str(values["ticker"]).strip()
    return (date, ticker, kind, ratio.numerator, ratio.denominator, cash, f"file {path.name}", "stated")


def find_index_files(paths: list[Path]) -> list[Path]:
    """Index files in a folder `krx_index` beside the sources or one level up."""
    found: list[Path] = []
    for place in dict.fromkeys(folder for path in paths for folder in (path.parent, path.resolve().parent.parent)):
        found += [file for file in sorted((place / "krx_index").glob("*.parquet")) if file not in found]
    return found


def index_series(frames: list[pl.DataFrame], first: object, last: object) -> dict[str, pl.DataFrame]:
    """Index series by name, on sessions only, between the first and last bar.

    Args:
        frames: as read: stamp, index, close and perhaps open, high, low.
        first: time of the first bar.
        last: time of the last bar.
    """
    table = pl.concat(frames, how="diagonal_relaxed").drop_nulls("close")
    table = table.filter(pl.Series(are_sessions(day_numbers(table["stamp"].dt.date()))))
    dated = (table["stamp"].dt.truncate("1d") == table["stamp"]).all()
    time = close_times(table["stamp"].dt.date()) if dated else table["stamp"].dt.replace_time_zone("Asia/Seoul")
    names = table["index"].str.replace_all(" ", "").str.to_uppercase().replace(INDEX_NAMES)
    strange = names.filter(~names.str.contains(INDEX_NAME))
    if len(strange):
        raise DataError(
            f"{strange[0]!r} cannot be the name of an index. Use letters, digits, dots, hyphens and underscores only."
        )
    table = table.with_columns(time.alias("time"), names.alias("index"))
    table = table.filter(pl.col("time").is_between(pl.lit(first), pl.lit(last)))
    result = {}
    for key, part in table.partition_by("index", as_dict=True).items():
        series = part.unique("time", keep="last").sort("time")
        result[str(key[0])] = conform(series, INDEX_SCHEMA)
    return result
