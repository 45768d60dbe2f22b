"""Import: foreign files in, one dataset of the catalog out, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from engine.data import catalog
from engine.data.adjust import find_actions
from engine.data.aggregate import aggregate
from engine.data.atomic import atomic_folder, refuse_existing
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
from engine.data.instruments import build_instruments, find_market_changes, mark_delisted
from engine.data.interval import canonical, interval_minutes
from engine.data.manifest import Gap, Manifest
from engine.data.notes import Note, note
from engine.data.problems import Problems
from engine.data.reading import RawFile, find_files, read_file
from engine.data.references import Reference, find_index_files, index_series, read_actions_file
from engine.data.timeline import are_sessions, close_times, day_numbers
from engine.errors import DataError
from engine.krx.dated import date_of
from engine.krx.sessions import ordinals, session_days

Progress = Callable[[str, int, int], None]
DROPPED = "dropped_rows.csv"
# A base that agrees with the previous close less often than this is not what the exchange means by a base
# price.
BASE_AGREEMENT = 0.9
NINE_O_CLOCK = 9 * 60


@dataclass(frozen=True)
class ImportOptions:
    """What the user says about a source; None leaves it to detection.

    Args:
        adjusted: prices are back-adjusted, or not.
        market: KOSPI, KOSDAQ or KONEX for every ticker whose market the source does not give.
        reference: file with ticker and any of market, name, product, sector, multiple, listed, delisted, date
            + shares.
        index: file with index series.
        actions: file with corporate actions: date, ticker, ratio (new shares per old), cash.
        interval: `1d`, `1w`, `1m`, …
        product: STOCK, ETF, ETN or ELW for every ticker whose product the source does not give.
        ticker: ticker of files without a ticker column.
        stamp: minute stamps name the bar's `open` or its `close`.
        pad_tickers: put lost leading zeros back.
        drop_bad: leave bad rows out, with a report, instead of stopping.
        overwrite: replace an existing dataset.
        name: name of the dataset; the folder's name by default.
    """

    adjusted: bool | None = None
    market: str | None = None
    reference: Path | None = None
    index: Path | None = None
    actions: Path | None = None
    interval: str | None = None
    product: str | None = None
    ticker: str | None = None
    stamp: str | None = None
    pad_tickers: bool = False
    drop_bad: bool = False
    overwrite: bool = False
    name: str | None = None


@dataclass
class ImportResult:
    """What an import did, for the command line."""

    manifest: Manifest
    folder: Path
    dropped: int
    actions: pl.DataFrame


@dataclass(frozen=True)
class Prepared:
    """A source in the catalog's shape, before anything is written.

    Args:
        manifest: without what only the written files know (rows, hashes).
        bars: BARS_SCHEMA, sorted by (time, ticker).
        instruments: INSTRUMENTS_SCHEMA, sorted by ticker.
        actions: ACTIONS_SCHEMA.
        indices: index series by name.
        market_changes: MARKET_CHANGES_SCHEMA.
    """

    manifest: Manifest
    bars: pl.DataFrame
    instruments: pl.DataFrame
    actions: pl.DataFrame
    indices: dict[str, pl.DataFrame]
    market_changes: pl.DataFrame


def import_dataset(
    sources: list[str],
    destination: Path,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Import files into a new dataset.

    Args:
        sources: files, folders or patterns.
        destination: the dataset's folder; it appears when everything has succeeded.
        options: what the user says about the source.
        progress: called with (what, done, total).

    Raises:
        DataError: the source cannot be used; nothing is written.
    """
    options = options or ImportOptions()
    problems = Problems(options.drop_bad)
    refuse_existing(destination, overwrite=options.overwrite)
    ready = prepare(sources, options, problems, progress, name=options.name or destination.name)
    with atomic_folder(destination, overwrite=options.overwrite) as part:
        manifest = catalog.write_dataset(
            part, ready.manifest, ready.bars, ready.instruments, ready.actions, ready.indices, ready.market_changes
        )
        if problems.count:
            problems.write(part / DROPPED)
    return ImportResult(manifest, destination, problems.count, ready.actions)


