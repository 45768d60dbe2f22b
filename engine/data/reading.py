"""Read one foreign file into a frame with our column names, typed, with file and row of every value still
known."""

from __future__ import annotations

import codecs
import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from engine.data.columns import guess_columns, require, squeeze, unused_columns
from engine.data.notes import Note, note
from engine.data.problems import Problems
from engine.errors import DataError

SUFFIXES = (".csv", ".txt", ".tsv", ".parquet", ".pq")
PRICE_COLUMNS = ("open", "high", "low", "close")
COUNT_COLUMNS = ("volume", "value", "shares", "market_cap", "base_price", "change", "multiple")
# Beyond these a number is a slip of the source; kernels add up to 2,500 of them in 64 bits.
MOST = dict.fromkeys((*PRICE_COLUMNS, "base_price", "change"), 10**10) | {"market_cap": 10**17}
MOST_COUNT = 10**15
# Only funds have a net asset value of the day.
FUND_COLUMNS = ("nav", "순자산가치")
TEXT_COLUMNS = (
    "ticker",
    "name",
    "market",
    "segment",
    "department",
    "status",
    "product",
    "sector",
    "index",
)
DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%Y년 %m월 %d일", "%Y. %m. %d.")
STAMP_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%Y.%m.%d %H:%M",
    "%Y%m%d %H%M%S",
    "%Y%m%d %H:%M:%S",
    "%Y%m%d %H:%M",
    "%Y-%m-%d %H%M%S",
)
CLOCK_FORMATS = ("%H:%M:%S", "%H:%M", "%H%M%S", "%H%M")


@dataclass(frozen=True)
class RawFile:
    """One file as read.

    Args:
        path: the file.
        kind: `bars`, `index`, or `other` (nothing the import needs).
        frame: `_file`, `_row`, `stamp` (naive datetime, KST) and typed columns by our names; empty for
            `other`.
        dated_only: the stamps are dates without a time of day.
        notes: what was decided while reading.
    """

    path: Path
    kind: str
    frame: pl.DataFrame
    dated_only: bool
    notes: tuple[Note, ...] = ()


def find_files(sources: list[str]) -> list[Path]:
    """All data files that the sources name: files, folders (searched recursively) or glob patterns.

    Raises:
        DataError: a source does not exist or holds no CSV or Parquet file.
    """
    found: list[Path] = []
    for source in sources:
        path = Path(source).expanduser()
        if path.is_dir():
            matches = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        elif path.is_file():
            matches = [path]
        else:
            anchor = Path(path.anchor or ".")
            pattern = str(path.relative_to(path.anchor)) if path.anchor else str(path)
            matches = sorted(file for file in anchor.glob(pattern) if file.is_file()) if pattern else []
        if not matches:
            raise DataError(
                f"{source}: no CSV or Parquet file there. Give a file, a folder or a pattern such as 'prices/*.csv'."
            )
        found += [file for file in matches if file not in found]
    return found


