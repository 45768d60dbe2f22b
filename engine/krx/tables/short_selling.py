"""Bans of covered short selling (공매도). Naked short sales were never allowed."""

from __future__ import annotations

from enum import Enum

from engine.krx.dated import DatedTable, row


class ShortSelling(Enum):
    """Which stocks may be sold short (covered, not below the last price)."""

    ALL = "all stocks"
    NO_FINANCIALS = "all but financial stocks"
    LARGE_INDEX_ONLY = "KOSPI200 and KOSDAQ150 constituents"
    NONE = "none; market makers and liquidity providers are exempt"


SHORT_SELLING: DatedTable[ShortSelling] = DatedTable(
    "short selling",
    (
        row("2008-10-01", ShortSelling.NONE, "PRESS"),
        row("2009-06-01", ShortSelling.NO_FINANCIALS, "PRESS"),
        row("2011-08-10", ShortSelling.NONE, "HK, PRESS"),
        row("2011-11-10", ShortSelling.NO_FINANCIALS, "PRESS"),
        row("2013-11-14", ShortSelling.ALL, "PRESS"),
        row("2020-03-16", ShortSelling.NONE, "PRESS"),
        row("2021-05-03", ShortSelling.LARGE_INDEX_ONLY, "MEM"),
        row("2023-11-06", ShortSelling.NONE, "PRESS"),
        row("2025-03-31", ShortSelling.ALL, "PRESS"),
    ),
)
