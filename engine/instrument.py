"""What can be traded: an instrument of the Korean exchange and its listing dates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import Enum

from engine.errors import BadInput

# KRX short codes hold letters too: new shares since 2024 ("0000J0"), preferred shares ("33626K").
TICKER = re.compile(r"[0-9A-Z]{6}")


class Market(Enum):
    """The board on which an instrument is listed."""

    KOSPI = "KOSPI"
    KOSDAQ = "KOSDAQ"
    KONEX = "KONEX"


class Product(Enum):
    """What kind of paper it is; tick, limits and tax depend on it."""

    STOCK = "STOCK"
    ETF = "ETF"
    ETN = "ETN"
    ELW = "ELW"


def check_ticker(ticker: str) -> str:
    """Return `ticker` if it is a KRX short code, else raise `BadInput`.

    >>> check_ticker("0000J0")
    '0000J0'
    """
    if not TICKER.fullmatch(ticker):
        raise BadInput(f'"{ticker}" is not a KRX ticker: 6 characters, digits and capital letters, such as "005930".')
    return ticker


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One listed instrument.

    Args:
        ticker: KRX short code of 6 characters.
        name: Korean name.
        market: the board.
        product: stock, ETF, ETN or ELW.
        sector: None when the data does not say.
        multiple: the leverage of an ETF or ETN (2, -1, …), which widens its price limit; 1 otherwise.
        listed: first session; None when unknown.
        delisted: last session; None while listed or when unknown.
    """

    ticker: str
    name: str
    market: Market
    product: Product = Product.STOCK
    sector: str | None = None
    multiple: int = 1
    listed: date | None = None
    delisted: date | None = None

    def __post_init__(self) -> None:
        check_ticker(self.ticker)
        if self.multiple == 0:
            raise BadInput(f"{self.ticker}: a multiple of 0 would have no price limit. Use 1 for a plain instrument.")
        if self.listed and self.delisted and self.delisted < self.listed:
            raise BadInput(f"{self.ticker} is delisted on {self.delisted}, before it is listed on {self.listed}.")

    def is_listed_on(self, session: date) -> bool:
        """Whether it is listed on `session`, as far as its dates are known."""
        return (self.listed is None or self.listed <= session) and (self.delisted is None or session <= self.delisted)
