"""What an instrument is, for a dataset that is downloaded: name, market, product, sector, days of listing.

search_stock_info tells it where it exists (live, or paper with live quotations). On paper inquire_price names market
and sector, the chart names the instrument, and the days of listing are unknown.
"""

from __future__ import annotations

from typing import Any

from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.market_messages import StockInfo
from brokers.kis.quote_messages import PriceQuote
from brokers.kis.quotes import MARKET_OF
from brokers.kis.rest import KisRest

_MARKETS = {"STK": "KOSPI", "KSQ": "KOSDAQ", "KNX": "KONEX"}  # Source: mket_id_cd, API workbook of 2026-09-11
_PRODUCTS = {"EF": "ETF", "FE": "ETF", "EN": "ETN", "EW": "ELW"}  # Source: scty_grp_id_cd, the same
_FUNDS = ("ETF", "ETN", "ELW")


def fetch_instrument(rest: KisRest, code: str, ticker: str, chart_name: str) -> dict[str, Any]:
    """One row of the instruments table as texts and numbers; None where KIS does not say.

    Raises:
        KisError: it cannot be had.
    """
    if knows_stock_info(rest):
        info = rest.call("search_stock_info", {"PDNO": code}).one(StockInfo)
        product = _PRODUCTS.get(info.group_code, "STOCK")
        market = _MARKETS.get(info.market_code)
        listed = info.listed_kosdaq if market == "KOSDAQ" else info.listed_kospi
        return {
            "ticker": ticker,
            "name": info.short_name or info.name or chart_name or None,
            "market": market,
            "product": product,
            "sector": info.sector_small or info.sector_middle or info.sector_large or None,
            "listed": str(listed) if listed else None,
            "delisted": str(info.delisted) if info.delisted else None,
        }
    values = {"FID_INPUT_ISCD": code, "FID_COND_MRKT_DIV_CODE": MARKET_OF[rest.config.options.exchange]}
    quote = rest.call("inquire_price", values).one(PriceQuote)
    return {
        "ticker": ticker,
        "name": chart_name or None,
        "market": _market_of(quote.market_name),
        "product": next((fund for fund in _FUNDS if fund in quote.market_name.upper()), None),
        "sector": quote.sector_name or None,
        "listed": None,
        "delisted": None,
    }


def knows_stock_info(rest: KisRest) -> bool:
    """Whether quotations come from a host that has all of them."""
    from_live = rest.config.options.quotes == "live"
    return from_live or ENDPOINTS["search_stock_info"].available(rest.config.environment)


def _market_of(name: str) -> str | None:
    """The market behind a name such as KOSPI200 or KSQ150."""
    upper = name.upper()
    if upper.startswith(("KOSDAQ", "KSQ")):
        return "KOSDAQ"
    if upper.startswith("KONEX"):
        return "KONEX"
    return "KOSPI" if upper.startswith("KOSPI") else None
