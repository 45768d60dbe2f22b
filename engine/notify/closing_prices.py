"""Names and closing prices of holdings, from the account's own history of the market."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from engine.data.catalog import open_dataset, read_instruments, scan_bars
from engine.errors import GeoulError
from engine.krx.sessions import previous_session


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A name at the end of a session.

    Args:
        name: of the instrument; its ticker where it is unknown.
        price: won, None where unknown.
        before: close of the session before, restated after a split (the day's base price where there is one).
    """

    name: str
    price: float | None = None
    before: float | None = None

    @property
    def change(self) -> float | None:
        """Of the day."""
        return self.price / self.before - 1 if self.price and self.before else None


def closing_prices(folder: Path, session: date, tickers: Collection[str]) -> dict[str, Closing]:
    """Names and prices of `tickers` at the end of `session`; unknown where the history cannot be read.

    A report without prices is better than none: the history may just be written, or of another machine.
    """
    found = {ticker: Closing(name=ticker) for ticker in tickers}
    if not tickers or not (folder / "manifest.json").is_file():
        return found
    import polars as pl  # noqa: PLC0415  (slow to import)

    try:
        path, manifest = open_dataset(folder)
        named = read_instruments(path).filter(pl.col("ticker").is_in(list(tickers)))
        names = dict(named.select("ticker", "name").iter_rows())
        day = pl.col("time").dt.date()
        before = previous_session(session)
        rows = (
            scan_bars(path, manifest)
            .filter(pl.col("ticker").is_in(list(tickers)), day.is_between(before, session))
            .select("ticker", day.alias("day"), "time", "close", "base_price")
            .sort("time")
            .collect()
        )
    except (GeoulError, OSError, pl.exceptions.PolarsError):
        return found
    scale = manifest.price_scale
    last: dict[str, dict[date, tuple[int, int | None]]] = {}
    for ticker, when, _, close, base in rows.iter_rows():
        last.setdefault(ticker, {})[when] = close, base
    for ticker in tickers:
        days = last.get(ticker, {})
        price, base = days.get(session, (None, None))
        earlier = base or days.get(before, (None, None))[0]
        found[ticker] = Closing(
            name=names.get(ticker) or ticker,
            price=price / scale if price else None,
            before=earlier / scale if earlier else None,
        )
    return found