def prepare(
    sources: list[str],
    options: ImportOptions,
    problems: Problems,
    progress: Progress | None = None,
    name: str = "source",
) -> Prepared:
    """Read and convert files without writing anything; arguments as in `import_dataset`."""
    tell = progress or (lambda what, done, total: None)
    paths = find_files(sources)
    files = []
    for done, path in enumerate(paths):
        tell(path.name, done, len(paths) + 4)
        files.append(read_file(path, problems, pad_tickers=options.pad_tickers, ticker=options.ticker))
    notes = [remark for file in files for remark in file.notes]
    bar_files = [file for file in files if file.kind == "bars"]
    if not bar_files:
        raise DataError(f"{', '.join(sources)}: no file with prices of tickers. Give at least one.")
    steps = _Steps(tell, len(paths), len(paths) + 4)

    steps.next("checking rows")
    reference = Reference.read(options.reference) if options.reference else None
    raw, dated_only = _join(bar_files, options, notes)
    interval = _interval(raw, dated_only, options, notes)
    raw = _timed(raw, dated_only, interval, options, problems, notes)
    raw = _unique(raw, problems, notes)
    instruments = build_instruments(raw, reference, options.market, options.product, notes)
    raw = _base_prices(raw, notes)

    steps.next("adjusted or not")
    adjusted = _adjusted(raw, instruments, bar_files, options, notes)
    if not adjusted and options.product is None and not {"product", "market"} & set(raw.columns):
        instruments = _recognise_funds(raw, instruments, notes)
    bars, scale = _scaled(raw, adjusted, problems, notes)
    if bars.is_empty():
        raise DataError("No usable row is left. See the report of dropped rows.")

    steps.next("corporate actions")
    actions = _actions(bars, instruments, interval, adjusted, reference, options, notes)
    if interval == "1d":
        instruments = mark_delisted(bars, instruments, actions, adjusted, notes)
    indices = _indices(files, paths, bars, interval, options, notes)

    steps.next("done")
    if problems.count:
        notes.append(note("dropped", count=problems.count, file=DROPPED))
    days = day_numbers(bars["time"].dt.date())
    manifest = Manifest(
        name=name,
        source=tuple(path.name for path in paths),
        first=date_of(int(days[0])),
        last=date_of(int(days[-1])),
        interval=interval,
        adjusted=adjusted,
        price_scale=scale,
        gaps=find_gaps(bars, interval),
        notes=tuple(dict.fromkeys(notes)),
    )
    kept = instruments.filter(pl.col("ticker").is_in(bars["ticker"].unique().implode()))
    return Prepared(manifest, bars, kept, actions, indices, find_market_changes(raw))


class _Steps:
    """Counts the steps after reading for the progress bar."""

    def __init__(self, tell: Progress, done: int, total: int) -> None:
        self.tell, self.done, self.total = tell, done, total

    def next(self, what: str) -> None:
        self.tell(what, self.done, self.total)
        self.done += 1


def _join(files: list[RawFile], options: ImportOptions, notes: list[Note]) -> tuple[pl.DataFrame, bool]:
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


def _interval(raw: pl.DataFrame, dated_only: bool, options: ImportOptions, notes: list[Note]) -> str:
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


def _timed(
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


def _unique(raw: pl.DataFrame, problems: Problems, notes: list[Note]) -> pl.DataFrame:
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


def _base_prices(raw: pl.DataFrame, notes: list[Note]) -> pl.DataFrame:
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


def _adjusted(
    raw: pl.DataFrame,
    instruments: pl.DataFrame,
    files: list[RawFile],
    options: ImportOptions,
    notes: list[Note],
) -> bool:
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


def _recognise_funds(raw: pl.DataFrame, instruments: pl.DataFrame, notes: list[Note]) -> pl.DataFrame:
    stocks = set(instruments.filter(pl.col("product") == "STOCK")["ticker"])
    found = [ticker for ticker in looks_like_fund(raw) if ticker in stocks]
    if not found:
        return instruments
    shown = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
    notes.append(note("funds", count=len(found), shown=shown))
    return instruments.with_columns(
        pl.when(pl.col("ticker").is_in(found)).then(pl.lit("ETF")).otherwise(pl.col("product")).alias("product")
    )


def _scaled(raw: pl.DataFrame, adjusted: bool, problems: Problems, notes: list[Note]) -> tuple[pl.DataFrame, int]:
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


def _actions(
    bars: pl.DataFrame,
    instruments: pl.DataFrame,
    interval: str,
    adjusted: bool,
    reference: Reference | None,
    options: ImportOptions,
    notes: list[Note],
) -> pl.DataFrame:
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


def _indices(
    files: list[RawFile],
    paths: list[Path],
    bars: pl.DataFrame,
    interval: str,
    options: ImportOptions,
    notes: list[Note],
) -> dict[str, pl.DataFrame]:
    own = [file for file in files if file.kind == "index"]
    if options.index:
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
