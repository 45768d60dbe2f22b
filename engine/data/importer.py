"""Import: foreign files in, one dataset of the catalog out, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from engine.data import catalog
from engine.data.atomic import atomic_folder, refuse_existing
from engine.data.convert import (
    build_actions,
    find_gaps,
    join_files,
    read_indices,
    recognise_funds,
    settle_adjusted,
    settle_interval,
    to_price_units,
    with_base_prices,
    with_times,
    without_repeats,
)
from engine.data.dividends import build_dividends
from engine.data.import_options import ImportOptions
from engine.data.instruments import build_instruments, find_market_changes, mark_delisted
from engine.data.manifest import Manifest
from engine.data.notes import note
from engine.data.problems import Problems
from engine.data.reading import find_files, read_file
from engine.data.references import Reference
from engine.data.timeline import day_numbers
from engine.errors import DataError
from engine.krx.dated import date_of

Progress = Callable[[str, int, int], None]
DROPPED = "dropped_rows.csv"


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
        dividends: DIVIDENDS_SCHEMA.
    """

    manifest: Manifest
    bars: pl.DataFrame
    instruments: pl.DataFrame
    actions: pl.DataFrame
    indices: dict[str, pl.DataFrame]
    market_changes: pl.DataFrame
    dividends: pl.DataFrame


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
            part,
            ready.manifest,
            ready.bars,
            ready.instruments,
            ready.actions,
            ready.indices,
            ready.market_changes,
            ready.dividends,
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
    raw, dated_only = join_files(bar_files, options, notes)
    interval = settle_interval(raw, dated_only, options, notes)
    raw = with_times(raw, dated_only, interval, options, problems, notes)
    raw = without_repeats(raw, problems, notes)
    instruments = build_instruments(raw, reference, options.market, options.product, notes)
    raw = with_base_prices(raw, notes)

    steps.next("adjusted or not")
    adjusted = settle_adjusted(raw, instruments, bar_files, options, notes)
    if not adjusted and options.product is None and not {"product", "market"} & set(raw.columns):
        instruments = recognise_funds(raw, instruments, notes)
    bars, scale = to_price_units(raw, adjusted, problems, notes)
    if bars.is_empty():
        raise DataError("No usable row is left. See the report of dropped rows.")

    steps.next("corporate actions")
    actions = build_actions(bars, instruments, interval, adjusted, reference, options, notes)
    if interval == "1d":
        instruments = mark_delisted(bars, instruments, actions, adjusted, notes)
    dividends = build_dividends(bars, instruments, actions, adjusted, options, problems, notes)
    indices = read_indices(files, paths, bars, interval, options, notes)

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
    return Prepared(manifest, bars, kept, actions, indices, find_market_changes(raw), dividends)


class _Steps:
    """Counts the steps after reading for the progress bar."""

    def __init__(self, tell: Progress, done: int, total: int) -> None:
        self.tell, self.done, self.total = tell, done, total

    def next(self, what: str) -> None:
        self.tell(what, self.done, self.total)
        self.done += 1
