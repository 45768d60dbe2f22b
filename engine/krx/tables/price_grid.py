"""Tick sizes (호가가격단위), and from when trades may lie off the grid.

A band is (upper bound in won, exclusive; tick in won); the last band has no bound.
"""

from __future__ import annotations

from engine.krx.dated import DatedTable, row
from engine.krx.instrument_class import InstrumentClass

Bands = tuple[tuple[int | None, int], ...]

_FOUR_BANDS: Bands = ((10_000, 10), (100_000, 100), (500_000, 500), (None, 1_000))
_KOSDAQ_2010: Bands = ((1_000, 1), (5_000, 5), (10_000, 10), (50_000, 50), (None, 100))
_COMMON_2023: Bands = (
    (2_000, 1),
    (5_000, 5),
    (20_000, 10),
    (50_000, 50),
    (200_000, 100),
    (500_000, 500),
    (None, 1_000),
)
_FIVE_WON: Bands = ((None, 5),)
_FUND_2023: Bands = ((2_000, 1), (None, 5))

TICK_BANDS: dict[InstrumentClass, DatedTable[Bands]] = {
    InstrumentClass.KOSPI_STOCK: DatedTable(
        "tick size of KOSPI stocks",
        (
            row("1990-01-01", ((10_000, 10), (None, 100)), "HK", note="HK 1994-12-30"),
            row("1995-04-01", _FOUR_BANDS, "HK, PRESS", note="HK 1994-12-30; unchanged on 1997-12-24"),
            row(
                "1998-12-07",
                ((5_000, 5), (10_000, 10), (50_000, 50), (100_000, 100), (500_000, 500), (None, 1_000)),
                "PRESS, DATA",
                "low",
                "the bands are certain, the start is a placeholder between 1997-12-25 and 1999-11-05",
            ),
            row(
                "2010-10-04",
                (
                    (1_000, 1),
                    (5_000, 5),
                    (10_000, 10),
                    (50_000, 50),
                    (100_000, 100),
                    (500_000, 500),
                    (None, 1_000),
                ),
                "KP_ENF, HK",
                note="addendum No. 624 of 2010-07-29",
            ),
            row("2023-01-25", _COMMON_2023, "KP_ENF, PRESS", note="addendum No. 2094 of 2022-12-22"),
        ),
    ),
    InstrumentClass.KOSDAQ_STOCK: DatedTable(
        "tick size of KOSDAQ stocks",
        (
            row("1990-01-01", ((None, 100),), "HK", "medium", "HK 1996-10-23: 100 won until 1996-10-31"),
            row("1996-11-01", _FOUR_BANDS, "HK", note="HK 1996-10-23"),
            row(
                "1999-01-01",
                ((10_000, 10), (50_000, 50), (100_000, 100), (500_000, 500), (None, 1_000)),
                "PRESS",
                "low",
                "start 1996-11-02 to 2003-07-20; two articles of 2003-05-29 disagree whether it existed",
            ),
            row("2003-07-21", ((5_000, 5), (10_000, 10), (50_000, 50), (None, 100)), "HK, PRESS"),
            row("2010-10-04", _KOSDAQ_2010, "KQ_ENF, HK"),
            row("2023-01-25", _COMMON_2023, "KQ_ENF, PRESS"),
        ),
    ),
    InstrumentClass.KONEX_STOCK: DatedTable(
        "tick size of KONEX stocks",
        (
            row("2013-07-01", _KOSDAQ_2010, "DATA, MEM", note="KONEX used the KOSDAQ table"),
            row("2023-01-25", _COMMON_2023, "KN_ENF, PRESS"),
        ),
    ),
    InstrumentClass.ETF: DatedTable(
        "tick size of ETFs",
        (
            row("2002-10-14", _FIVE_WON, "MEM, DATA", "medium", "certain from 2009-09"),
            row("2023-12-11", _FUND_2023, "KP_ENF, PRESS", note="addendum No. 2181 of 2023-10-17"),
        ),
    ),
    InstrumentClass.ETN: DatedTable(
        "tick size of ETNs",
        (row("2014-11-17", _FIVE_WON, "PRESS"), row("2023-12-11", _FUND_2023, "KP_ENF")),
    ),
    InstrumentClass.ELW: DatedTable("tick size of ELWs", (row("2005-12-01", _FIVE_WON, "KP_ENF"),)),
}

# Mid-price orders (중간가호가) trade at floor((best bid + best ask) / 2). KONEX and ELW do not have them.
OFF_GRID_TRADES: DatedTable[frozenset[InstrumentClass]] = DatedTable(
    "classes whose trades may lie off the tick grid",
    (
        row("1990-01-01", frozenset(), "DATA"),
        row(
            "2025-03-04",
            frozenset(
                (
                    InstrumentClass.KOSPI_STOCK,
                    InstrumentClass.KOSDAQ_STOCK,
                    InstrumentClass.ETF,
                    InstrumentClass.ETN,
                )
            ),
            "KP_REG, KP_ENF, KQ_ENF, DATA",
        ),
    ),
)

BASE_ROUNDED_UP: DatedTable[bool] = DatedTable(
    "rounding of an off-grid previous close to a base price",
    (
        row(
            "1990-01-01",
            False,
            "KP_ENF",
            note="on the tick reform of 2023-01-25 the raw close stayed the base",
        ),
        row("2025-03-04", True, "KP_ENF §30(1)1, DATA"),
    ),
)