def read_file(path: Path, problems: Problems, *, pad_tickers: bool = False, ticker: str | None = None) -> RawFile:
    """Read one CSV or Parquet file.

    Args:
        path: the file; its suffix decides the format.
        problems: collects rows that cannot be used.
        pad_tickers: short numeric tickers lost their leading zeros: put them back.
        ticker: the ticker of a file that has no ticker column.

    Raises:
        DataError: empty, unreadable, or columns are missing.
    """
    raw = read_table(path)
    where = str(path)
    if not raw.columns or raw.is_empty():
        raise DataError(f"{where}: the file has no rows. Remove it from the import or download it again.")
    found = guess_columns(raw.columns, where)
    if "close" not in found and not {"open", "high", "low", "volume"} & set(found):
        return RawFile(path, "other", pl.DataFrame(), True, (note("file_skipped", file=path.name),))
    kind = "index" if "index" in found and "ticker" not in found else "bars"
    notes = [note("column_unused", file=path.name, column=repr(name)) for name in unused_columns(raw.columns, found)]
    if kind == "bars" and "ticker" not in found:
        ticker = ticker or _ticker_from_name(path)
        if ticker is None:
            require(found, raw.columns, ["ticker"], where)
    if "date" not in found and "time" not in found:
        require(found, raw.columns, ["date"], where)
    require(found, raw.columns, ["close"] if kind == "index" else ["close", "volume"], where)

    problems.names[path.name] = {**found, "stamp": found.get("date", found.get("time", "stamp"))}
    frame = raw.select(
        pl.lit(path.name).alias("_file"),
        # CSV rows are numbered as an editor numbers lines, the head being line 1; Parquet rows count from 1.
        (pl.int_range(pl.len()) + (1 if path.suffix.lower() in (".parquet", ".pq") else 2)).alias("_row"),
        *(pl.col(column).alias(ours) for ours, column in found.items()),
    )
    if kind == "bars" and "product" not in found and any(squeeze(name) in FUND_COLUMNS for name in raw.columns):
        frame = frame.with_columns(pl.lit("ETF").alias("product"))
        notes.append(note("funds_by_nav", file=path.name))
    frame, dated_only = _stamps(frame, problems)
    if kind == "bars":
        frame = with_tickers(frame, problems, ticker, pad_tickers=pad_tickers)
    frame = _numbers(frame, problems, kind)
    if frame.is_empty():
        raise DataError(f"{where}: no usable row is left. See the report of dropped rows.")
    return RawFile(path, kind, frame, dated_only, tuple(notes))


