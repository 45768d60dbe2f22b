"""Securities transaction tax (증권거래세), rural special tax (농어촌특별세), fees and settlement.

Rates are integer parts per billion of the traded amount: 0.15 % = 1,500,000. A row's date is the first TRADE
date; the law counts by settlement, two sessions later.
"""

from __future__ import annotations

from engine.krx.dated import DatedTable, row
from engine.krx.instrument_class import InstrumentClass

TaxRates = tuple[int, int]  # securities transaction tax, rural special tax; ppb of the amount sold

_NONE: TaxRates = (0, 0)

SELL_TAX: dict[InstrumentClass, DatedTable[TaxRates]] = {
    InstrumentClass.KOSPI_STOCK: DatedTable(
        "transaction tax of KOSPI stocks",
        (
            row("1994-06-29", (3_500_000, 1_500_000), "HK", "medium", "settles from 1994-07-01"),
            row("1995-07-14", (3_000_000, 1_500_000), "HK", "medium", "settles from 1995-07-18"),
            row(
                "1996-04-01",
                (1_500_000, 1_500_000),
                "HK",
                "medium",
                "another article gives 1996-04-03 for settlement",
            ),
            row("2019-05-30", (1_000_000, 1_500_000), "PRESS", note="settles from 2019-06-03"),
            row("2020-12-29", (800_000, 1_500_000), "PRESS, XC", note="settles from 2021-01-04"),
            row("2022-12-28", (500_000, 1_500_000), "PRESS, XC", note="settles from 2023-01-02"),
            row("2023-12-27", (300_000, 1_500_000), "PRESS, XC", note="settles from 2024-01-02"),
            row("2024-12-27", (0, 1_500_000), "PRESS", note="settles from 2025-01-02"),
            row("2025-12-29", (500_000, 1_500_000), "PRESS, XC", note="settles from 2026-01-02"),
        ),
    ),
    InstrumentClass.KOSDAQ_STOCK: DatedTable(
        "transaction tax of KOSDAQ stocks",
        (
            row("1996-04-01", (3_000_000, 0), "PRESS", "medium", "'since 1996'; the day is assumed"),
            row("2019-05-30", (2_500_000, 0), "PRESS"),
            row("2020-12-29", (2_300_000, 0), "PRESS, XC"),
            row("2022-12-28", (2_000_000, 0), "PRESS, XC"),
            row("2023-12-27", (1_800_000, 0), "PRESS, XC"),
            row("2024-12-27", (1_500_000, 0), "PRESS"),
            row("2025-12-29", (2_000_000, 0), "PRESS, XC"),
        ),
    ),
    InstrumentClass.KONEX_STOCK: DatedTable(
        "transaction tax of KONEX stocks",
        (row("2013-07-01", (3_000_000, 0), "PRESS"), row("2019-05-30", (1_000_000, 0), "PRESS")),
    ),
    InstrumentClass.ETF: DatedTable("transaction tax of ETFs", (row("2002-10-14", _NONE, "PRESS"),)),
    InstrumentClass.ETN: DatedTable("transaction tax of ETNs", (row("2014-11-17", _NONE, "PRESS"),)),
    InstrumentClass.ELW: DatedTable("transaction tax of ELWs", (row("2005-12-01", _NONE, "PRESS"),)),
}

# Withheld from a cash dividend of a stock: income tax and the local income tax of a tenth of it, ppb of the dividend.
DIVIDEND_TAX: DatedTable[TaxRates] = DatedTable(
    "tax on dividends",
    (row("2005-01-01", (140_000_000, 14_000_000), "DESIGN, MEM", "medium", "15.4 % in all; first day recalled"),),
)

# Korea Investment & Securities, online account, both sides, levies included. The default of a run, not a fact
# of the exchange.
BROKER_FEE_PPB: dict[InstrumentClass, int] = {
    InstrumentClass.KOSPI_STOCK: 140_527,
    InstrumentClass.KOSDAQ_STOCK: 140_527,
    InstrumentClass.KONEX_STOCK: 140_527,
    InstrumentClass.ETF: 146_527,
    InstrumentClass.ETN: 146_527,
    InstrumentClass.ELW: 146_527,
}

# Exchange and depository together, both sides: the smallest commission that a promotion can offer.
VENUE_LEVY_PPB: DatedTable[int] = DatedTable(
    "levy of exchange and depository",
    (
        row(
            "2016-01-01",
            36_396,
            "MEM",
            "medium",
            "start uncertain; trading 22,763 + clearing 4,446 + depository 9,187",
        ),
    ),
)

# (maker, taker) of the alternative trading system.
NEXTRADE_FEE_PPB: DatedTable[tuple[int, int]] = DatedTable(
    "fee of the alternative trading system", (row("2025-03-04", (13_400, 18_200), "PRESS"),)
)

# Exchange sessions between trade and settlement.
SETTLEMENT_SESSIONS: DatedTable[int] = DatedTable(
    "settlement cycle", (row("1995-01-01", 2, "KP_REG, DATA", note="T+1 is only planned"),)
)
