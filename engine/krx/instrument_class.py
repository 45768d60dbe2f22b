"""The six classes of instruments that the exchange's rules tell apart."""

from __future__ import annotations

from enum import IntEnum

from engine.errors import DataError


class InstrumentClass(IntEnum):
    """Row of the exchange arrays; the numbers are part of the kernels' contract."""

    KOSPI_STOCK = 0
    KOSDAQ_STOCK = 1
    KONEX_STOCK = 2
    ETF = 3
    ETN = 4
    ELW = 5


_STOCKS = {
    "KOSPI": InstrumentClass.KOSPI_STOCK,
    "KOSDAQ": InstrumentClass.KOSDAQ_STOCK,
    # A segment of KOSDAQ since 2022-11 with the same trading rules; some files give it as a market of its
    # own.
    "KOSDAQ GLOBAL": InstrumentClass.KOSDAQ_STOCK,
    "KONEX": InstrumentClass.KONEX_STOCK,
}
_PRODUCTS = {"ETF": InstrumentClass.ETF, "ETN": InstrumentClass.ETN, "ELW": InstrumentClass.ELW}


def instrument_class(market: str, product: str = "STOCK") -> InstrumentClass:
    """The class of an instrument from its market (KOSPI, KOSDAQ, KONEX) and product (STOCK, ETF, ETN, ELW).

    Raises:
        DataError: market or product is none of these.

    Example:
        >>> instrument_class("KOSDAQ").name, instrument_class("KOSPI", "ETF").name
        ('KOSDAQ_STOCK', 'ETF')
    """
    if product in _PRODUCTS:
        return _PRODUCTS[product]
    if product != "STOCK":
        raise DataError(f"Unknown product {product!r}: use STOCK, {', '.join(_PRODUCTS)}.")
    if market not in _STOCKS:
        raise DataError(f"Unknown market {market!r}: use {', '.join(_STOCKS)}.")
    return _STOCKS[market]
