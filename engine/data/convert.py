"""The steps from rows as a source has them to the catalog's bars; each decides one thing and notes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from engine.data import catalog
from engine.data.adjust import find_actions
from engine.data.aggregate import aggregate
from engine.data.identify import (
    STATUS_NAMES,
    adjusted_from_name,
    detect_adjusted,
    guess_interval,
    kinds_of,
    looks_like_fund,
    off_grid_share,
    status_of_department,
)
from engine.data.import_options import ImportOptions
from engine.data.interval import canonical, interval_minutes
from engine.data.manifest import Gap
from engine.data.notes import Note, note
from engine.data.problems import Problems
from engine.data.reading import RawFile, read_file
from engine.data.references import Reference, find_index_files, index_series, read_actions_file
from engine.data.timeline import are_sessions, close_times, day_numbers
from engine.errors import DataError
from engine.krx.dated import date_of
from engine.krx.sessions import ordinals, session_days

# A base that agrees with the previous close less often than this is not what the exchange means by a base price.
BASE_AGREEMENT = 0.9
NINE_O_CLOCK = 9 * 60


def join_files(files: list[RawFile], options: ImportOptions, notes: list[Note]) -> tuple[pl.DataFrame, bool]:
    """All rows of all files in one frame; whether the stamps are dates only."""
    dated = {file.dated_only for file in files}
    if len(dated) > 1:
        minute = next(file.path.name for file in files if not file.dated_only)
        daily = next(file.path.name for file in files if file.dated_only)
        raise DataError(
            f"{daily} has dates and {minute} has times of day: two intervals cannot go into one dataset. "
            "Import them one by one."
        )
    if options.adjusted is None:
        said = {file.path.name: adjusted_from_name(file.path) for file in files}
        if {True, False} <= set(said.values()):
            names = [next(name for name, value in said.items() if value is wanted) for wanted in (True, False)]
            raise DataError(
                f"{names[0]} is adjusted and {names[1]} is not: their prices cannot be joined. Import them one by one."
            )
    frame = pl.concat([file.frame for file in files], how="diagonal_relaxed")
    if not {"open", "high", "low"} <= set(frame.columns):
        missing = [name for name in ("open", "high", "low") if name not in frame.columns]
        if len(missing) < 3:
            raise DataError(
                f"{files[0].path.name}: {', '.join(missing)} missing although other prices are there. "
                "Add the column, or leave only the close."
            )
        notes.append(note("close_only"))
        quiet = pl.col("volume") == 0
        frame = frame.with_columns(
            pl.when(quiet).then(0.0).otherwise(pl.col("close")).alias(name) for name in ("open", "high", "low")
        )
    return frame, dated.pop()


def settle_interval(raw: pl.DataFrame, dated_only: bool, options: ImportOptions, notes: list[Note]) -> str:
    """The interval the user gave, checked, or the one the rows show.

    Raises:
        DataError: the given interval does not fit the stamps.
    """
    if options.interval:
        wanted = canonical(options.interval)
        if dated_only == bool(interval_minutes(wanted)):
            kind = "dates only" if dated_only else "times of day"
            raise DataError(f"The interval {wanted} does not fit: the source has {kind}. Leave --interval out.")
        return wanted
    inside = raw.filter(pl.Series(are_sessions(day_numbers(raw["stamp"].dt.date()))))
    interval = canonical(guess_interval(inside, dated_only)) if inside.height else "1d"
    notes.append(note("interval", interval=interval))
    return interval


def with_times(
    raw: pl.DataFrame,
    dated_only: bool,
    interval: str,
    options: ImportOptions,
    problems: Problems,
    notes: list[Note],
) -> pl.DataFrame:
    """Add `day` and `time`, the moment the bar closed; refuse days that the exchange does not know."""
    raw = raw.with_columns(pl.col("stamp").dt.date().alias("day"))
    sessions = session_days()
    first, last = date_of(int(sessions[0])), date_of(int(sessions[-1]))
    raw = problems.refuse(
        raw,
        (pl.col("day") < first) | (pl.col("day") > last),
        "stamp",
        f"the date is out of range: our session calendar reaches from {first} to {last}",
        "Correct the date, or cut the source to that range.",
    )
    raw = problems.refuse(
        raw,
        ~pl.Series(are_sessions(day_numbers(raw["day"]))),
        "stamp",
        "the exchange was closed on that day",
        "Correct the date; some sources write holidays as copies of the day before.",
    )
    if raw.is_empty():
        raise DataError("No usable row is left. See the report of dropped rows.")
    if dated_only:
        return raw.with_columns(close_times(raw["day"]).alias("time"))
    minutes = interval_minutes(interval)
    label = options.stamp or _guess_stamp(raw, notes)
    stamp = pl.col("stamp").dt.replace_time_zone("Asia/Seoul")
    return raw.with_columns((stamp + pl.duration(minutes=minutes) if label == "open" else stamp).alias("time"))


def _guess_stamp(raw: pl.DataFrame, notes: list[Note]) -> str:
    """Bars named by their opening minute start at 09:00, bars named by their closing minute after it."""
    first = raw.group_by("day").agg(pl.col("stamp").min().alias("first"))["first"]
    minute = (first.dt.hour().cast(pl.Int64) * 60 + first.dt.minute()).mode().sort()[0]
    label = "open" if minute <= NINE_O_CLOCK else "close"
    notes.append(note("stamp", label=label))
    return label


def without_repeats(raw: pl.DataFrame, problems: Problems, notes: list[Note]) -> pl.DataFrame:
    """Sort by (time, ticker); rows that several files repeat exactly count once, other duplicates are refused."""
    raw = raw.sort("time", "ticker", maintain_order=True)
    key = ["time", "ticker"]
    if not raw.select(pl.struct(key).is_duplicated().any()).item():
        return raw
    values = [name for name in raw.columns if not name.startswith("_")]
    between_files = raw.group_by(key).agg(pl.col("_file").n_unique().alias("files"))
    joined = raw.join(between_files, on=key, maintain_order="left")
    repeated = joined.filter(pl.col("files") > 1).height
    if repeated:
        several = joined.filter(pl.col("files") > 1).unique(
            subset=[*values, "files"], keep="first", maintain_order=True
        )
        once = pl.concat([joined.filter(pl.col("files") == 1), several]).sort(key, maintain_order=True)
        removed = raw.height - once.height
        if removed:
            notes.append(note("repeated", count=removed))
        raw = once.drop("files")
    return problems.refuse(
        raw,
        ~pl.struct(key).is_first_distinct(),
        "ticker",
        "a second row of the same ticker and time",
        "Keep one of them.",
    )


def with_base_prices(raw: pl.DataFrame, notes: list[Note]) -> pl.DataFrame:
    """`base_price` from close - change, where that is what the exchange means by it; shares from the market value."""
    if "shares" not in raw.columns and "market_cap" in raw.columns:
        exact = pl.col("market_cap") % pl.col("close").cast(pl.Int64) == 0
        raw = raw.with_columns(
            pl.when(exact).then(pl.col("market_cap") // pl.col("close").cast(pl.Int64)).alias("shares")
        )
    if "base_price" in raw.columns or "change" not in raw.columns:
        return raw
    with_base = raw.with_columns((pl.col("close") - pl.col("change")).round().cast(pl.Int64).alias("base_price"))
    ordered = with_base.with_columns(pl.Series("session", ordinals(day_numbers(with_base["day"])))).sort(
        "ticker", "time"
    )
    # Across a missing session the two need not agree, so only neighbours are evidence.
    agree = ordered.select(
        pl.when(pl.col("session").diff().over("ticker") == 1)
        .then(pl.col("base_price") == pl.col("close").shift(1).over("ticker"))
        .alias("same")
    )["same"].drop_nulls()
    if len(agree) and (share := float(agree.mean() or 0.0)) < BASE_AGREEMENT:  # type: ignore[arg-type]
        notes.append(note("change_unused", share=share))
        return raw
    return with_base


def settle_adjusted(
    raw: pl.DataFrame,
    instruments: pl.DataFrame,
    files: list[RawFile],
    options: ImportOptions,
    notes: list[Note],
) -> bool:
    """Whether prices are adjusted: as told, else as the file name says, else as the prices show."""
    if options.adjusted is not None:
        notes.append(note("adjusted_told" if options.adjusted else "unadjusted_told"))
        return options.adjusted
    kinds = kinds_of(instruments)
    names = list(kinds)
    kind_column = raw["ticker"].replace_strict(names, [int(kinds[name]) for name in names], return_dtype=pl.Int64)
    detected, reason = detect_adjusted(raw, kind_column.to_numpy())
    share = off_grid_share(raw, kind_column.to_numpy())
    said = {adjusted_from_name(file.path) for file in files} - {None}
    if said:
        told = bool(said.pop())
        notes.append(note("adjusted_name" if told else "unadjusted_name", share=share))
        return told
    notes.append(note(reason, share=share))
    return detected


def recognise_funds(raw: pl.DataFrame, instruments: pl.DataFrame, notes: list[Note]) -> pl.DataFrame:
    """Instruments with product ETF where only the grid of funds fits the prices; for sources that name neither."""
    stocks = set(instruments.filter(pl.col("product") == "STOCK")["ticker"])
    found = [ticker for ticker in looks_like_fund(raw) if ticker in stocks]
    if not found:
        return instruments
    shown = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
    notes.append(note("funds", count=len(found), shown=shown))
    return instruments.with_columns(
        pl.when(pl.col("ticker").is_in(found)).then(pl.lit("ETF")).otherwise(pl.col("product")).alias("product")
    )


def to_price_units(
    raw: pl.DataFrame, adjusted: bool, problems: Problems, notes: list[Note]
) -> tuple[pl.DataFrame, int]:
    """Catalog columns in integer price units, and the units per won."""
    whole = all((raw[name] == raw[name].round()).all() for name in catalog.PRICES)
    if not adjusted:
        for name in catalog.PRICES:
            raw = problems.refuse(
                raw,
                pl.col(name) != pl.col(name).round(),
                name,
                "unadjusted prices are whole won",
                "Pass --adjusted if the prices are adjusted.",
            )
    scale = 1 if whole or not adjusted else 100
    if scale == 100:
        exact = all(((raw[name] * 100).round() / 100 - raw[name]).abs().max() < 1e-6 for name in catalog.PRICES)  # type: ignore[operator]
        notes.append(note("two_decimals" if exact else "rounded"))
    if "department" in raw.columns:
        department = raw["department"].unique().to_list()
        raw = raw.with_columns(
            pl.col("department")
            .replace_strict(department, [status_of_department(text) for text in department], return_dtype=pl.String)
            .alias("status")
        )
    elif "status" in raw.columns:
        raw = problems.refuse(
            raw,
            pl.col("status").is_not_null() & ~pl.col("status").is_in(list(STATUS_NAMES)),
            "status",
            "a status we do not know",
            f"Use {', '.join(sorted(STATUS_NAMES))}.",
        )
        raw = raw.with_columns(
            pl.col("status").replace_strict(list(STATUS_NAMES), list(STATUS_NAMES.values()), default=None)
        )
    units = [(pl.col(name) * scale).round().cast(pl.Int64).alias(name) for name in catalog.PRICES]
    if "base_price" in raw.columns:
        units.append((pl.col("base_price") * scale).alias("base_price"))
    bars = catalog.conform(raw.with_columns(units), catalog.BARS_SCHEMA)
    return bars.sort("time", "ticker"), scale


def build_actions(
    bars: pl.DataFrame,
    instruments: pl.DataFrame,
    interval: str,
    adjusted: bool,
    reference: Reference | None,
    options: ImportOptions,
    notes: list[Note],
) -> pl.DataFrame:
    """Corporate actions: none for adjusted prices, else found by the rules of `adjust`, stated ones taking precedence.

    Raises:
        DataError: actions were stated for adjusted prices.
    """
    if adjusted:
        notes.append(note("no_actions"))
        if options.actions:
            raise DataError(
                f"{options.actions}: adjusted prices already contain corporate actions. Leave --actions out."
            )
        return pl.DataFrame(schema=catalog.ACTIONS_SCHEMA)
    none = pl.DataFrame(schema=catalog.ACTIONS_SCHEMA)
    daily = aggregate(bars, none, "1d")[0] if interval_minutes(interval) else bars
    kinds = kinds_of(instruments)
    multiples = dict(instruments.select("ticker", "multiple").rows())
    found = find_actions(daily, kinds, multiples, reference.shares if reference else None)
    if options.actions:
        told = read_actions_file(options.actions)
        found = pl.concat([found.join(told, on=["date", "ticker"], how="anti"), told]).sort("date", "ticker")
    if bars["base_price"].null_count() == bars.height:
        notes.append(note("no_base"))
    unexplained = found.filter(pl.col("kind") == "unexplained")
    if unexplained.height:
        places = ", ".join(f"{ticker} {day}" for ticker, day in unexplained.select("ticker", "date").head(5).rows())
        shown = places + (" …" if unexplained.height > 5 else "")
        notes.append(note("unexplained", count=unexplained.height, shown=shown))
    return found


def read_indices(
    files: list[RawFile],
    paths: list[Path],
    bars: pl.DataFrame,
    interval: str,
    options: ImportOptions,
    notes: list[Note],
) -> dict[str, pl.DataFrame]:
    """Index series by name: the file the user named, those among the sources, or those beside them.

    Raises:
        DataError: the named file has no index column.
    """
    own = [file for file in files if file.kind == "index"]
    if options.index:
        if not options.index.is_file():
            raise DataError(f"--index {options.index}: there is no such file. Give a CSV or Parquet file with indices.")
        given = read_file(options.index, Problems())
        if given.kind != "index":
            raise DataError(
                f"{options.index}: no column names the index. It needs date, index (KOSPI, KOSDAQ, …) and close."
            )
        own = [given]
    elif not own:
        nearby = find_index_files(paths)
        own = [file for file in (read_file(path, Problems()) for path in nearby) if file.kind == "index"]
        notes.extend(note("index_beside", file=f"{file.path.parent.name}/{file.path.name}") for file in own)
    if not own:
        notes.append(note("no_index"))
        return {}
    return index_series([file.frame for file in own], bars["time"].min(), bars["time"].max())


def find_gaps(bars: pl.DataFrame, interval: str) -> tuple[Gap, ...]:
    """Sessions between the first and last bar on which no ticker has one; weekly data may skip a week's sessions."""
    sessions = session_days()
    days = np.unique(day_numbers(bars["time"].dt.date()))
    missing = np.diff(np.searchsorted(sessions, days)) - 1
    usual = 5 if interval == "1w" else 0
    return tuple(
        Gap(after=date_of(int(days[at])), before=date_of(int(days[at + 1])), sessions=int(missing[at]))
        for at in np.nonzero(missing > usual)[0]
    )
