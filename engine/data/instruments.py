"""The instruments table: one row per ticker from whatever the source, a reference file and the user say."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data.catalog import INSTRUMENTS_SCHEMA, MARKET_CHANGES_SCHEMA, MARKETS, PRODUCTS, conform
from engine.data.identify import FUND_NAME, fund_multiple, kinds_of, market_of
from engine.data.marks import LIQUIDATION_SESSIONS
from engine.data.notes import Note, note
from engine.data.references import Reference
from engine.data.timeline import day_numbers
from engine.errors import DataError
from engine.krx.columns import base_column, limit_columns
from engine.krx.instrument_class import instrument_class
from engine.krx.sessions import ordinals

# A name that is gone for fewer sessions than this may only be halted where the source leaves such rows out.
GONE_SESSIONS = 5


def build_instruments(
    raw: pl.DataFrame,
    reference: Reference | None,
    market: str | None,
    product: str | None,
    notes: list[Note],
) -> pl.DataFrame:
    """One row per ticker, sorted; what nobody says about market and product is taken as KOSPI and STOCK, with a note.

    Args:
        raw: rows sorted by time with any of the instrument columns; the last known value of a ticker counts.
        reference: table that fills what the source leaves open.
        market: market of tickers that neither gives.
        product: product of tickers that neither gives.
        notes: gets what was assumed.
    """
    assumed = market_of(market, "--market") if market else "KOSPI"
    if product is not None and product not in PRODUCTS:
        raise DataError(f"--product {product!r} is not known. Use {', '.join(PRODUCTS)}.")
    fields = [name for name in INSTRUMENTS_SCHEMA if name != "ticker" and name in raw.columns]
    table = raw.group_by("ticker").agg(
        *(pl.col(name).drop_nulls().last().alias(name) for name in fields),
        *([pl.col("market").drop_nulls().n_unique().alias("markets")] if "market" in fields else []),
    )
    if "markets" in table.columns and (moved := int((table["markets"] > 1).sum())):
        notes.append(note("market_changes", count=moved))
    table = conform(table, INSTRUMENTS_SCHEMA)
    if reference is not None:
        table = _fill_from(table, reference.instruments)
    spellings = table["market"].drop_nulls().unique().to_list()
    table = table.with_columns(
        pl.col("market").replace_strict(
            spellings, [market_of(text, "market") for text in spellings], default=None, return_dtype=pl.String
        )
        if spellings
        else pl.col("market"),
        pl.col("product").str.to_uppercase(),
    )
    # Funds and warrants trade on KOSPI alone, so nothing is assumed of them.
    stocks = pl.col("product").is_null() | (pl.col("product") == "STOCK")
    unknown_market = table.filter(stocks & pl.col("market").is_null()).height
    if unknown_market:
        notes.append(note("market_assumed", count=unknown_market, market=assumed))
    table = table.with_columns(pl.coalesce("market", pl.when(stocks).then(pl.lit(assumed)).otherwise(pl.lit("KOSPI"))))
    named_fund = pl.col("product").is_null() & pl.col("name").str.contains(FUND_NAME.pattern)
    table = table.with_columns(
        pl.when(named_fund)
        .then(pl.lit("ETF"))
        .otherwise(pl.col("product"))
        .fill_null(product or "STOCK")
        .alias("product")
    )
    bad = table.filter(~pl.col("product").is_in(PRODUCTS))
    if bad.height:
        raise DataError(f"{bad['ticker'][0]}: product {bad['product'][0]!r} is not known. Use {', '.join(PRODUCTS)}.")
    multiples = [
        given if given is not None else (fund_multiple(name) if name and kind in ("ETF", "ETN") else 1)
        for given, name, kind in table.select("multiple", "name", "product").rows()
    ]
    table = table.with_columns(pl.Series("multiple", multiples, dtype=pl.Int64))
    if not set(table["market"]) <= set(MARKETS):
        raise DataError(f"Markets must be {', '.join(MARKETS)}.")
    return conform(table, INSTRUMENTS_SCHEMA).sort("ticker")


def find_market_changes(raw: pl.DataFrame) -> pl.DataFrame:
    """When tickers left a market: the last day in each market but the latest, from the source's market column.

    Args:
        raw: day, ticker, market, sorted by time.
    """
    if "market" not in raw.columns:
        return pl.DataFrame(schema=MARKET_CHANGES_SCHEMA)
    spellings = raw["market"].drop_nulls().unique().to_list()
    table = raw.select(
        "day",
        "ticker",
        pl.col("market").replace_strict(
            spellings, [market_of(text, "market") for text in spellings], default=None, return_dtype=pl.String
        ),
    ).drop_nulls()
    table = table.filter(pl.col("market").n_unique().over("ticker") > 1)
    leaving = pl.col("market") != pl.col("market").shift(-1).over("ticker")
    return (
        table.sort("ticker", "day", maintain_order=True)
        .filter(leaving.fill_null(False))
        .select("ticker", "market", pl.col("day").alias("until"))
        .sort("until", "ticker")
    )


def kinds_by_row(bars: pl.DataFrame, instruments: pl.DataFrame, changes: pl.DataFrame) -> NDArray[np.int64]:
    """Class of the instrument on every row, moves between markets included.

    Args:
        bars: ticker and time.
        instruments: the instruments table.
        changes: MARKET_CHANGES_SCHEMA.
    """
    kinds = kinds_of(instruments)
    names = list(kinds)
    column = bars["ticker"].replace_strict(names, [int(kinds[name]) for name in names], return_dtype=pl.Int64)
    result = column.to_numpy().copy()
    days = bars["time"].dt.date()
    products = dict(instruments.select("ticker", "product").rows())
    # The latest move first, so that an earlier one has the last word on the rows before it.
    for ticker, market, until in changes.sort("until", descending=True).rows():
        rows = ((bars["ticker"] == ticker) & (days <= until)).to_numpy()
        result[rows] = instrument_class(market, products[ticker])
    return result


def _fill_from(table: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    fields = [name for name in INSTRUMENTS_SCHEMA if name != "ticker" and name in other.columns]
    joined = table.join(other.select("ticker", *fields), on="ticker", how="left", suffix="_other")
    return joined.with_columns(
        pl.coalesce(name, pl.col(f"{name}_other").cast(INSTRUMENTS_SCHEMA[name])).alias(name) for name in fields
    ).select(list(INSTRUMENTS_SCHEMA))


def mark_delisted(
    bars: pl.DataFrame, instruments: pl.DataFrame, actions: pl.DataFrame, adjusted: bool, notes: list[Note]
) -> pl.DataFrame:
    """Set `delisted` of tickers that were seen in liquidation trading just before their rows end; others stay open.

    Rows that merely end prove nothing: a merger, a transfer or the end of the source look the same.
    """
    kinds, names = kinds_of(instruments), list(instruments["ticker"])
    dated = bars.select("ticker", pl.col("time").dt.date().alias("day"))
    dated = dated.with_columns(pl.Series("session", ordinals(day_numbers(dated["day"]))))
    last = dated.group_by("ticker").agg(pl.col("session", "day").max()).rename({"session": "last_session"})
    present = np.sort(dated["session"].unique().to_numpy())
    # Sessions of the dataset that follow the ticker's last one without a break of the whole dataset.
    last_session = last["last_session"].to_numpy()
    reach = np.searchsorted(present, last_session + 2 * GONE_SESSIONS, side="right")
    after = reach - np.searchsorted(present, last_session, side="right")
    gone = last.filter(pl.Series(after >= GONE_SESSIONS))["ticker"].to_list()
    if not gone:
        return instruments
    tail = _last_rows(bars.filter(pl.col("ticker").is_in(gone)), actions)
    if tail.is_empty():
        return instruments
    days = day_numbers(tail["day"])
    kind = np.array([int(kinds[ticker]) for ticker in tail["ticker"]])
    multiples = dict(instruments.select("ticker", "multiple").rows())
    base = tail["base"].fill_null(0).to_numpy()
    expected = base if adjusted else base_column(base, days, kind)
    lower, upper = limit_columns(expected, days, kind, np.array([multiples[ticker] for ticker in tail["ticker"]]))
    slack = base // 50 + 2 if adjusted else 0
    outside = (tail["high"].to_numpy() > upper + slack) | (tail["low"].to_numpy() < lower - slack)
    liquidated = tail.filter(pl.Series(outside))["ticker"].unique().to_list()
    notes.append(note("delistings", known=len(liquidated), unknown=len(gone) - len(liquidated)))
    known = last.filter(pl.col("ticker").is_in(liquidated)).select("ticker", pl.col("day").alias("seen"))
    order = pl.DataFrame({"ticker": names})
    return (
        order.join(instruments, on="ticker", how="left", maintain_order="left")
        .join(known, on="ticker", how="left", maintain_order="left")
        .with_columns(pl.coalesce("delisted", "seen").alias("delisted"))
        .drop("seen")
    )


def _last_rows(bars: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """The last traded rows of each ticker beside their base, without first rows and days of corporate actions."""
    frame = bars.select(
        pl.col("time").dt.date().alias("day"), "ticker", "high", "low", "close", "volume", "base_price"
    ).sort("ticker", "day")
    frame = frame.with_columns(
        pl.coalesce("base_price", pl.col("close").shift(1).over("ticker")).alias("base"),
        pl.col("ticker").cum_count(reverse=True).over("ticker").alias("rows_left"),
        pl.col("close").shift(1).over("ticker").is_null().alias("first"),
    )
    acted = actions.select(pl.col("date").alias("day"), "ticker")
    return frame.filter(pl.col("rows_left") <= LIQUIDATION_SESSIONS, ~pl.col("first"), pl.col("volume") > 0).join(
        acted, on=["day", "ticker"], how="anti"
    )
