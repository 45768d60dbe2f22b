"""What a user may say about a source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
        dividends: file with cash dividends of stocks: ex-date, ticker, won a share before tax, perhaps day of payment.
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
    dividends: Path | None = None
    interval: str | None = None
    product: str | None = None
    ticker: str | None = None
    stamp: str | None = None
    pad_tickers: bool = False
    drop_bad: bool = False
    overwrite: bool = False
    name: str | None = None
