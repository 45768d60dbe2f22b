"""Cash dividends of stocks, from a file that the user names: read, checked against the bars, never guessed."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from engine.data.catalog import DIVIDENDS_SCHEMA, conform
from engine.data.columns import NAMES, squeeze
from engine.data.identify import kinds_of
from engine.data.import_options import ImportOptions
from engine.data.notes import Note, note
from engine.data.problems import Problems
from engine.data.reading import parse_stamps, read_table, with_tickers
from engine.data.timeline import are_sessions, day_numbers
from engine.errors import DataError
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tables.costs import DIVIDEND_TAX

# Names of the columns as sources write them, compared as `engine.data.columns` does.
COLUMNS: dict[str, tuple[str, ...]] = {
    "date": ("date", "exdate", "exdividenddate", "배당락일", "권리락일", "락일"),
    "ticker": NAMES["ticker"],
    "cash": ("cash", "dividend", "dps", "주당배당금", "현금배당금", "주당현금배당금", "배당금"),
    "pay_date": ("paydate", "paymentdate", "지급일", "배당지급일", "배당금지급일", "현금배당지급일"),
}
MOST_WON = 10**9  # a share
FUNDS = (InstrumentClass.ETF, InstrumentClass.ETN, InstrumentClass.ELW)


def build_dividends(
    bars: pl.DataFrame,
    instruments: pl.DataFrame,
    actions: pl.DataFrame,
    adjusted: bool,
    options: ImportOptions,
    problems: Problems,
    notes: list[Note],
) -> pl.DataFrame:
    """Dividends of the named file that belong to the dataset's instruments and days; none without a file.

    Args:
        bars: BARS_SCHEMA, sorted by (time, ticker).
        instruments: INSTRUMENTS_SCHEMA.
        actions: ACTIONS_SCHEMA; a payment that stands there is not made twice.
        adjusted: the prices are back-adjusted.
        options: names the file.
        problems: collects rows that cannot be used.
        notes: what was left out is added.

    Returns:
        DIVIDENDS_SCHEMA, sorted by (date, ticker).

    Raises:
        DataError: adjusted prices, an unreadable file or rows that cannot be true.
    """
    path = options.dividends
    if path is None:
        return pl.DataFrame(schema=DIVIDENDS_SCHEMA)
    if adjusted:
        raise DataError(
            f"{path}: dividends are won for a share of their day, and adjusted prices count other shares. "
            "Leave --dividends out, or import unadjusted prices."
        )
    table = read_dividends_file(path, problems, pad_tickers=options.pad_tickers)
    days = bars["time"].dt.date()
    first, last = days[0], days[-1]
    ours = pl.col("ticker").is_in(bars["ticker"].unique().implode())
    known = table.filter(ours, pl.col("date").is_between(pl.lit(first), pl.lit(last)))
    if known.is_empty():
        raise DataError(
            f"{path}: no dividend of it belongs to a ticker and a day of the dataset ({first} to {last}). "
            "Name a file for these prices, or leave --dividends out."
        )
    known = _refuse_by_dataset(known, bars, instruments, actions, problems)
    notes.append(note("dividends", count=known.height, file=path.name, left=table.height - known.height))
    return conform(known, DIVIDENDS_SCHEMA).sort("date", "ticker")


def read_dividends_file(path: Path, problems: Problems, *, pad_tickers: bool = False) -> pl.DataFrame:
    """Ex-date, ticker, won a share before tax, day of payment or null of every row, with `_file` and `_row`.

    Raises:
        DataError: a column is missing, or a row cannot be true and may not be dropped.
    """
    if not path.is_file():
        raise DataError(f"--dividends {path}: there is no such file.")
    raw = read_table(path)
    named = {ours: [name for name in raw.columns if squeeze(name) in names] for ours, names in COLUMNS.items()}
    missing = [ours for ours in ("date", "ticker", "cash") if not named[ours]]
    twice = [ours for ours, found in named.items() if len(found) > 1]
    if missing or twice:
        wrong = f"no column for {', '.join(missing)}" if missing else f"several columns for {', '.join(twice)}"
        raise DataError(
            f"{path}: {wrong}; it has {', '.join(raw.columns)}. Needed are the ex-date (date, 배당락일), the ticker "
            "(종목코드) and the won per share before tax (cash, 주당배당금); the day of payment (pay_date, 지급일) is "
            "used where it is known."
        )
    problems.names.setdefault(path.name, {ours: found[0] for ours, found in named.items() if found})
    first = 1 if path.suffix.lower() in (".parquet", ".pq") else 2  # a text file's head is its line 1
    table = raw.select(
        pl.lit(path.name).alias("_file"),
        (pl.int_range(pl.len()) + first).alias("_row"),
        *(pl.col(found[0]).alias(ours) for ours, found in named.items() if found),
    )
    table = with_tickers(table, problems, None, pad_tickers=pad_tickers)
    return _refuse_dates(_refuse_amounts(table, problems), problems)


def _refuse_amounts(table: pl.DataFrame, problems: Problems) -> pl.DataFrame:
    amount = pl.col("cash").cast(pl.String).str.replace_all(r"[,\s원]", "").cast(pl.Float64, strict=False)
    table = table.with_columns(amount.alias("_amount"))
    whole = pl.col("_amount").is_between(1, MOST_WON) & (pl.col("_amount").round() == pl.col("_amount"))
    table = problems.refuse(
        table,
        ~whole.fill_null(False),
        "cash",
        "not a dividend in whole won per share",
        "Give the won that one share is paid before tax, at least 1, or remove the row.",
    )
    return table.with_columns(pl.col("_amount").cast(pl.Int64).alias("cash")).drop("_amount")


def _refuse_dates(table: pl.DataFrame, problems: Problems) -> pl.DataFrame:
    if "pay_date" not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.Date).alias("pay_date"))
    for name in ("date", "pay_date"):
        empty = table[name].cast(pl.String).fill_null("").str.strip_chars().is_in(["", "-"])
        table = table.with_columns(parse_stamps(table[name])[0].dt.date().alias("_day"), empty.alias("_empty"))
        unreadable = pl.col("_day").is_null() & (pl.lit(name == "date") | ~pl.col("_empty"))
        table = problems.refuse(
            table, unreadable, name, "not a date we can read", "Use 2024-01-02, 20240102, 2024/01/02 or 2024.01.02."
        )
        table = table.with_columns(pl.col("_day").alias(name)).drop("_day", "_empty")
    table = problems.refuse(
        table,
        ~pl.Series(are_sessions(day_numbers(table["date"]))),
        "date",
        "the exchange was closed on that day, so it is no ex-date (배당락일)",
        "Give the first session on which the shares trade without the dividend: one session before the record date.",
    )
    table = problems.refuse(
        table,
        pl.col("pay_date") < pl.col("date"),
        "pay_date",
        "paid before the ex-date",
        "Correct one of the two dates, or leave the day of payment empty.",
    )
    paid_on = pl.coalesce("pay_date", "date")
    table = problems.refuse(
        table,
        ~paid_on.is_between(pl.lit(DIVIDEND_TAX.verified_from), pl.lit(DIVIDEND_TAX.verified_until)),
        "date",
        f"the tax on dividends is known from {DIVIDEND_TAX.verified_from} to {DIVIDEND_TAX.verified_until} only",
        "Leave earlier dividends out.",
    )
    return problems.refuse(
        table,
        ~pl.struct("date", "ticker", "pay_date").is_first_distinct(),
        "ticker",
        "a second dividend of the same ticker and dates",
        "Keep one of them, or add the two amounts up.",
    )


def _refuse_by_dataset(
    table: pl.DataFrame, bars: pl.DataFrame, instruments: pl.DataFrame, actions: pl.DataFrame, problems: Problems
) -> pl.DataFrame:
    """What only the prices, instruments and actions of the dataset show to be wrong."""
    funds = [ticker for ticker, kind in kinds_of(instruments).items() if kind in FUNDS]
    table = problems.refuse(
        table,
        pl.col("ticker").is_in(funds),
        "ticker",
        "a fund or note: its distributions change the base price and are found there",
        "Leave it out; a distribution that the base price does not show goes into a file of --actions.",
    )
    paid = actions.filter(pl.col("kind") == "cash").select("date", "ticker", pl.lit(True).alias("_paid"))
    told = table.join(paid, on=["date", "ticker"], how="left", maintain_order="left")
    table = problems.refuse(
        told, pl.col("_paid"), "ticker", "already paid by a corporate action of that day", "Name it in one file only."
    ).drop("_paid")
    closes = bars.select(pl.col("time").dt.date().alias("date"), "ticker", "close").sort("date")
    priced = table.sort("date", maintain_order=True).join_asof(
        closes, on="date", by="ticker", strategy="backward", allow_exact_matches=False, check_sortedness=False
    )
    return problems.refuse(
        priced,
        pl.col("cash") >= pl.col("close"),
        "cash",
        "as much as the share itself cost the day before",
        "Give won per share, not a total, and unadjusted for later splits.",
    ).drop("close")