def read_table(path: Path) -> pl.DataFrame:
    """The file as it is: Parquet with its types, text files as text.

    Raises:
        DataError: empty, of an unknown type, or unreadable.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: files of type {suffix or '(none)'} cannot be read. Convert it to CSV or Parquet.")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty (0 bytes). Remove it from the import or download it again.")
    try:
        if suffix in (".parquet", ".pq"):
            return pl.read_parquet(path, hive_partitioning=False, glob=False)
        text = _decode(path)
        if "\n" not in text:
            text = text.replace("\r", "\n")  # line ends of old Macintosh spreadsheets
        head = text.split("\n", 1)[0]
        separator = max(",\t;|", key=head.count)
        _refuse_twins(head.strip().split(separator), path)
        # Everything as text: "005930" must not become 5930, and errors must show what the file says.
        return pl.read_csv(text.encode(), separator=separator, infer_schema_length=0, truncate_ragged_lines=False)
    except pl.exceptions.PolarsError as error:
        reason = str(error).split("\n", 1)[0]
        raise DataError(
            f"{path}: cannot be read as {suffix[1:]}: {reason}. Check or download the file again."
        ) from error


def _refuse_twins(names: list[str], path: Path) -> None:
    """Two columns of one name: the reader would rename the second, and nobody would know which one was taken."""
    for place, name in enumerate(names):
        if name and name in names[:place]:
            raise DataError(f"{path}: two columns are called {name!r}. Remove or rename one of them.")


def _decode(path: Path) -> str:
    data = path.read_bytes()
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):  # "Unicode text" of spreadsheets
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode("utf-16")
    for encoding in ("utf-8-sig", "cp949"):  # Korean spreadsheets still write CP949
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{path}: neither UTF-8 nor CP949 text. Save it as UTF-8 CSV.")


def _ticker_from_name(path: Path) -> str | None:
    match = re.search(r"(?<![0-9A-Za-z])([0-9][0-9A-Z]{5})(?![0-9A-Za-z])", path.stem)
    return match[1] if match else None


def _stamps(frame: pl.DataFrame, problems: Problems) -> tuple[pl.DataFrame, bool]:
    """Add `stamp`, a naive Korean datetime, from a date column, a time column or both."""
    source = "date" if "date" in frame.columns else "time"
    stamp, dated_only = parse_stamps(frame[source])
    if source == "date" and "time" in frame.columns and dated_only:
        clock = _parse_clock(frame["time"])
        dated_only = False
        frame = frame.with_columns(stamp.alias("stamp"), clock.alias("_clock"))
        frame = frame.with_columns(pl.col("stamp").dt.combine(pl.col("_clock")).alias("stamp")).drop("_clock")
    else:
        frame = frame.with_columns(stamp.cast(pl.Datetime("us")).alias("stamp"))
    frame = problems.refuse(
        frame,
        pl.col("stamp").is_null(),
        source,
        "not a date we can read",
        "Use 2024-01-02, 20240102, 2024/01/02 or 2024.01.02, with a time of day for minute bars.",
    )
    return frame, dated_only


def parse_stamps(series: pl.Series) -> tuple[pl.Series, bool]:
    """The stamps and whether they are dates only."""
    if series.dtype == pl.Date:
        return series.cast(pl.Datetime("us")), True
    if isinstance(series.dtype, pl.Datetime):
        zone = series.dtype.time_zone
        local = series.dt.convert_time_zone("Asia/Seoul").dt.replace_time_zone(None) if zone else series
        local = local.cast(pl.Datetime("us"))
        return local, bool((local.dt.truncate("1d") == local).all())
    text = series.cast(pl.String).str.strip_chars()
    if series.dtype.is_float():
        text = series.cast(pl.Int64, strict=False).cast(pl.String)
    sample = text.drop_nulls().head(1000)
    best: tuple[int, str, bool] = (0, "", True)
    for form in (*DATE_FORMATS, *STAMP_FORMATS):
        dated = form in DATE_FORMATS
        kind = pl.Date() if dated else pl.Datetime("us")
        hits = sample.str.strptime(kind, form, strict=False).drop_nulls().len()
        if hits > best[0]:
            best = (hits, form, dated)
    hits, form, dated = best
    if not hits:
        return pl.Series("stamp", [None] * len(series), dtype=pl.Datetime("us")), True
    kind = pl.Date() if dated else pl.Datetime("us")
    parsed = text.str.strptime(kind, form, strict=False).cast(pl.Datetime("us"))
    if not dated and (parsed.drop_nulls().dt.truncate("1d") == parsed.drop_nulls()).all():
        dated = True
    return parsed, dated


def _parse_clock(series: pl.Series) -> pl.Series:
    if series.dtype == pl.Time:
        return series
    text = series.cast(pl.String).str.strip_chars()
    # 90000 is 09:00:00 whose leading zero was lost; the clock is the only column where that is beyond doubt.
    text = pl.select(pl.when(text.str.contains(r"^[0-9]{5}$")).then("0" + text).otherwise(text)).to_series()
    best = max(
        CLOCK_FORMATS,
        key=lambda form: text.head(1000).str.strptime(pl.Time, form, strict=False).drop_nulls().len(),
    )
    return text.str.strptime(pl.Time, best, strict=False)


def with_tickers(frame: pl.DataFrame, problems: Problems, ticker: str | None, *, pad_tickers: bool) -> pl.DataFrame:
    """`ticker` as text of six characters; short and malformed codes are refused."""
    if "ticker" not in frame.columns:
        frame = frame.with_columns(pl.lit(ticker).alias("ticker"))
    if not frame["ticker"].dtype.is_integer():
        frame = frame.with_columns(pl.col("ticker").cast(pl.String).str.strip_chars())
    elif not pad_tickers and (frame["ticker"] < 100_000).any():
        frame = frame.with_columns(pl.col("ticker").cast(pl.String))
    frame = frame.with_columns(
        # "A005930" is the exchange's full short code of a share: the product letter in front is not part of
        # the ticker.
        pl.col("ticker").cast(pl.String).str.replace(r"^[AQ]([0-9][0-9A-Z]{5})$", "$1")
    )
    short = pl.col("ticker").str.contains(r"^[0-9]{1,5}$")
    if pad_tickers:
        frame = frame.with_columns(
            pl.when(short).then(pl.col("ticker").str.zfill(6)).otherwise(pl.col("ticker")).alias("ticker")
        )
    frame = problems.refuse(
        frame,
        short,
        "ticker",
        "a ticker has 6 characters; the leading zeros were lost, as spreadsheets do",
        "Pass --pad-tickers to put the zeros back, after checking that the codes are right.",
    )
    return problems.refuse(
        frame,
        ~pl.col("ticker").str.contains(r"^[0-9A-Z]{6}$") | pl.col("ticker").is_null(),
        "ticker",
        "not a KRX ticker (6 digits or capital letters, such as 005930 or 0000J0)",
        "Correct the code.",
    )


def _numbers(frame: pl.DataFrame, problems: Problems, kind: str) -> pl.DataFrame:
    """Prices as Float64, counts as Int64; text that is no number is refused, blanks stay null."""
    for name in (*PRICE_COLUMNS, *COUNT_COLUMNS):
        if name not in frame.columns:
            continue
        series = frame[name]
        floating = name in PRICE_COLUMNS
        if series.dtype == pl.String:
            cleaned = (
                pl.col(name).str.replace_all(r"[,\s원주]", "").replace(["", "-", "NaN", "nan", "null", "None"], None)
            )
            frame = frame.with_columns(
                cleaned.cast(pl.Float64, strict=False).alias("_number"), cleaned.alias("_cleaned")
            )
            frame = problems.refuse(
                frame,
                pl.col("_number").is_null() & pl.col("_cleaned").is_not_null(),
                name,
                "not a number",
                "Correct the value.",
            )
            number = pl.col("_number")
        elif series.dtype.is_numeric():
            number = pl.col(name).cast(pl.Float64).fill_nan(None) if series.dtype.is_float() else pl.col(name)
        else:
            raise DataError(
                f"{frame['_file'][0]}: column {name!r} has type {series.dtype}, a number is needed. Convert the column."
            )
        limit = MOST.get(name, MOST_COUNT)
        frame = problems.refuse(
            frame,
            (number.abs() > limit) & (number.is_finite() | (not floating)),
            name,
            f"too large: nothing on the exchange is above {limit:,}",
            "Correct the value.",
        )
        if floating:
            frame = frame.with_columns(number.cast(pl.Float64).alias(name))
        else:
            frame = frame.with_columns(number.round().cast(pl.Int64, strict=False).alias(name))
        frame = frame.drop("_number", "_cleaned", strict=False)
    texts = [name for name in TEXT_COLUMNS if name in frame.columns]
    frame = frame.with_columns(pl.col(texts).cast(pl.String).str.strip_chars())
    for name in ("listed", "delisted"):
        if name in frame.columns and frame[name].dtype != pl.Date:
            frame = frame.with_columns(parse_stamps(frame[name])[0].cast(pl.Date).alias(name))
    return _refuse_numbers(frame, problems) if kind == "bars" else frame


def _refuse_numbers(frame: pl.DataFrame, problems: Problems) -> pl.DataFrame:
    frame = problems.refuse(
        frame,
        pl.col("volume").is_null(),
        "volume",
        "no value (empty or NaN)",
        "Fill in the volume, 0 for a day without a trade.",
    )
    frame = problems.refuse(frame, pl.col("volume") < 0, "volume", "cannot be negative", "Correct the value.")
    frame = problems.refuse(
        frame,
        pl.col("close").is_null(),
        "close",
        "no value (empty or NaN)",
        "Fill in the closing price, or remove the row.",
    )
    for name in ("open", "high", "low"):
        if name in frame.columns:
            # Without a trade some sources leave the prices blank; zeros are the exchange's own coding of
            # that.
            frame = frame.with_columns(
                pl.when(pl.col("volume") == 0).then(pl.col(name).fill_null(0)).otherwise(pl.col(name)).alias(name)
            )
            frame = problems.refuse(
                frame,
                pl.col(name).is_null(),
                name,
                "no value (empty or NaN) although the row has volume",
                "Fill in the price.",
            )
    for name in (name for name in PRICE_COLUMNS if name in frame.columns):
        frame = problems.refuse(
            frame,
            (pl.col(name) < 0) | ~pl.col(name).is_finite(),
            name,
            "a price cannot be negative or infinite",
            "Correct the value.",
        )
    frame = problems.refuse(
        frame,
        pl.col("close") == 0,
        "close",
        "a closing price of 0 is no price",
        "Carry the last price on days without a trade.",
    )
    for name in ("value", "shares", "market_cap"):
        if name in frame.columns:
            frame = problems.refuse(frame, pl.col(name) < 0, name, "cannot be negative", "Correct the value.")
    return frame
