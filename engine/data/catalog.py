"""Where things lie inside a dataset folder, and how they are written and read.

<dataset>/manifest.json
          instruments.parquet          one row per ticker
          corporate_actions.parquet    empty for adjusted datasets
          dividends.parquet            only where cash dividends of stocks are known
          market_changes.parquet       only where a ticker moved between markets
          index/KOSPI.parquet          one file per index
          bars/interval=1d/year=2024/bars.parquet
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from engine.data.manifest import FILE_NAME, Manifest, content_hash, load_manifest, record_file, record_files
from engine.errors import DataError

PRICES = ("open", "high", "low", "close")

# `time` is the moment the bar closed: nothing in the row was known before it.
BARS_SCHEMA: dict[str, pl.DataType] = {
    "time": pl.Datetime("us", "Asia/Seoul"),
    "ticker": pl.String(),
    "open": pl.Int64(),
    "high": pl.Int64(),
    "low": pl.Int64(),
    "close": pl.Int64(),
    "volume": pl.Int64(),
    "value": pl.Int64(),
    "base_price": pl.Int64(),
    "shares": pl.Int64(),
    "status": pl.String(),
}
INSTRUMENTS_SCHEMA: dict[str, pl.DataType] = {
    "ticker": pl.String(),
    "name": pl.String(),
    "market": pl.String(),
    "product": pl.String(),
    "sector": pl.String(),
    "multiple": pl.Int64(),
    "listed": pl.Date(),
    "delisted": pl.Date(),
}
ACTIONS_SCHEMA: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "ticker": pl.String(),
    "kind": pl.String(),
    "numerator": pl.Int64(),
    "denominator": pl.Int64(),
    "cash": pl.Int64(),
    "source": pl.String(),
    "confidence": pl.String(),
}
# Cash dividends of stocks: `date` is the ex-date, `cash` won a share before tax, `pay_date` null where unknown.
DIVIDENDS_SCHEMA: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "ticker": pl.String(),
    "cash": pl.Int64(),
    "pay_date": pl.Date(),
}
DIVIDENDS = "dividends.parquet"
# Rows of `ticker` up to and including `until` belong to `market`; later ones to the market of the instruments table.
MARKET_CHANGES_SCHEMA: dict[str, pl.DataType] = {"ticker": pl.String(), "market": pl.String(), "until": pl.Date()}
INDEX_SCHEMA: dict[str, pl.DataType] = {
    "time": pl.Datetime("us", "Asia/Seoul"),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
}

MARKETS = ("KOSPI", "KOSDAQ", "KONEX")
PRODUCTS = ("STOCK", "ETF", "ETN", "ELW")
STATUSES = ("normal", "managed", "warning", "liquidation", "halted")


def write_dataset(
    folder: Path,
    manifest: Manifest,
    bars: pl.DataFrame,
    instruments: pl.DataFrame,
    actions: pl.DataFrame,
    indices: dict[str, pl.DataFrame],
    market_changes: pl.DataFrame | None = None,
    dividends: pl.DataFrame | None = None,
) -> Manifest:
    """Write all files of a dataset into an empty `folder`, the manifest last.

    Args:
        folder: an empty folder, usually one of `atomic_folder`.
        manifest: everything but files, rows, tickers, columns and content hash, which are filled in here.
        bars: BARS_SCHEMA, sorted by (time, ticker).
        instruments: INSTRUMENTS_SCHEMA, sorted by ticker.
        actions: ACTIONS_SCHEMA.
        indices: INDEX_SCHEMA by index name, each sorted by time.
        market_changes: MARKET_CHANGES_SCHEMA, if any.
        dividends: DIVIDENDS_SCHEMA, if any.

    Returns:
        The manifest as written.
    """
    write_bars(folder, bars, manifest.interval)
    _write(conform(instruments, INSTRUMENTS_SCHEMA), folder / "instruments.parquet")
    _write(conform(actions, ACTIONS_SCHEMA).sort("date", "ticker"), folder / "corporate_actions.parquet")
    if market_changes is not None and market_changes.height:
        _write(conform(market_changes, MARKET_CHANGES_SCHEMA), folder / "market_changes.parquet")
    if dividends is not None and dividends.height:
        _write(conform(dividends, DIVIDENDS_SCHEMA).sort("date", "ticker"), folder / DIVIDENDS)
    for name, series in sorted(indices.items()):
        (folder / "index").mkdir(exist_ok=True)
        _write(conform(series, INDEX_SCHEMA), folder / "index" / f"{name}.parquet")
    known = [name for name in bars.columns if bars[name].null_count() < bars.height]
    files = record_files(folder)
    written = manifest.model_copy(
        update={
            "rows": bars.height,
            "tickers": instruments.height,
            "dividends": 0 if dividends is None else dividends.height,
            "columns": tuple(name for name in BARS_SCHEMA if name in known),
            "files": files,
            "content_hash": content_hash(files),
        }
    )
    written.save(folder)
    return written


def write_bars(folder: Path, bars: pl.DataFrame, interval: str) -> None:
    """Write bars as one file per calendar year (KST)."""
    frame = conform(bars, BARS_SCHEMA)
    years = frame["time"].dt.year()
    for year in years.unique().sort():
        place = folder / "bars" / f"interval={interval}" / f"year={year}"
        place.mkdir(parents=True)
        _write(frame.filter(years == year), place / "bars.parquet")


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Write one file of a dataset.

    Raises:
        DataError: the system refuses, for instance because the disk is full.
    """
    try:
        frame.write_parquet(path, compression="zstd", row_group_size=500_000)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path.name} cannot be written ({error}). Check the space and the rights there.") from None


def conform(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """The columns of `schema` in its order and types; columns the frame lacks are null."""
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, dtype=kind).alias(name)
        for name, kind in schema.items()
    )


def bar_files(folder: Path, manifest: Manifest) -> list[Path]:
    """Paths of the bar files in order of time."""
    prefix = f"bars/interval={manifest.interval}/"
    files = [folder / name for name in sorted(manifest.files) if name.startswith(prefix)]
    if not files:
        raise DataError(f"{folder} holds no bars of interval {manifest.interval}. Import the dataset again.")
    return files


def scan_bars(folder: Path, manifest: Manifest) -> pl.LazyFrame:
    """All bars, lazily, in order of (time, ticker)."""
    return pl.scan_parquet(bar_files(folder, manifest), hive_partitioning=False, glob=False)


def read_instruments(folder: Path) -> pl.DataFrame:
    """The instruments table, sorted by ticker."""
    return pl.read_parquet(folder / "instruments.parquet", hive_partitioning=False, glob=False)


def read_actions(folder: Path) -> pl.DataFrame:
    """Corporate actions, sorted by (date, ticker)."""
    return pl.read_parquet(folder / "corporate_actions.parquet", hive_partitioning=False, glob=False)


def read_market_changes(folder: Path) -> pl.DataFrame:
    """Moves between markets; empty when there are none."""
    path = folder / "market_changes.parquet"
    if path.is_file():
        return pl.read_parquet(path, hive_partitioning=False, glob=False)
    return pl.DataFrame(schema=MARKET_CHANGES_SCHEMA)


def read_dividends(folder: Path) -> pl.DataFrame:
    """Cash dividends of stocks, sorted by (date, ticker); empty when none are known."""
    path = folder / DIVIDENDS
    if path.is_file():
        return pl.read_parquet(path, hive_partitioning=False, glob=False)
    return pl.DataFrame(schema=DIVIDENDS_SCHEMA)


def read_indices(folder: Path) -> dict[str, pl.DataFrame]:
    """Index series by name."""
    paths = sorted((folder / "index").glob("*.parquet"))
    return {path.stem: pl.read_parquet(path, hive_partitioning=False, glob=False) for path in paths}


def check_sizes(folder: Path, manifest: Manifest) -> None:
    """Raise when a file is missing or its size is not the one in the manifest (milliseconds; no contents are
    read).

    Raises:
        DataError: a file is missing or was changed after the import, or dividends were put beside it by hand.
    """
    if (folder / DIVIDENDS).is_file() and DIVIDENDS not in manifest.files:
        raise DataError(
            f"{folder / DIVIDENDS} is not part of the dataset: {FILE_NAME} does not list it, so it was never checked. "
            "Move it out of the folder and import the dataset again with --dividends FILE."
        )
    for name, record in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path} is missing, but {FILE_NAME} lists it. Import the dataset again.")
        if path.stat().st_size != record.size:
            raise DataError(
                f"{path} has {path.stat().st_size:,} bytes, {FILE_NAME} says {record.size:,}: it was changed or cut "
                "short after the import. Import the dataset again."
            )


def check_contents(folder: Path, manifest: Manifest) -> None:
    """Raise when the contents of any file differ from the manifest (reads everything).

    Raises:
        DataError: a file was changed after the import.
    """
    check_sizes(folder, manifest)
    for name, record in manifest.files.items():
        if record_file(folder / name).sha256 != record.sha256:
            raise DataError(f"{folder / name} differs from its hash in {FILE_NAME}. Import the dataset again.")


def open_dataset(folder: str | Path) -> tuple[Path, Manifest]:
    """The folder and manifest of a dataset whose files are all there."""
    root = Path(folder)
    manifest = load_manifest(root)
    check_sizes(root, manifest)
    return root, manifest
